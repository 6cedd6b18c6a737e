"""``kirin-mock verify receiver``: each wrong receiver is caught for what is wrong, and right ones have no finding."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from mock_server.cli.main import main
from mock_server.models import discover
from mock_server.verify.receiver.properties import RECEIVER
from mock_server.verify.receiver.tasks import ReceiverTask
from tests.core.test_packaging import ROOT
from tests.support.receivers import RIGHT, SECRET, TASK, WRONG, ReceiverServer, Right


@pytest.fixture(scope="module")
def server():
    with ReceiverServer() as server:
        yield server


def _verified(url, tmp_path, *options, secret=SECRET, task=TASK):
    """The exit code and the report."""
    report = tmp_path / "report.json"
    named = ["--external-task-id", task] if task else []
    signed = ["--secret", secret] if secret else []
    code = main(["verify", "receiver", url, *named, *signed, "--json", str(report), *options])
    return code, json.loads(report.read_text()) if report.exists() else None


def _states(report):
    return {one["id"]: one["state"] for one in report["properties"]}


def _violated(report):
    return {one["id"] for one in report["properties"] if one["state"] == "violated"}


@pytest.mark.parametrize("name", WRONG)
def test_a_receiver_with_one_bug_is_caught_for_that(server, name, tmp_path, capsys):
    wanted, make = WRONG[name]
    code, report = _verified(server.url(make()), tmp_path)
    assert code == 1
    assert _violated(report) == wanted
    out = capsys.readouterr().out
    for one in report["properties"]:
        assert (f"FAIL   {one['id']}" in out) is (one["id"] in wanted)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_receiver_has_no_finding_and_is_tested_for_everything(server, name, tmp_path, capsys):
    code, report = _verified(server.url(RIGHT[name]()), tmp_path)
    assert code == 0
    assert set(_states(report).values()) == {"satisfied"}
    assert set(_states(report)) == set(RECEIVER)
    assert report["sent"] > 60
    assert ("GET is answered with 200" in capsys.readouterr().out) is (name == "also answers GET")


class Unsigned(Right):
    """Has no secret."""

    def is_genuine(self, headers, body):
        return True


def test_without_a_secret_nothing_is_signed_and_that_is_said(server, tmp_path, capsys):
    code, report = _verified(server.url(Unsigned()), tmp_path, secret=None)
    assert code == 0
    assert {name for name, state in _states(report).items() if state == "not exercised"} == {"R02", "R03", "R04", "R05"}
    assert "R02, R03, R04, R05 not exercised: without --secret nothing is signed" in capsys.readouterr().out


def test_a_receiver_that_knows_no_such_task_is_not_blamed_and_the_run_is_incomplete(server, tmp_path, capsys):
    code, report = _verified(server.url(Right()), tmp_path, task=None)
    assert code == 4
    assert _violated(report) == set()
    out = capsys.readouterr().out
    assert "the receiver answers 404 to a genuine callback about a task that it does not know" in out
    assert "name one that it knows with --task-id or --external-task-id" in out
    assert "no genuine callback was accepted, so rejecting and accepting say nothing" in out


class AnyTask(Right):
    """Takes tasks of anybody."""

    def take(self, headers, task):
        return 200


def test_whose_task_it_is_is_judged_only_where_a_task_is_named(server, tmp_path, capsys):
    code, report = _verified(server.url(AnyTask()), tmp_path, task=None)
    assert code == 0
    assert _states(report)["R07"] == "not exercised"
    assert "the receiver accepts a task that nobody has submitted" in capsys.readouterr().out


def test_a_receiver_that_answers_too_late_is_found_and_not_waited_for_every_time(server, tmp_path, capsys):
    released = threading.Event()

    class Slow(Right):
        def post(self, headers, body):
            released.wait(60)
            return Right.post(self, headers, body)

    code, report = _verified(server.url(Slow()), tmp_path, "--timeout", "0.2")
    released.set()
    assert code == 1
    assert "R11" in _violated(report)
    assert report["sent"] <= 5
    assert "stopped after 3 callbacks without an answer in time" in capsys.readouterr().out


def test_a_receiver_that_is_not_there_is_unreachable(tmp_path, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    code, report = _verified(url, tmp_path)
    assert (code, report) == (3, None)
    assert "cannot be reached" in capsys.readouterr().err


def test_a_receiver_that_stops_listening_loses_nothing_that_was_found(tmp_path, capsys):
    with ReceiverServer() as server:

        class Mortal(AnyTask):
            left = 25

            def post(self, headers, body):
                self.left -= 1
                if not self.left:
                    server._server.socket.close()
                return super().post(headers, body)

        code, report = _verified(server.url(Mortal()), tmp_path)
    assert code == 1
    assert "R08" in _violated(report)
    assert "the receiver does not listen any more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ftp://h/a"], "is no URL of a receiver"),
        (["http://h:x/a"], "is no URL of a receiver"),
        (["http://h/a", "--secret", "hush"], "--secret: a callback secret starts with whsec_"),
        (["http://h/a", "--model", "kirin_v1_t2"], "did you mean kirin_v1_t2v"),
        (["http://h/a", "--only", "R99"], "there is no property"),
        (["http://h/a", "--timeout", "0"], "must be above 0"),
        ([], "required: URL"),
    ],
)
def test_a_wrong_command_costs_one_line(arguments, told, capsys):
    assert main(["verify", "receiver", *arguments]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert len(err.splitlines()) == 1


def test_properties_are_chosen_and_accepted(server, tmp_path, capsys):
    code, report = _verified(
        server.url(WRONG["no verification"][1]()), tmp_path, "--only", "R05", "--junit", "/dev/null"
    )
    assert code == 1
    assert set(_states(report)) == {"R05"}
    baseline = tmp_path / "baseline.yaml"
    baseline.write_text("accepted: [{finding: R05, reason: our clocks are wrong}]")
    url = server.url(WRONG["no age"][1]())
    assert _verified(url, tmp_path, "--baseline", str(baseline))[0] == 0
    assert "our clocks are wrong" in capsys.readouterr().out


DOCS = (ROOT / "docs" / "verify-receiver.md").read_text("utf-8")


def test_the_page_says_what_the_properties_say():
    rows = [f"| {one.id} | {one.name} | {one.severity} | {one.says} |" for one in RECEIVER.values()]
    assert [line for line in DOCS.splitlines() if line.startswith("| R")] == rows


def test_the_receiver_of_the_page_has_no_finding(server, tmp_path):
    made = {}
    exec(DOCS.rpartition("```python\n")[2].partition("```")[0], made)  # noqa: S102 - it is ours
    tasks = {TASK: {"status": "in_progress"}}

    class OfThePage(Right):
        def post(self, headers, body):
            return made["callback"](headers, body, SECRET, tasks)

    code, report = _verified(server.url(OfThePage()), tmp_path)
    assert (code, _violated(report)) == (0, set())


def test_a_task_is_as_its_model_shows_it():
    for model, endpoint in discover().items():
        task = ReceiverTask.of(endpoint, "t-1", "order-1", 1_767_225_600)
        failed, completed = task.failed()["error"], task.completed()
        assert set(failed) == {"code", "message" if model == "kirin_v1_6_multi_i2v" else "error_message"}
        (item,) = completed["output"][0]["content"]
        assert ("jobId" in item) is (model in {"kirin_v1_6_multi_i2v", "kirin_v3_i2v"})
        assert "error" not in completed
        assert "progress" not in completed
        assert task.running()["progress"] == 0.4
