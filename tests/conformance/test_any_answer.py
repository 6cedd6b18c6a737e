"""Any JSON value in any place of an answer, a body or a recording: it is judged, or refused in one line."""

from __future__ import annotations

import dataclasses
import functools
import json

import httpx
import orjson

from mock_server import MockServer
from mock_server.conformance.checks import Observer
from mock_server.conformance.command import understood
from mock_server.conformance.properties import Thresholds
from mock_server.conformance.report import as_json, scorecard, summary, written
from mock_server.conformance.scorecard import text
from mock_server.conformance.traffic import Traffic
from mock_server.contract.judge import Judge
from mock_server.core.errors import UsageError
from mock_server.models import discover
from mock_server.verify.client.coverage import Coverage
from mock_server.verify.client.covering import Drawn
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.judging_identity import judge_all
from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.narrative import story
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Reference
from mock_server.verify.client.run import Harness
from tests.support.any_json import TEXTS, any_value, drawn_from, spoiled, spoiled_bytes

SHAPES = 2_000
RETRY_AFTER = ("", "x", "9" * 9, "-1", "\u00b2", "Mon, 01 Jan 0001 00:00:00", "Fri, 31 Dec 9999 23:59:59 -2359")
OBSERVER = Observer({model: Judge(endpoint) for model, endpoint in discover().items()}, Thresholds())


@functools.cache
def _runs():
    """Runs of right clients, over both protocols, as they were judged."""
    found = []
    for client in (Reference, Queued):
        session = InProcess(client)
        harness = Harness(session, Thresholds(), 5)
        kept, run = [], harness.run

        def remembered(case, run=run, kept=kept):
            ran, verdict = run(case)
            kept.append(ran)
            return ran, verdict

        harness.run = remembered
        harness.verify(25, shrink=False)
        session.close()
        found += kept
    return found


def _spoiled_call(rng, call):
    changed = {}
    if rng.random() < 0.5:
        changed["answer"] = spoiled_bytes(rng, call.answer)
    if call.body and rng.random() < 0.3:
        changed["body"] = spoiled_bytes(rng, call.body)
    if rng.random() < 0.1:
        changed["status"] = rng.choice((None, 200, 202, 204, 304, 400, 404, 409, 429, 500, 503))
    if rng.random() < 0.1:
        changed["answer_headers"] = {"retry-after": rng.choice(RETRY_AFTER)}
    return dataclasses.replace(call, **changed)


def _spoiled_run(rng, ran):
    calls = [_spoiled_call(rng, call) for call in ran.traffic.calls]
    words = [str(any_value(rng, 0)) for _ in range(4)]
    outcome = ran.played.outcome
    if outcome is not None and rng.random() < 0.3:
        said = rng.choice(("completed", "failed", "rejected", "timeout", "gave_up", "cancelled"))
        outcome = Outcome(said, words[0], words[1:3], rng.choice((words[3], 7, 1e308, None)), *words[2:])
    played = dataclasses.replace(ran.played, outcome=outcome)
    return dataclasses.replace(ran, traffic=Traffic.of(calls, ran.traffic.callbacks), played=played)


def _reported(verdict):
    """All forms of a report."""
    verdicts = {"one": verdict}
    orjson.dumps(as_json(verdicts))
    for form in ("json", "junit", "html", "badge"):
        written(verdicts, 0.0, form)
    for line in (*text(scorecard(verdicts, 0.0)), *summary(verdicts, 0.0)):
        line.encode()


def test_any_answer_and_any_body_are_judged_by_traffic_and_by_the_case():
    rng, runs = drawn_from(16), _runs()
    for number in range(SHAPES):
        ran = _spoiled_run(rng, rng.choice(runs))
        verdict = OBSERVER.judge(ran.traffic)
        judge_all(ran, Thresholds(), verdict)
        Coverage().add(Drawn(ran.case, ()), ran)
        "\n".join(story(ran)).encode("utf-8", "replace")
        orjson.dumps([fault.says for fault in verdict.faults])
        if number % 20 == 0:
            verdict = OBSERVER.judge(ran.traffic)
            _reported(verdict)


def _judged_or_refused(content):
    """Whether what a file has in it could be judged."""
    try:
        traffics = understood(content, "any.json")
    except UsageError as refused:
        return str(refused) != "any.json is not understood: it is neither a HAR nor what GET /_mock/history gives"
    for traffic in traffics.values():
        orjson.dumps(as_json({"one": OBSERVER.judge(traffic)}))
    return True


def test_a_recording_with_anything_in_it_is_judged_or_refused_in_one_line():
    rng, har = drawn_from(17), _har_of(_runs()[0])
    assert {_judged_or_refused(json.dumps(spoiled(rng, har)).encode()) for _ in range(SHAPES)} == {True, False}
    assert not any(_judged_or_refused(content) for content in TEXTS)


def _har_of(ran):
    """A run as a HAR."""
    calls = ran.traffic.calls[:6]
    entries = [
        {
            "startedDateTime": f"2026-01-01T00:{number:02}:00.000Z",
            "time": 20,
            "request": {
                "method": call.method,
                "url": f"https://api.example.com{call.path}",
                "headers": [{"name": name, "value": value} for name, value in call.headers.items()],
                "postData": {"mimeType": "application/json", "text": call.body.decode()},
                "bodySize": len(call.body),
            },
            "response": {
                "status": call.status,
                "headers": [],
                "content": {"size": len(call.answer), "text": call.answer.decode("utf-8", "replace")},
            },
        }
        for number, call in enumerate(calls)
    ]
    return {"log": {"version": "1.2", "creator": {"name": "any", "version": "1"}, "entries": entries}}


def test_a_history_with_anything_in_it_is_judged_or_refused_in_one_line():
    rng = drawn_from(18)
    with MockServer(speed="manual", media="tiny") as kirin:
        headers = {"Authorization": f"Bearer {kirin.api_key}"}
        with httpx.Client(base_url=kirin.url, headers=headers, trust_env=False) as client:
            body = {"model": "kirin_v1_t2v", "prompt": "A pear", "callback_url": f"{kirin.url}/_mock/inbox/a"}
            task_id = client.post("/model/v1/generation", json=body).json()["id"]
            kirin.clock.advance(60)
            client.get(f"/model/v1/generation/task/{task_id}")
            history = client.get("/_mock/history").json()
    assert {_judged_or_refused(json.dumps(spoiled(rng, history)).encode()) for _ in range(SHAPES)} == {True, False}


def test_answers_of_discovery_have_an_object_for_a_status_and_spoil_no_report():
    headers = {"Authorization": "Bearer k"}
    paths = ("/api/v1/skill/models", "/model/v1/models/skill/kirin_v1_t2v", "/api/v1/user/balance", "/model/v1/x")
    with MockServer(speed="manual") as kirin, httpx.Client(base_url=kirin.url, trust_env=False) as client:
        for path in paths:
            for method in ("GET", "PUT", "POST", "DELETE"):
                client.request(method, path, headers=headers)
        assert client.get("/_mock/conformance").status_code == 200
