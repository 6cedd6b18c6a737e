"""For tests: ``MockServer`` in this process, the pytest plugin, and interception of HTTP libraries.
May import: ``web`` and below.
"""
