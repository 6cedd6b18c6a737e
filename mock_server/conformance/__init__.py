"""Judges recorded calls: reads traffic, checks it against properties, and makes a scorecard.
May import: ``platform`` and below.
"""
