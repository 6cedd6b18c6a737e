"""``python -m kirin_mock.adapters.stdio``: see docs/adapters.md."""

from mock_server.verify.client.adapters.stdio import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
