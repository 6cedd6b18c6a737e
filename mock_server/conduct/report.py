"""What was held against a client, told as JSON, to a person at a terminal, and as one page of HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import orjson

from mock_server.conduct.properties import PROPERTIES, Fault, Property, Verdict
from mock_server.redaction import safe_text

MOST_SHOWN = 5

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1d2433;background:#fff}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .7rem;text-align:left;border-bottom:1px solid #dde2ea}
td:nth-child(-n+2){white-space:nowrap}
pre{background:#f3f5f9;padding:.6rem;overflow:auto;border-radius:4px}.wrong{color:#b00020}.held{color:#0a7d32}.not{color:#66708a}
@media(prefers-color-scheme:dark){body{background:#141821;color:#dfe4ee}pre{background:#1f2531}td,th{border-color:#2c3444}}
"""

Verdicts = Mapping[str, Verdict]


def state_of(verdicts: Verdicts, one: Property) -> str:
    """``wrong``, ``held``, or ``not exercised``, which is no praise."""
    if any(verdict.of(one.id) for verdict in verdicts.values()):
        return "wrong"
    return "held" if any(one.id in verdict.exercised for verdict in verdicts.values()) else "not exercised"


def is_clean(verdicts: Verdicts) -> bool:
    """Nothing is held against anybody, and not for want of traffic."""
    states = [state_of(verdicts, one) for one in PROPERTIES.values()]
    return "wrong" not in states and "held" in states


def as_json(verdicts: Verdicts) -> dict[str, Any]:
    """The report as a plain value; ``verdicts`` by the worlds they are of."""
    return {
        "clean": is_clean(verdicts),
        "properties": [
            {
                **one.shown(),
                "state": state_of(verdicts, one),
                "exercised": sum(verdict.exercised.get(one.id, 0) for verdict in verdicts.values()),
                "wrong": [
                    {"world": label, "at": fault.at, "says": safe_text(fault.says), "calls": list(fault.calls)}
                    for label, fault in _faults(verdicts, one)
                ],
            }
            for one in PROPERTIES.values()
        ],
    }


def _faults(verdicts: Verdicts, one: Property) -> list[tuple[str, Fault]]:
    return [(label, fault) for label, verdict in verdicts.items() for fault in verdict.of(one.id)]


def _told(fault: Fault, began_at: float) -> str:
    calls = f" (call{'s' if len(fault.calls) > 1 else ''} {', '.join(map(str, fault.calls))})" if fault.calls else ""
    return f"at {fault.at - began_at:.1f} s{calls}: {safe_text(fault.says)}"


def text(verdicts: Verdicts, began_at: float) -> Iterator[str]:
    """The report for a terminal, line by line; moments count from ``began_at``."""
    for one in PROPERTIES.values():
        state = state_of(verdicts, one)
        count = sum(verdict.exercised.get(one.id, 0) for verdict in verdicts.values())
        mark = {"wrong": "WRONG", "held": "ok", "not exercised": "-"}[state]
        yield f"{mark:7}{one.id}  {one.name:24}{count:6}  {one.says}"
    for one in PROPERTIES.values():
        found = _faults(verdicts, one)
        if not found:
            continue
        yield ""
        yield f"{one.id} {one.name} ({one.severity}): {one.says}"
        yield f"    rests on  {one.rests_on}"
        for _, fault in found[:MOST_SHOWN]:
            yield f"    {_told(fault, began_at)}"
        if len(found) > MOST_SHOWN:
            yield f"    and {len(found) - MOST_SHOWN} times more"
        yield f"    wrong     {one.wrong}"
        yield f"    right     {one.right}"
    yield ""
    yield _summary(verdicts)


def _summary(verdicts: Verdicts) -> str:
    states = [state_of(verdicts, one) for one in PROPERTIES.values()]
    counted = ", ".join(f"{states.count(state)} {state}" for state in ("wrong", "held", "not exercised"))
    return f"{len(states)} properties: {counted}"


def html(verdicts: Verdicts, began_at: float) -> str:
    """The report as a page."""
    rows = "".join(
        f'<tr><td>{one.id}</td><td class="{state_of(verdicts, one).split()[0]}">{state_of(verdicts, one)}</td>'
        f"<td>{escape(one.says)}</td></tr>"
        for one in PROPERTIES.values()
    )
    parts = "".join(_section(verdicts, one, began_at) for one in PROPERTIES.values())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>How the client conducted itself</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>'
        f"<h1>How the client conducted itself</h1><p>{escape(_summary(verdicts))}. What was not exercised is not "
        f"praised: the traffic did not put it to the test.</p><table>{rows}</table>{parts}</html>"
    )


def _section(verdicts: Verdicts, one: Property, began_at: float) -> str:
    found = _faults(verdicts, one)
    if not found:
        return ""
    told = "".join(f"<li>{escape(_told(fault, began_at))}</li>" for _, fault in found[: MOST_SHOWN * 4])
    more = f"<p>and {len(found) - MOST_SHOWN * 4} times more</p>" if len(found) > MOST_SHOWN * 4 else ""
    return (
        f'<h2 class="wrong">{one.id} {escape(one.name)}</h2><p>{escape(one.says)} ({one.severity}; rests on '
        f"{escape(one.rests_on)})</p><ul>{told}</ul>{more}<p>Wrong:</p><pre>{escape(one.wrong)}</pre>"
        f"<p>Right:</p><pre>{escape(one.right)}</pre>"
    )


def concluded(verdicts: Verdicts, began_at: float, file: str | None) -> bool:
    """Write the report to a file, if there is one; whether nothing is held against anybody."""
    if file is not None:
        as_page = not file.endswith(".json")
        content = html(verdicts, began_at).encode() if as_page else orjson.dumps(as_json(verdicts))
        Path(file).write_bytes(content)
    return is_clean(verdicts)
