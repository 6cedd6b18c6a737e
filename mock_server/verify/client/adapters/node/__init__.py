"""The ready adapter for clients in Node.js: ``python -m kirin_mock.adapters.node [CLIENT.mjs]``.
May import: the standard library only.
"""
