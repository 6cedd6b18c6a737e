"""Levels of strictness: three by name, and any others from a file."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from mock_server.conformance.properties import STRICTNESS, Thresholds, thresholds
from mock_server.contract.messages import nearest, shown
from mock_server.core.errors import UsageError
from mock_server.scenarios.yaml12 import NotYaml, parsed

MOST = 1e6


def strictness_of(named: str) -> Thresholds:
    """A level by its name, or from a YAML or JSON file such as ``{"base": "strict", "poll_gap": 3}``. Raises
    UsageError.
    """
    if named in STRICTNESS:
        return STRICTNESS[named]
    path = Path(named)
    if not path.suffix and not path.exists():
        raise UsageError(f"--strictness {named}: there is no such level, and no such file{nearest(named, STRICTNESS)}")
    return _read(path)


def _read(path: Path) -> Thresholds:
    try:
        value, _ = parsed(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"--strictness {path} cannot be read: {error.strerror or error}") from None
    except (UnicodeDecodeError, NotYaml) as mistake:
        raise UsageError(f"--strictness {path} is neither YAML nor JSON: {mistake}") from None
    known = [one.name for one in fields(Thresholds) if one.name != "max_spend"]
    if not isinstance(value, dict):
        raise UsageError(f"--strictness {path} must be an object of thresholds: {', '.join(known)}")
    base = value.pop("base", "default")
    if not isinstance(base, str) or base not in STRICTNESS:
        raise UsageError(f"--strictness {path}: base must be one of {', '.join(STRICTNESS)}, not {shown(base)}")
    for name, given in value.items():
        _require(path, name, given, known)
    return thresholds(base, value)


def _require(path: Path, name: Any, given: Any, known: list[str]) -> None:
    """Raise UsageError for what is no threshold."""
    if name not in known:
        near = nearest(str(name), known)
        raise UsageError(f"--strictness {path}: {shown(name)} is no threshold{near}; they are {', '.join(known)}")
    whole = name == "most_failures"
    good = isinstance(given, int) or (isinstance(given, float) and not whole)
    if isinstance(given, bool) or not good or not 0 <= given <= MOST:
        right = "a whole number from 0 on" if whole else "a number of seconds from 0 on"
        raise UsageError(f"--strictness {path}: {name} must be {right}, not {shown(given)}")
