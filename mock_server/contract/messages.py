"""How mistakes are put into words: paths as a reader writes them, values shortened, the nearest known name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jsonschema_rs

from mock_server.core.redaction import safe_text

_Kinds = jsonschema_rs.ValidationErrorKind
_JSON_TYPES = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}
#: Of more known names than that only the first are told.
MOST_NAMED = 25
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
    return shown(key, quote=False) or '""'


def shown(value: Any, *, quote: bool = True, most: int = 60) -> str:
    """A value for a message: JSON-like, and never long."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = safe_text(str(value)[:1000])
    text = text if len(text) <= most else f"{text[:most]}..."
    return f'"{text}"' if quote and isinstance(value, str) else text


def type_shown(value: Any) -> str:
    """What kind of JSON value this is, and which one if it is short."""
    if value is None:
        return "null"
    kind = _JSON_TYPES[type(value)]
    return kind if isinstance(value, dict | list) else f"{kind} ({shown(value)})"


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name``, or None when none is close."""
    import difflib

    names = list(known)
    meant = name[:100].lower()
    close = (
        difflib.get_close_matches(meant, names, n=1, cutoff=0.8)
        or [one for one in names if meant in one.split("_")]
        or difflib.get_close_matches(meant, names, n=1, cutoff=0.5)
    )
    return close[0] if close else None


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name closest to ``name``, or the known names when none is close."""
    names = list(known)
    close = closest(name, names)
    if close is not None:
        return f"; did you mean {close}?"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"; known are {', '.join(names[:MOST_NAMED])}{more}"


def problem(error: jsonschema_rs.ValidationError, length: int | None = None) -> str:
    """What is wrong with a value and what would be right, to be read after its path. ``length`` is that of a list of
    which the error has only a part.
    """
    if length is not None and isinstance(error.kind, _Kinds.MaxItems):
        return _too_many(error.kind.limit, length)
    say = _SENTENCES.get(type(error.kind))
    return say(error.kind, error.instance) if say is not None else f"is not valid: {error.message[:200]}"


def _wrong_type(kind: Any, value: Any) -> str:
    wanted = " or ".join(_ARTICLES.get(name, f"a {name}") for name in kind.types)
    return f"must be {wanted}, not {type_shown(value)}"


def _too_short(kind: Any, value: Any) -> str:
    return "cannot be empty" if kind.limit == 1 else f"must be at least {kind.limit} characters, not {len(value)}"


def _too_many(limit: int, length: int) -> str:
    return f"must have at most {_items(limit)}, not {length}"


def _not_a_url(kind: Any, value: Any) -> str:
    return f"must be an http:// or https:// URL, not {shown(value)}"


_SENTENCES: dict[type, Callable[[Any, Any], str]] = {
    _Kinds.Type: _wrong_type,
    _Kinds.Enum: lambda kind, value: (
        f"must be one of {', '.join(map(shown, kind.options))}, not {_value_or_type(value)}"
    ),
    _Kinds.Constant: lambda kind, value: f"must be {shown(kind.expected_value)}, not {shown(value)}",
    _Kinds.MaxLength: lambda kind, value: f"must be at most {kind.limit} characters, not {len(value)}",
    _Kinds.MinLength: _too_short,
    _Kinds.Minimum: lambda kind, value: f"must be at least {_plain(kind.limit)}, not {shown(value)}",
    _Kinds.Maximum: lambda kind, value: f"must be at most {_plain(kind.limit)}, not {shown(value)}",
    _Kinds.MinItems: lambda kind, value: f"must have at least {_items(kind.limit)}, not {len(value)}",
    _Kinds.MaxItems: lambda kind, value: _too_many(kind.limit, len(value)),
    _Kinds.Pattern: _not_a_url,
    _Kinds.Format: _not_a_url,
}


def _value_or_type(value: Any) -> str:
    """A value where a string was wanted: another kind of value is named as such."""
    return shown(value) if isinstance(value, str) else type_shown(value)


def _plain(limit: Any) -> str:
    return str(int(limit)) if float(limit).is_integer() else str(limit)


def _items(limit: int) -> str:
    return f"{limit} element" if limit == 1 else f"{limit} elements"
