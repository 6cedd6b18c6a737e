"""The faults, one class each, in three groups: on API calls, on media and on callbacks.
May import: ``scenarios`` and below.
"""
