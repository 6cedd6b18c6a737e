"""Basics that know nothing of tasks: clock, errors, images, outgoing requests, redaction.
May import: nothing of this package but ``core`` itself.
"""
