"""One call and its answer, and how an answer's body is read: strictly, so that nothing odd reaches a check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

#: Deeper answers are read as no JSON: the platform nests six levels, and checks walk answers by recursion.
MOST_DEPTH = 100
#: So many bytes of a body are kept where there is no room for more.
MOST_LIGHT = 20_000
#: A body with more characters is written in another way.
MOST_USUAL = 1_000_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer; ``json`` is the answer's body, None where it is not JSON. ``authorization`` and ``sent``
    are the headers of the call, the former without the key. ``host`` is the base URL where it is not the target's.
    ``broken`` says why there is no whole answer; ``status`` is 0 then. ``case`` is the id of the case that made it.
    """

    method: str
    path: str
    body: bytes
    status: int
    headers: dict[str, str]
    json: Any
    content: bytes
    authorization: str | None = "Bearer $KEY"
    sent: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    broken: str = ""
    case: str = ""


class Keeper:
    """Keeps exchanges in bounded space: whole while there is room, later ones with their long bodies cut."""

    def __init__(self, room: int = 32_000_000) -> None:
        self._room = room

    def kept(self, exchange: Exchange) -> Exchange:
        """An exchange as it is kept."""
        size = len(exchange.body) + len(exchange.content)
        if size <= self._room:
            self._room -= size
            return exchange
        return light(exchange)


def light(exchange: Exchange) -> Exchange:
    """The same with long bodies cut."""
    if len(exchange.body) + len(exchange.content) <= MOST_LIGHT:
        return exchange
    return replace(exchange, body=_cut(exchange.body), content=_cut(exchange.content), json=None)


def _cut(body: bytes) -> bytes:
    return body if len(body) <= MOST_LIGHT else body[:MOST_LIGHT] + b"..."


def written(body: Any) -> bytes:
    """A body as JSON. One of many megabytes is written without an own copy of its text."""
    if _characters(body) > MOST_USUAL:
        try:
            return orjson.dumps(body)
        except TypeError:  # a number or a text that is not usual either
            pass
    return json.dumps(body).encode()


def _characters(value: Any) -> int:
    """How long the texts of a body are together."""
    if isinstance(value, str):
        return len(value)
    return sum(map(_characters, _inside(value, str)))


def read_json(content: bytes) -> Any:
    """The JSON value of a body; None where it is none. NaN, lone surrogates and bytes that are not UTF-8 are none, and
    so is what is nested deeper than ``MOST_DEPTH``.
    """
    try:
        value = orjson.loads(content)
    except ValueError:
        return None
    return value if _depth_allowed(content, value) else None


def _depth_allowed(content: bytes, value: Any) -> bool:
    """Whether a value is nested no deeper than ``MOST_DEPTH``; most bodies have too few brackets to be looked at."""
    if content.count(b"[") + content.count(b"{") <= MOST_DEPTH:
        return True
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return True
    return False


def _inside(value: Any, *kinds: type) -> list[Any]:
    """The objects and lists in an object or a list, and what else is of some kinds."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in inner if isinstance(one, (dict, list, *kinds))]
