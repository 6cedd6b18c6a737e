"""The HTTP server: routes, request pipeline, error responses, fault injection. ``app`` puts all parts together.
May import: ``media``, ``conformance``, ``settings`` and below.
"""
