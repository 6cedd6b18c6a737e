"""The paths below ``/_mock/`` that the person who runs the server calls."""
