"""How mistakes are put into words: paths as a reader writes them, values shortened, the nearest known name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jsonschema_rs

_Kinds = jsonschema_rs.ValidationErrorKind
_JSON_TYPES = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}
_ARTICLES = {"object": "an object", "array": "an array", "integer": "an integer"}


def path_text(path: Sequence[str | int]) -> str:
    """``["dynamic_masks", 0, "mask"]`` as ``dynamic_masks[0].mask``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{name_of(step)}" if text else name_of(step)
    return text or "the body"


def name_of(key: object) -> str:
    """A key as shown in a message, shortened."""
    return shown(key, quote=False)


def shown(value: Any, *, quote: bool = True, most: int = 60) -> str:
    """A value for a message: JSON-like, and never long."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = str(value)
    text = text if len(text) <= most else f"{text[:most]}..."
    return f'"{text}"' if quote and isinstance(value, str) else text


def type_shown(value: Any) -> str:
    """What kind of JSON value this is, and which one if it is short."""
    if value is None:
        return "null"
    kind = _JSON_TYPES[type(value)]
    return kind if isinstance(value, dict | list) else f"{kind} ({shown(value)})"


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name closest to ``name``, or the known names when none is close."""
    import difflib

    names = list(known)
    close = difflib.get_close_matches(name[:100].lower(), names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(names)}"


def problem(error: jsonschema_rs.ValidationError) -> str:
    """What is wrong with a value and what would be right, to be read after its path."""
    kind, value = error.kind, error.instance
    match kind:
        case _Kinds.Type():
            wanted = " or ".join(_ARTICLES.get(name, f"a {name}") for name in kind.types)
            return f"must be {wanted}, not {type_shown(value)}"
        case _Kinds.Enum():
            options = ", ".join(shown(option) for option in kind.options)
            return f"must be one of {options}, not {shown(value)}"
        case _Kinds.Constant():
            return f"must be {shown(kind.expected_value)}, not {shown(value)}"
        case _Kinds.MaxLength():
            return f"must be at most {kind.limit} characters, not {len(value)}"
        case _Kinds.MinLength():
            return "cannot be empty" if kind.limit == 1 else f"must be at least {kind.limit} characters"
        case _Kinds.Minimum():
            return f"must be at least {_plain(kind.limit)}, not {shown(value)}"
        case _Kinds.Maximum():
            return f"must be at most {_plain(kind.limit)}, not {shown(value)}"
        case _Kinds.MinItems():
            return f"must have at least {_items(kind.limit)}, not {len(value)}"
        case _Kinds.MaxItems():
            return f"must have at most {_items(kind.limit)}, not {len(value)}"
        case _Kinds.Pattern() | _Kinds.Format():
            return f"must be an http:// or https:// URL, not {shown(value)}"
    return f"is not valid: {error.message[:200]}"


def _plain(limit: Any) -> str:
    return str(int(limit)) if float(limit).is_integer() else str(limit)


def _items(limit: int) -> str:
    return f"{limit} element" if limit == 1 else f"{limit} elements"
