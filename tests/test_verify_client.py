"""The harness for clients: the reference client is clean, and each client with one bug is caught for that bug."""

from __future__ import annotations

import json
import re

import pytest

from mock_server.cli import main
from mock_server.conduct.properties import Thresholds
from mock_server.verify.client.asynchronous import Asynchronous
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.light import Light
from mock_server.verify.client.properties import ALL
from mock_server.verify.client.queued import Queued
from mock_server.verify.client.reference import Reference
from mock_server.verify.client.run import Harness
from tests.test_packaging import ROOT


def _verified(make, count, **options):
    return Harness(InProcess(make), Thresholds()).verify(count, **options)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("client", [Light, Reference, Asynchronous, Queued])
def test_the_reference_clients_are_clean_and_every_property_is_put_to_the_test(client, seed):
    report = Harness(InProcess(client), Thresholds(), seed).verify(300)
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
    assert set(report.exercised) == set(ALL)
    assert report.clean


class Careless(Light):
    """Hands over the first video only."""

    def ended(self, task):
        found = super().ended(task)
        return Outcome(found.said, found.task_id, found.urls[:1], found.code, found.cost, found.message)


class IntegerCodes(Light):
    """Takes codes for numbers."""

    def ended(self, task):
        found = super().ended(task)
        code = str(int(found.code)) if found.code else None
        return Outcome(found.said, found.task_id, found.urls, code, found.cost, found.message)


def test_what_is_found_is_told_by_the_smallest_script():
    report = _verified(IntegerCodes, 100)
    told = report.shown["A13"].script.told()
    assert not any(line.startswith("fault") for line in told)
    assert "to come   failed with 0" in told[-1]


def test_the_command_tells_and_its_exit_code_too(capsys, tmp_path):
    report = tmp_path / "report.json"
    assert main(["verify", "client", "mock_server.verify.client.reference:Reference", "--scripts", "40"]) == 0
    out = capsys.readouterr().out
    assert "40 scripts" in out
    assert "0 wrong" in out
    command = ["verify", "client", "tests.test_verify_client:Careless", "--scripts", "100", "--json", str(report)]
    command += ["--findings", str(tmp_path / "findings")]
    assert main(command) == 1
    out = capsys.readouterr().out
    assert "WRONG  A08" in out
    assert "right     urls = [item['url']" in out
    assert json.loads(report.read_text())["clean"] is False


@pytest.mark.parametrize(
    "adapter", ["nothing", "no.such.module:x", "json:nothing", "math:pi", ":", "tests.test_verify_client:"]
)
def test_an_adapter_that_is_not_there_costs_one_line(adapter, capsys):
    assert main(["verify", "client", adapter]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def _endless(kit):
    class Endless(Reference):
        def run(self, intent, deadline):
            while True:
                self.poll()

    return Endless(kit)


def _wrong_return(kit):
    class Returns(Reference):
        def run(self, intent, deadline):
            return {"said": "completed"}

    return Returns(kit)


@pytest.mark.parametrize(("make", "property_id"), [(_endless, "W14"), (_wrong_return, "A04")])
def test_a_client_that_misbehaves_altogether_is_a_finding_and_no_hang(make, property_id):
    assert property_id in _verified(make, 3, shrink=False).shown


def test_the_adapter_that_the_documentation_shows_is_told_what_is_wrong_with_it():
    (shown,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "clients.md").read_text("utf-8"), re.DOTALL)
    made = {}
    exec(shown, made)  # noqa: S102 - it is ours
    report = _verified(made["Adapter"], 100, shrink=False)
    assert set(report.shown) == {"A04", "A08", "A09", "W04", "W14"}
