"""Checks a server: test cases, checks, the server under test, reports, and a pytest suite.
May import: ``testing`` and below.
"""
