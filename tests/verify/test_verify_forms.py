"""``verify server`` on servers of either form of the queue protocol, behind a path, and without our control API."""

from __future__ import annotations

import logging
import socket

import pytest

from mock_server import MockServer
from mock_server.models import discover
from mock_server.verify.server.checks.queue import Request, submit_problems
from mock_server.verify.server.command import OWN_SECRET
from mock_server.verify.server.judge import ContractJudge
from mock_server.verify.server.queue_forms import DOCUMENTED, OLDER, form_of
from mock_server.verify.server.run import Plan, all_cases, run
from mock_server.verify.server.target import Exchange, NotExercised, Target

ENDPOINTS = discover()
ONE = {"kirin_v1_t2v": ENDPOINTS["kirin_v1_t2v"]}
RUNNING = "t2v/queue/cancel/running"  # it has to come while a task runs
CALLS_BACK, STOCK = "calls back", "passes Schemathesis"

#: Drawn once in one process: see test_verify.py.
pytestmark = pytest.mark.xdist_group("drawn cases")


@pytest.fixture(scope="module")
def cases():
    return [case for case in all_cases(ENDPOINTS, seed=0) if case.property not in {CALLS_BACK, STOCK}]


@pytest.fixture(autouse=True)
def _quiet(caplog):
    """Callbacks to nowhere are part of the plan."""
    caplog.set_level(logging.CRITICAL, "kirin-mock")


def _run(server, kept, **how):
    judge = ContractJudge(ENDPOINTS)
    with Target(server.url, "sk-verify", "sk-other", OWN_SECRET, None, judge) as target:
        for name, value in how.items():
            setattr(target, name, value)
        return target, run(target, Plan(kept, []), judge, 0)


@pytest.mark.deep
def test_the_older_form_is_clean_as_well(cases):
    with MockServer(media="tiny", queue_form="older") as server:
        target, result = _run(server, cases)
    assert [finding.problem.says for finding in result.findings] == []
    assert result.not_exercised == []
    assert target.queue_form == "older"


def test_sizes_of_files_are_looked_at_where_they_are_told(cases):
    kept = [case for case in cases if case.property == "gives the result on the queue"]
    with MockServer(media="tiny") as server:
        _, result = _run(server, kept)
    assert result.clean


def test_without_the_control_api_all_that_needs_no_steering_is_exercised(cases):
    """Time is waited for then; here it runs a thousand times as fast."""
    kept = [case for case in cases if case.model in {"kirin_v1_t2v", "gateway"}]
    kept = [case for case in kept if "queue" in case.property or case.property.startswith(("takes", "finds", "tells"))]
    running = [case for case in kept if case.id == RUNNING]
    with MockServer(media="tiny", admin_token="sesame", speed=1000, api_key=["sk-verify", "sk-other"]) as server:
        _, result = _run(server, [case for case in kept if case not in running], poll_every=0.01)
    with MockServer(
        media="tiny", admin_token="sesame", timing="realistic", api_key=["sk-verify", "sk-other"], speed=60
    ) as server:
        _, slow = _run(server, running, poll_every=0.01)
    assert slow.clean
    assert [(finding.case.id, finding.problem.says) for finding in result.findings] == []
    left = {case.id.rpartition("/")[0] for case, _ in result.not_exercised}
    left.discard("t2v/queue/cancel")  # a task may be over before it is cancelled
    assert left == {"t2v/queue/fails", "t2v/queue/result", "t2v/life/timing"}
    assert [case.id for case, _ in result.not_exercised if "result" in case.id] == ["t2v/queue/result/several videos"]
    assert len(kept) - len(result.not_exercised) > 50


def test_failures_are_looked_at_without_the_control_api_too(cases):
    kept = [case for case in cases if "/fails by itself/" in case.id]
    with MockServer(media="tiny", admin_token="sesame", speed=1000) as server:
        _, result = _run(server, kept, poll_every=0.01)
    assert (result.clean, result.cases, result.not_exercised) == (True, 2, [])


def test_a_request_that_does_not_end_in_time_is_not_exercised(cases):
    kept = [case for case in cases if case.id == "t2v/lives/queue/course"]
    with MockServer(media="tiny", admin_token="sesame", timing="realistic") as server:
        _, result = _run(server, kept, poll_every=0.01, patience=0.05)
    assert [why for _, why in result.not_exercised] == ["a task did not end within 0.05 s"]


@pytest.mark.parametrize(
    ("base_url", "begins", "right"),
    [
        ("https://gw.example/kirin", "https://gw.example/kirin", True),
        ("https://gw.example/kirin", "https://gw.example", False),
        ("https://gw.example", "https://gw.example:443", True),
        ("http://gw.example:80", "http://gw.example", True),
        ("https://gw.example", "http://gw.example", False),
        ("https://gw.example", "https://gw.example:8443", False),
        ("https://gw.example", "https://user@gw.example", False),
        ("https://gw.example", "https://GW.example", True),
        ("https://gw.example", "//gw.example", False),
        ("https://gw.example", "https://gw.example:x", False),
    ],
)
def test_urls_begin_as_the_address_that_was_called(base_url, begins, right):
    path = f"{begins}/model/v1/queue/kirin_v1_t2v/requests/mmsu_1"
    urls = {"response_url": f"{path}/response", "status_url": f"{path}/status", "cancel_url": f"{path}/cancel"}
    body = {"request_id": "mmsu_1", **urls, "queue_position": 0}
    made = Exchange("POST", "/model/v1/queue/kirin_v1_t2v", b"", 200, {}, body, b"")
    request = Request(ONE["kirin_v1_t2v"], {}, "mmsu_1", DOCUMENTED, made)
    target = Target(base_url)
    assert (list(submit_problems(target, request)) == []) is right


def test_the_key_is_not_sent_to_another_server():
    with MockServer(media="tiny") as server, Target(server.url) as target:
        for url in ("https://elsewhere.example/x", f"{server.url}0/x", f"{server.url}@elsewhere.example/x"):
            with pytest.raises(NotExercised):
                target.call("GET", url)
        assert target.call("GET", f"{server.url}/model/v1/nothing").path == "/model/v1/nothing"


def test_the_form_is_told_by_the_status_in_a_submit():
    assert form_of({"request_id": "mmsu_1"}) is DOCUMENTED
    assert form_of({"request_id": "1", "status": "QUEUED"}) is OLDER
    assert list(OLDER.submitted({"request_id": "1", "status": "QUEUED"})) == []
    assert OLDER.state({"status": "QUEUED"}) == "queued"
    assert OLDER.state({"status": "COMPLETED"}) is None


def test_a_server_that_waits_for_an_announced_body_is_not_judged_by_it():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = Target(f"http://127.0.0.1:{silent.getsockname()[1]}", announce_for=0.05)
        with pytest.raises(NotExercised, match="gets no answer"):
            target.announce("/model/v1/queue/kirin_v1_t2v", 10**12)
