"""The harness for clients: the reference client is clean, and each client with one bug is caught for that bug."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest

from mock_server.cli.main import main
from mock_server.conformance.properties import STRICTNESS, Thresholds
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.properties import ALL, QUEUE_ONLY
from mock_server.verify.client.reference_clients.asynchronous import Asynchronous
from mock_server.verify.client.reference_clients.light import Light, LightQueued
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Reference
from mock_server.verify.client.run import Harness
from tests.core.test_packaging import ROOT
from tests.support.depth import first
from tests.support.libraries import QueueWithRequests, WithAiohttp, WithRequests
from tests.support.naive_report import normalised


def _verified(make, count, **options):
    return Harness(InProcess(make), Thresholds()).verify(count, **options)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.deep)])
@pytest.mark.parametrize("client", first(2, [Light, Queued, Reference, Asynchronous, LightQueued]))
def test_the_reference_clients_are_clean_and_every_property_is_put_to_the_test(client, seed):
    report = Harness(InProcess(client), Thresholds(), seed).verify(300)
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
    assert set(report.exercised) == set(ALL) - (QUEUE_ONLY if client not in {Queued, LightQueued} else set())
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
    told = report.shown["A13"].case.told()
    assert not any(line.startswith("fault") for line in told)
    assert told[-1].startswith(("expected  failed with 0", "expected  cancelled"))


def test_the_command_tells_and_its_exit_code_too(capsys, tmp_path):
    report = tmp_path / "report.json"
    assert (
        main(["verify", "client", "mock_server.verify.client.reference_clients.reference:Reference", "--cases", "40"])
        == 0
    )
    out = capsys.readouterr().out
    assert "40 cases" in out
    assert "0 violated" in out
    command = [
        "verify",
        "client",
        "tests.verify.test_verify_client:Careless",
        "--cases",
        "100",
        "--json",
        str(report),
    ]
    command += ["--findings", str(tmp_path / "findings")]
    assert main(command) == 1
    out = capsys.readouterr().out
    assert "FAIL   A08" in out
    assert "right     urls = [item['url']" in out
    assert json.loads(report.read_text())["clean"] is False


@pytest.mark.parametrize(
    "adapter", ["nothing", "no.such.module:x", "json:nothing", "math:pi", ":", "tests.verify.test_verify_client:"]
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


def test_a_client_that_never_ends_is_a_finding_and_no_hang():
    assert "W14" in _verified(_endless, 3, shrink=False).shown


@pytest.mark.parametrize("strictness", ["strict", "polite"])
@pytest.mark.parametrize("client", first(1, [Light, LightQueued]))
def test_the_reference_client_is_clean_at_every_strictness(client, strictness):
    assert Harness(InProcess(client), STRICTNESS[strictness]).verify(300).shown == {}


def test_the_same_seed_gives_the_same_cases_to_every_client():
    drawn = {}
    for client in (Light, Queued, Careless):
        ran = []
        session = InProcess(client)
        play = session.play
        session.play = lambda case, platform, ran=ran, play=play: (ran.append(case), play(case, platform))[1]
        Harness(session, Thresholds(), 7).verify(50, shrink=False)
        drawn[client] = [case.as_json() for case in ran]
    assert drawn[Light] == drawn[Queued] == drawn[Careless]
    assert len(drawn[Light]) == 50
    read = [ClientCase.of_json(json.loads(json.dumps(value))).as_json() for value in drawn[Light]]
    assert json.dumps(read) == json.dumps(drawn[Light])


@pytest.mark.deep
def test_the_naive_client_of_the_documentation_gets_the_report_that_is_shown(capsys, tmp_path, monkeypatch):
    code, report = re.findall(r"```\w+\n(.*?)\n```", (ROOT / "docs" / "naive-client.md").read_text("utf-8"), re.DOTALL)
    example = ROOT / "docs" / "examples"
    assert code == (example / "naive.py").read_text("utf-8").rstrip("\n")
    monkeypatch.syspath_prepend(str(example))
    monkeypatch.chdir(tmp_path)
    assert main(["verify", "client", "naive:Naive"]) == 1
    assert normalised(capsys.readouterr().out).splitlines() == report.splitlines()[1:]


@pytest.mark.parametrize("client", first(1, [WithRequests, WithAiohttp]))
def test_clients_with_other_libraries_come_through_the_http_bridge(client):
    report = _verified(client, 100)
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
    assert report.clean


def _own_origin(self, what):
    """The path that a URL of the submit's answer has, on the host that the user named."""
    given = getattr(self, "urls", {}).get(f"{what}_url")
    return Queued.request_path(self, what) if given is None else urlsplit(given).path


def _remembers(self, intent):
    answer = Queued.submit(self, intent)
    self.urls = answer.json() if answer.status_code == 200 and self.understood(answer) else {}
    return answer


def _asks_for_the_result_alone(self):
    gap = self.poll_gap
    while self.kit.now() + gap < self.ends_by:
        self.sleep(gap)
        gap = self.next_gap(gap)
        answer = self.tried(lambda: self.http.get(self.request_path("response"), headers=self.headers()))
        if answer is None:
            return Outcome("gave_up")
        if (denied := self.denied(answer)) is not None:
            return denied
        if answer.status_code == 200:
            made = answer.json()
            if self.went_well(made) or made.get("outputs"):
                return self.success(made)
            if self.is_final(made):
                return self.failure(made)
    return Outcome("timeout")


def _by_type(self, task):
    found = Queued.failure(self, task)
    return Outcome("failed", found.task_id, code=task.get("error_type", found.code), message=found.message)


def _cancelled_is_cancelled(self, task):
    found = Queued.failure(self, task)
    cancelled = task.get("error_type") == "CANCELED" or task["status"] == "cancelled"
    return Outcome("cancelled", found.task_id) if cancelled else found


def _no_video_is_a_failure(self, made):
    found = Queued.success(self, made)
    return found if found.urls else Outcome("failed", found.task_id, message="there is no video in it")


RIGHT_WAYS_ON_THE_QUEUE = {
    "asks for the result alone": {"followed": _asks_for_the_result_alone},
    "takes the paths of the URLs": {"submit": _remembers, "request_path": _own_origin},
    "says Bearer": {"headers": lambda self: {"Authorization": f"Bearer {self.kit.api_key}"}},
    "tells the error_type": {"failure": _by_type},
    "tells of a cancelled task as cancelled": {"failure": _cancelled_is_cancelled},
    "tells the task's own id": {"id_of": lambda self, task: Queued.id_of(self, task).removeprefix("mmsu_")},
    "tells of no video as a failure": {"success": _no_video_is_a_failure},
}


@pytest.mark.deep
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("way", RIGHT_WAYS_ON_THE_QUEUE)
def test_no_right_way_of_doing_it_on_the_queue_is_held_against_a_client(way, seed):
    client = type("Right", (LightQueued,), RIGHT_WAYS_ON_THE_QUEUE[way])
    report = Harness(InProcess(client), Thresholds(), seed).verify(300, shrink=False)
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
    assert report.clean


@pytest.mark.deep
def test_the_door_answers_under_the_other_name_as_well_and_the_key_is_missed_there():
    report = _verified(QueueWithRequests, 100)
    assert set(report.shown) == {"W22"}
    says = report.shown["W22"].fault.says
    assert re.fullmatch(
        r"a (poll|result|cancel) takes the key to localhost:\d+, which only an answer of 127.0.0.1:\d+ had named", says
    )
