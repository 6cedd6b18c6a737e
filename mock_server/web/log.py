"""The log of calls: one line each, successful polls left out, nothing secret in it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import IO, Literal

import orjson

from mock_server.core.redaction import safe_text
from mock_server.web.messages import Answer, Call

Log = Callable[[Call, Answer], None]


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)


def call_log(form: Literal["text", "json", "off"], stream: IO[str] | None = None) -> Log:
    """A function that logs one served call. What worked and made nothing new is not logged."""
    out = stream if stream is not None else sys.stdout
    encoding = getattr(out, "encoding", None) or "utf-8"

    def write(line: str) -> None:
        """A log that cannot be written is no reason to fail a call."""
        with contextlib.suppress(OSError, ValueError):
            out.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            out.flush()

    def text(call: Call, answer: Answer) -> None:
        if answer.status >= 400 or answer.note:
            method, path = call.scope["method"], _printable(call.path[:80])
            write(f"{answer.status} {method} {path} {_printable(safe_text(answer.note[:1000])[:300])}")

    def as_json(call: Call, answer: Answer) -> None:
        if answer.status >= 400 or answer.note:
            line = {
                "status": answer.status,
                "method": call.scope["method"],
                "path": call.path,
                "note": safe_text(answer.note[:4000]),
            }
            write(orjson.dumps(line).decode())

    def off(call: Call, answer: Answer) -> None:
        return

    return {"text": text, "json": as_json, "off": off}[form]
