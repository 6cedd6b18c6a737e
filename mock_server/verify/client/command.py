"""``kirin-mock verify client``: proves a client through its adapter; and ``verify replay`` of what it found."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from mock_server.conformance.command import require_writable, write
from mock_server.conformance.properties import Thresholds
from mock_server.conformance.scorecard import Row, Scorecard, badge, html, junit, printable, text
from mock_server.conformance.strictness import strictness_of
from mock_server.core.errors import UsageError
from mock_server.core.folders import require_folder
from mock_server.core.redaction import safe_text
from mock_server.models import discover
from mock_server.verify.client.external import External, Terms
from mock_server.verify.client.findings import FOLDER, Client, Finding, keep, kept
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.loading import load
from mock_server.verify.client.narrative import story
from mock_server.verify.client.properties import ALL, EVERY
from mock_server.verify.client.run import Broken, Harness, Report, Session, Shown

#: What real time is inexact by, in real seconds.
REAL_SLACK = 0.05
#: How much faster real time goes, unless told.
SCALE = 60.0
MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    client: Client
    cases: int = 300
    seed: int = 0
    strictness: str = "default"
    findings: str = FOLDER
    outputs: Mapping[str, str] = field(default_factory=dict)


def verify_client(options: Options) -> int:
    """0 when no property is violated, 1 otherwise."""
    limits = _limits(strictness_of(options.strictness), options.client)
    require_folder(options.findings, "--findings")
    for form, name in options.outputs.items():
        require_writable(name, f"--{form}")
    report = run(options.client, limits, options.seed, options.cases)
    if report.stopped is not None and not report.runs:
        raise UsageError(report.stopped)
    kept_as = {
        property_id: _finding(property_id, shown, options, limits) for property_id, shown in report.shown.items()
    }
    for finding in kept_as.values():
        keep(finding, options.findings)
    scorecard = scorecard_of(report, {name: finding.id for name, finding in kept_as.items()}, options.findings)
    for line in text(scorecard):
        print(line)
    for form, name in options.outputs.items():
        write(name, _written(form, scorecard, report, kept_as), f"--{form}")
    return 0 if report.clean else 1


def run(client: Client, limits: Thresholds, seed: int, cases: int) -> Report:
    """Prove a client."""
    harness = Harness(session_of(client), limits, seed)
    report = Report()
    try:
        report = harness.verify(cases)
    finally:
        harness.close(report)
    return report


def session_of(client: Client) -> Session:
    """What plays cases with a client. Raises UsageError."""
    if client.adapter is not None:
        return InProcess(load(client.adapter, client.folder), client.patience)
    _require_program(client.command[0])
    return External(client.command, Terms(client.time == "virtual", client.scale, client.patience), client.folder)


def _require_program(name: str) -> None:
    if shutil.which(name) is not None:
        return
    if Path(name).is_file():
        raise UsageError(f"{name} is not executable; start it with its interpreter, such as -- python {name}")
    adapter = f"; an adapter in Python is named as MODULE:NAME, such as {name}:Adapter" if name.isidentifier() else ""
    raise UsageError(f"{name} is no program that can be run{adapter}")


def _limits(limits: Thresholds, client: Client) -> Thresholds:
    """Thresholds that allow for what real time is inexact by."""
    return limits if client.time == "virtual" else replace(limits, slack=limits.slack + REAL_SLACK * client.scale)


def _finding(property_id: str, shown: Shown, options: Options, limits: Thresholds) -> Finding:
    return Finding(property_id, safe_text(shown.fault.says), options.client, limits, options.seed, shown.case)


def replay_finding(finding_id: str, folder: str) -> int:
    """Run the case of a finding again, and tell it. 0 when it does not show what it did."""
    finding = kept(finding_id, folder)
    harness = Harness(session_of(finding.client), finding.limits, finding.seed)
    report = Report()
    try:
        ran, verdict = harness.run(finding.case)
    except Broken as broken:
        raise UsageError(str(broken)) from None
    finally:
        harness.close(report)
    complaints = [says for about, says in harness.complaints.items() if about == finding.about]
    faults = [*(fault.says for fault in verdict.of(finding.about)), *complaints]
    one = EVERY[finding.about]
    print(f"{one.id} {one.name} ({one.severity}): {one.says}")
    print(f"    client    {finding.client.adapter or shlex.join(finding.client.command)}")
    for line in (*finding.case.told(), *story(ran)):
        print(f"    {printable(line)}")
    said = "; ".join(dict.fromkeys(printable(safe_text(says)) for says in faults))
    print(f"    {'violated  ' + said if faults else 'satisfied in this case now'}")
    return 1 if faults else 0


def scorecard_of(report: Report, kept_as: Mapping[str, str], folder: str) -> Scorecard:
    """The report as a scorecard."""
    rows = [
        Row(one, report.exercised[one.id], report.violated[one.id], _told(report, one.id, kept_as, folder))
        for one in EVERY.values()
        if one.id in ALL or report.exercised[one.id] or report.violated[one.id]
    ]
    ends = ", ".join(f"{count} {name}" for name, count in sorted(report.met.cases.items()))
    notes = [f"{report.runs} cases in {report.elapsed:.1f} s: {ends}"]
    if report.runs and not report.met.seen:
        notes.append("no call came: does the client use kit.transport, or base_url?")
    if report.stopped is not None:
        notes.append(f"stopped: {report.stopped}")
    return Scorecard("Conformance of the client", rows, notes, list(_met(report)))


def _told(report: Report, property_id: str, kept_as: Mapping[str, str], folder: str) -> list[list[str]]:
    shown = report.shown.get(property_id)
    if shown is None:
        return []
    again = f"kirin-mock verify replay {kept_as[property_id]}" if property_id in kept_as else ""
    again += f" --findings {folder}" if folder != FOLDER else ""
    return [
        [
            *shown.case.told(),
            *story(shown.ran),
            f"because   {safe_text(shown.fault.says)}",
            f"violated  in {report.violated[property_id]} of {report.runs} cases",
            *([f"replay    {again}"] if again else []),
        ]
    ]


def _met(report: Report) -> Iterator[tuple[str, str, str, str]]:
    for part in report.met.parts(discover()):
        known = len(part.met) + len(part.missing)
        if known:
            more = f" and {len(part.missing) - MOST_NAMED} more" if len(part.missing) > MOST_NAMED else ""
            yield part.model, part.kind, f"{len(part.met)} of {known}", ", ".join(part.missing[:MOST_NAMED]) + more
    total, missing = report.met.covering()
    by_reason: dict[str, list[str]] = {}
    for name, why in missing.items():
        by_reason.setdefault(why, []).append(name)
    yield "covering set", "choice", f"{total - len(missing)} of {total}", f"{len(missing)} choices" if missing else ""
    for why, names in by_reason.items():
        yield "", "", str(len(names)), f"{', '.join(names[:2])}{', ...' if len(names) > 2 else ''}: {why}"


def _written(form: str, scorecard: Scorecard, report: Report, kept_as: Mapping[str, Finding]) -> bytes:
    if form == "json":
        return orjson.dumps(as_json(scorecard, report, kept_as))
    if form == "junit":
        return junit(scorecard, "kirin-mock verify client", report.elapsed).encode()
    return (badge(scorecard) if form == "badge" else html(scorecard)).encode()


def as_json(scorecard: Scorecard, report: Report, kept_as: Mapping[str, Finding]) -> dict[str, Any]:
    """The report as a plain value."""
    return {
        "clean": report.clean,
        "stopped": report.stopped,
        "cases": report.runs,
        "elapsed": round(report.elapsed, 3),
        "properties": [
            {
                **row.about.shown(),
                "state": row.state,
                "exercised": row.exercised,
                "violated_in": row.violated,
                "finding": kept_as[row.about.id].id if row.about.id in kept_as else None,
                "says": kept_as[row.about.id].says if row.about.id in kept_as else None,
                "narrative": [line for told in row.told for line in told],
            }
            for row in scorecard.rows
        ],
        "coverage": [
            {"model": part.model, "kind": part.kind, "seen": part.met, "missing": part.missing}
            for part in report.met.parts(discover())
        ],
        "covering": {
            "of": report.met.covering()[0],
            "not_reached": [{"name": name, "why": why} for name, why in report.met.covering()[1].items()],
        },
    }


def client_of(adapter: Sequence[str], time: str, scale: float | None, patience: float) -> Client:
    """The client that a command line names: MODULE:NAME, or a command after ``--``."""
    folder = str(Path.cwd())
    if scale is not None and time != "real":
        raise UsageError("--scale is for --time real: virtual time does not wait")
    if not adapter:
        raise UsageError("name an adapter as MODULE:NAME, or a command after --")
    if len(adapter) == 1 and ":" in adapter[0] and shutil.which(adapter[0]) is None:
        if time != "virtual":
            raise UsageError("--time real is for commands: in process, time is virtual")
        return Client(adapter=adapter[0], patience=patience, folder=folder)
    return Client(None, tuple(adapter), time, (scale or SCALE) if time == "real" else 1.0, patience, folder)
