"""What a run has done, kept in a file as it goes: an interrupted run goes on from there (``--resume``).

The file has a line of JSON for each case that was tried. Cases that could not be exercised are tried again.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mock_server.core.errors import UsageError
from mock_server.verify.server.case import Case, Problem
from mock_server.verify.server.exchange import Exchange, read_json

Json = dict[str, Any]

#: So much of a body is kept for the report after an interruption.
MOST_KEPT = 100_000


class Journal:
    """The file of one run. ``about`` says which run it is: a file of another one is refused. Raises UsageError."""

    def __init__(self, path: str, about: Mapping[str, Any]) -> None:
        self._path, self._lock = Path(path), threading.Lock()
        self._done: dict[str, list[Problem]] = {}
        #: What was wrong with answers whatever the case was about.
        self.besides: list[Problem] = []
        first = {"kirin-mock verify server": 1, **about}
        try:
            lines = self._path.read_text("utf-8").splitlines() if self._path.exists() else []
            if not lines:
                self._path.write_text(json.dumps(first) + "\n", "utf-8")
        except (OSError, UnicodeError) as error:
            raise UsageError(f"--resume {path} cannot be used: {error}") from None
        if lines:
            self._read(lines, first)

    def _read(self, lines: list[str], first: Json) -> None:
        if _object(lines[0]) != first:
            raise UsageError(f"--resume {self._path}: this file is of another run, or of no run; name a new one")
        for line in lines[1:]:
            value = _object(line)  # the last line may have been cut off
            problems = [_problem(one) for one in value.get("problems", ()) if isinstance(one, dict)]
            if isinstance(value.get("case"), str):
                self._done[value["case"]] = problems
            else:
                self.besides += problems

    def __len__(self) -> int:
        """How many cases are done."""
        return len(self._done)

    def done(self, case: Case) -> list[Problem] | None:
        """What was wrong when a case was tried; None when it was not."""
        return self._done.get(case.id)

    def keep(self, case: Case | None, problems: list[Problem]) -> None:
        """Keep what came of a case, or what was wrong besides."""
        line = json.dumps({"case": case.id if case is not None else None, "problems": [_line(one) for one in problems]})
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _object(line: str) -> Json:
    value = read_json(line.encode("utf-8", "replace"))
    return value if isinstance(value, dict) else {}


def _line(problem: Problem) -> Json:
    shown = problem.shown_by
    if shown is None:
        return {"says": _plain(problem.says)}
    exchange = {
        field.name: getattr(shown, field.name) for field in dataclasses.fields(Exchange) if field.name != "json"
    }
    for name in ("body", "content"):
        exchange[name] = base64.b64encode(exchange[name][:MOST_KEPT]).decode()
    exchange["sent"] = dict(shown.sent)
    return {"says": _plain(problem.says), "exchange": exchange}


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _problem(value: Json) -> Problem:
    given = value.get("exchange")
    if not isinstance(given, dict):
        return Problem(str(value.get("says")))
    try:
        bodies = {name: base64.b64decode(given[name]) for name in ("body", "content")}
        return Problem(str(value.get("says")), Exchange(**{**given, **bodies}, json=read_json(bodies["content"])))
    except (TypeError, KeyError, ValueError):
        return Problem(str(value.get("says")))
