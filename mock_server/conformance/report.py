"""The conformance of clients by their traffic: as a scorecard, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from mock_server.conformance.properties import PROPERTIES, Fault, Property, Verdict
from mock_server.conformance.scorecard import Row, Scorecard, badge, html, junit, printable
from mock_server.core.redaction import safe_text

MOST_SHOWN = 5
TITLE = "Conformance of the client"

Verdicts = Mapping[str, Verdict]


def scorecard(verdicts: Verdicts, began_at: float) -> Scorecard:
    """A scorecard of verdicts, which are by the tenants they are of; moments count from ``began_at``."""
    rows = [_row(verdicts, one, began_at) for one in PROPERTIES.values()]
    return Scorecard(TITLE, rows, _notes(verdicts))


def _notes(verdicts: Verdicts) -> list[str]:
    """What could not be judged, and why, each said once."""
    return list(dict.fromkeys(safe_text(note) for verdict in verdicts.values() for note in verdict.notes))


def _row(verdicts: Verdicts, one: Property, began_at: float) -> Row:
    found = _faults(verdicts, one)
    told = [_told(fault, began_at) for _, fault in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        told.append(f"and {len(found) - MOST_SHOWN} times more")
    exercised = sum(verdict.exercised.get(one.id, 0) for verdict in verdicts.values())
    return Row(one, exercised, len(found), [told] if told else ())


def as_json(verdicts: Verdicts, made: Scorecard | None = None) -> dict[str, Any]:
    """The report as a plain value; of the rows of ``made``, if that is given."""
    made = scorecard(verdicts, 0.0) if made is None else made
    return {
        "clean": made.clean,
        "notes": list(made.notes),
        **({"about": dict(made.facts)} if made.facts else {}),
        "properties": [
            {
                **row.about.shown(),
                "state": row.state,
                "exercised": row.exercised,
                **({"accepted": row.accepted} if row.accepted else {}),
                "violations": [
                    {"tenant": label, "at": fault.at, "says": safe_text(fault.says), "calls": list(fault.calls)}
                    for label, fault in _faults(verdicts, row.about)
                ],
            }
            for row in made.rows
        ],
    }


def _faults(verdicts: Verdicts, one: Property) -> list[tuple[str, Fault]]:
    return [(label, fault) for label, verdict in verdicts.items() for fault in verdict.of(one.id)]


def _told(fault: Fault, began_at: float) -> str:
    calls = f" (call{'s' if len(fault.calls) > 1 else ''} {', '.join(map(str, fault.calls))})" if fault.calls else ""
    return f"at {fault.at - began_at:.1f} s{calls}: {safe_text(fault.says)}"


def written(verdicts: Verdicts, began_at: float, form: str, made: Scorecard | None = None) -> bytes:
    """The report in a form: json, html, junit or badge; of the rows of ``made``, if that is given."""
    if form == "json":
        return orjson.dumps(as_json(verdicts, made))
    made = scorecard(verdicts, began_at) if made is None else made
    if form == "junit":
        return junit(made, "kirin-mock verify traffic", 0.0).encode()
    return (badge(made) if form == "badge" else html(made)).encode()


def summary(verdicts: Verdicts, began_at: float) -> Iterator[str]:
    """The report in a few lines: the violations, and how much was judged."""
    made = scorecard(verdicts, began_at)
    for row in made.violated:
        about = row.about
        yield printable(f"{about.id} {about.name} ({about.severity}), violated {_times(row.violated)}: {about.says}")
        yield from (f"    {printable(line)}" for told in row.told for line in told[:1])
    yield from map(printable, made.notes)
    yield made.summary


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def concluded(verdicts: Verdicts, began_at: float, file: str | None) -> bool:
    """Write the report to a file, if there is one; whether no client violated a property."""
    if file is not None:
        form = {".json": "json", ".xml": "junit", ".svg": "badge"}.get(Path(file).suffix, "html")
        Path(file).write_bytes(written(verdicts, began_at, form))
    return scorecard(verdicts, began_at).clean
