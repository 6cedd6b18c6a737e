"""How a run of ``verify server`` ends early, accepts findings, and is told: the worst first, with the server's name."""

from __future__ import annotations

import json
import re
import signal

import pytest

from mock_server import MockServer
from mock_server.cli.main import main
from mock_server.verify.server.target import Target
from tests.support.broken import BrokenServer
from tests.support.mutants import MUTANTS

pytestmark = pytest.mark.xdist_group("drawn cases")
T2V = ["--models", "kirin_v1_t2v"]
PROMPT = [*T2V, "--only", "past/prompt", "--only", "within/prompt"]
MUTANT = next(mutant for mutant in MUTANTS if mutant.name == "allows a prompt of 2501")


@pytest.fixture(autouse=True)
def _there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def interrupted(monkeypatch):
    """The user presses Ctrl-C in the twelfth case."""
    begin, begun = Target.begin, []

    def begins(target, case, attempt=0):
        begun.append(case)
        if len(begun) == 12:
            signal.raise_signal(signal.SIGINT)
        begin(target, case, attempt)

    monkeypatch.setattr(Target, "begin", begins)


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize("url", [True, False])
def test_an_interrupted_run_keeps_its_findings_and_writes_its_reports(url, tmp_path, capsys):
    with MockServer() as server:
        files = ["--json", "r.json", "--junit", "r.xml", "--html", "r.html"]
        assert main(["verify", "server", *([server.url] if url else []), *PROMPT, *files]) == 130
    told = capsys.readouterr().out
    assert "not tried, because stopped by SIGINT" in told
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["clean"] is False
    assert sum(one["cases"] for one in report["exercised"] if one["model"] != "all") == 11
    assert (tmp_path / "r.html").exists()
    assert (tmp_path / "r.xml").exists()


def test_time_and_the_first_finding_end_a_run(capsys):
    with BrokenServer(MUTANT) as server:
        assert main(["verify", "server", server.url, *PROMPT, "--time-budget", "0.000001"]) == 4
        assert "--time-budget" in capsys.readouterr().out
        assert main(["verify", "server", server.url, *PROMPT, "--fail-fast"]) == 1
        assert "stopped at the first finding by --fail-fast" in capsys.readouterr().out


def test_findings_are_accepted_with_reasons_and_the_worst_come_first(tmp_path, capsys):
    with BrokenServer(MUTANT) as server:
        command = ["verify", "server", server.url, *PROMPT, "--baseline", "known.yaml"]
        assert main([*command, "--update-baseline", "--seed", "2"]) == 1
        told = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"found: \d+ kinds of findings \(\d+ must, \d+ should\); docs/verify.md explains", told[0])
        assert told[1].startswith("must      kirin_v1_t2v: ")
        assert "--seed 2" in next(line for line in told if "replay" in line)
        known = tmp_path / "known.yaml"
        known.write_text(known.read_text().replace("reason: ''", "reason: agreed"))
        assert main([*command, "--html", "r.html", "--junit", "r.xml"]) == 0
        assert "accepted by the baseline" in capsys.readouterr().out
    page = (tmp_path / "r.html").read_text()
    for fact in (server.url, "<th>seed<td>0", "UTC", "<th>covered", "accepted  agreed"):
        assert fact in page
    assert 'failures="0"' in (tmp_path / "r.xml").read_text()


def test_only_adds_up_and_skip_takes_away(capsys):
    command = ["verify", "server", "--dry-run", *T2V]
    counts = []
    for flags in (["--only", "past/prompt"], ["--only", "within/prompt"], PROMPT[2:], [*PROMPT[2:], "--skip", "past/"]):
        assert main([*command, *flags]) == 0
        counts.append(int(capsys.readouterr().out.split()[0]))
    assert counts[0] + counts[1] == counts[2]
    assert counts[3] == counts[1]
    assert main([*command, "--only", "past/prompt", "--skip", "prompt"]) == 2
    assert "--only and --skip leave no check or case" in capsys.readouterr().err
