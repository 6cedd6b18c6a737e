"""Standing in for hosts that clients have compiled in: which ones, whom a client must trust, and what it must be told.

The proxy itself is ``mock_server.web.interception.listener``; this package knows no web server.
"""
