"""Files that reports go to: looked at before a long run, and written after it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mock_server.core.errors import UsageError


def require_writable(name: str, flag: str) -> None:
    """Raise UsageError if no report can be written there."""
    why = _why_not(name)
    if why is not None:
        raise UsageError(f"{flag} {name} cannot be written: {why}")


def require_reports(files: Mapping[str, str]) -> None:
    """The same for all reports, by their form; no two may go to one file. Raises UsageError."""
    flags: dict[str, str] = {}
    for form, name in files.items():
        require_writable(name, f"--{form}")
        other = flags.setdefault(os.path.realpath(name), f"--{form}")
        if other != f"--{form}" and not Path(name).is_char_device():
            raise UsageError(f"--{form} {name} is the file of {other} too; name another")


def write(name: str, content: bytes, flag: str) -> None:
    """Write a report. Raises UsageError."""
    try:
        Path(name).write_bytes(content)
    except OSError as error:
        raise UsageError(f"{flag} {name} cannot be written: {error.strerror or error}") from None


def _why_not(name: str) -> str | None:
    path = Path(name)
    try:
        if not name or path.is_dir():
            return "it is a folder" if name else "the name is empty"
        if path.exists():
            return None if os.access(path, os.W_OK) else "it may not be written to"
        folder = path.absolute().parent
        if not folder.is_dir():
            return "no such folder"
        return None if os.access(folder, os.W_OK | os.X_OK) else "nothing may be written to its folder"
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
