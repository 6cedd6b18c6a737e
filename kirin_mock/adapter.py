"""The API of adapters for ``kirin-mock verify client``: see docs/clients.md."""

from mock_server.verify.client.kit import Intent, Kit, Outcome

__all__ = ["Intent", "Kit", "Outcome"]
