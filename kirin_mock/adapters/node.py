"""``python -m kirin_mock.adapters.node``: see docs/adapters.md."""

from mock_server.verify.client.adapters.node.__main__ import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
