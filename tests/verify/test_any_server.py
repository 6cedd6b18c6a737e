"""``verify server`` on servers that are not ours: whatever they answer, drop, limit or keep."""

from __future__ import annotations

import logging
import random

import pytest

from mock_server.models import discover
from mock_server.verify.server import report
from mock_server.verify.server.command import OWN_SECRET, Options, terms_of
from mock_server.verify.server.judge import ContractJudge
from mock_server.verify.server.preflight import preflight
from mock_server.verify.server.run import ANSWERED, Plan, all_cases, plan, run, uncovered
from mock_server.verify.server.target import Target
from mock_server.verify.server.transport import Connection
from tests.support.broken import BrokenServer, Mutant
from tests.support.lawful import AtLeastOnce, Every, WrappedServer, as_it_is, drop, garble, hang, limited
from tests.support.mutants import MUTANTS
from tests.support.odd_answers import OddTransport, changed

ENDPOINTS = discover()
T2V = "kirin_v1_t2v"
STOCK = "passes Schemathesis"

pytestmark = pytest.mark.xdist_group("drawn cases")


@pytest.fixture(scope="module")
def cases():
    return [case for case in all_cases({T2V: ENDPOINTS[T2V]}, seed=0) if case.property != STOCK]


@pytest.fixture(autouse=True)
def _quiet(caplog):
    for name in ("kirin-mock", "uvicorn.error"):
        caplog.set_level(logging.CRITICAL, name)


def _run(url, kept, **how):
    judge = ContractJudge(ENDPOINTS)
    with Target(url, "sk-verify", "sk-other", OWN_SECRET, None, judge, **how) as target:
        preflight(target)
        return run(target, Plan(kept, []), judge, 0)


def _reports(cases, result):
    missing = uncovered(cases, result)
    terms = terms_of(Options(), result)
    return [report.written(form, result, missing, terms) for form in ("json", "junit", "html")] + [
        "\n".join(report.text(result, missing, terms)).encode()
    ]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.soak)])
def test_no_answer_ends_a_run(cases, seed, tmp_path, monkeypatch):
    """Two thousand random answers: JSON of any shape, no JSON, any status, any header."""
    monkeypatch.chdir(tmp_path)
    transport = OddTransport(seed)
    while transport.shapes < 2000:
        judge = ContractJudge(ENDPOINTS)
        target = Target("http://127.0.0.1:9", "k", "o", OWN_SECRET, None, judge, patience=0.01, announce_for=0.05)
        target._transport = transport
        target.pause = lambda seconds: None
        result = run(target, plan(cases), judge, seed)
        assert result.stopped == ""
        assert len(result.findings) > 100
        assert all(_reports(cases, result))


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.soak)])
def test_answers_with_one_odd_thing_are_findings_and_checks_hardly_stumble(cases, seed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = random.Random(seed)  # noqa: S311 - to repeat

    def edit(method, path, status, value):
        return status, changed(value, draw) if draw.random() < 0.3 else value

    with BrokenServer(Mutant("odd", T2V, "", edit=edit)) as server:
        result = _run(server.url, [case for case in cases if case.model == T2V])
    assert len(result.findings) > 100
    stumbled = [one.problem.says for one in result.findings if "shape that the check cannot read" in one.problem.says]
    assert len(stumbled) < len(result.findings) / 100, stumbled
    assert all(_reports(cases, result))


#: What only our control API can bring about, so that no other server is asked for it.
STEERED = {"refuses by account and gateway", "fails as documented", "tells a failure on the queue", "logs in"}


def _told(result):
    return [(finding.case.id, finding.problem.says) for finding in result.findings]


LAWFUL = {
    "as it is": {},
    "few calls": {"rate_limit": "60/s"},
    "few running tasks": {"max_running": 5},
    "a single key": {"api_key": ["sk-verify"]},
    "instant": {"timing": "instant"},
    "realistic": {"timing": "realistic", "speed": 120},
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.deep if name == "instant" else pytest.mark.soak) for name in LAWFUL]
)
def test_a_lawful_server_without_control_api_has_no_finding(cases, name):
    settings = {"speed": 4, "api_key": ["sk-verify", "sk-other"], **LAWFUL[name]}
    with WrappedServer(as_it_is, **settings) as server:
        result = _run(server.url, cases)
    assert _told(result) == []
    if name == "as it is":
        assert set(result.kinds_left) <= STEERED
        assert not result.clean
        assert "INCOMPLETE" in _reports(cases, result)[-1].decode()


@pytest.mark.parametrize("keys", [["sk-verify", "sk-other"], pytest.param(["sk-verify"], marks=pytest.mark.soak)])
def test_half_of_what_looks_at_the_balance_is_tried_as_a_second_user(cases, keys):
    with WrappedServer(as_it_is, speed=100, api_key=keys) as server:
        judge, users = ContractJudge(ENDPOINTS), set()

        def seen(exchange):
            users.add(exchange.authorization)
            judge(exchange)

        with Target(server.url, "sk-verify", "sk-other", OWN_SECRET, None, seen) as target:
            preflight(target)
            result = run(target, Plan([case for case in cases if case.alone], []), judge, 0)
    assert _told(result) == []
    assert result.cases == 5
    assert users == ({"Bearer $KEY", "Bearer $OTHER_KEY"} if len(keys) == 2 else {"Bearer $KEY"})


BILLING = [mutant for mutant in MUTANTS if mutant.caught_by == "charges as shown" and mutant.model == T2V]


@pytest.mark.parametrize("mutant", BILLING, ids=lambda mutant: mutant.name)
def test_a_wrong_bill_is_found_by_either_of_two_users(cases, mutant):
    with WrappedServer(as_it_is, mutant, speed=100, api_key=["sk-verify", "sk-other"]) as server:
        result = _run(server.url, [case for case in cases if case.alone])
    assert {finding.case.property for finding in result.findings} == {"charges as shown"}


def _few(cases, count=40):
    """Some cases of every kind."""
    kinds = {}
    for case in cases:
        kinds.setdefault(case.property, []).append(case)
    return [case for kind in kinds.values() for case in kind[:: max(1, len(kind) * len(kinds) // count)]]


@pytest.mark.parametrize(
    "form", ["gateway", *(pytest.param(f, marks=pytest.mark.soak) for f in ("queue", "date", "bare"))]
)
def test_a_limit_is_waited_for_however_it_is_told(cases, form):
    with WrappedServer(lambda app: Every(app, 40, limited(form)), speed=20) as server:
        result = _run(server.url, _few(cases))
    assert _told(result) == []


def test_a_balance_that_is_used_up_is_no_finding(cases):
    with WrappedServer(as_it_is, speed=20, balance="0.5") as server:
        result = _run(server.url, _few(cases, 120))
    assert _told(result) == []
    assert "money" in result.needs.values()
    assert not result.complete


def test_a_callback_may_come_twice_under_one_id(cases):
    kept = [case for case in cases if "callback" in case.id and "signed" not in case.id]
    with WrappedServer(as_it_is, Mutant("twice", "", "", courier=AtLeastOnce), control=True) as server:
        result = _run(server.url, kept)
    assert _told(result) == []


def test_a_server_that_keeps_its_tasks_is_verified_again_and_again(cases):
    kept = [case for case in cases if "external" in f"{case.id} {case.property}"]
    with WrappedServer(as_it_is, speed=20) as server:
        results = [_run(server.url, kept) for _ in range(2)]
    assert [_told(result) for result in results] == [[], []]
    assert len(kept) > 5


@pytest.mark.parametrize("do", [drop, *(pytest.param(do, marks=pytest.mark.soak) for do in (hang, garble))])
def test_a_call_in_two_hundred_without_an_answer_is_a_finding_and_the_run_goes_on(cases, do):
    with WrappedServer(lambda app: Every(app, 200, do), control=True) as server:
        result = _run(server.url, cases, connection=Connection(timeout=1.0))
    assert {finding.case.property for finding in result.findings} == {ANSWERED.property}
    assert (result.not_tried, result.stopped) == ([], "")
    assert result.cases > len(cases) * 0.95


def test_a_server_that_is_gone_ends_the_run_with_what_was_found(cases):
    class Dying(Every):
        async def __call__(self, scope, receive, send):
            self._number = 1 if self._calls > 300 else 10**9
            await super().__call__(scope, receive, send)

    with WrappedServer(lambda app: Dying(app, 1, drop), control=True) as server:
        result = _run(server.url, cases)
    assert "no longer answers" in result.stopped
    assert result.findings
    assert result.not_tried


#: Some that are broken over time, or in money and callbacks, which were only looked at with our control API.
OVER_TIME = [one for one in MUTANTS if one.model == T2V and one.caught_by in {
    "lives as documented", "calls back", "cancels on the queue", "gives the result on the queue",
    "tells the status on the queue", "is cancelled as observed", "tells when tasks were queued and ended",
}]  # fmt: skip


@pytest.mark.parametrize("mutant", [pytest.param(one, id=one.name, marks=pytest.mark.soak) for one in OVER_TIME])
def test_a_server_that_is_broken_over_time_is_caught_without_control_api(cases, mutant):
    kept = plan(cases, only=mutant.caught_by).cases
    with WrappedServer(as_it_is, mutant, speed=4) as server:
        result = _run(server.url, kept)
    assert mutant.caught_by in {finding.case.property for finding in result.findings}


@pytest.mark.soak
def test_a_server_with_many_bugs_and_without_control_api_is_not_clean(cases):
    def edit(method, path, status, value):
        for one in OVER_TIME:
            status, value = one.edit(method, path, status, value) if one.edit is not None else (status, value)
        return status, value

    kept = [case for case in cases if case.follows]
    with WrappedServer(as_it_is, Mutant("many", T2V, "", edit=edit), speed=4) as server:
        result = _run(server.url, kept)
    assert len({finding.case.property for finding in result.findings}) >= 3
