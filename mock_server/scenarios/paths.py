"""Paths into parameters, in the part of JSONPath that names places: ``$.camera_control.config.pan``,
``image_list[0].image``, ``multi_prompt[*].prompt``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

#: A key, a place in a list, or None for every place.
Path = tuple[str | int | None, ...]

_STEP = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)|\['([^']{1,200})'\]|\[([0-9]{1,6})\]|\[(\*)\]", re.ASCII)


def parse_path(written: str) -> Path:
    """A path as written. Raises ValueError."""
    rest = written.removeprefix("$")
    steps: list[str | int | None] = []
    while rest:
        found = _STEP.match(rest)
        if found is None or len(steps) == 32:
            raise ValueError(f"{written[:80]!r} is not a path; write it as camera_control.type or image_list[0].image")
        key, quoted, place, _ = found.groups()
        steps.append(key or quoted or (int(place) if place is not None else None))
        rest = rest[found.end() :]
    if not steps:
        raise ValueError("a path names a parameter, such as mode or camera_control.type")
    return tuple(steps)


def values_at(value: Any, path: Sequence[str | int | None]) -> Iterator[Any]:
    """All values that a path leads to."""
    if not path:
        yield value
        return
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        if isinstance(value, dict) and step in value:
            yield from values_at(value[step], rest)
    elif isinstance(value, list):
        for inner in value if step is None else value[step : step + 1]:
            yield from values_at(inner, rest)
