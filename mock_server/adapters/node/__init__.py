"""The ready adapter for clients in Node: ``python -m mock_server.adapters.node [CLIENT.mjs]``."""
