"""What a new contract breaks for the clients of an old one.

Requests may only become wider, answers only narrower: what was accepted must still be, what was there must stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_FLOORS, _CEILINGS = ("minLength", "minimum", "minItems", "minProperties"), ("maxLength", "maximum", "maxItems")


def breaking_changes(old: Json, new: Json) -> Iterator[str]:
    """Each breaking change as a sentence."""
    for path, operations in old["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            now = new["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{method.upper()} {path} is gone"
            else:
                yield from _operation(f"{method.upper()} {path}", operation, now)
    requests = [name for name in old["components"]["schemas"] if name.endswith(("Request", "Params", "QueueBody"))]
    for name, schema in old["components"]["schemas"].items():
        now = new["components"]["schemas"].get(name)
        if now is None:
            yield f"schema {name} is gone"
        elif name in requests:
            yield from _narrower(name, schema, now)
        else:
            yield from _wider(name, schema, now)


def _operation(name: str, old: Json, new: Json) -> Iterator[str]:
    if old["operationId"] != new["operationId"]:
        yield f"{name} has another operationId: {new['operationId']}"
    for status in old["responses"]:
        if status.startswith("2") and status not in new["responses"]:
            yield f"{name} no longer answers {status}"
    for status in new["responses"]:
        if not status.startswith("2") and status not in old["responses"]:
            yield f"{name} answers {status}, which it did not"
    known = {parameter["name"] for parameter in old.get("parameters", ())}
    for parameter in new.get("parameters", ()):
        if parameter.get("required") and parameter["name"] not in known:
            yield f"{name} requires the parameter {parameter['name']}, which it did not"


def _narrower(path: str, old: Json, new: Json) -> Iterator[str]:
    """Where a request schema no longer takes what it took."""
    yield from _other_kind(path, old, new)
    for name in new.get("required", ()):
        if name not in old.get("required", ()):
            yield f"{path}.{name} is required, which it was not"
    for name, schema in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{path}.{name} is no longer taken"
        else:
            yield from _narrower(f"{path}.{name}", schema, new["properties"][name])
    if "items" in old and "items" in new:
        yield from _narrower(f"{path}[]", old["items"], new["items"])
    gone = [value for value in old.get("enum", ()) if value not in new.get("enum", ())]
    if gone and "enum" in new:
        yield f"{path} no longer takes {', '.join(map(str, gone))}"
    yield from _tighter(path, old, new)
    known = {rule["id"] for rule in old.get("x-rules", ())}
    fresh = [rule["says"] for rule in new.get("x-rules", ()) if rule["id"] not in known]
    yield from (f"{path} has a new rule: {says}" for says in fresh)


def _tighter(path: str, old: Json, new: Json) -> Iterator[str]:
    for keyword in (*_FLOORS, *_CEILINGS, "pattern"):
        was, now = old.get(keyword), new.get(keyword)
        if now is None or now == was:
            continue
        if was is None or keyword == "pattern" or (now > was) == (keyword in _FLOORS):
            yield f"{path} {keyword} is {now}, and was {'open' if was is None else was}"


def _wider(path: str, old: Json, new: Json) -> Iterator[str]:
    """Where an answer's schema no longer promises what it promised."""
    yield from _other_kind(path, old, new)
    for name in old.get("required", ()):
        if name not in new.get("required", ()):
            yield f"{path}.{name} may be missing, and was always there"
    for name, schema in old.get("properties", {}).items():
        if name in new.get("properties", {}):
            yield from _wider(f"{path}.{name}", schema, new["properties"][name])
    if "items" in old and "items" in new:
        yield from _wider(f"{path}[]", old["items"], new["items"])
    fresh = [value for value in new.get("enum", ()) if value not in old.get("enum", ())]
    if fresh and "enum" in old:
        yield f"{path} may be {', '.join(map(str, fresh))}, which it was not"


def _other_kind(path: str, old: Json, new: Json) -> Iterator[str]:
    for keyword in ("type", "const", "format", "$ref"):
        if old.get(keyword) != new.get(keyword):
            yield f"{path} {keyword} is {new.get(keyword)}, and was {old.get(keyword)}"
