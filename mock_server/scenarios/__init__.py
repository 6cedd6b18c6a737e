"""Scenarios: rules that say which tasks they are for, how those go, and what goes wrong around them."""
