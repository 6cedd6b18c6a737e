"""Ready adapters for ``kirin-mock verify client``, as ``python -m kirin_mock.adapters.NAME``: see docs/adapters.md."""
