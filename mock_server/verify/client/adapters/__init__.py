"""Ready adapters: programs that speak the protocol of docs/adapters.md for one kind of client.
May import: ``verify.client`` and below.
"""
