"""Odd rules, odd clients and odd moments: nothing hangs, nothing is lost, and no traceback reaches anybody."""

from __future__ import annotations

import asyncio
import json
import socket

import httpx
import pytest

from mock_server import MockServer
from mock_server.cli.main import main
from tests.support.driving import SUBMIT, drive

SLOW_POLLS = {"name": "slow", "match": {}, "faults": [{"fault": "latency", "on": "poll", "seconds": 9}]}
BODY = {"model": "kirin_v1_t2v", "prompt": "A red apple"}


@pytest.fixture
def kirin():
    with MockServer(speed="manual") as server:
        yield server


@pytest.fixture
def http(kirin):
    headers = {"Authorization": f"Bearer {kirin.api_key}"}
    with httpx.Client(base_url=kirin.url, headers=headers, trust_env=False, timeout=20) as client:
        yield client


def _post(http, *rules):
    return http.post("/_mock/scenarios", content=json.dumps(list(rules)))


@pytest.mark.parametrize("fault", [{"fault": "reorder"}, {"fault": "late", "events": "in_progress", "seconds": 50}])
@pytest.mark.parametrize("move", ["cancel", "complete", "fail", "hold and release"])
def test_news_that_were_put_off_and_news_of_steering_are_all_told(kirin, http, fault, move):
    kirin.scenario({"name": "odd", "match": {}, "task": {"queued": 2, "running": 100}, "faults": [fault]})
    inbox = kirin.inbox()
    task_id = http.post(SUBMIT, json={**BODY, "callback_url": inbox.url}).json()["id"]
    kirin.clock.advance(10)
    for one in move.split(" and "):
        getattr(kirin, one)(task_id)
        kirin.clock.advance(5)
    kirin.clock.advance(1000)
    told = sorted(message.body["status"] for message in inbox.messages)
    end = {"cancel": "failed", "fail": "failed"}.get(move, "completed")
    assert told == sorted(["in_progress", end])
    assert {one.state for one in kirin.deliveries(task_id)} == {"delivered"}


def test_a_call_that_its_caller_gave_up_does_not_hold_the_clock():
    async def work():
        async with drive() as d:
            d.server.scenario(SLOW_POLLS)
            task = await d.submit(0)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(d.poll(task["id"]), 0.05)
            await asyncio.wait_for(d.advance(5), 5)

    asyncio.run(work())


def test_a_code_of_thirty_digits_is_a_code(kirin, http):
    kirin.scenario({"name": "odd", "match": {}, "faults": [{"fault": "error", "on": "balance", "code": "9" * 30}]})
    answer = http.get("/api/v1/user/balance")
    assert (answer.status_code, answer.json()["status"]["error_code"]) == (400, "9" * 30)
    assert answer.headers["x-request-id"]


def test_a_client_that_does_not_read_does_not_hold_the_clock(kirin, http):
    fault = {"fault": "drip", "on": "poll", "size": 30_000_000, "gap": 1}
    kirin.scenario({"name": "odd", "match": {}, "task": {"fields": {"x": "y" * 40_000_000}}, "faults": [fault]})
    task_id = http.post(SUBMIT, json=BODY).json()["id"]
    with socket.create_connection(("127.0.0.1", kirin.port), timeout=10) as idle:
        request = (
            f"GET {SUBMIT}/task/{task_id} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {kirin.api_key}\r\n\r\n"
        )
        idle.sendall(request.encode())
        assert idle.recv(1)
        kirin.clock.advance(5)


def test_garbage_and_another_fault_of_the_same_callback_go_together(kirin, http):
    faults = [{"fault": "garbage", "times": 1}, {"fault": "foreign_id"}, {"fault": "unknown_fields"}]
    kirin.scenario({"name": "odd", "match": {}, "faults": faults})
    inbox = kirin.inbox()
    http.post(SUBMIT, json={**BODY, "callback_url": inbox.url})
    kirin.clock.advance(60)
    assert [isinstance(message.body, str) for message in inbox.messages] == [True, True]


def test_an_emoji_in_plain_ascii_json_is_an_emoji(kirin, http):
    assert _post(http, {"name": "odd", "match": {}, "task": {"fields": {"mood": "😀"}}}).status_code == 200
    assert http.post(SUBMIT, json=BODY).json()["mood"] == "😀"
    assert http.get("/_mock/scenarios").json()["rules"][0]["task"]["fields"] == {"mood": "😀"}


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ('{"name": "a", "task": {"fields": {"x": "\\ud83d"}}}', "half a character"),
        ("- name: a\n  task: {after: !!int x}", "line 2: 'x' is no int"),
        ("- name: a\n  task: {after: !!python/name:os.system x}", "tags such as"),
        ('{"name": "a", "faults": [{"fault": "rate_limit", "retry_after": []}]}', "retry_after"),
        ('{"name": "a", "faults": [{"fault": "rate_limit", "retry_after": {}}]}', "retry_after"),
        ('{"name": "a", "faults": ["latency"]}', "must be an object with the name of a fault"),
        ('{"name": "a", "task": {"fields": {"x": ' + "[" * 100 + "]" * 100 + "}}}", "nested deeper than 64"),
        ("- name: a\n  task: {fields: {x: " + "[" * 300 + "]" * 300 + "}}", "nested deeper"),
        ('{"name": "a", "task": {"fields": {"x": 123456789012345678901234567890}}}', "not possible in JSON"),
        ('{"name": "a", "task": {"progress": ' + json.dumps([0.5] * 1001) + "}}", "more than 1000"),
        ("? [a]\n: b", "line 1"),
    ],
)
def test_an_odd_rule_is_refused_in_words(http, rule, says):
    answer = http.post("/_mock/scenarios", content=rule)
    assert answer.status_code == 400
    assert says in answer.json()["status"]["message"]


def test_json_may_be_indented_with_tabs(http):
    assert http.post("/_mock/scenarios", content='{\n\t"name": "a",\n\t"match": {}\n}').status_code == 200


def test_duplicates_do_not_multiply(kirin, http):
    faults = [{"fault": "duplicate", "copies": 50}] * 5
    kirin.scenario({"name": "odd", "match": {}, "faults": faults})
    task_id = http.post(SUBMIT, json={**BODY, "callback_url": kirin.inbox().url}).json()["id"]
    assert len(kirin.deliveries(task_id)) == 100


def test_a_task_made_over_the_control_api_can_be_refused_by_a_scenario(http):
    body = {"model": BODY["model"], "params": {"prompt": "x"}, "scenario": "refuse=40201"}
    answer = http.post("/_mock/tasks", json=body)
    assert (answer.status_code, answer.json()["status"]["error_code"]) == (402, 40201)


def test_a_failed_task_never_shows_full_progress(kirin, http):
    task_id = http.post(SUBMIT, json=BODY, headers={"X-Mock-Scenario": "fail=own after=3s"}).json()["id"]
    kirin.clock.advance(3)
    assert "progress" not in http.get(f"{SUBMIT}/task/{task_id}").json()
    assert http.get(f"/_mock/tasks/{task_id}").json()["progress"] < 1


def test_a_task_is_stuck_though_its_timing_is_instant():
    with MockServer(speed="manual", timing="instant") as kirin:
        headers = {"Authorization": f"Bearer {kirin.api_key}", "X-Mock-Scenario": "hold=40%"}
        task_id = httpx.post(f"{kirin.url}{SUBMIT}", json=BODY, headers=headers, trust_env=False).json()["id"]
        now = kirin.clock.now()
        assert (kirin.task(task_id).at(now).status, kirin.task(task_id).at(now).progress) == ("in_progress", 0.4)
        kirin.release(task_id)
        assert kirin.task(task_id).at(now).status == "completed"


def test_a_marker_is_a_marker_however_its_json_is_escaped(http):
    body = '{"model": "kirin_v1_t2v", "prompt": "\\u005b\\u005bmock: refuse=40201]]"}'
    assert http.post(SUBMIT, content=body, headers={"content-type": "application/json"}).status_code == 402


def test_looking_at_rules_makes_no_tenants_and_shows_no_keys(http):
    http.post("/_mock/scenarios?key=sk-somebody", json={"name": "a", "match": {"tenant": "sk-some-secret-key"}})
    with httpx.Client(base_url=http.base_url, trust_env=False) as anybody:
        anybody.post("/_mock/scenarios?key=sk-somebody", json={"name": "a", "match": {"tenant": "sk-some-secret-key"}})
        shown = anybody.get("/_mock/scenarios").text
        assert "sk-some-secret-key" not in shown
        assert "sk-somebody" not in shown
        assert anybody.get("/_mock/account").json()["accounts"] == []


def test_a_header_counts_for_rules_and_chooses_none(kirin, http):
    kirin.scenario({"name": "second", "match": {"nth": 2}, "task": {"refuse": "40201"}})
    assert http.post(SUBMIT, json=BODY, headers={"X-Mock-Scenario": "slow"}).status_code == 200
    (rule,) = http.get("/_mock/scenarios").json()["rules"]
    assert (rule["matched"], rule["chosen"]) == (1, 0)
    assert http.post(SUBMIT, json=BODY).status_code == 402


def test_a_client_that_hung_up_is_played_again_as_it_was(tmp_path):
    async def work():
        async with drive() as d:
            d.server.scenario(SLOW_POLLS)
            task = await d.submit(0)
            waiting = asyncio.ensure_future(d.poll(task["id"]))
            tenant = d.server.built.service.tenant(d.server.api_key)
            while not tenant.clock.sleeping:
                await asyncio.wait({waiting}, timeout=0)
            await d.advance(4)
            tenant.clock.last_asleep.end()
            with pytest.raises(ConnectionResetError):
                await waiting
            await d.advance(10)
            return (await d.call("GET", "/_mock/history")).content

    file = tmp_path / "history.json"
    file.write_bytes(asyncio.run(work()))
    assert main(["replay", str(file)]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["seed", "--key", "kü€"],
        ["seed", "http://[::1"],
        ["seed", "http://" + "a" * 300],
        ["replay", "FILE"],
        ["scenarios", "check", "FILE"],
    ],
)
def test_odd_arguments_cost_one_line(tmp_path, capsys, arguments):
    file = tmp_path / "odd.yaml"
    file.write_text('{"format": 1}')
    assert main([str(file) if one == "FILE" else one for one in arguments]) in {1, 2}
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
