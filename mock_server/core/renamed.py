"""Names of an earlier version that are still accepted, each with one line of warning for each process."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger("kirin-mock")

#: Old names of settings. Flags, environment variables and keywords of MockServer follow from them.
SETTINGS: Mapping[str, str] = {"profile": "timing", "max_hold": "max_wait"}
#: Old fields of an exported history, wherever they stand outside of bodies and answers.
_HISTORY: Mapping[str, str] = {"worlds": "tenants", "world": "tenant", "tells_of": "occurred_at"}

_warned: set[str] = set()


def _sentence(old: str, new: str) -> str:
    return f"{old} is now {new}; the old name is still accepted in this version"


def _is_first(old: str) -> bool:
    """Whether nobody was warned of this name in this process."""
    if old in _warned:
        return False
    _warned.add(old)
    return True


def warn_user(old: str, new: str) -> None:
    """Warn of a flag or an environment variable, on stderr."""
    if _is_first(old) and sys.stderr is not None:  # it is None when it was closed before the program started
        sys.stderr.write(f"kirin-mock: warning: {_sentence(old, new)}\n")


def warn_caller(old: str, new: str, level: int) -> None:
    """Warn of a keyword, as Python does; ``level`` is that of ``warnings.warn`` in the function that calls this."""
    warnings.warn(_sentence(old, new), DeprecationWarning, stacklevel=level + 1)


def log_renamed(old: str, new: str) -> None:
    """Warn of a field of a file or of a call, in the log."""
    if _is_first(old):
        logger.warning(_sentence(old, new))


def with_new_keys(value: Mapping[str, Any], names: Mapping[str, str], where: str = "") -> dict[str, Any]:
    """An object with its old keys renamed, in their places; an old key beside its new one stays as it is. ``where`` is
    put before the names in the warning.
    """
    found = {}
    for key, inner in value.items():
        new = names.get(key)
        if new is not None and new not in value:
            log_renamed(f"{where}{key}", f"{where}{new}")
            key = new  # noqa: PLW2901 - the same entry under its new key
        found[key] = inner
    return found


def new_history(history: Any) -> Any:
    """An exported history with its old field names renamed. Bodies, answers and scenarios are left alone. What is no
    history is returned as it is.
    """
    if not isinstance(history, dict):
        return history
    found = with_new_keys(history, _HISTORY, "the history's ")
    if isinstance(settings := found.get("settings"), dict):
        found["settings"] = with_new_keys(settings, SETTINGS, "the history's settings.")
    for part in ("tenants", "events", "callbacks"):
        if isinstance(listed := found.get(part), list):
            found[part] = [
                with_new_keys(one, _HISTORY, "the history's ") if isinstance(one, dict) else one for one in listed
            ]
    return found
