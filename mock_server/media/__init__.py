"""Makes the mp4 of a completed task. Only ``render`` needs the extra ``video``.
May import: ``platform`` and below.
"""
