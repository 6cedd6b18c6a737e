"""What every wing needs and that knows nothing of tasks: clock, errors, images, outgoing requests, redaction.
May import: nothing of this package but ``core`` itself.
"""
