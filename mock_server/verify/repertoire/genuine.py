"""Genuine callbacks in all the forms that the platform may give them: a receiver accepts each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from mock_server.verify.repertoire.message import NEAR, OTHER_SECRET, Event, Kind, Make, Message

#: A signature of version v1a, which is another algorithm: 64 bytes in base64.
OTHER_VERSION = "v1a," + "hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="


def _written(write: Callable[[Mapping[str, Any]], str]) -> Make:
    """A body that is written in another way."""
    return lambda event: event.message(write(event.task).encode())


def _backwards(value: Any) -> Any:
    """The same with all keys in the reverse order."""
    if isinstance(value, dict):
        return {name: _backwards(inner) for name, inner in reversed(value.items())}
    return [_backwards(inner) for inner in value] if isinstance(value, list) else value


def _escaped(task: Mapping[str, Any]) -> str:
    """Slashes and some letters as escapes, as several languages write them."""
    return json.dumps(task).replace("/", "\\/").replace('"status"', '"st\\u0061tus"')


def _signed_by(*others: str) -> Make:
    """A header with several signatures, in which * is the right one."""

    def make(event: Event) -> Message:
        named = {"*": f"v1,{event.code(event.body)}", "v1": f"v1,{event.code(event.body, secret=OTHER_SECRET)}"}
        named |= {"v1a": OTHER_VERSION, "v2": f"v2,{event.code(event.body, secret=OTHER_SECRET)}"}
        return event.message(event.body, " ".join(named[one] for one in others))

    return make


def _at(outside: int) -> Make:
    """Sent so many seconds from now."""

    def make(event: Event) -> Message:
        return event.message(event.body, at=str(event.now + outside * (event.tolerance - NEAR)))

    return make


def _with_charset(event: Event) -> Message:
    usual = event.message(event.body)
    return Message({**usual.headers, "content-type": "application/json; charset=utf-8"}, usual.body)


GENUINE: dict[str, Kind] = {
    "as usual": Kind("W21", "a genuine callback", lambda event: event.message(event.body)),
    "another signature first": Kind("W21", "a genuine callback with two signatures, the right one last",
                                    _signed_by("v1", "*")),
    "another signature last": Kind("W21", "a genuine callback with two signatures, the right one first",
                                   _signed_by("*", "v1")),
    "v1a first": Kind("W21", "a genuine callback with signatures of v1a and v1", _signed_by("v1a", "*")),
    "v1a last": Kind("W21", "a genuine callback with signatures of v1 and v1a", _signed_by("*", "v1a")),
    "v2 first": Kind("W21", "a genuine callback with signatures of v2 and v1", _signed_by("v2", "*")),
    "several versions": Kind("W21", "a genuine callback with signatures of three versions",
                             _signed_by("v2", "v1a", "v1", "*")),
    "charset": Kind("W21", "a genuine callback whose content type has a charset", _with_charset),
    "spaces": Kind("W31", "a genuine callback with spaces in its JSON",
                   _written(lambda task: json.dumps(task, indent=1, ensure_ascii=False))),
    "keys in another order": Kind("W31", "a genuine callback with its keys in another order",
                                  _written(lambda task: json.dumps(_backwards(dict(task)), separators=(",", ":")))),
    "escapes": Kind("W31", "a genuine callback with escapes in its JSON", _written(_escaped)),
    "a line end": Kind("W31", "a genuine callback with a line end after its JSON",
                       _written(lambda task: json.dumps(task, separators=(",", ":")) + "\r\n")),
    "almost too old": Kind("W32", "a genuine callback of almost five minutes ago", _at(-1)),
    "almost too new": Kind("W32", "a genuine callback from a clock almost five minutes ahead", _at(1)),
}  # fmt: skip
