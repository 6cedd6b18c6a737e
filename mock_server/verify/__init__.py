"""The harness: proves a server against the contract. Needs the extra ``verify``."""
