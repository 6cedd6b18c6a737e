"""``verify client`` for pytest: assertions about a client, which fail with the story of what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from mock_server.conformance.earlier_names import property_id
from mock_server.conformance.properties import Thresholds
from mock_server.conformance.scorecard import overview, printable, section
from mock_server.conformance.strictness import strictness_of
from mock_server.core.errors import UsageError
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.command import Options, limits_for, run, scorecard_of
from mock_server.verify.client.findings import Client, Finding
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.kit import MakeAdapter
from mock_server.verify.client.properties import EVERY
from mock_server.verify.client.replaying import replayed
from mock_server.verify.client.run import Session
from mock_server.verify.client.sessions import session_of
from mock_server.verify.common.client_reports import names_of
from mock_server.verify.common.options import Common, FailOn
from mock_server.verify.common.run_control import RunControl
from mock_server.verify.common.selection import Selection


def check_client(
    client: MakeAdapter | str | Sequence[str],
    *,
    cases: int = 300,
    seed: int = 0,
    strictness: str = "default",
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    fail_on: FailOn = "should",
    baseline: str | None = None,
    max_spend: float | None = None,
    time: str = "virtual",
    scale: float = 1.0,
    patience: float = 10.0,
) -> None:
    """Run a client through ``cases``, and raise AssertionError with the story if it violates a property.

    ``client`` makes an adapter of a kit: a callable, or its name as MODULE:NAME; a list is the command of a program.
    The other arguments are the flags of ``kirin-mock verify client``. Raises UsageError for a wrong one.
    """
    reached = _client(client, time, scale, patience)
    common = Common(Selection(only, skip), fail_on, baseline=baseline)
    common.selection.require_known([names_of(one) for one in EVERY.values()], "property")
    accepted = common.prepared()
    options = Options(reached, cases, seed, strictness, common=common)
    limits = replace(limits_for(strictness_of(strictness), reached), max_spend=max_spend)
    report = run(options, limits, RunControl(), accepted, _session(client, reached))
    scorecard = scorecard_of(report, {}, options, accepted)
    if report.stopped is not None and not report.runs:
        raise UsageError(report.stopped)
    if not scorecard.failing(fail_on) and report.stopped is None and report.exercised:
        return
    failing = [row for row in scorecard.violated if row.accepted is None]
    told = [*overview(scorecard), *(line for row in failing for line in [*section(row), ""]), *scorecard.notes]
    raise AssertionError("\n".join(map(printable, [f"{_name(client)}: {scorecard.summary}", *told])))


def check_case(
    client: MakeAdapter | str | Sequence[str],
    about: str,
    case: Mapping[str, Any],
    *,
    seed: int = 0,
    limits: Mapping[str, Any] | None = None,
    time: str = "virtual",
    scale: float = 1.0,
    patience: float = 10.0,
) -> None:
    """Run one case, and raise AssertionError with the story if the client violates the property ``about`` in it.

    ``kirin-mock verify replay ID --export pytest FOLDER`` writes tests that call this. Raises UsageError for a wrong
    argument.
    """
    reached = _client(client, time, scale, patience)
    try:
        known = ClientCase.of_json(case)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise UsageError(f"the case is none that kirin-mock has written: {type(error).__name__}: {error}") from None
    finding = Finding(property_id(about, EVERY), "", reached, _thresholds(limits or {}), seed, known)
    again = replayed(finding, _session(client, reached))
    if again.faults:
        raise AssertionError("\n".join(again.told(finding)))


def _client(client: Any, time: str, scale: float, patience: float) -> Client:
    folder = str(Path.cwd())
    if time not in {"virtual", "real"}:
        raise UsageError(f"time must be virtual or real, not {time!r}")
    if isinstance(client, str) or callable(client):
        return Client(adapter=_name(client), patience=patience, folder=folder)
    command = list(client) if isinstance(client, Sequence) else []
    if not command or not all(isinstance(word, str) for word in command):
        raise UsageError(f"client must be a callable, MODULE:NAME or a command as a list, not {client!r}")
    return Client(None, tuple(command), time, scale if time == "real" else 1.0, patience, folder)


def _session(client: Any, reached: Client) -> Session:
    return InProcess(client, reached.patience) if callable(client) else session_of(reached)


def _name(client: Any) -> str:
    if isinstance(client, str):
        return client
    if callable(client):
        return f"{getattr(client, '__module__', '?')}:{getattr(client, '__qualname__', type(client).__name__)}"
    return " ".join(client)


def _thresholds(given: Mapping[str, Any]) -> Thresholds:
    known = {one.name for one in fields(Thresholds)}
    for name in given:
        if name not in known:
            raise UsageError(f"limits has {name!r}; known are {', '.join(sorted(known))}")
    return Thresholds(**given)
