"""Scenarios: rules that select tasks, decide how they go, and make calls and callbacks fail.
May import: ``contract`` and below.
"""
