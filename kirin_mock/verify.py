"""Assertions about clients, for pytest: see docs/clients.md."""

from mock_server.verify.client.checking import check_case, check_client

__all__ = ["check_case", "check_client"]
