"""``kirin-mock verify client MODULE:NAME``: proves a client through its adapter."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from mock_server.conduct.properties import thresholds
from mock_server.errors import UsageError
from mock_server.redaction import safe_text
from mock_server.verify.client.kit import MakeAdapter
from mock_server.verify.client.properties import ALL
from mock_server.verify.client.run import Harness, Report


def verify_client(adapter: str, count: int, seed: int, profile: str, json_file: str | None) -> int:
    """0 when nothing is held against the client, 1 otherwise."""
    report = Harness(load(adapter), thresholds(profile), seed).verify(count)
    for line in text(report):
        print(line)
    if json_file is not None:
        try:
            Path(json_file).write_bytes(orjson.dumps(as_json(report)))
        except OSError as error:
            raise UsageError(f"--json {json_file} cannot be written: {error.strerror or error}") from None
    return 1 if report.shown else 0


def load(adapter: str) -> MakeAdapter:
    """What ``module:name`` names. Raises UsageError."""
    module, colon, name = adapter.partition(":")
    if not colon or not module or not name:
        raise UsageError(f"an adapter is named as MODULE:NAME, such as my_tests.adapter:make, not {adapter!r}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except ImportError as error:
        raise UsageError(f"{module} cannot be imported: {error}") from None
    except AttributeError:
        raise UsageError(f"{module} has no {name}") from None
    except Exception as error:  # noqa: BLE001 - whatever the module does when it is imported
        raise UsageError(f"{module} cannot be imported: {type(error).__name__}: {error}") from None
    if not callable(found):
        raise UsageError(f"{adapter} is not callable; it is called with a kit, and makes an adapter")
    made: MakeAdapter = found
    return made


def text(report: Report) -> Iterator[str]:
    """The report for a terminal, line by line."""
    for one in ALL.values():
        count = report.verdict.exercised.get(one.id, 0)
        mark = "WRONG" if one.id in report.shown else "ok" if count else "-"
        yield f"{mark:7}{one.id}  {one.name:24}{count:6}  {one.says}"
    for property_id, shown in sorted(report.shown.items()):
        one = ALL[property_id]
        yield ""
        yield f"{one.id} {one.name} ({one.severity}): {one.says}"
        yield f"    rests on  {one.rests_on}"
        yield from (f"    {line}" for line in shown.script.told())
        yield f"    happened  {safe_text(shown.fault.says)}"
        yield f"    wrong     {one.wrong}"
        yield f"    right     {one.right}"
    yield ""
    met = ", ".join(f"{count} {name}" for name, count in sorted(report.met.items()))
    yield f"{report.runs} scripts in {report.elapsed:.1f} s: {met}"
    tested = sum(one in report.verdict.exercised for one in ALL)
    yield f"{len(ALL)} properties: {len(report.shown)} wrong, {len(ALL) - tested} not exercised"


def as_json(report: Report) -> dict[str, Any]:
    """The report as a plain value."""
    return {
        "clean": not report.shown,
        "scripts": report.runs,
        "met": report.met,
        "properties": [
            {
                **one.shown(),
                "exercised": report.verdict.exercised.get(one.id, 0),
                "state": "wrong"
                if one.id in report.shown
                else ("held" if one.id in report.verdict.exercised else "not exercised"),
                "script": report.shown[one.id].script.told() if one.id in report.shown else None,
                "happened": report.shown[one.id].fault.says if one.id in report.shown else None,
            }
            for one in ALL.values()
        ],
    }
