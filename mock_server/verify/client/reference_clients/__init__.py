"""Correct clients: examples to start from, and a check that the harness blames no correct client.
May import: ``verify.client.kit`` and below.
"""
