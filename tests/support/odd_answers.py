"""Answers that no document allows: random JSON, right answers with one thing changed, and bytes that are no answer."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from mock_server.verify.server.transport import Answer, Broken

ODD = (
    None, True, False, 0, -1, 1e308, 2**63, 0.5, "", "completed", "failed", "5", "é\U0001f3ac", "\n", [], {}, [[]],
    {"": None}, [None], {"id": {}}, ["a"], {"code": 1}, {"error": None}, "x" * 5000,
)  # fmt: skip
KEYS = (
    "id", "request_id", "status", "progress", "created_at", "metadata", "output", "outputs", "usage", "error", "data",
    "models", "detail", "queue_position", "status_url", "response_url", "cancel_url", "logs", "metrics", "content",
    "external_task_id", "input_schema", "input_rules", "hits", "message", "code",
)  # fmt: skip


def shape(draw: random.Random, depth: int = 0) -> Any:
    """A random JSON value, with the keys of the platform."""
    kind = draw.random()
    if depth > 3 or kind < 0.4:
        return copy.deepcopy(draw.choice(ODD))
    if kind < 0.75:
        return {draw.choice(KEYS): shape(draw, depth + 1) for _ in range(draw.randrange(6))}
    return [shape(draw, depth + 1) for _ in range(draw.randrange(4))]


def changed(value: Any, draw: random.Random) -> Any:
    """The same with one thing in it replaced by something odd, or left out."""
    made = copy.deepcopy(value)
    place, key = None, None
    while isinstance(made if place is None else place[key], dict | list):
        inner = made if place is None else place[key]
        if not inner or (place is not None and draw.random() < 0.3):
            break
        place, key = inner, draw.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
    if place is None:
        return shape(draw)
    if isinstance(place, dict) and draw.random() < 0.3:
        del place[key]
    else:
        place[key] = copy.deepcopy(draw.choice(ODD))
    return made


#: Bodies that are no JSON, or none that a check may walk.
NO_JSON = (
    b"", b"<html>", b"{", b"\xff\xfe", b'{"id": "\\ud800"}', b"NaN", b'{"a": Infinity}', b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 3000 + b"1" + b"}" * 3000, b"\xef\xbb\xbf{}", b"null", b'"text"', b"1" * 5000, b"\x00",
)  # fmt: skip


class OddTransport:
    """Stands in for the connections to a server: every answer is drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - to repeat
        self.shapes = 0

    def close(self) -> None:
        pass

    def send(self, method, url, headers, content=None, *, follow=False):
        if "/_mock/" in url:
            return Answer(404, {}, b"{}")
        draw, self.shapes = self._draw, self.shapes + 1
        chance = draw.random()
        if chance < 0.02:
            raise Broken("the answer broke off")
        body = draw.choice(NO_JSON) if chance < 0.15 else json.dumps(shape(draw)).encode()
        status = draw.choice((200, 200, 200, 200, 202, 204, 301, 400, 401, 404, 409, 429, 500, 503, 599, 999, 100))
        kind = draw.choice(("application/json", "text/html", "", "video/mp4", "application/json; charset=é"))
        answered = {"content-type": kind, "retry-after": draw.choice(("0", "-1", "soon", "1e9", "\x00"))}
        return Answer(status, answered, body)
