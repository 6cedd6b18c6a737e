"""How deep JSON may be nested: deeper than any document asks for, and shallow enough for all that walks it."""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 64


def depth_exceeds(value: Any, most: int = MAX_DEPTH) -> bool:
    """Whether a JSON value is nested deeper than that."""
    level = [value]
    for _ in range(most):
        nested = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [inner for values in nested for inner in values]
        if not level:
            return False
    return True
