"""JSON with its long values replaced by their digests: short enough to keep, and still equal where the whole is."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from mock_server.core.json_bounds import JsonTooLarge, check_bounds

#: Longer values, as JSON in bytes, are replaced.
LONG = 512
#: So many levels of a value stay as they are, unless it is too long even so.
MOST_LEVELS = 7
_BEGINNING = 48


def shortened(content: bytes, most: int) -> bytes | None:
    """A JSON object of at most ``most`` bytes in which equal values are equal still. None for what is no JSON object,
    is nested deeper than any document asks for, or is too long even so.
    """
    if not content[:64].lstrip().startswith(b"{"):
        return None
    try:
        check_bounds(content)
        value = orjson.loads(content)
    except (orjson.JSONDecodeError, JsonTooLarge):
        return None
    for levels in range(MOST_LEVELS, _levels_of_parameters(value) - 1, -1):
        found = orjson.dumps(short_value(value, levels))
        if len(found) <= most:
            return found
    return None


def _levels_of_parameters(value: dict[str, Any]) -> int:
    """So many levels must stay for the parameters of a submit to be told apart, in whichever shape they come."""
    if isinstance(value.get("input"), list):
        return 4
    return 2 if isinstance(value.get("data"), dict) else 1


def short_value(value: Any, levels: int = MOST_LEVELS) -> Any:
    """A JSON value in which long texts, and what is long below so many levels, are replaced by their beginning, length
    and digest.
    """
    if levels and isinstance(value, dict):
        return {name: short_value(inner, levels - 1) for name, inner in value.items()}
    if levels and isinstance(value, list):
        return [short_value(inner, levels - 1) for inner in value]
    return _replaced(value)


def _replaced(value: Any) -> Any:
    """What is long as its beginning, length and digest; what is short as it is."""
    if isinstance(value, str) and len(value) * 4 <= LONG:
        return value
    written = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else orjson.dumps(value)
    if len(written) <= LONG:
        return value
    digest = hashlib.blake2b(written, digest_size=16).hexdigest()
    return f"{written[:_BEGINNING].decode('utf-8', 'ignore')}… ({len(written)} bytes, blake2b {digest})"
