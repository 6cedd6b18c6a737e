"""The paths that clients call: generation, queue, discovery, login, media, documentation.
May import: the rest of ``web`` and below.
"""
