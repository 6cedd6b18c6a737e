"""``verify server`` on servers that are not ours: whatever they answer, drop, limit or keep."""

from __future__ import annotations

import logging
import random

import pytest

from mock_server.models import discover
from mock_server.verify.server import report
from mock_server.verify.server.command import OWN_SECRET, Options, terms_of
from mock_server.verify.server.judge import ContractJudge
from mock_server.verify.server.run import Plan, all_cases, plan, run, uncovered
from mock_server.verify.server.target import Target
from tests.support.broken import BrokenServer, Mutant
from tests.support.odd_answers import OddTransport, changed

ENDPOINTS = discover()
T2V = "kirin_v1_t2v"
STOCK = "passes Schemathesis"

pytestmark = pytest.mark.xdist_group("drawn cases")


@pytest.fixture(scope="module")
def cases():
    drawn = all_cases(ENDPOINTS, seed=0)
    return [case for case in drawn if case.property != STOCK and case.model in {T2V, "gateway", "all models"}]


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level(logging.CRITICAL, "kirin-mock")


def _run(url, kept, **how):
    judge = ContractJudge(ENDPOINTS)
    with Target(url, "sk-verify", "sk-other", OWN_SECRET, None, judge, **how) as target:
        return run(target, Plan(kept, []), judge, 0)


def _reports(cases, result):
    missing = uncovered(cases, result)
    terms = terms_of(Options(), result)
    return [report.written(form, result, missing, terms) for form in ("json", "junit", "html")] + [
        "\n".join(report.text(result, missing, terms)).encode()
    ]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.deep), pytest.param(2, marks=pytest.mark.deep)])
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


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.deep), pytest.param(2, marks=pytest.mark.deep)])
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
