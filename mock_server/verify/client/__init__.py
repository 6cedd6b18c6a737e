"""Checks a client: a simulated platform in virtual time, generated test cases, and the properties that must hold.
May import: ``testing`` and below.
"""
