"""The ready adapter for clients in Node: ``python -m kirin_mock.adapters.node [CLIENT.mjs]``."""
