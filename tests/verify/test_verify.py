"""``verify server``: clean on this server, and each broken server is caught by the check that is meant for it."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import socket
import subprocess
import sys

import pytest

from mock_server import MockServer
from mock_server.cli.main import main
from mock_server.models import discover
from mock_server.verify.server import bodies
from mock_server.verify.server.case import Case, Finding, Problem, Result
from mock_server.verify.server.command import OWN_SECRET
from mock_server.verify.server.judge import ContractJudge
from mock_server.verify.server.run import FITS, Plan, all_cases, groups, plan, run, uncovered
from mock_server.verify.server.target import Target
from tests.support.broken import BrokenServer
from tests.support.mutants import MUTANTS

ENDPOINTS = discover()
T2V = "kirin_v1_t2v"
#: It calls the server some thousands of times.
STOCK = "passes Schemathesis"

#: The cases of all models take long to draw, so one process draws them for this file and test_verify_forms.py.
pytestmark = pytest.mark.xdist_group("drawn cases")


@pytest.fixture(scope="module")
def cases():
    return all_cases(ENDPOINTS, seed=0)


@pytest.fixture(autouse=True)
def _quiet(caplog):
    """Callbacks to nowhere are part of the plan."""
    caplog.set_level(logging.CRITICAL, "kirin-mock")


def _run(server, planned, max_calls=None):
    judge = ContractJudge(ENDPOINTS)
    with Target(server.url, "sk-verify", "sk-other", OWN_SECRET, max_calls, judge) as target:
        return run(target, planned, judge, 0)


@pytest.mark.parametrize("but", [STOCK, pytest.param("nothing", marks=pytest.mark.deep)])
def test_this_server_is_clean_and_every_fact_is_exercised(cases, but):
    planned = Plan([case for case in plan(cases).cases if case.property != but], [])
    with MockServer(media="tiny", callback_secret=[OWN_SECRET]) as server:
        result = _run(server, planned)
    assert [finding.problem.says for finding in result.findings] == []
    assert result.not_exercised == []
    assert set(uncovered(cases, result)) == {fact for case in cases if case.property == but for fact in case.covers}
    facts = result.covered.keys()
    for model, endpoint in ENDPOINTS.items():
        assert {f"rule {rule.id}" for rule in endpoint.rules} <= facts
        table = endpoint.errors
        documented = {row.code for row in table.codes} - {table.unavailable, table.unauthenticated}
        assert {f"code {model} {code}" for code in documented} <= facts
        states = ("queued", "in_progress", "completed", "failed", "cancelled while it is queued")
        assert {f"transition {model} {state}" for state in states} <= facts
    assert {"status submitTask 200", "status submitTask 400", "status pollTask 200"} <= facts
    asked = {"Submit": (200, 400, 401, 402, 403, 409, 413, 415, 429, 500, 502), "Status": (200, 401, 404)}
    asked |= {"Response": (200, 202, 401, 404), "Cancel": (202, 400, 401, 404)}
    assert {f"status queue{call}KirinV1T2v {status}" for call, all_of in asked.items() for status in all_of} <= facts


#: Models to draw for: one, and all of them at greater depth.
DRAWN_FOR = [
    pytest.param({T2V: ENDPOINTS[T2V]}, id="one model"),
    pytest.param(ENDPOINTS, id="all models", marks=pytest.mark.deep),
]


@pytest.mark.parametrize("seed", [0, pytest.param(3, marks=pytest.mark.deep)])
@pytest.mark.parametrize("endpoints", DRAWN_FOR)
def test_the_same_seed_makes_the_same_cases(endpoints, seed, monkeypatch):
    cases = all_cases(endpoints, seed)
    monkeypatch.setattr(bodies, "_drawn", bodies._drawn.__wrapped__)
    again = all_cases(endpoints, seed)
    assert [(case.id, case.cost) for case in again] == [(case.id, case.cost) for case in cases]
    assert len({case.id for case in cases}) == len(cases)


#: The first of each property; the others are tried at greater depth.
CHOSEN = {one.caught_by: one.name for one in MUTANTS[::-1]}.values()
TRIED = [pytest.param(one, id=one.name, marks=() if one.name in CHOSEN else pytest.mark.soak) for one in MUTANTS]


@pytest.mark.parametrize("mutant", TRIED)
def test_a_broken_server_is_caught_by_the_check_that_is_meant_for_it(cases, mutant):
    wanted = mutant.caught_by if mutant.caught_by != FITS.property else "lives as documented"
    models = [] if mutant.model == "gateway" else [mutant.model]
    with BrokenServer(mutant) as server:
        result = _run(server, plan(cases, models=models, only=wanted))
    assert mutant.caught_by in {finding.case.property for finding in result.findings}
    kinds = [group for group in groups(result.findings) if group.shown[0].case.property == mutant.caught_by]
    assert 1 <= len(kinds) <= 6
    assert all(len(group.shown) <= 2 for group in kinds)


def test_there_are_enough_broken_servers():
    assert len(MUTANTS) >= 300
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_what_is_alike_is_told_twice_at_most():
    def finding(number, says):
        case = Case(f"id/{number}", "p", "m", (f"fact {number}",), "r", 1, 0.0, lambda _: iter(()))
        return Finding(case, Problem(says))

    found = [finding(number, f"the code is '{number}'; 'x' was due") for number in range(10)]
    (group,) = groups(found)
    assert [one.case.id for one in group.shown] == ["id/0", "id/1"]
    assert group.alike == [f"fact {number}" for number in range(2, 10)]
    assert len(list(groups([*found, finding(11, "something else")]))) == 2


def test_nothing_exercised_is_not_clean():
    assert not Result(0, "http://x").clean


def test_a_run_stops_when_the_budget_is_spent(cases):
    with MockServer(media="tiny") as server:
        result = _run(server, plan(cases, models=["kirin_v1_t2v"]), max_calls=10)
    assert result.calls == 10
    assert len(result.not_tried) > 50
    cheap = plan(cases, max_cost=1.0)
    assert 0 < cheap.cost <= 1.0
    assert cheap.left_out
    assert [case.cost for case in cheap.cases] == sorted(case.cost for case in cheap.cases)


ONLY = ["verify", "server", "--models", "kirin_v1_t2v", "--only", "calls back"]


def test_the_command_reports_four_ways(tmp_path, capsys):
    files = {form: str(tmp_path / f"report.{form}") for form in ("json", "junit", "html")}
    assert main([*ONLY, *(part for form, file in files.items() for part in (f"--{form}", file))]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[-1] == "clean"
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["clean"], report["findings"], report["not_exercised"]) == (True, [], [])
    assert report["covered"]["callback kirin_v1_t2v signed"] == 2
    assert 'failures="0"' in (tmp_path / "report.junit").read_text()
    assert "Clean." in (tmp_path / "report.html").read_text()


def test_a_finding_is_shown_with_its_spec_reference_and_can_be_had_again(capsys, tmp_path):
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "allows a prompt of 2501")
    with BrokenServer(mutant) as server:
        command = ["verify", "server", server.url, "--models", mutant.model, "--only", "/prompt has 250"]
        assert main([*command, "--junit", str(tmp_path / "r.xml")]) == 1
        told = capsys.readouterr().out
        assert "spec      prompt has 2501 characters, one byte (t2v#prompt)" in told
        assert "curl -X POST" in told
        again = told[told.index("verify replay '") :].split("'")[1]
        assert main(["verify", "replay", again, server.url]) == 1
        assert again in capsys.readouterr().out
    assert "<failure" in (tmp_path / "r.xml").read_text()
    assert main(["verify", "replay", again]) == 0


def test_every_case_of_a_report_is_found_again_by_its_id(cases):
    by_short = {endpoint.short: endpoint.model for endpoint in ENDPOINTS.values()}
    for short, model in by_short.items():
        alone = all_cases({model: ENDPOINTS[model]}, seed=0)
        wanted = {case.id: case.cost for case in cases if case.id.startswith(f"{short}/")}
        assert wanted
        # what is sent once for all models is sent for the one that is there
        assert wanted.items() <= {case.id: case.cost for case in alone}.items()


def test_a_finding_of_any_answer_is_replayed_by_the_case_that_made_it(capsys):
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "has an unknown status")
    with BrokenServer(mutant) as server:
        command = ["verify", "server", server.url, "--models", T2V, "--only", "lives as documented", "--seed", "3"]
        assert main(command) == 1
        told = capsys.readouterr().out
        assert told.startswith("found: ")
        again = re.findall(r"replay +kirin-mock (verify replay .+)", told)
        assert all("--seed 3" in one and f"--models {T2V}" in one and server.url in one for one in again)
        assert {main(shlex.split(one)) for one in again} == {1}


def test_a_dry_run_says_what_it_would_take(capsys):
    assert main([*ONLY, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("29 cases, at most 214 calls, at most 4.")


def test_a_target_that_is_not_there_is_3(capsys):
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert main([*ONLY, url]) == 3
    assert url in capsys.readouterr().err


def test_a_server_that_cannot_be_steered_is_looked_at_in_real_time(capsys):
    with MockServer(media="tiny", admin_token="sesame", speed=100) as server:
        ended = main([*ONLY, server.url])
    told = capsys.readouterr().out
    assert ended == 0
    assert "no callback secret is known" in told


@pytest.mark.soak
def test_the_same_seed_makes_the_same_calls():
    """To the byte; callbacks apart, whose receivers have ports of their own."""
    seen = []
    for _ in range(2):
        drawn = all_cases({"kirin_v3_i2v": ENDPOINTS["kirin_v3_i2v"]}, seed=3)
        kept = [case for case in plan(drawn).cases if case.property not in {"calls back", "passes Schemathesis"}]
        judge = ContractJudge(ENDPOINTS)
        with MockServer(media="tiny") as server, Target(server.url, "sk-verify", "sk-other", "", None, judge) as target:
            run(target, Plan(kept, []), judge, 3)
            seen.append([(one.method, one.path, one.body) for one in target.exchanges])
    assert seen[0] == seen[1]
    assert len(seen[0]) > 300


def test_coverage_can_be_asked_for(capsys):
    assert main([*ONLY, "--min-coverage", "100"]) == 0
    assert main([*ONLY, "--max-calls", "8", "--min-coverage", "100"]) == 1
    assert "--min-coverage asks for 100 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["verify"], "WHAT"),
        (["verify", "server", "127.0.0.1:1"], "URL"),
        (["verify", "server", "--models", "kirin_v9"], "--models"),
        (["verify", "server", "--models", "kirin_v1_t2v", "--only", "nothing like it"], "--only"),
        (["verify", "server", "--depth", "bottomless"], "--depth"),
        (["verify", "server", "--max-calls", "0"], "--max-calls"),
        (["verify", "server", "--max-cost", "much"], "--max-cost"),
        (["verify", "server", "--rate", "0"], "--rate"),
        (["verify", "replay", "none"], "none"),
    ],
)
def test_a_wrong_call_gets_one_clear_line(capsys, arguments, told):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


#: A plugin that leaves one model to verify, since cases are drawn for all of them before pytest chooses.
ONE_MODEL = f"""
import mock_server.verify.server.test_suite as suite
kept = {{name: endpoint for name, endpoint in suite.discover().items() if name == {T2V!r}}}
suite.discover = lambda: kept
"""


@pytest.mark.parametrize("plugin", [pytest.param(ONE_MODEL, id="one model"), pytest.param("", marks=pytest.mark.deep)])
@pytest.mark.soak
def test_the_checks_are_a_pytest_suite_too(tmp_path, plugin, monkeypatch):
    """Against a server that is broken and one that is not."""
    (tmp_path / "chosen_models.py").write_text(plugin)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    suite = [
        *(sys.executable, "-m", "pytest", "--pyargs", "mock_server.verify.server", "-q"),
        *("-p", "no:cacheprovider", "-p", "chosen_models"),
    ]
    chosen = ["-k", "t2v and prompt and one and byte and not negative"]
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "allows a prompt of 2501")
    with BrokenServer(mutant) as server:
        ended = _ended([*suite, *chosen, "--base-url", server.url], tmp_path)
        assert ended.returncode == 1
        assert "1 failed, 1 passed" in ended.stdout
        assert "spec reference: prompt has 2501 characters, one byte (t2v#prompt)" in ended.stdout
    assert "2 passed" in _ended([*suite, *chosen], tmp_path).stdout


def _ended(command, folder):
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
