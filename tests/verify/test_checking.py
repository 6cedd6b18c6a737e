"""Assertions about clients for pytest, and findings that become tests and scenarios."""

from __future__ import annotations

import re
import runpy

import pytest

from kirin_mock.verify import check_case, check_client
from mock_server import MockServer, UsageError
from mock_server.cli.main import main
from mock_server.verify.client.reference_clients.light import Light
from tests.verify.test_verify_client import Careless

CARELESS = "tests.verify.test_verify_client:Careless"


@pytest.mark.parametrize("client", [Light, "kirin_mock.reference_clients:Light"])
def test_a_right_client_passes(client):
    check_client(client, cases=20)


@pytest.mark.parametrize("client", [Careless, CARELESS])
def test_a_wrong_client_fails_with_its_story(client):
    with pytest.raises(AssertionError) as raised:
        check_client(client, cases=40, only=["A08"])
    told = str(raised.value)
    assert told.startswith(f"{CARELESS}: 1 properties: 1 violated")
    assert "A08  returns-all-outputs: The client returns all URLs" in told
    assert "client submits" in told
    assert "right     urls = " in told


def test_what_is_skipped_or_accepted_or_less_serious_does_not_fail(tmp_path):
    check_client(Careless, cases=40, only=["A08", "A09"], skip=["A08"])
    accepted = tmp_path / "known.yaml"
    accepted.write_text("accepted: [{finding: A08, reason: known}, {finding: A22, reason: known}]")
    check_client(Careless, cases=40, baseline=str(accepted))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"client": 5}, "client must be"),
        ({"client": []}, "client must be"),
        ({"client": "no.such:thing"}, "cannot be imported"),
        ({"client": Light, "only": ["nothing"]}, "--only"),
        ({"client": Light, "time": "slow"}, "time must be"),
        ({"client": Light, "strictness": "lax"}, "strictness"),
        ({"client": Light, "baseline": "no.yaml"}, "--baseline"),
    ],
)
def test_a_wrong_argument_is_an_error_and_no_failure(arguments, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        check_client(**arguments)


@pytest.fixture
def found(tmp_path, monkeypatch, capsys):
    """The id of a finding that is kept."""
    monkeypatch.chdir(tmp_path)
    assert main(["verify", "client", CARELESS, "--cases", "40", "--only", "A08"]) == 1
    return re.search(r"verify replay (A08-\w+)", capsys.readouterr().out)[1]


def test_a_finding_becomes_a_test_that_fails_until_the_client_is_right(found, tmp_path, capsys):
    assert main(["verify", "replay", found, "--export", "pytest", "tests_found"]) == 1
    written = capsys.readouterr().out.splitlines()[0].removeprefix("written to ")
    test = runpy.run_path(written)
    (name,) = (name for name in test if name.startswith("test_"))
    assert name.startswith("test_returns_all_outputs_a08_")
    with pytest.raises(AssertionError, match="A08 returns-all-outputs"):
        test[name]()
    check_case(Light, "A08", test["CASE"])
    with pytest.raises(UsageError, match="none that kirin-mock has written"):
        check_case(Light, "A08", {"intent": 5})
    with pytest.raises(UsageError, match="'patience'"):
        check_case(Light, "A08", test["CASE"], limits={"patience": 3})


def test_a_finding_becomes_a_scenario_that_a_server_takes(found, tmp_path, capsys):
    assert main(["verify", "replay", found, "--export", "scenario", "rules"]) == 1
    written = capsys.readouterr().out.splitlines()[0].removeprefix("written to ")
    assert main(["scenarios", "check", written]) == 0
    with MockServer(scenarios=written) as server:
        (rule,) = server.built.state.registry.from_files
    assert rule.story.startswith("A08 returns-all-outputs")
    assert rule.does_something


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--export", "word", "x"], "--export must be pytest or scenario"),
        (["--export", "pytest", "there/is.txt"], "--export there/is.txt cannot be written"),
    ],
)
def test_a_wrong_export_costs_one_line(found, flags, told, tmp_path, capsys):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "is.txt").write_text("")
    assert main(["verify", "replay", found, *flags]) == 2
    assert told in capsys.readouterr().err
