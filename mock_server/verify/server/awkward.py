"""Values that servers get wrong: right ones that are unusual, and wrong ones that are nearly right.

A value is made from the one that stood there before; which are right where, the judge decides.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]
Change = Callable[[Any], Any]
Named = Iterator[tuple[str, Change]]

#: Values of another type, by the type that is right.
WRONG_TYPES: Mapping[str, tuple[Any, ...]] = {
    "string": (5, 0, 1.5, True, None, [], {}, ["5"]),
    "number": ("0.5", "1", "", True, False, None, [], {}, [0.5]),
    "integer": ("5", "", 1.5, True, False, None, [], {}, [5]),
    "boolean": ("true", "false", "yes", "", 0, 1, None, [], {}),
    "object": ([], "", "simple", True, 1, None),
    "array": ({}, "", "x", True, 1, None),
}

#: What a text is made of at the greatest length that is allowed: a server may count bytes or UTF-16 units.
LETTERS = {"one byte": "a", "two bytes": "é", "three bytes": "漁", "beyond the BMP": "🎬", "combining": "e\u0301"}

#: Texts that have to go through as they are.
TEXTS = (
    " ", " a ", "a\nb\r\n\tc", "<b>&amp;\"quoted\" 'so' \\ / %41 + # ? ; $HOME {0} {{x}}", "漁火 🎬 é e\u0301 \u202e",
    "null", "true", "5", "[]", "'; DROP TABLE tasks; --", "\u00a0\u3000\ufeff",
)  # fmt: skip

NUMBERS = (0, 1, 0.0, 1.0, 0.5, 0.1234567890123, 1e-7, -0.5, 5, -7.25, 9.99, -9.99, 10.0)
INTEGERS = (0, 1, -1, 2**31 - 1)
LONG_INTEGERS = (2**31, 2**32, 2**53 + 1, 10**18 + 1)

#: What people write for the values of a parameter that has some. Other models' values and other letters come on top.
LOOKALIKES: Mapping[str, tuple[Any, ...]] = {
    "duration": ("0", "1", "2", "16", "20", "60", "-5", "five", "5s", "5 s", "05", "5.0", "5,10", "+5", "\uff15"),
    "mode": ("master", "fast", "turbo", "hd", "720p", "standard", "professional", "std,pro", "pro+", "0"),
    "aspect_ratio": (
        "4:3", "3:4", "21:9", "3:2", "2:3", "16x9", "16/9", "16-9", "9:9", "16:09", "16 : 9", "1.78", "1:1:1", "auto",
        "1280x720", "square",
    ),
    "sound": ("true", "false", "yes", "no", "auto", "mute", "1", "0", True, False),
    "type": ("complex", "custom", "none", "zoom_in", "up_forward", "down-back", "right_turn", "static"),
    "shot_type": ("custom", "customized", "customise", "intelligence", "auto", "single", "multi"),
}  # fmt: skip

#: Names that no model has, some of which others do.
STRANGE_NAMES = (
    "surprise", "n", "size", "resolution", "fps", "user", "style", "quality", "image_url", "images", "negativePrompt",
    "Prompt", "prompt ", "promt", "params", "extra_body", "num_videos", "__proto__", "", "漁",
)  # fmt: skip


def right_values(schema: Json) -> Named:
    """Values that may be right by a schema, each with its name."""
    for value in schema.get("enum", ()):
        yield f"is {_shown(value)}", _const(value)
    for keyword, limit in _limits(schema):
        yield from _WITHIN[keyword](limit)
    kind = schema.get("type")
    if kind == "string" and "enum" not in schema and schema.get("format") is None and "pattern" not in schema:
        yield from ((f"is the text {_shown(text)}", _const(text)) for text in TEXTS)
    elif kind in {"number", "integer"}:
        numbers: tuple[float, ...] = NUMBERS if kind == "number" else INTEGERS
        numbers += LONG_INTEGERS if schema.get("format") == "int64" else ()
        yield from ((f"is {number!r}", _const(number)) for number in numbers)
    elif kind == "boolean":
        yield from ((f"is {_shown(value)}", _const(value)) for value in (True, False))
    yield "is there", lambda was: was


def wrong_values(name: str, schema: Json, of_others: tuple[Any, ...] = ()) -> Named:
    """Values that should be wrong by a schema. ``name`` is the parameter's, ``of_others`` are values that it has in
    other models.
    """
    kind = schema.get("type", "")
    yield from ((f"is {_shown(value)}", _const(value)) for value in WRONG_TYPES.get(kind, ()))
    if "enum" in schema:
        neighbours = dict.fromkeys([*_neighbours(schema["enum"]), *of_others, *LOOKALIKES.get(name, ())])
        yield from ((f"is {_shown(value)}", _const(value)) for value in neighbours if not _among(value, schema))
    for keyword, limit in _limits(schema):
        yield from _PAST[keyword](limit)
    if kind == "array":
        yield from _no_lists()
    if kind == "object":
        yield from _no_objects(schema)


def _no_lists() -> Named:
    yield "is its first element alone", lambda was: copy.deepcopy(was[0]) if was else "x"
    yield "is an object by places", lambda was: {str(place): inner for place, inner in enumerate(was)}
    yield "is JSON in a text", json.dumps
    yield "has null for an element", lambda was: [*was[:-1], None]
    yield "has its elements in lists", lambda was: [[inner] for inner in was] or [[]]
    yield "has texts for elements", lambda was: ["x" for _ in was] or ["x"]


def _no_objects(schema: Json) -> Named:
    yield "is a list of itself", lambda was: [was]
    yield "is JSON in a text", json.dumps
    if schema.get("additionalProperties") is False:
        yield from ((f"has {name}", _with(name)) for name in ("surprise", "Type", "enable", "z", "url", "image_url"))
    yield from ((f"has no {name}", _without(name)) for name in schema.get("required", ()))


def _neighbours(values: list[Any]) -> Iterator[Any]:
    """Values that differ from the right ones by letters, blanks or type."""
    yield ""
    for value in values:
        yield from (f"{value} ", f" {value}", f"{value}\n", f"{value}?", f'"{value}"')
        yield from (value.upper(), value.capitalize(), value[:-1])
        if value.isdigit():
            yield from (int(value), f"{value}0", float(value) + 0.5)
    yield values[0] + values[-1]


def _among(value: Any, schema: Json) -> bool:
    return isinstance(value, str) and value in schema["enum"]


def _limits(schema: Json) -> Iterator[tuple[str, Any]]:
    """The limits of a value by itself; an image of no length counts as missing, which is a rule."""
    for keyword in _WITHIN:
        if keyword in schema and (keyword, schema.get("format")) != ("minLength", "kirin-image"):
            yield keyword, schema[keyword]


def _const(value: Any) -> Change:
    return lambda _was: copy.deepcopy(value)


def _with(name: str) -> Change:
    return lambda was: {**was, name: 1}


def _without(name: str) -> Change:
    return lambda was: {one: value for one, value in was.items() if one != name}


def _long(letters: str, length: int) -> str:
    """A text of so many code points, which ends in a letter."""
    return ("a" * (length % len(letters)) + letters * (length // len(letters)))[:length]


def _texts_of(length: int) -> Named:
    for name, letters in LETTERS.items():
        yield f"has {length} characters, {name}", _const(_long(letters, length))
    if length > 2:
        yield f"has {length} characters with the blanks around it", _const(f" {'a' * (length - 2)} ")


def _too_long(limit: int) -> Named:
    yield from _texts_of(limit + 1)
    yield f"has {limit + 1} characters, line ends", _const("a" * (limit - 1) + "\r\n")
    yield f"has {limit + 500} characters", _const("a" * (limit + 500))
    yield f"has {40 * limit} characters", _const("a" * 40 * limit)


def _items(count: int) -> Change:
    return lambda was: [copy.deepcopy(was[place % len(was)]) for place in range(count)] if was else was


def _beyond(limit: float, way: int) -> Named:
    if isinstance(limit, int) and abs(limit) > 2**53:
        yield f"is {limit + way}", _const(limit + way)
        return
    for step in (1e-9, 0.01, 1, 100, 1e300):
        yield f"is {limit + way * step!r}", _const(limit + way * step)


_WITHIN: dict[str, Callable[[Any], Named]] = {
    "maxLength": _texts_of,
    "minLength": _texts_of,
    "maximum": lambda limit: iter([(f"is the most, {limit}", _const(limit))]),
    "minimum": lambda limit: iter([(f"is the least, {limit}", _const(limit))]),
    "maxItems": lambda limit: iter([(f"has {limit} elements", _items(limit))]),
    "minItems": lambda limit: iter([(f"has {limit} elements", _items(limit))]),
}
_PAST: dict[str, Callable[[Any], Named]] = {
    "maxLength": _too_long,
    "minLength": lambda limit: iter([(f"has {limit - 1} characters", _const("a" * (limit - 1)))]),
    "maximum": lambda limit: _beyond(limit, 1),
    "minimum": lambda limit: _beyond(limit, -1),
    "maxItems": lambda limit: ((f"has {count} elements", _items(count)) for count in (limit + 1, limit + 10)),
    "minItems": lambda limit: iter([(f"has {limit - 1} elements", _items(limit - 1))]),
}


def _shown(value: Any) -> str:
    """A value as it is named, short and without line ends."""
    said = json.dumps(value, ensure_ascii=True)
    return said if len(said) <= 44 else f"{said[:40]}...{said[-1]}"
