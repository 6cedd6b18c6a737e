"""``kirin-mock verify client``: proves a client through its adapter; and ``verify replay`` of what it found."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from mock_server.conformance.properties import Property, Thresholds
from mock_server.conformance.scorecard import Row, Scorecard, badge, html, junit, text
from mock_server.conformance.strictness import strictness_of
from mock_server.core.errors import UsageError
from mock_server.core.folders import require_folder
from mock_server.core.redaction import safe_text
from mock_server.core.report_files import write
from mock_server.models import discover
from mock_server.verify.client.findings import FOLDER, Client, Finding, keep
from mock_server.verify.client.narrative import story
from mock_server.verify.client.one_cause import explained
from mock_server.verify.client.properties import ALL, EVERY
from mock_server.verify.client.replaying import name_of
from mock_server.verify.client.run import Harness, Report, Session, Shown
from mock_server.verify.client.sessions import session_of
from mock_server.verify.common import exit_codes
from mock_server.verify.common.baseline import Baseline, Known
from mock_server.verify.common.client_reports import accepting, concluded, facts_of, names_of
from mock_server.verify.common.options import Common
from mock_server.verify.common.run_control import RunControl

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
    max_spend: float | None = None
    common: Common = field(default_factory=Common)


def verify_client(options: Options) -> int:
    """Prove a client, and tell; the exit code (docs/verify.md)."""
    common = options.common
    limits = replace(limits_for(strictness_of(options.strictness), options.client), max_spend=options.max_spend)
    common.selection.require_known([names_of(one) for one in EVERY.values()], "property")
    baseline = common.prepared()
    require_folder(options.findings, "--findings")
    control = common.control()
    with control:
        report = run(options, limits, control, baseline)
    if report.stopped is not None and not report.runs:
        raise UsageError(report.stopped)
    kept_as = {
        property_id: _finding(property_id, shown, options, limits) for property_id, shown in report.shown.items()
    }
    for finding in kept_as.values():
        keep(finding, options.findings)
    scorecard = scorecard_of(report, kept_as, options, baseline)
    for line in text(scorecard):
        print(line)
    for form, name in common.outputs.items():
        write(name, _written(form, scorecard, report, kept_as), f"--{form}")
    complete = report.cut_short is None and report.stopped is None
    concluded(scorecard, baseline, update=common.update_baseline, complete=complete)
    if control.signal is not None:
        return exit_codes.SIGNALLED + control.signal
    return _exit_code(scorecard, report, common)


def _exit_code(scorecard: Scorecard, report: Report, common: Common) -> int:
    if scorecard.failing(common.fail_on) or report.stopped is not None:
        return exit_codes.FOUND
    return exit_codes.CLEAN if report.exercised and report.cut_short is None else exit_codes.INCOMPLETE


def run(
    options: Options,
    limits: Thresholds,
    control: RunControl,
    baseline: Baseline | None = None,
    session: Session | None = None,
) -> Report:
    """Prove a client; ``session`` plays cases with it, where that is not made of the options."""
    selection = options.common.selection
    session = session_of(options.client) if session is None else session
    harness = Harness(session, limits, options.seed, wanted=lambda one: selection.takes(names_of(one)))

    def counting(found: Report) -> int:
        return sum(
            options.common.counts(EVERY[name].severity)
            and (baseline is None or baseline.accepts(Known((name, EVERY[name].name), shown.fault.says)) is None)
            for name, shown in found.shown.items()
            if name not in explained(found.shown, found.hints)
        )

    report = Report()
    try:
        report = harness.verify(options.cases, control=control, counting=counting)
    finally:
        harness.close(report)
    return report


def limits_for(limits: Thresholds, client: Client) -> Thresholds:
    """Thresholds that allow for what real time is inexact by."""
    return limits if client.time == "virtual" else replace(limits, slack=limits.slack + REAL_SLACK * client.scale)


def _finding(property_id: str, shown: Shown, options: Options, limits: Thresholds) -> Finding:
    return Finding(property_id, safe_text(shown.fault.says), options.client, limits, options.seed, shown.case)


def scorecard_of(
    report: Report, kept_as: Mapping[str, Finding], options: Options, baseline: Baseline | None = None
) -> Scorecard:
    """The report as a scorecard."""
    selection = options.common.selection
    rows = [
        _row(report, one, kept_as.get(one.id), options)
        for one in EVERY.values()
        if (one.id in ALL or report.exercised[one.id] or report.violated[one.id]) and selection.takes(names_of(one))
    ]
    ends = ", ".join(f"{count} {name}" for name, count in sorted(report.met.cases.items()))
    notes = [f"{report.runs} cases in {report.elapsed:.1f} s: {ends}", f"seed {options.seed}"]
    if report.runs and not report.met.seen:
        notes.append("no call came: does the client use kit.transport, or base_url?")
    if report.stopped is not None:
        notes.append(f"stopped: {report.stopped}")
    if report.cut_short is not None:
        notes.append(f"incomplete: {report.cut_short}, after {report.runs} of {report.planned} cases")
    about = {"client": name_of(options.client), "seed": str(options.seed), "strictness": options.strictness}
    facts = facts_of({**about, "cases": f"{report.runs} of {report.planned}", "duration": f"{report.elapsed:.1f} s"})
    return Scorecard("Conformance of the client", accepting(rows, baseline), notes, list(_met(report)), facts)


def _row(report: Report, one: Property, finding: Finding | None, options: Options) -> Row:
    shown = report.shown.get(one.id)
    row = Row(one, report.exercised[one.id], report.violated[one.id])
    if shown is None:
        return row
    replay = None
    if finding is not None:
        folder = f" --findings {shlex.quote(options.findings)}" if options.findings != FOLDER else ""
        replay = f"kirin-mock verify replay {finding.id}{folder}"
    told = [
        *shown.case.told(),
        *story(shown.ran),
        f"because   {safe_text(shown.fault.says)}",
        f"violated  in {report.violated[one.id]} of {report.runs} cases",
        *([f"replay    {replay}"] if replay else []),
    ]
    return replace(row, told=[told], replay=replay, trace=shown.trace)


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
        "clean": report.clean and report.cut_short is None,
        "about": dict(scorecard.facts),
        "stopped": report.stopped or report.cut_short,
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
                "replay": row.replay,
                "accepted": row.accepted,
                "traceback": row.trace,
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
