"""Callbacks of every kind that a receiver may get: genuine ones in all their forms, forged ones, and nonsense.
May import: ``testing`` and below.
"""
