"""What ends a run before its time, and what a user sees meanwhile; the options that every verify command shares."""

from __future__ import annotations

import io
import json
import os
import re
import signal

import httpx
import pytest

from mock_server import MockServer
from mock_server.cli.main import main
from mock_server.conformance.properties import Thresholds
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.reference_clients.light import Light
from mock_server.verify.client.run import Harness
from mock_server.verify.common.progress import Progress
from mock_server.verify.common.run_control import RunControl

CARELESS = "tests.verify.test_verify_client:Careless"
CRASHES = "tests.verify.test_run_control:Crashes"
INTERRUPTS = "tests.verify.test_run_control:Interrupts"


class Crashes(Light):
    """Stumbles over every failed task."""

    def ended(self, task):
        if task["status"] == "failed":
            raise KeyError("no such code, though the key is " + "sk-under-test")
        return super().ended(task)


class Interrupts(Light):
    """The user presses Ctrl-C in its hundredth case."""

    runs = 0

    def run(self, intent, deadline):
        Interrupts.runs += 1
        if Interrupts.runs == 100:
            os.kill(os.getpid(), signal.SIGINT)
        found = super().run(intent, deadline)
        return type(found)(found.said, found.task_id, found.urls[:1], found.code, found.cost, found.message)


@pytest.fixture(autouse=True)
def _there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Interrupts, "runs", 0)


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_one_line_that_is_rewritten_and_a_log_a_line_now_and_then():
    for stream, seen in ((_Terminal(), 3), (io.StringIO(), 1)):
        now = [0.0]
        progress = Progress(stream, lambda now=now: now[0])
        for _ in range(3):
            progress.show(lambda: "1 of 3")
            now[0] += 10.5
            progress.show(lambda: "1 of 3")
            now[0] += 0.01
        progress.end()
        assert stream.getvalue().count("1 of 3") >= seen
        assert ("\n" in stream.getvalue()) is (not stream.isatty())
    assert stream.getvalue() == "1 of 3\n" * stream.getvalue().count("\n")


def test_an_interrupted_run_keeps_what_it_found_writes_its_reports_and_says_so(tmp_path, capsys):
    assert main(["verify", "client", INTERRUPTS, "--json", "r.json", "--html", "r.html"]) == 130
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("violated: ")
    assert any(line.startswith("incomplete: stopped by SIGINT, after 99 of 300 cases") for line in told)
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["clean"], report["cases"], report["stopped"]) == (False, 99, "stopped by SIGINT")
    assert "A08" in (tmp_path / "r.html").read_text()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_ends_when_its_time_is_up_and_is_incomplete(capsys):
    reference = "mock_server.verify.client.reference_clients.light:Light"
    assert main(["verify", "client", reference, "--time-budget", "0.000001"]) == 4
    assert "incomplete: stopped after 1e-06 s by --time-budget, after 0 of 300 cases" in capsys.readouterr().out


def test_a_run_may_end_at_the_first_finding(capsys):
    assert main(["verify", "client", CARELESS, "--fail-fast"]) == 1
    assert "stopped at the first finding by --fail-fast" in capsys.readouterr().out


def test_a_signal_ends_what_is_done_at_once_and_the_next_one_everything():
    with RunControl() as control:
        assert control.unless_stopped(lambda: 5) == 5
        assert control.unless_stopped(lambda: signal.raise_signal(signal.SIGTERM)) is None
        assert (control.signal, control.over(1, 2, 0)) == (signal.SIGTERM, True)
        assert control.unless_stopped(lambda: 5) is None
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_only_and_skip_choose_properties_and_add_up(capsys):
    assert main(["verify", "client", CARELESS, "--cases", "30", "--only", "W01", "--only", "returns-"]) == 1
    told = capsys.readouterr().out
    assert {line.split()[1] for line in told.splitlines() if line.startswith(("ok ", "-  ", "FAIL"))} >= {"W01", "A08"}
    assert "A01" not in told
    assert main(["verify", "client", CARELESS, "--cases", "30", "--only", "A", "--skip", "A08", "--skip", "A22"]) == 0
    assert "0 violated" in capsys.readouterr().out


def test_fail_on_must_leaves_what_only_should_be(capsys):
    only = ["verify", "client", CARELESS, "--cases", "30", "--only"]
    assert main([*only, "A08", "--fail-on", "must"]) == 1


def test_a_baseline_accepts_with_a_reason_and_says_what_is_stale(tmp_path, capsys):
    command = ["verify", "client", CARELESS, "--cases", "30", "--baseline", "known.yaml"]
    assert main(command) == 2
    assert main([*command, "--update-baseline"]) == 1
    written = (tmp_path / "known.yaml").read_text()
    assert main(command) == 1
    assert "A08 (" in capsys.readouterr().err
    accepted = written.replace("reason: ''", "reason: one video is enough for us")
    (tmp_path / "known.yaml").write_text(accepted + "- finding: W01\n  reason: was once\n")
    assert main([*command, "--junit", "r.xml"]) == 0
    captured = capsys.readouterr()
    assert "W01 is stale" in captured.err
    assert "reason  one video is enough for us" in captured.out
    assert captured.out.splitlines()[-1].endswith("of the violated accepted by the baseline")
    assert 'failures="0"' in (tmp_path / "r.xml").read_text()


def test_the_whole_traceback_of_a_client_is_in_every_report_without_the_key(tmp_path, capsys):
    command = ["verify", "client", CRASHES, "--cases", "60", "--json", "r.json", "--html", "r.html", "--junit", "r.xml"]
    assert main(command) == 1
    told = [capsys.readouterr().out, *((tmp_path / name).read_text() for name in ("r.json", "r.html", "r.xml"))]
    for text in told:
        assert "Traceback (most recent call last)" in text
        assert "no such code, though the key is KEY" in text
        assert "in ended" in text
    assert "mock_server/verify/client/inprocess.py" not in told[0]


def test_a_report_names_the_client_the_seed_and_the_date(tmp_path):
    assert main(["verify", "client", CARELESS, "--cases", "150", "--seed", "7", "--html", "r.html"]) == 1
    page = (tmp_path / "r.html").read_text()
    for fact in (CARELESS, "<th>seed</th><td>7</td>", "UTC", "150 of 150", "Coverage of the contract"):
        assert fact in page


@pytest.mark.parametrize("kind", [["client", CARELESS], ["server"], ["traffic", "nothing.har"]])
@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--json", "no/such/folder.json"], "--json"),
        (["--html", "."], "it is a folder"),
        (["--junit", "a", "--html", "./a"], "is the file of --junit too"),
        (["--baseline", "missing.yaml"], "--baseline"),
        (["--update-baseline"], "needs --baseline"),
        (["--fail-on", "could"], "--fail-on"),
        (["--only", "no such thing"], "--only"),
        (["--skip", ""], "--skip"),
    ],
)
def test_files_and_words_are_looked_at_before_the_first_call(kind, flags, told, capsys):
    models = ["--models", "kirin_v1_t2v"] if kind[0] == "server" else []
    assert main(["verify", *kind, *models, *flags]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("flag", "values"),
    [
        ("--seed", ["-1", "1.5", "x", "99999999999999999999"]),
        ("--rate", ["nan", "-1", "0", "inf"]),
        ("--max-cost", ["nan", "-1", "inf"]),
        ("--max-calls", ["0", "-1", "1.5", "nan"]),
        ("--min-coverage", ["nan", "-1", "101"]),
        ("--time-budget", ["nan", "0", "-1"]),
    ],
)
def test_numbers_out_of_range_are_refused(flag, values, capsys):
    for value in values:
        assert main(["verify", "server", f"{flag}={value}"]) == 2
        assert flag in capsys.readouterr().err


def test_what_nobody_wants_to_know_is_not_looked_for():
    report = Harness(InProcess(Crashes), Thresholds(), wanted=lambda one: one.id == "W01").verify(40)
    assert (set(report.exercised), report.shown) == ({"W01"}, {})


def test_recorded_traffic_is_chosen_accepted_and_told_in_the_same_way(tmp_path, capsys):
    with MockServer() as server, httpx.Client(base_url=server.url, headers={"Authorization": "Bearer sk-test"}) as http:
        task = http.post("/model/v1/generation", json={"model": "kirin_v1_t2v", "prompt": "A red apple"}).json()
        for _ in range(5):
            http.get(f"/model/v1/generation/task/{task['id']}")
        (tmp_path / "h.json").write_bytes(http.get("/_mock/history").content)
    command = ["verify", "traffic", "h.json", "--baseline", "known.yaml"]
    assert main([*command, "--update-baseline"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("violated: ")
    assert any(line.startswith("should    W") for line in told)
    assert re.match(r"[0-9]+ properties: [0-9]+ violated", told[-1])
    known = tmp_path / "known.yaml"
    known.write_text(known.read_text().replace("reason: ''", "reason: a script of ours"))
    assert main([*command, "--html", "r.html"]) == 0
    assert "a script of ours" in (tmp_path / "r.html").read_text()
    assert "h.json" in (tmp_path / "r.html").read_text()
    assert main(["verify", "traffic", "h.json", "--only", "W04"]) == 0
    assert main(["verify", "traffic", "h.json", "--fail-on", "must", "--skip", "must-never-match-W99"]) == 2
