"""Callbacks that are rightly signed and say nothing that can be true: no JSON, no task, nobody's task."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from mock_server.verify.repertoire.message import Event, Kind, Make, Message


def _body(content: bytes) -> Make:
    return lambda event: event.message(content)


def _other_id(event: Event) -> str:
    return hashlib.blake2b(f"another/{event.id}".encode(), digest_size=16).hexdigest()


def _of_another_task(event: Event) -> Message:
    other = {**event.lie, "id": _other_id(event)}
    return event.message(orjson.dumps({**other, "external_task_id": f"another-{other['id'][:8]}"}))


def _of_a_task_without_a_name(event: Event) -> Message:
    kept: Mapping[str, Any] = {name: value for name, value in event.lie.items() if name != "external_task_id"}
    return event.message(orjson.dumps({**kept, "id": _other_id(event)}))


def _of_nothing(event: Event) -> Message:
    return event.message(orjson.dumps(dict.fromkeys(event.lie)))


NONSENSE: dict[str, Kind] = {
    "empty": Kind("W15", "an empty body", _body(b"")),
    "not UTF-8": Kind("W15", "a body that is not UTF-8", _body(b'\xff\xfe{"status": "\xe9"}')),
    "broken": Kind("W15", "a body that is half of a JSON object",
                   lambda event: event.message(event.lying[: len(event.lying) // 2])),
    "text": Kind("W15", "a body that is text", _body(b"status=completed")),
    "array": Kind("W15", "a body that is a JSON array", lambda event: event.message(b"[" + event.lying + b"]")),
    "empty array": Kind("W15", "a body that is an empty JSON array", _body(b"[]")),
    "number": Kind("W15", "a body that is a number", _body(b"7")),
    "string": Kind("W15", "a body that is a string", _body(b'"completed"')),
    "null": Kind("W15", "a body that is null", _body(b"null")),
    "true": Kind("W15", "a body that is true", _body(b"true")),
    "empty object": Kind("W16", "a body that is an empty object", _body(b"{}")),
    "no task": Kind("W16", "a body without a task", _body(b'{"status": "completed"}')),
    "nulls": Kind("W16", "a body whose fields are all null", _of_nothing),
    "another task": Kind("W16", "a task that was never submitted", _of_another_task),
    "another task, unnamed": Kind("W16", "a task that was never submitted, without an external_task_id",
                                  _of_a_task_without_a_name),
}  # fmt: skip
