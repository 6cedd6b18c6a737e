"""``kirin-mock sweep``: a team's tests, once per scenario."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from mock_server.cli.main import main
from mock_server.cli.sweep import _ended, chosen
from mock_server.core.clock import stopwatch
from mock_server.scenarios.registry import library

#: The tests of a team: they submit, and wait for a video.
TEAM = """
import json, os, signal, sys, time
from urllib.request import Request, urlopen
def call(path, body=None):
    headers = {"Authorization": "Bearer " + os.environ["KIRIN_API_KEY"], "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(os.environ["KIRIN_BASE_URL"] + path, data, headers)) as answer:
        return json.load(answer)
task = call("/model/v1/generation", {"model": "kirin_v1_t2v", "prompt": "A red apple"})
while task["status"] != "completed":
    assert task["status"] != "failed", "the task failed"
    task = call("/model/v1/generation/task/" + task["id"])
"""


@pytest.fixture
def team(tmp_path):
    file = tmp_path / "team.py"
    file.write_text(TEAM)
    return [sys.executable, "-S", str(file)]


def _swept(command, *flags):
    return main(["sweep", "--timing", "instant", *flags, "--", *command])


def test_each_scenario_is_tried_and_told(team, tmp_path, capsys):
    report = tmp_path / "sweep.json"
    names = "submit/refuse-40001,task/two-outputs,callback/lost,task/stuck-in-queue"
    assert _swept(team, "--scenarios", names, "--timeout", "3", "--json", str(report)) == 0
    told = capsys.readouterr().out.splitlines()
    found = json.loads(report.read_text())
    assert {one["scenario"]: (one["state"], one["code"]) for one in found["scenarios"]} == {
        "submit/refuse-40001": ("noticed", 1),
        "task/two-outputs": ("passed", 0),
        "callback/lost": ("not reached", 0),
        "task/stuck-in-queue": ("timeout", None),
    }
    assert "HTTP Error 400" in next(one for one in found["scenarios"] if one["state"] == "noticed")["output"]
    assert told[-1].startswith("4 scenarios: 1 noticed, 1 passed, 1 not reached, 1 timeout; ")
    assert any(line.startswith("task/two-outputs") and "passed" in line for line in told)
    assert "your tests passed although this happened:" in told


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import sys; print('first\\x1b[31m'); sys.exit(7)", "ends with exit code 7 without any scenario"),
        ("pass", "submits no task to KIRIN_BASE_URL"),
        ("import time; time.sleep(600)", "does not end within"),
    ],
)
def test_a_command_that_is_not_ready_for_it_is_told_why(script, told, capsys):
    assert _swept([sys.executable, "-S", "-c", script], "--timeout", "2") == 2
    said = capsys.readouterr().err
    assert told in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], "needs a command"),
        (["--scenarios", "callbak", "--", "true"], "there is no scenario 'callbak'"),
        (["--json", "no/such/folder.json", "--", "true"], "--json"),
        (["--env", "NAME", "--", "true"], "--env must be NAME=VALUE"),
        (["--timing", "never", "--", "true"], "timing"),
        (["--timeout", "nan", "--", "true"], "--timeout"),
        (["--", "no-such-command-anywhere"], "cannot be started"),
    ],
)
def test_a_wrong_call_costs_one_line(flags, told, capsys):
    assert main(["sweep", *flags]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_groups_and_names_add_up_and_earlier_names_are_known(capsys):
    groups = chosen(["media", "submit/reset-after-accept,media/"])
    assert groups[-1] == "submit/reset-after-accept"
    assert set(groups[:-1]) == {name for name in library() if name.startswith("media/")}
    assert chosen(["billed-twice-after-reset"]) == ["submit/reset-after-accept"]
    assert chosen([]) == list(library())


def test_time_may_be_over_before_all_are_tried(team, capsys):
    assert _swept(team, "--time-budget", "0.000001") == 4
    assert "--time-budget, 144 of 144 scenarios not tried" in capsys.readouterr().out


def test_ctrl_c_keeps_the_table(team, tmp_path, capsys):
    counted = f"""
runs = {str(tmp_path / "runs")!r}
with open(runs, "a") as file:
    file.write("x")
if len(open(runs).read()) == 3:
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)
"""
    (tmp_path / "team.py").write_text(TEAM + counted)
    assert _swept(team, "--scenarios", "callback/lost,callback/late,task/two-outputs") == 130
    told = capsys.readouterr().out
    assert told.startswith("scenario ")
    assert "callback/lost" in told
    assert "incomplete: stopped by SIGINT, 2 of 3 scenarios not tried" in told
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_that_is_killed_leaves_nothing_behind_and_its_output_is_bounded(tmp_path):
    left = tmp_path / "left"
    began = stopwatch()
    code, output = _ended(["/bin/sh", "-c", f"yes & echo $! > {left}; wait"], os.environ, 0.5)
    assert (code, stopwatch() - began < 30) == (None, True)
    assert 0 < len(output) <= 16 * 1024
    stat = Path("/proc") / left.read_text().strip() / "stat"
    assert not stat.exists() or stat.read_text().split()[2] in "ZX"  # ended; its parent may not have noticed yet
