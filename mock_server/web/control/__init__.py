"""The control API: the paths below ``/_mock/`` for the person or test that runs the server.
May import: the rest of ``web`` and below.
"""
