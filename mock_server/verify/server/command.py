"""``kirin-mock verify server`` and ``verify replay``: plan, run and report. The exit codes are in docs/verify.md."""

from __future__ import annotations

import contextlib
import logging
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from mock_server.contract.endpoint import Endpoint
from mock_server.core.errors import UsageError
from mock_server.core.redaction import safe_text
from mock_server.core.report_files import write
from mock_server.models import discover
from mock_server.verify.common import exit_codes
from mock_server.verify.common.baseline import Baseline, Known
from mock_server.verify.common.client_reports import facts_of, say_of
from mock_server.verify.common.options import Common
from mock_server.verify.server import report
from mock_server.verify.server.case import Case, Finding, Result
from mock_server.verify.server.curl import BodyFiles
from mock_server.verify.server.journal import Journal
from mock_server.verify.server.judge import ContractJudge
from mock_server.verify.server.preflight import PREFLIGHT_CALLS, preflight
from mock_server.verify.server.reach import Reach
from mock_server.verify.server.run import AGAIN, DEPTHS, Plan, all_cases, plan, repeated, run, uncovered
from mock_server.verify.server.target import Target, Unreachable

#: What an own server signs with, so that signatures can be looked at; the published test vector's secret.
OWN_SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="  # noqa: S105 - published, so no secret
#: Where ``kirin-mock serve`` listens: a server of our own is gone when its report is read.
USUAL_URL = "http://127.0.0.1:8787"


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. Without ``url`` a server of our own is started and verified."""

    url: str | None = None
    key: str = "sk-verify"
    other_key: str = "sk-verify-other"
    callback_secret: str = ""
    seed: int = 0
    depth: str = "default"
    repeat: int = 1
    models: tuple[str, ...] = ()
    replay: str | None = None
    dry_run: bool = False
    max_calls: int | None = None
    max_cost: float | None = None
    rate: float | None = None
    min_coverage: float = 0.0
    common: Common = field(default_factory=Common)
    reach: Reach = field(default_factory=Reach)


def verify_server(options: Options) -> int:
    """Verify one server, and say what was found."""
    endpoints = discover()
    unknown = [model for model in options.models if model not in endpoints]
    if unknown:
        raise UsageError(f"--models: there is no {unknown[0]!r}; there are {', '.join(endpoints)}")
    if options.depth not in DEPTHS:
        raise UsageError(f"--depth must be {' or '.join(DEPTHS)}, not {options.depth!r}")
    _require_url(options.url)
    baseline = options.common.prepared()
    if options.dry_run:
        print(_price(_planned(_cases(endpoints, options), options)))
        return exit_codes.CLEAN
    judge = ContractJudge(endpoints)
    control = options.common.control()
    try:
        with control, open_target(options, judge) as target:
            balance = preflight(target, other_given=options.reach.other_key_given)
            planned = _planned(_cases(endpoints, options), options)
            options.reach.require_leave(options.url, planned.cost, options.max_cost)
            _announce(target, planned, balance, options)
            result = run(
                target,
                planned,
                judge,
                options.seed,
                control=control,
                accepted=_accepting(baseline),
                journal=_journal(options),
                without=options.reach.without,
            )
    except Unreachable as error:
        print(f"kirin-mock: {error}", file=sys.stderr)
        return exit_codes.UNREACHABLE
    missing = uncovered(planned.cases, result)
    terms = terms_of(options, result)
    for line in report.text(result, missing, terms):
        print(line)
    for form, name in options.common.outputs.items():
        write(name, report.written(form, result, missing, terms), f"--{form}")
    _conclude(result, baseline, update=options.common.update_baseline)
    if control.signal is not None:
        return exit_codes.SIGNALLED + control.signal
    return _exit_code(result, missing, options)


def _exit_code(result: Result, missing: list[str], options: Options) -> int:
    if any(one.accepted is None and options.common.counts(report.severity_of(one.case)) for one in result.findings):
        return exit_codes.FOUND
    covered = 100 * len(result.covered) / (len(result.covered) + len(missing)) if result.covered else 0.0
    if covered < options.min_coverage:
        print(f"covered {covered:.1f} % of the contract; --min-coverage asks for {options.min_coverage:g} %")
        return exit_codes.FOUND
    return exit_codes.CLEAN if result.cases and result.complete else exit_codes.INCOMPLETE


def terms_of(options: Options, result: Result) -> report.ReportTerms:
    """How findings are told: with all that their replay needs, and with long bodies in files beside the report."""
    again = "" if options.url is None else f" {shlex.quote(options.url)}"
    again += "" if options.seed == 0 else f" --seed {options.seed}"
    again += "" if options.depth == "default" else f" --depth {options.depth}"
    again += "".join(f" --models {model}" for model in options.models)
    beside = next(iter(options.common.outputs.values()), None)
    folder = Path(".kirin-mock/bodies") if beside is None else Path(f"{beside}.bodies")
    about = {"server": options.url or "a kirin-mock of its own", "seed": str(options.seed), "depth": options.depth}
    about["models"] = ", ".join(options.models) or "all"
    covered = f"{len(result.covered)} facts of the contract"
    facts = facts_of({**about, "covered": covered, "duration": f"{result.elapsed:.1f} s"})
    return report.ReportTerms(options.url or USUAL_URL, again, BodyFiles(folder), facts)


def known_of(finding: Finding) -> Known:
    """A finding as a baseline sees it."""
    case = finding.case
    return Known((f"{case.model}: {case.property}", case.id, case.property), safe_text(finding.problem.says))


def _accepting(baseline: Baseline | None) -> Callable[[Finding], str | None]:
    return lambda finding: None if baseline is None else baseline.accepts(known_of(finding))


def _conclude(result: Result, baseline: Baseline | None, *, update: bool) -> None:
    if baseline is not None:
        known = [known_of(finding) for finding in result.findings]
        say_of(baseline, known, update=update, complete=not result.stopped and not result.not_tried)


def _price(planned: Plan) -> str:
    """What a run takes."""
    calls, cost = (
        f"at most {planned.calls + PREFLIGHT_CALLS} calls",
        f"at most {planned.cost:.2f} USD by assumed prices",
    )
    return f"{len(planned.cases)} cases, {calls}, {cost}"


def _cases(endpoints: dict[str, Endpoint], options: Options) -> list[Case]:
    return all_cases(_looked_at(endpoints, options), options.seed, options.depth)


def _announce(target: Target, planned: Plan, balance: Decimal | None, options: Options) -> None:
    """Say what a run takes before its first case, on stderr; and prepare for a balance that may not last."""
    poor = balance is not None and balance < Decimal(planned.cost)
    target.tidy = poor or not target.is_local
    if options.url is None or options.replay is not None:
        return
    lines = [_price(planned)]
    if not target.controlled and any(case.follows or case.alone for case in planned.cases):
        beside = sum(case.follows or case.alone for case in planned.cases)
        lines.append(
            f"{beside} cases follow tasks in real time, most of them beside each other; a task may take "
            f"{target.patience:g} s (--patience)"
        )
    if poor:
        lines.append(f"the balance is {balance} USD: the cheapest cases come first, and tasks are cancelled after them")
    for line in lines:
        print(f"kirin-mock: {safe_text(line)}", file=sys.stderr)


def _journal(options: Options) -> Journal | None:
    if options.reach.resume is None:
        return None
    about = {"url": options.url, "seed": options.seed, "depth": options.depth}
    journal = Journal(options.reach.resume, about)
    if len(journal):
        print(f"kirin-mock: {len(journal)} cases are done, says {options.reach.resume}", file=sys.stderr)
    return journal


def _looked_at(endpoints: dict[str, Endpoint], options: Options) -> dict[str, Endpoint]:
    """The models that are asked for; drawing the bodies of the others would take time."""
    if options.replay is not None:
        short = options.replay.partition("/")[0]
        named = {model: one for model, one in endpoints.items() if one.short == short}
        if named:
            return named
    return {model: one for model, one in endpoints.items() if not options.models or model in options.models}


def _planned(cases: list[Case], options: Options) -> Plan:
    if options.replay is None:
        chosen = options.common.selection
        once = plan(
            cases,
            models=options.models,
            only=chosen.only,
            skip=chosen.skip,
            max_cost=None if options.max_cost is None else options.max_cost / options.repeat,
            free_only=options.reach.free_only,
        )
        return repeated(once, options.repeat, options.seed)
    found = [case for case in cases if case.id == options.replay.partition(AGAIN)[0]]
    if not found:
        told = f"no case {options.replay!r} with seed {options.seed} and depth {options.depth}"
        raise UsageError(f"{told}; the id and the seed stand in the report")
    return Plan(found, [])


def _require_url(url: str | None) -> None:
    parts = urlsplit(url or "http://own")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"the server's URL must be like http://127.0.0.1:8787, not {url!r}")


@contextlib.contextmanager
def open_target(options: Options, judge: ContractJudge) -> Iterator[Target]:
    """The server that was asked for, or one of our own."""
    reach = options.reach
    connection, listener = reach.connection(), reach.listener()
    how = (options.max_calls, judge)
    if options.url is not None:
        with (
            contextlib.closing(listener) if listener is not None else contextlib.nullcontext(),
            Target(
                options.url, options.key, options.other_key, options.callback_secret, *how,
                min_gap=1 / options.rate if options.rate else 0.0, patience=reach.patience, connection=connection,
                listener=listener,
            ) as target,
        ):  # fmt: skip
            yield target
        return
    from mock_server.testing.server import MockServer

    for name in ("kirin-mock", "uvicorn"):  # callbacks to nowhere and broken requests are part of the plan
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with (
        MockServer(media="tiny", callback_secret=[OWN_SECRET], api_key=[options.key, options.other_key]) as server,
        Target(server.url, options.key, options.other_key, OWN_SECRET, *how) as target,
    ):
        yield target
