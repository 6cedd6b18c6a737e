"""The hosts that a server stands in for, the certificates a client must trust, and its environment.
May import: ``core``. The proxy itself is in ``mock_server.web.interception``.
"""
