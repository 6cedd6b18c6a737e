"""Proves clients: a made-up platform in virtual time, scripts of what can happen, and what has to come of it."""
