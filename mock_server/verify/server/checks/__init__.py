"""The checks of a server, one file for each kind. Each makes test cases from the contract.
May import: ``verify.server`` and below.
"""
