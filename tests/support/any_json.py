"""Any JSON, and what is none, in any place of something valid: drawn from a seed."""

from __future__ import annotations

import copy
import json
import random

#: Texts that stand for themselves in JSON, some of them none.
TEXTS = (
    b"",
    b"null",
    b"NaN",
    b"[Infinity]",
    b'{"status": NaN}',
    b'"completed"',
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b"<html>502</html>",
    b'{"status": "completed"',
    b'{"id": "\\ud800", "status": "\\udfff"}',
    b'{"id": 1e999}',
    b'{"progress": 123456789012345678901234567890123456789}',
    b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}",
    b"[" * 5000,
    b"[" * 1200 + b"]" * 1200,
    b'{"status": {"code": 200, "message": "ok"}, "data": {"models": []}}',
    b"7" * 5000,
)
_SCALARS = (
    None,
    True,
    False,
    0,
    -1,
    1,
    0.5,
    1e308,
    -0.0,
    2**63,
    2**64,
    10**40,
    "",
    "completed",
    "failed",
    "\U0001f34e",
)
_SCALARS += (
    "COMPLETED",
    "IN_QUEUE",
    "\x00",
    "\ud800",
    "a" * 300,
    "mmsu_",
    "http://[",
    "https://h:x/",
    "00200301",
    " 200 ",
)
_NAMES = ("status", "id", "error", "error_type", "output", "outputs", "content", "url", "code", "usage", "request_id")
_NAMES += (
    "status_url",
    "provider_error",
    "",
    "\ud800",
    "message",
    "cost",
    "metadata",
    "model",
    "input",
    "params",
    "data",
)


def drawn_from(seed):
    """What all of it is drawn with."""
    return random.Random(seed)  # noqa: S311 - to repeat


def any_value(rng, depth=3):
    """Any JSON value."""
    kind = rng.randrange(8) if depth else 0
    if kind <= 4:
        return rng.choice(_SCALARS)
    if kind == 5:
        return [any_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 6:
        return {rng.choice(_NAMES): any_value(rng, depth - 1) for _ in range(rng.randrange(5))}
    value = any_value(rng, 0)
    for _ in range(rng.choice((5, 63, 64, 65, 300))):
        value = [value] if rng.random() < 0.5 else {rng.choice(_NAMES): value}
    return value


def _places(value, path=()):
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from _places(one, (*path, name))


def spoiled(rng, value):
    """A valid value in which some are missing, some are added, and some are any other value."""
    made = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        path = rng.choice(list(_places(made)))
        if not path:
            if rng.random() < 0.1:
                return any_value(rng)
            if isinstance(made, dict):
                made[rng.choice(_NAMES)] = any_value(rng)
            continue
        holder = made
        for name in path[:-1]:
            holder = holder[name]
        if rng.random() < 0.2:
            del holder[path[-1]]
        else:
            holder[path[-1]] = any_value(rng)
    return made


def spoiled_bytes(rng, content):
    """The same, written: of valid JSON, or any bytes."""
    if rng.random() < 0.08:
        return rng.choice(TEXTS)
    try:
        value = json.loads(content) if content else {}
    except ValueError:
        value = {}
    return json.dumps(spoiled(rng, value)).encode()
