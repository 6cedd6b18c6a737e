"""The intercepting proxy: CONNECT, TLS, and the checks of every call that comes through it.
May import: the rest of ``web`` and below.
"""
