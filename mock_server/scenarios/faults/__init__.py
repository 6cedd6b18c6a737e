"""Faults: what goes wrong around a task, one class each, on three planes: the API, the media and the callbacks."""
