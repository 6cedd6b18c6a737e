"""Folders that somebody names on the command line."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mock_server.core.errors import UsageError


def require_folder(folder: str | None, named: str) -> None:
    """Make a folder and try to write to it. Raises UsageError."""
    if folder is None:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{named} {folder} cannot be written to: {error.strerror or error}") from None
