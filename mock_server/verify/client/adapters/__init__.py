"""Ready adapters: programs that speak the protocol of docs/adapters.md for clients of one kind."""
