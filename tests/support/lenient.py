"""How servers read bodies that they should refuse, or misread bodies that they should take."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

Change = Callable[[Any], Any]

#: What no parameter takes.
NONSENSE = {"of": "nothing"}


def params(change: Change) -> Change:
    """A change of bare parameters as one of bodies in any shape."""

    def changed(body):
        body = copy.deepcopy(body)
        if not isinstance(body, dict):
            return body
        wrapped = body.get("input")
        if isinstance(wrapped, list) and wrapped and isinstance(wrapped[0], dict) and "params" in wrapped[0]:
            wrapped[0]["params"] = change(wrapped[0]["params"])
            return body
        if isinstance(body.get("data"), dict):
            return {**body, "data": change(body["data"])}
        model = {"model": body.pop("model")} if "model" in body else {}
        return {**model, **change(body)}

    return changed


def at(path: str, change: Change) -> Change:
    """A change of what is at a path such as ``image_list.1.image``, where it is there; ``*`` is every element."""
    steps = path.split(".")

    def walk(value, rest):
        if not rest:
            return change(value)
        step, inner = rest[0], rest[1:]
        if isinstance(value, list):
            if step == "last":
                step = str(len(value) - 1)
            return [walk(one, inner) if step in {"*", str(place)} else one for place, one in enumerate(value)]
        if isinstance(value, dict) and step in value:
            return {**value, step: walk(value[step], inner)}
        return value

    return params(lambda given: walk(given, steps) if isinstance(given, dict) else given)


def reads(path: str, was: Any, now: Any) -> Change:
    """Takes one value for another; with ``NONSENSE`` it refuses it."""
    return at(path, lambda value: now if value == was and type(value) is type(was) else value)


def text(path: str, change: Change) -> Change:
    """A change of a text."""
    return at(path, lambda value: change(value) if isinstance(value, str) else value)


def refuses(path: str, wrong: Callable[[Any], bool]) -> Change:
    """Refuses right values."""
    return at(path, lambda value: NONSENSE if wrong(value) else value)


def casts(path: str, kind: type) -> Change:
    """Takes whatever can be made one of ``kind``."""

    def cast(value):
        try:
            return kind(value) if not isinstance(value, dict | list) and value is not None else value
        except (TypeError, ValueError):
            return value

    return at(path, cast)


def without(*names: str) -> Change:
    """Passes over parameters."""
    return params(lambda given: {name: value for name, value in given.items() if name not in names})


def knowing(*names: str) -> Change:
    """Passes over all parameters but some."""
    return params(lambda given: {name: value for name, value in given.items() if name in names})


def within(path: str, *names: str) -> Change:
    """Passes over all but some names of an object."""
    return at(
        path,
        lambda value: {name: one for name, one in value.items() if name in names} if isinstance(value, dict) else value,
    )


def when(condition: Callable[[dict], bool], change: Change) -> Change:
    """A change of bare parameters that happens at times."""
    return params(lambda given: change(given) if isinstance(given, dict) and condition(given) else given)


def refused(given: dict) -> dict:
    """Parameters that no server takes."""
    return {**given, "duration": NONSENSE}


def unpacked(path: str) -> Change:
    """Takes JSON in a text."""

    def change(value):
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            return value

    return at(path, change)
