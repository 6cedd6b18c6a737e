"""``kirin-mock verify server`` and ``verify replay``: plans, runs and reports. 0 clean, 1 findings, 3 unreachable."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mock_server.contract.endpoint import Endpoint
from mock_server.core.errors import UsageError
from mock_server.models import discover
from mock_server.verify.server import report
from mock_server.verify.server.case import Case, Result
from mock_server.verify.server.judge import ContractJudge
from mock_server.verify.server.run import DEPTHS, Plan, all_cases, plan, run, uncovered
from mock_server.verify.server.target import Target, Unreachable

#: What an own server signs with, so that signatures can be looked at; the published test vector's secret.
OWN_SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="  # noqa: S105 - published, so no secret


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. Without ``url`` a server of our own is started and verified."""

    url: str | None = None
    key: str = "sk-verify"
    other_key: str = "sk-verify-other"
    callback_secret: str = ""
    seed: int = 0
    depth: str = "default"
    models: tuple[str, ...] = ()
    only: str = ""
    replay: str | None = None
    dry_run: bool = False
    max_calls: int | None = None
    max_cost: float | None = None
    rate: float | None = None
    min_coverage: float = 0.0
    json: str | None = None
    junit: str | None = None
    html: str | None = None


def verify_server(options: Options) -> int:
    """Verify one server, and say what was found."""
    endpoints = discover()
    unknown = [model for model in options.models if model not in endpoints]
    if unknown:
        raise UsageError(f"--models: there is no {unknown[0]!r}; there are {', '.join(endpoints)}")
    if options.depth not in DEPTHS:
        raise UsageError(f"--depth must be {' or '.join(DEPTHS)}, not {options.depth!r}")
    _require_url(options.url)
    cases = all_cases(_looked_at(endpoints, options), options.seed, options.depth)
    planned = _planned(cases, options)
    if options.dry_run:
        print(_price(planned))
        return 0
    judge = ContractJudge(endpoints)
    try:
        with open_target(options, judge) as target:
            target.min_gap = 1 / options.rate if options.rate else 0.0
            result = run(target, planned, judge, options.seed)
    except Unreachable as error:
        print(f"kirin-mock: {error}", file=sys.stderr)
        return 3
    missing = uncovered(planned.cases, result)
    for line in report.text(result, missing):
        print(line)
    _write(options, result, missing)
    covered = 100 * len(result.covered) / (len(result.covered) + len(missing)) if result.covered else 0.0
    if covered < options.min_coverage:
        print(f"covered {covered:.1f} % of the contract; --min-coverage asks for {options.min_coverage:g} %")
        return 1
    return 0 if result.clean else 1


def _price(planned: Plan) -> str:
    """What a run takes."""
    calls, cost = f"at most {planned.calls} calls", f"at most {planned.cost:.2f} USD by assumed prices"
    return f"{len(planned.cases)} cases, {calls}, {cost}"


def _looked_at(endpoints: dict[str, Endpoint], options: Options) -> dict[str, Endpoint]:
    """The models that are asked for; drawing the bodies of the others would take time."""
    if options.replay is not None:
        short = options.replay.partition("/")[0]
        return {model: one for model, one in endpoints.items() if one.short == short}
    return {model: one for model, one in endpoints.items() if not options.models or model in options.models}


def _planned(cases: list[Case], options: Options) -> Plan:
    if options.replay is None:
        return plan(cases, models=options.models, only=options.only, max_cost=options.max_cost)
    found = [case for case in cases if case.id == options.replay]
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
    if options.url is not None:
        with Target(
            options.url,
            options.key,
            options.other_key,
            options.callback_secret,
            options.max_calls,
            judge,
        ) as target:
            yield target
        return
    from mock_server.testing.server import MockServer

    for name in ("kirin-mock", "uvicorn"):  # callbacks to nowhere and broken requests are part of the plan
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with (
        MockServer(callback_secret=[OWN_SECRET], api_key=[options.key, options.other_key]) as server,
        Target(server.url, options.key, options.other_key, OWN_SECRET, options.max_calls, judge) as target,
    ):
        yield target


def _write(options: Options, result: Result, missing: list[str]) -> None:
    wanted = (
        (options.json, report.as_json(result, missing)),
        (options.junit, report.as_junit(result)),
        (options.html, report.as_html(result, missing)),
    )
    for file, content in wanted:
        if file is None:
            continue
        try:
            Path(file).write_text(content, "utf-8")
        except OSError as error:
            raise UsageError(f"{file} cannot be written: {error.strerror or error}") from None
