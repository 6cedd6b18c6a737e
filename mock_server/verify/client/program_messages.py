"""The terms on which a program under test is run, and the messages that it writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import orjson

from mock_server.core.resources import resource
from mock_server.verify.client.kit import Outcome

FIELDS = ("said", "task_id", "urls", "code", "cost", "message", "saved")
#: What a program may say while it carries out an intent.
SPOKEN = frozenset({"sleep", "emit", "outcome", "save"})


@dataclass(frozen=True, slots=True)
class Terms:
    """How time goes for a program: virtual with ``scale`` 1, or real and ``scale`` times as fast; after how many real
    seconds without a word it is taken to hang, and how many it has to get ready.
    """

    virtual: bool = True
    scale: float = 1.0
    patience: float = 10.0
    starting: float = 30.0


#: What some readers take for the end of a line, though JSON does not.
_BREAKS = {b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029", b"\xc2\x85": b"\\u0085"}


def line_of(message: Mapping[str, Any]) -> bytes:
    """A message as one line, for every reader of lines."""
    written = orjson.dumps(message)
    for raw, escaped in _BREAKS.items():
        written = written.replace(raw, escaped)
    return written + b"\n"


def outcome_of(message: Mapping[str, Any]) -> Outcome:
    """The outcome that a message has."""
    return Outcome(**{name: message[name] for name in FIELDS if name in message})


def shown(line: bytes) -> str:
    """A line, for messages."""
    text = line.decode("utf-8", "replace").rstrip("\n")
    return repr(text if len(text) <= 200 else f"{text[:200]}...")


def validators() -> dict[str, Any]:
    """A validator for each message."""
    schema = orjson.loads(resource("contracts", "adapter.schema.json").read_bytes())
    made: Callable[[Any], Any] = jsonschema_rs.validator_for
    return {
        name: made({"$schema": schema["$schema"], "$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})
        for name in schema["$defs"]
    }
