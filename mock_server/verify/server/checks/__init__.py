"""The checks, one file for each kind. Each makes cases out of the contract."""
