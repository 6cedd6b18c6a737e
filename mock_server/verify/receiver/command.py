"""``kirin-mock verify receiver``: proves somebody's receiver of callbacks, and tells."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from mock_server.conformance.scorecard import Row, Scorecard, badge, html, junit, text
from mock_server.contract.messages import nearest
from mock_server.core.clock import stopwatch, wall_clock
from mock_server.core.errors import UsageError
from mock_server.core.redaction import safe_text
from mock_server.core.report_files import write
from mock_server.models import discover
from mock_server.platform.courier import TIMEOUT, secret_key
from mock_server.verify.common import exit_codes
from mock_server.verify.common.baseline import Baseline, Known
from mock_server.verify.common.client_reports import accepting, concluded, facts_of, names_of
from mock_server.verify.common.options import Common
from mock_server.verify.receiver.properties import RECEIVER
from mock_server.verify.receiver.run import ReceiverRun, Results, Wrong, judged
from mock_server.verify.receiver.sender import Sender, Unreachable
from mock_server.verify.receiver.tasks import ReceiverTask

MODEL = "kirin_v1_t2v"
MOST_SHOWN = 5
#: So much of a body is shown.
LONG = 200


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. ``task_id`` and ``external_task_id`` are those of a task that the receiver knows."""

    url: str
    secret: str | None = None
    model: str = MODEL
    task_id: str | None = None
    external_task_id: str | None = None
    timeout: float = TIMEOUT
    common: Common = field(default_factory=Common)


def verify_receiver(options: Options) -> int:
    """Prove a receiver, and tell; the exit code (docs/verify.md). Raises UsageError."""
    common = options.common
    _require_right(options)
    common.selection.require_known([names_of(one) for one in RECEIVER.values()], "property")
    baseline = common.prepared()
    task = ReceiverTask.of(discover()[options.model], options.task_id, options.external_task_id, int(wall_clock()))
    sender, control, began = Sender(options.url, options.timeout), common.control(), stopwatch()
    run = ReceiverRun(sender, task, options.secret, lambda name: common.selection.takes(names_of(RECEIVER[name])))
    try:
        with control:
            results = run.run(control, lambda found: _counted(found, common, baseline))
    except Unreachable as error:
        print(f"kirin-mock: {safe_text(options.url)} cannot be reached: {error}", file=sys.stderr)
        return exit_codes.UNREACHABLE
    finally:
        sender.close()
    scorecard = scorecard_of(results, options, baseline)
    for line in text(scorecard):
        print(line)
    for form, name in common.outputs.items():
        write(name, _written(form, scorecard, results, stopwatch() - began), f"--{form}")
    concluded(scorecard, baseline, update=common.update_baseline, complete=results.stopped is None)
    if control.signal is not None:
        return exit_codes.SIGNALLED + control.signal
    return _exit_code(scorecard, results, common)


def _exit_code(scorecard: Scorecard, results: Results, common: Common) -> int:
    if scorecard.failing(common.fail_on):
        return exit_codes.FOUND
    incomplete = results.stopped is not None or not results.accepts
    return exit_codes.INCOMPLETE if incomplete else exit_codes.CLEAN


def _require_right(options: Options) -> None:
    """Raise UsageError for what cannot be right."""
    try:
        parts = urlsplit(options.url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"{safe_text(options.url)!r} is no URL of a receiver, such as http://127.0.0.1:8000/callbacks")
    if options.model not in discover():
        raise UsageError(f"--model {options.model}: there is no such model{nearest(options.model, discover())}")
    if options.secret is not None:
        try:
            secret_key(options.secret)
        except ValueError as error:
            raise UsageError(f"--secret: {error}") from None


def _counted(results: Results, common: Common, baseline: Baseline | None) -> int:
    """How many findings count so far."""
    return sum(
        common.counts(RECEIVER[wrong.property].severity)
        and common.selection.takes(names_of(RECEIVER[wrong.property]))
        and (baseline is None or baseline.accepts(_known(wrong)) is None)
        for wrong in results.wrong
    )


def _known(wrong: Wrong) -> Known:
    return Known((wrong.property, RECEIVER[wrong.property].name), wrong.says)


def scorecard_of(results: Results, options: Options, baseline: Baseline | None) -> Scorecard:
    """The report as a scorecard."""
    found, takes = judged(results), options.common.selection.takes
    rows = [
        Row(one, results.exercised[one.id], len(found.get(one.id, ())), _told(found.get(one.id, ())))
        for one in RECEIVER.values()
        if takes(names_of(one))
    ]
    names = {row.about.id for row in rows}
    facts = facts_of({"receiver": safe_text(options.url), "signed": "yes" if options.secret else "no"})
    made = Scorecard("Conformance of the receiver", rows, list(_notes(results, names)), facts=facts)
    return replace(made, rows=accepting(rows, baseline))


def _notes(results: Results, names: set[str]) -> Iterator[str]:
    yield f"{results.sent} callbacks were sent"
    reasons: dict[str, list[str]] = {}
    for name, why in results.why_not.items():
        if name in names:
            reasons.setdefault(why, []).append(name)
    for why, ids in reasons.items():
        yield f"{', '.join(ids)} not exercised: {why}"
    yield from results.notes
    if results.stopped is not None:
        yield results.stopped


def _told(found: Any) -> list[list[str]]:
    told = [[f"because   {safe_text(wrong.says)}", f"sent      {_shown(wrong)}"] for wrong in found[:MOST_SHOWN]]
    return told if len(found) <= MOST_SHOWN else [*told, [f"and {len(found) - MOST_SHOWN} times more"]]


def _shown(wrong: Wrong) -> str:
    headers = {name: value for name, value in wrong.message.headers.items() if name.startswith("webhook-")}
    body = wrong.message.body[:LONG].decode("utf-8", "backslashreplace")
    more = f"... ({len(wrong.message.body)} bytes)" if len(wrong.message.body) > LONG else ""
    return f"{json.dumps(headers)} {body}{more}"


def _written(form: str, scorecard: Scorecard, results: Results, elapsed: float) -> bytes:
    if form == "json":
        return json.dumps(as_json(scorecard, results), indent=2).encode()
    if form == "junit":
        return junit(scorecard, "kirin-mock verify receiver", elapsed).encode()
    return (badge(scorecard) if form == "badge" else html(scorecard)).encode()


def as_json(scorecard: Scorecard, results: Results) -> dict[str, Any]:
    """The report as a plain value."""
    found = judged(results)
    return {
        "clean": scorecard.clean and results.accepts and results.stopped is None,
        "facts": dict(scorecard.facts),
        "sent": results.sent,
        "stopped": results.stopped,
        "notes": list(scorecard.notes),
        "properties": [
            {
                **row.about.shown(),
                "state": row.state,
                "exercised": row.exercised,
                "accepted": row.accepted,
                "why_not": results.why_not.get(row.about.id),
                "violations": [
                    {"says": safe_text(wrong.says), "status": wrong.answer.status, "sent": _shown(wrong)}
                    for wrong in found.get(row.about.id, ())
                ],
            }
            for row in scorecard.rows
        ],
    }
