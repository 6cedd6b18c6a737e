"""Keys of scenarios that had another name in an earlier version. They are still accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mock_server.core.renamed import with_new_keys

MATCH_KEYS: Mapping[str, str] = {"world": "tenant"}
FAULT_KEYS: Mapping[str, str] = {"news": "events"}


def with_new_names(scenario: Any) -> Any:
    """A scenario with the old keys of its match and of its faults renamed; what is no scenario stays as it is."""
    if not isinstance(scenario, dict):
        return scenario
    found = dict(scenario)
    if isinstance(match := found.get("match"), dict):
        found["match"] = with_new_keys(match, MATCH_KEYS, "match.")
    if isinstance(faults := found.get("faults"), list):
        found["faults"] = [
            with_new_keys(one, FAULT_KEYS, "faults[].") if isinstance(one, dict) else one for one in faults
        ]
    return found


def as_written(scenario: Any, place: Sequence[str | int]) -> tuple[str | int, ...]:
    """A place in ``with_new_names(scenario)`` as the scenario itself has it, for the line of a mistake."""
    old_names = {new: old for old, new in {**MATCH_KEYS, **FAULT_KEYS}.items()}
    found: list[str | int] = []
    inner = scenario
    for step in place:
        if isinstance(inner, dict) and step not in inner and old_names.get(str(step)) in inner:
            step = old_names[str(step)]  # noqa: PLW2901 - the same place under its old name
        found.append(step)
        try:
            inner = inner[step]
        except (KeyError, IndexError, TypeError):
            inner = None
    return tuple(found)
