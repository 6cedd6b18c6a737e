"""The violations that clients' traffic alone shows: each bad habit is noticed, and a good client has none."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys

import httpx
import pytest

from mock_server import MockServer
from mock_server.cli.main import main
from mock_server.conformance.properties import PROPERTIES
from mock_server.core.resources import resource
from tests.support.clients import SECRET
from tests.support.queue_habits import ALL_HABITS as HABITS
from tests.support.queue_habits import QUEUE_MANNERS, QUEUE_WAYS, QUEUED, client_with
from tests.support.receiver import Receiver

SETTINGS = {"speed": "manual", "callback_secret": [SECRET], "timing": "fast"}


@pytest.fixture(scope="module")
def kirin():
    with MockServer(**SETTINGS, media="tiny") as kirin:
        yield kirin


def _play(kirin, habit, circumstances, callback_url):
    """Let a client with a habit work; the properties that were judged, by id."""
    kirin.reset()
    rule = {key: circumstances[key] for key in ("task", "faults", "match") if key in circumstances}
    kirin.scenario({"name": "circumstances", "match": {}, **rule})
    client = client_with(habit, kirin, circumstances)
    if circumstances.get("callbacks"):
        plain = client.body
        client.body = lambda: {**plain(), "callback_url": callback_url}
        Receiver.on_news = staticmethod(client.events)
    with client.http:
        client.run()
    kirin.clock.advance(60)
    return _judged(httpx.get(f"{kirin.url}/_mock/conformance", trust_env=False).json())


def _judged(report):
    return {one["id"]: one for one in report["properties"]}


@pytest.mark.parametrize("habit", HABITS)
def test_a_bad_habit_is_noticed_and_told_of(kirin, habit, callback_url):
    rule, _, circumstances = HABITS[habit]
    judged = _play(kirin, habit, circumstances, callback_url)
    assert judged[rule]["state"] == "violated"
    assert all(one["says"] and one["at"] >= 0 for one in judged[rule]["violations"])


@pytest.mark.parametrize("habit", HABITS)
def test_a_good_client_in_the_same_circumstances_has_nothing_held_against_it(kirin, habit, callback_url):
    circumstances = HABITS[habit][2]
    judged = _play(kirin, None, circumstances, callback_url)
    assert {name: one["violations"] for name, one in judged.items() if one["state"] == "violated"} == {}


@pytest.mark.parametrize("way", QUEUE_WAYS)
@pytest.mark.parametrize("manner", QUEUE_MANNERS)
def test_no_right_way_of_asking_on_the_queue_is_an_alarm(kirin, manner, way, callback_url):
    task = {"queued": 2, "running": 30, **QUEUE_WAYS[way]}
    judged = _play(kirin, None, {**QUEUED, "task": task, "manner": QUEUE_MANNERS[manner]}, callback_url)
    assert {name: one["violations"] for name, one in judged.items() if one["state"] == "violated"} == {}
    assert {name for name in ("W01", "W04", "W11", "W12") if judged[name]["state"] != "satisfied"} == set()


def test_every_property_is_broken_by_some_habit():
    assert {rule for rule, _, _ in HABITS.values()} == set(PROPERTIES)
    assert len(HABITS) >= 45


@pytest.mark.parametrize(
    "habit",
    [
        None,
        "polls without a pause",
        "buys again after a reset",
        "believes any signature",
        "goes where status_url leads",
    ],
)
def test_an_exported_history_is_judged_as_the_server_judges(kirin, habit, callback_url, tmp_path, capsys):
    circumstances = HABITS[habit][2] if habit else {"task": {"running": 9}, "callbacks": True}
    live = _play(kirin, habit, circumstances, callback_url)
    file, report, page = tmp_path / "history.json", tmp_path / "report.json", tmp_path / "report.html"
    file.write_bytes(httpx.get(f"{kirin.url}/_mock/history", trust_env=False).content)
    assert main(["verify", "traffic", str(file), "--json", str(report), "--html", str(page)]) == (1 if habit else 0)
    told = _judged(json.loads(report.read_text()))
    blind = dict.fromkeys(("W01", "W03"), "not exercised")  # a history has no strangers, and no bytes
    states = {name: one["state"] for name, one in live.items()}
    assert {name: one["state"] for name, one in told.items()} == {**states, **blind}
    out = capsys.readouterr().out
    for name, one in told.items():
        assert one["says"] in out
        assert (f"FAIL   {name}" in out) is (one["state"] == "violated")
    assert page.read_text().startswith("<!doctype html>")


def _entry(moment, method, path, status, answer, body=None, **headers):
    return {
        "startedDateTime": f"2026-01-01T00:00:{moment:06.3f}Z",
        "time": 20,
        "request": {
            "method": method,
            "url": f"https://api.example.com{path}",
            "headers": [
                {"name": "Authorization", "value": "Bearer k"},
                {"name": "Content-Type", "value": "application/json"},
            ],
            "postData": {"text": json.dumps(body)} if body is not None else {},
            "bodySize": len(json.dumps(body)) if body is not None else 0,
        },
        "response": {
            "status": status,
            "headers": [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()],
            "content": {"text": json.dumps(answer)},
        },
    }


def test_a_har_of_some_other_tool_is_judged(tmp_path, capsys):
    body = {"model": "kirin_v1_t2v", "prompt": "A pear"}
    running = {"id": "t1", "status": "in_progress"}
    entries = [
        _entry(0, "POST", "/model/v1/generation", 200, running, body),
        _entry(5, "GET", "/model/v1/generation/task/t1", 429, {}, Retry_After="30"),
        _entry(8, "GET", "/model/v1/generation/task/t1", 200, running),
        _entry(9, "GET", "/other/things", 500, {}),
    ]
    file = tmp_path / "traffic.har"
    file.write_text(json.dumps({"log": {"entries": entries}}))
    assert main(["verify", "traffic", str(file)]) == 1
    out = capsys.readouterr().out
    assert "FAIL   W07" in out
    assert "a poll comes 2.98 s after a 429 that asked for 30 s" in out
    assert out.count("FAIL") == 1


def _queue_har(*calls):
    """Calls of one request on the queue, each a moment, what is asked, a status and an answer; after its submit."""
    url = "https://api.example.com/model/v1/queue/kirin_v1_t2v"
    request = {"request_id": "mmsu_t1", "status_url": "https://other.example.com/status", "queue_position": 0}
    entries = [_entry(0, "POST", "/model/v1/queue/kirin_v1_t2v", 200, request, {"prompt": "A pear"})]
    for moment, what, status, answer in calls:
        path = f"/model/v1/queue/kirin_v1_t2v/requests/mmsu_t1/{what}"
        entries.append(_entry(moment, "PUT" if what == "cancel" else "GET", path, status, answer))
        entries[-1]["request"]["url"] = url + path.removeprefix("/model/v1/queue/kirin_v1_t2v")
    return {"log": {"entries": entries}}


_RUNNING = {"status": "IN_PROGRESS", "request_id": "mmsu_t1"}
_OVER = {"status": "COMPLETED", "request_id": "mmsu_t1"}
_RESULT = {"request_id": "mmsu_t1", "outputs": [{"type": "video", "url": "https://h/a.mp4"}], "metadata": {}}
RECORDED_ON_QUEUE = {
    "polls, then fetches": (
        [(5, "status", 200, _RUNNING), (10, "status", 200, _OVER), (10, "response", 200, _RESULT)],
        "",
    ),
    "asks for the result alone": ([(5, "response", 202, _RUNNING), (10, "response", 200, _RESULT)], ""),
    "is told to wait after the end": (
        [
            (5, "status", 200, _OVER),
            (5, "response", 202, _RUNNING),
            (10, "status", 200, _OVER),
            (10, "response", 200, _RESULT),
        ],
        "",
    ),
    "cancels": ([(5, "status", 200, _RUNNING), (6, "cancel", 202, {"status": "CANCELLATION_REQUESTED"})], ""),
    "polls on": ([(5, "status", 200, _OVER), (10, "status", 200, _OVER)], "W11"),
    "polls on after a failure": ([(5, "status", 200, {**_OVER, "error": "no"}), (10, "status", 200, _OVER)], "W11"),
    "polls on after a failure, older": ([(5, "status", 200, {"status": "failed"}), (10, "status", 200, _OVER)], "W11"),
    "asks after the result": ([(5, "response", 200, _RESULT), (10, "status", 200, _OVER)], "W11"),
    "asks twice a second": ([(5, "response", 202, _RUNNING), (5.5, "response", 202, _RUNNING)], "W09"),
    "asks for both": ([(5, "status", 200, _RUNNING), (5.1, "response", 202, _RUNNING)], "W09"),
    "hurries": ([(5, "status", 429, {}), (5.1, "status", 200, _RUNNING)], ""),
}


@pytest.mark.parametrize("way", RECORDED_ON_QUEUE)
def test_a_har_of_the_queue_is_judged(way, tmp_path, capsys):
    calls, wrong = RECORDED_ON_QUEUE[way]
    file = tmp_path / "traffic.har"
    file.write_text(json.dumps(_queue_har(*calls)))
    assert main(["verify", "traffic", str(file)]) == (1 if wrong else 0)
    out = capsys.readouterr().out
    assert out.count("FAIL") == (1 if wrong else 0)
    assert f"FAIL   {wrong}" in out or not wrong


def test_a_key_that_leaves_its_host_is_seen_in_a_har(tmp_path, capsys):
    har = _queue_har((5, "status", 200, _RUNNING), (10, "status", 200, _OVER))
    for entry in har["log"]["entries"][1:]:
        entry["request"]["url"] = entry["request"]["url"].replace("api.example.com", "other.example.com")
    file = tmp_path / "traffic.har"
    file.write_text(json.dumps(har))
    assert main(["verify", "traffic", str(file)]) == 1
    out = capsys.readouterr().out
    assert "a poll takes the key to other.example.com, which only an answer of api.example.com had named" in out
    assert out.count("FAIL") == 1


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"log": {}}', '{"log": {"entries": [{}]}}', "7"])
def test_what_is_no_traffic_is_refused_in_one_line(tmp_path, capsys, content):
    file = tmp_path / "traffic.json"
    file.write_text(content)
    assert main(["verify", "traffic", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"kirin-mock: {file} is not understood")


def test_no_calls_at_all_are_no_praise(tmp_path, capsys):
    file = tmp_path / "traffic.har"
    file.write_text('{"log": {"entries": []}}')
    assert main(["verify", "traffic", str(file)]) == 1
    assert "has no calls of this API" in capsys.readouterr().err


def test_the_strictness_says_where_patience_begins(kirin, callback_url):
    _play(kirin, None, {"task": {"running": 30}}, callback_url)
    url = f"{kirin.url}/_mock/conformance"
    states = {
        strictness: _judged(httpx.get(url, params={"strictness": strictness}, trust_env=False).json())["W09"]["state"]
        for strictness in ("default", "strict", "polite")
    }
    assert states == {"default": "satisfied", "strict": "satisfied", "polite": "satisfied"}
    refused = httpx.get(url, params={"strictness": "lax"}, trust_env=False)
    assert refused.status_code == 400
    assert "default, strict, polite" in refused.json()["status"]["message"]


@pytest.mark.parametrize(("gap", "code"), [(5, 0), (0.01, 1)])
def test_serve_writes_the_report_at_its_end_and_the_exit_code_tells(tmp_path, gap, code):
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "mock_server", "serve", "--port", "0", "--speed", "manual"]
    command += ["--conformance", str(report), "--conformance-fail"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        url = server.stdout.readline().split(" on ")[1].split()[0]
        with httpx.Client(base_url=url, headers={"Authorization": "Bearer sk-test"}, trust_env=False) as client:
            body = {"model": "kirin_v1_t2v", "prompt": "A pear"}
            task_id = client.post("/model/v1/generation", json=body).json()["id"]
            for _ in range(2):
                client.post("/_mock/clock/advance", json={"seconds": gap})
                status = client.get(f"/model/v1/generation/task/{task_id}").json()["status"]
                if status == "completed":
                    break
        server.terminate()
        assert server.wait(timeout=20) == code
    assert _judged(json.loads(report.read_text()))["W09"]["state"] == ("violated" if code else "not exercised")


#: A picture in base64; with the prompt, the body has more than 16 kB.
IMAGE = base64.b64encode(resource("fixtures", "images", "landscape.jpg").read_bytes()).decode()


def _large(shape, external_id, picture):
    """A body as large as pictures make it, in one of the shapes."""
    params = {"image": picture, "prompt": "\U0001f34e" * 2400, "mode": "pro", "duration": "5"}
    params |= {"external_task_id": external_id} if external_id else {}
    model = "kirin_v1_5_i2v"
    shapes = {"data": {"model": model, "data": params}, "wrapper": {"model": model, "input": [{"params": params}]}}
    return shapes.get(shape, params)


@pytest.mark.parametrize(
    ("external_ids", "violated"),
    [
        (("a-1", "a-1"), set()),
        ((None, None), {"W05", "W06"}),
        (("a-1", "a-2"), {"W05", "W06"}),
    ],
)
@pytest.mark.parametrize("shape", ["data", "wrapper", "queue"])
def test_what_is_bought_twice_is_seen_in_bodies_of_any_size(kirin, shape, external_ids, violated):
    kirin.reset()
    lost = {"fault": "lost_answer", "how": "reset", "on": "submit", "times": 1}
    kirin.scenario({"name": "lost", "match": {}, "faults": [lost]})
    path = "/model/v1/queue/kirin_v1_5_i2v" if shape == "queue" else "/model/v1/generation"
    headers = {"Authorization": f"Bearer {kirin.api_key}", "Content-Type": "application/json"}
    for external_id in external_ids:
        with contextlib.suppress(httpx.TransportError):
            content = json.dumps(_large(shape, external_id, IMAGE))
            httpx.post(f"{kirin.url}{path}", content=content, headers=headers, trust_env=False)
        kirin.clock.advance(5)
    judged = _judged(httpx.get(f"{kirin.url}/_mock/conformance", trust_env=False).json())
    assert len(content) > 16 * 1024
    assert {name for name, one in judged.items() if one["state"] == "violated"} == violated
    assert judged["W06"]["state"] == ("violated" if violated else "satisfied")
    assert judged["W04"]["state"] == "satisfied"


def test_different_pictures_are_different_orders_and_mistakes_in_large_bodies_are_found(kirin):
    kirin.reset()
    headers = {"Authorization": f"Bearer {kirin.api_key}", "Content-Type": "application/json"}
    for picture in (IMAGE, "A" * 100_000, "B" * 100_000):
        content = json.dumps(_large("data", None, picture))
        httpx.post(f"{kirin.url}/model/v1/generation", content=content, headers=headers, trust_env=False)
        kirin.clock.advance(1)
    judged = _judged(httpx.get(f"{kirin.url}/_mock/conformance", trust_env=False).json())
    assert {name for name, one in judged.items() if one["state"] == "violated"} == {"W04"}
    assert len(judged["W04"]["violations"]) == 2


def test_large_answers_are_no_broken_ones(kirin):
    kirin.reset()
    headers = {"Authorization": f"Bearer {kirin.api_key}"}
    with httpx.Client(base_url=kirin.url, headers=headers, trust_env=False) as client:
        params = {"prompt": "A pear", "external_task_id": "order"}
        metadata = {f"note {number}": "x" * 100 for number in range(400)}
        body = {"model": "kirin_v1_t2v", "input": [{"params": params}], "metadata": metadata}
        assert client.post("/model/v1/generation", json=body).status_code == 200
        for _ in range(2):
            kirin.clock.advance(1)
            assert len(client.get("/model/v1/generation/task/order").content) > 32 * 1024
    judged = _judged(httpx.get(f"{kirin.url}/_mock/conformance", trust_env=False).json())
    assert {name for name, one in judged.items() if one["state"] == "violated"} == set()
    assert judged["W09"]["state"] == "satisfied"


def test_a_body_nested_beyond_measure_spoils_no_report(kirin):
    deep = '{"model": "kirin_v1_t2v", "prompt": ' + "[" * 400 + "]" * 400 + "}"
    headers = {"Authorization": f"Bearer {kirin.api_key}", "Content-Type": "application/json"}
    sent = httpx.post(f"{kirin.url}/model/v1/generation", content=deep, headers=headers, trust_env=False)
    assert sent.status_code == 400
    for path in ("conformance", "history", "requests"):
        assert httpx.get(f"{kirin.url}/_mock/{path}", trust_env=False).status_code == 200


def test_a_har_with_nulls_and_texts_for_numbers_is_read(tmp_path, capsys):
    entry = {
        "startedDateTime": "2026-01-01T00:00:00Z",
        "time": None,
        "request": {"method": "GET", "url": "https://h/model/v1/generation/task/a", "headers": [], "postData": None},
        "response": {"status": "429", "headers": [{"name": "Retry-After", "value": "\u00b2"}], "content": None},
    }
    file = tmp_path / "a.har"
    file.write_text(json.dumps({"log": {"entries": [entry]}}))
    assert main(["verify", "traffic", str(file)]) == 0
    out = capsys.readouterr().out
    assert "FAIL" not in out
    assert "W01, W22 not judged: no call has an Authorization header" in out


def test_what_a_client_says_cannot_command_a_terminal():
    from mock_server.conformance.scorecard import printable

    assert printable("a\x1b[31mb\x07\ud800 ok\n\tз🍎") == "a?[31mb?? ok\n\tз🍎"
