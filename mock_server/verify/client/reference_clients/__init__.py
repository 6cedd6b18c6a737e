"""Clients that do everything right, to start from and to test the harness with."""
