"""``kirin-mock verify receiver``: sends every kind of callback to an HTTP endpoint, and judges its answers.
May import: ``testing`` and below.
"""
