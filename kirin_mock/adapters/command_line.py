"""``python -m kirin_mock.adapters.command_line``: see docs/adapters.md."""

from mock_server.verify.client.adapters.command_line import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
