"""The language of shapes that fixtures are written in: whether an answer has exactly the keys and values of one."""

from __future__ import annotations

from typing import Any

_KINDS = {
    "any": lambda value: True,
    "string": lambda value: isinstance(value, str) and bool(value),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "url": lambda value: isinstance(value, str) and value.startswith("http://"),
    "decimal": lambda value: isinstance(value, str) and value.replace(".", "", 1).isdigit(),
}


def fits(value: Any, shape: Any, *, submitted: dict[str, Any] | None = None, at_least: bool = False) -> bool:
    """Whether a value has a shape of ``fixtures/README.md``.

    ``submitted`` is the answer to the submit, for ``"@NAME"``. With ``at_least`` objects may have further keys.
    """
    if isinstance(shape, dict):
        return _object_fits(value, shape, submitted, at_least)
    if isinstance(shape, list):
        inner = [fits(item, shape[0], submitted=submitted, at_least=at_least) for item in value or ()]
        return isinstance(value, list) and bool(inner) and all(inner)
    if not isinstance(shape, str):
        return value == shape and isinstance(value, bool) == isinstance(shape, bool)
    return _leaf_fits(value, shape, submitted or {})


def _object_fits(value: Any, shape: dict[str, Any], submitted: dict[str, Any] | None, at_least: bool) -> bool:
    if "$any" in shape:
        return any(fits(value, one, submitted=submitted, at_least=at_least) for one in shape["$any"])
    if not isinstance(value, dict):
        return False
    known = {key.lstrip("?!"): inner for key, inner in shape.items()}
    required = {key for key in shape if key[0] not in "?!"}
    forbidden = {key[1:] for key in shape if key[0] == "!"}
    if not required <= value.keys() or forbidden & value.keys() or not (at_least or value.keys() <= known.keys()):
        return False
    present = known.keys() & value.keys()
    return all(fits(value[key], known[key], submitted=submitted, at_least=at_least) for key in present)


def _leaf_fits(value: Any, shape: str, submitted: dict[str, Any]) -> bool:
    if shape.startswith("="):
        return value == shape[1:] or (_KINDS["number"](value) and str(int(value)) == shape[1:])
    if shape.startswith("@"):
        return shape[1:] in submitted and value == submitted[shape[1:]]
    if shape.startswith("^"):
        return isinstance(value, str) and value.startswith(shape[1:]) and value != shape[1:]
    if shape.startswith("in:"):
        return value in shape[3:].split(",")
    if shape.startswith("has:"):
        return isinstance(value, str) and shape[4:] in value.replace(",", " ").split()
    return _KINDS[shape](value)
