"""Bounds on JSON before it becomes objects: how many values it has, and how deep they are nested.

Work is linear in the size of the text, and nothing is kept of it.
"""

from __future__ import annotations

import re
from array import array
from itertools import accumulate
from typing import Any

import orjson

#: Deeper than any document asks for, and shallow enough for all that walks it.
MAX_DEPTH = 64
#: More than a hundred times what any document asks for.
MAX_VALUES = 400_000
#: A text this short cannot hold too many values, and is not scanned.
SHORT = 64 * 1024
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
#: Up to the end of the last string that ends. Where a string does not end, ``_STRING`` would try each of its quotes.
_WHOLE = re.compile(rb'(?:[^"]*+"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")


class JsonTooLarge(ValueError):
    """The text has more values, or is nested deeper, than the bounds allow. The message is for the sender."""


class JsonScanner:
    """Counts the values of a JSON text that comes in pieces: those that follow a comma, and those that hold others."""

    __slots__ = ("_commas", "_depth", "_holders", "_open")

    def __init__(self) -> None:
        self._commas = self._holders = self._depth = 0
        #: What a piece ended with that is still open: nothing, or a quote and perhaps a backslash.
        self._open = b""

    def feed(self, piece: bytes) -> None:
        """Take one more piece. Raises JsonTooLarge as soon as the text breaks a bound."""
        if self._open == b'"' and b'"' not in piece and b"\\" not in piece:
            return
        text = self._open + piece
        whole = _WHOLE.match(text)
        ends = whole.end() if whole is not None else 0
        rest, quote, inside = text[ends:].partition(b'"')
        backslashes = len(inside) - len(inside.rstrip(b"\\"))
        self._open = quote + b"\\" * (backslashes % 2)
        bare = _STRING.sub(b"", text[:ends]) + rest
        self._commas += bare.count(b",")
        self._holders += bare.count(b"[") + bare.count(b"{")
        if max(self._commas, self._holders) > MAX_VALUES:
            raise JsonTooLarge(f"has more than {MAX_VALUES:,} values")
        steps = array("b", bare.translate(_STEPS, _NOT_BRACKETS))
        if steps:
            depths = list(accumulate(steps, initial=self._depth))
            self._depth = depths[-1]
            if max(depths) > MAX_DEPTH:
                raise JsonTooLarge(f"is nested deeper than {MAX_DEPTH} levels")


def check_bounds(text: bytes) -> None:
    """Raise JsonTooLarge for a JSON text that breaks a bound."""
    if len(text) > SHORT or text.count(b"[") + text.count(b"{") > MAX_DEPTH:
        scanner = JsonScanner()
        for place in range(0, len(text), SHORT):
            scanner.feed(text[place : place + SHORT])


def json_or_text(content: bytes) -> Any:
    """A body as JSON where it is JSON within the bounds, else as text; None where it is empty."""
    if not content:
        return None
    try:
        check_bounds(content)
        return orjson.loads(content)
    except (JsonTooLarge, orjson.JSONDecodeError):
        return content.decode("utf-8", "replace")


def depth_exceeds(value: Any, most: int = MAX_DEPTH) -> bool:
    """Whether a JSON value is nested deeper than that."""
    level = [value]
    for _ in range(most):
        nested = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [inner for values in nested for inner in values]
        if not level:
            return False
    return True
