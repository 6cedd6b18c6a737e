"""Shortens lists that are much too long, so that what is wrong with a body is found in bounded time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: The items of a list that are looked at where its schema has no bound.
MOST_ITEMS = 20
#: More items than a schema allows that are looked at, so that the list is too long still.
BEYOND = 1


class Shortened:
    """Makes a copy of a body in which no list of the parameters is longer than its schema allows, and one more.
    ``lengths`` then has the lengths of those that were longer, by their paths, and ``left_out`` counts the items that
    are not in the copy.
    """

    def __init__(self, params_schema: Mapping[str, Any]) -> None:
        self._schema = params_schema
        self.lengths: dict[tuple[str | int, ...], int] = {}
        self.left_out = 0

    def body(self, body: Mapping[str, Any], prefix: Sequence[str | int]) -> dict[str, Any]:
        """The copy; the parameters are at ``prefix``."""
        schema: Mapping[str, Any] = self._schema
        for step in reversed(prefix):
            schema = {"items": schema} if isinstance(step, int) else {"properties": {step: schema}}
        copy: dict[str, Any] = self._copy(body, schema, ())
        return copy

    def _copy(self, value: Any, schema: Mapping[str, Any], path: tuple[str | int, ...]) -> Any:
        if isinstance(value, dict):
            known = schema.get("properties", {})
            return {name: self._copy(inner, known.get(name, {}), (*path, name)) for name, inner in value.items()}
        if not isinstance(value, list):
            return value
        most = schema.get("maxItems", MOST_ITEMS) + BEYOND
        if len(value) > most:
            self.lengths[path] = len(value)
            self.left_out += len(value) - most
        inside = schema.get("items", {})
        return [self._copy(inner, inside, (*path, place)) for place, inner in enumerate(value[:most])]
