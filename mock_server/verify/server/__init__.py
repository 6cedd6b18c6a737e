"""Proves a server against the contract: cases, checks, target, report. Also a pytest suite."""
