"""Faults on callbacks, seen by a receiver that checks signatures itself."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import pytest

from mock_server import MockServer
from tests.support.raw import Client

SECRET = "whsec_dGVzdHNlY3JldA=="
TASK = {"queued": 1, "running": 2}  # the task's news: in_progress after a second, its end after three


class News:
    """A callback as it came."""

    def __init__(self, headers, raw):
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.raw = raw
        self.id, self.stamp = self.headers["webhook-id"], int(self.headers["webhook-timestamp"])

    @property
    def body(self):
        return json.loads(self.raw)

    @property
    def is_json(self):
        with contextlib.suppress(ValueError):
            return isinstance(self.body, dict)
        return False

    @property
    def signed(self):
        """Its signature is right, as Standard Webhooks has it."""
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        signed = f"{self.id}.{self.stamp}.".encode() + self.raw
        right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return self.headers["webhook-signature"] == f"v1,{right}"


class Receiver(ThreadingHTTPServer):
    """Takes callbacks; answers 200, or what ``answers`` has; when it is told to hold, not before ``go`` is set."""

    daemon_threads = True

    def __init__(self):
        self.events, self.arrived, self.answers, self.go = [], Queue(), [], threading.Event()
        self.go.set()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/news"

    @property
    def statuses(self):
        return [one.body["status"] for one in self.events]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        one = News(self.headers, self.rfile.read(int(self.headers["content-length"])))
        self.server.events.append(one)
        self.server.arrived.put(one)
        self.server.go.wait(5)
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def kirin():
    with MockServer(speed="manual", callback_secret=SECRET) as server:
        yield server


@pytest.fixture
def client(kirin, fresh_key):
    return Client(kirin, fresh_key())


@contextlib.contextmanager
def _listening():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def receiver():
    with _listening() as server:
        yield server


def _told(client, receiver, *faults, seconds=3, **params):
    """Submit under these faults and let time go by; the id."""
    client.rule(*faults, task=TASK)
    task = client.submit(callback_url=receiver.url, **params)
    client.advance(seconds)
    return task


def _attempts(client):
    """Of every callback: how many seconds after the submit each attempt was, and its fault."""
    began = client.tasks()[0]["created_at"]
    callbacks = client.control("GET", "callbacks")["callbacks"]
    return [[(one["at"] - began, one["fault"]) for one in callback["attempts"]] for callback in callbacks]


def test_without_faults_each_news_comes_once_signed_and_in_order(client, receiver):
    task = _told(client, receiver)
    assert receiver.statuses == ["in_progress", "completed"]
    assert [one.body["id"] for one in receiver.events] == [task, task]
    assert all(one.signed for one in receiver.events)
    assert _attempts(client) == [[(1, None)], [(3, None)]]


@pytest.mark.parametrize("end", ["completed", "failed"])
@pytest.mark.parametrize(
    "events", [None, "in_progress", "completed", "failed", ["in_progress", "failed"], ["completed"]], ids=str
)
def test_a_fault_hits_the_news_it_is_for(client, receiver, end, events):
    client.rule({"fault": "garbage"} | ({"events": events} if events else {}), task=TASK)
    task = client.submit(callback_url=receiver.url)
    client.advance(2)
    if end == "failed":
        client.control("POST", f"tasks/{task}/fail")
    client.advance(1)
    hit = ["in_progress", "completed", "failed"] if events is None else events
    assert [one.is_json for one in receiver.events] == [told not in hit for told in ("in_progress", end)]


@pytest.mark.parametrize(("times", "hit"), [(1, 1), (2, 2), (None, 3)], ids=str)
def test_times_are_attempts_at_each_news(client, receiver, times, hit):
    receiver.answers = [503, 503, 200, 503, 503, 200]
    _told(client, receiver, {"fault": "garbage"} | ({"times": times} if times else {}), seconds=60)
    garbled = [not one.is_json for one in receiver.events]
    assert garbled == [*[True] * hit, *[False] * (3 - hit)] * 2
    assert [one.id for one in receiver.events] == [receiver.events[0].id] * 3 + [receiver.events[3].id] * 3


def _chances(seed):
    with MockServer(speed="manual", seed=seed, callback_secret=SECRET) as server, _listening() as receiver:
        client = Client(server, "sk-chance")
        client.rule({"fault": "garbage", "chance": "50%"}, task=TASK)
        for _ in range(15):
            client.submit(callback_url=receiver.url)
            client.advance(3)
        return [one.is_json for one in receiver.events]


def test_chance_repeats_with_the_seed_and_differs_with_another():
    first, again, other = _chances(5), _chances(5), _chances(6)
    assert first == again != other
    assert {*first} == {True, False}
    assert len(first) == 30


@pytest.mark.parametrize("call", ["submit", "queue submit"])
@pytest.mark.parametrize("way", ["header", "marker", "rule"])
def test_callback_faults_are_asked_for_in_every_way_and_over_both_protocols(client, receiver, way, call):
    words = "fault=garbage events=completed"
    prompt = "An apple" + f" [[mock: {words}]]" * (way == "marker")
    params = {"prompt": prompt, "callback_url": receiver.url}
    if way == "rule":
        client.rule({"fault": "garbage", "events": "completed"})
    headers = {"X_Mock_Scenario": words} if way == "header" else {}
    assert client.to(call, body=params, **headers).status == 200
    client.advance(10)
    assert [one.is_json for one in receiver.events] == [True, False]


def test_a_dropped_callback_never_comes_and_is_tried_again_like_a_refused_one(client, receiver):
    _told(client, receiver, {"fault": "drop", "events": "completed"}, seconds=1000)
    assert receiver.statuses == ["in_progress"]
    assert _attempts(client)[1] == [(at, "drop") for at in (3, 4, 9, 39, 159, 759)]


def test_a_callback_dropped_once_comes_a_second_later_with_the_same_id(client, receiver):
    _told(client, receiver, {"fault": "drop", "times": 1, "events": "in_progress"}, seconds=1.5)
    assert receiver.events == []
    client.advance(0.5)
    assert receiver.statuses == ["in_progress"]
    assert _attempts(client)[0] == [(1, "drop"), (2, None)]
    assert receiver.events[0].id == client.control("GET", "callbacks")["callbacks"][0]["id"]


def test_a_duplicate_is_the_same_news_twice_with_the_same_id(client, receiver):
    _told(client, receiver, {"fault": "duplicate"})
    assert receiver.statuses == ["in_progress", "in_progress", "completed", "completed"]
    one, same, end, again = receiver.events
    assert (one.id, one.raw, end.id, end.raw) == (same.id, same.raw, again.id, again.raw)
    assert one.id != end.id
    assert all(events.signed for events in receiver.events)


def test_duplicates_come_in_copies_with_gaps_between(client, receiver):
    _told(client, receiver, {"fault": "duplicate", "copies": 3, "gap": "10s", "events": "completed"})
    counts = [len(receiver.events)]
    for seconds in (9.5, 0.5, 9.5, 0.5, 1000):
        client.advance(seconds)
        counts.append(len(receiver.events))
    assert counts == [2, 2, 3, 3, 4, 4]
    assert len({one.id for one in receiver.events[1:]}) == 1


def test_reordered_news_come_in_reverse_when_the_last_is_due(client, receiver):
    _told(client, receiver, {"fault": "reorder"}, seconds=2.5)
    assert receiver.events == []
    client.advance(0.5)
    assert receiver.statuses == ["completed", "in_progress"]
    assert all(one.signed for one in receiver.events)


@pytest.mark.parametrize(("keys", "late"), [({}, 60), ({"seconds": "5s"}, 5), ({"seconds": 3600}, 3600)], ids=str)
def test_late_news_come_long_after_a_poll_has_said_so(client, receiver, keys, late):
    task = _told(client, receiver, {"fault": "late", "events": "completed", **keys})
    assert client.to("poll", task).json["status"] == "completed"
    client.advance(late - 0.5)
    assert receiver.statuses == ["in_progress"]
    client.advance(0.5)
    assert receiver.statuses == ["in_progress", "completed"]


@pytest.mark.parametrize("call", ["submit", "queue submit"])
def test_early_news_come_before_the_submit_has_answered(client, receiver, call):
    receiver.go.clear()
    client.rule({"fault": "early"}, task=TASK)
    sent = client.open_to(call, body={"prompt": "An apple", "callback_url": receiver.url})
    first = receiver.arrived.get(timeout=60)
    assert sent.silent()
    receiver.go.set()
    answer = sent.rest()
    assert answer.status == 200
    assert first.body["id"] in {value.removeprefix("mmsu_") for value in answer.json.values() if isinstance(value, str)}
    assert (first.signed, first.body["status"]) == (True, "in_progress")
    client.advance(2.5)
    assert receiver.statuses == ["in_progress"]
    client.advance(0.5)
    assert receiver.statuses == ["in_progress", "completed"]


def test_a_bad_signature_is_one_and_not_of_this_body(client, receiver):
    task = _told(client, receiver, {"fault": "bad_signature"})
    assert [(one.signed, one.body["id"]) for one in receiver.events] == [(False, task)] * 2
    for one in receiver.events:
        version, _, value = one.headers["webhook-signature"].partition(",")
        assert (version, len(base64.b64decode(value, validate=True))) == ("v1", 32)


@pytest.mark.parametrize(("keys", "age"), [({}, 3600), ({"age": "2d"}, 172_800), ({"age": 90}, 90)], ids=str)
def test_a_stale_signature_is_right_and_of_long_ago(client, receiver, keys, age):
    _told(client, receiver, {"fault": "stale_signature", **keys})
    began = client.tasks()[0]["created_at"]
    assert [one.stamp for one in receiver.events] == [began + 1 - age, began + 3 - age]
    assert all(one.signed for one in receiver.events)


@pytest.mark.parametrize("fields", [None, {"trace": {"a": [1]}, "node": "x"}], ids=["own", "given"])
def test_unknown_fields_stand_beside_the_right_ones(client, receiver, fields):
    task = _told(client, receiver, {"fault": "unknown_fields"} | ({"fields": fields} if fields else {}))
    right = client.to("poll", task).json
    told = receiver.events[-1].body
    added = {name: told[name] for name in told.keys() - right.keys()}
    assert {**told, **right} == told
    assert added == (fields or added) != {}
    assert receiver.events[-1].signed


def test_a_foreign_id_is_of_a_task_that_nobody_submitted(client, receiver):
    task = _told(client, receiver, {"fault": "foreign_id"})
    ids = {one.body["id"] for one in receiver.events}
    assert task not in ids
    assert {client.to("poll", other).status for other in ids} == {404}
    assert all(one.signed for one in receiver.events)


def test_garbage_is_no_json(client, receiver):
    _told(client, receiver, {"fault": "garbage"})
    assert [(one.is_json, len(one.raw) > 0) for one in receiver.events] == [(False, True)] * 2


FAULTS = ["drop", "duplicate", "reorder", "late", "bad_signature", "stale_signature", "unknown_fields", "foreign_id",
          "garbage"]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_attempts_name_the_fault(client, receiver, fault):
    _told(client, receiver, {"fault": fault}, seconds=100)
    assert {name for attempts in _attempts(client) for _, name in attempts} == {fault}


def test_only_the_news_that_came_early_is_named_early(client, receiver):
    _told(client, receiver, {"fault": "early"})
    assert _attempts(client) == [[(0, "early")], [(3, None)]]


@pytest.mark.parametrize("fault", [*FAULTS, "early"])
def test_scenarios_count_the_callback_faults_that_fired(client, receiver, fault):
    _told(client, receiver, {"fault": "reset", "on": "media"}, {"fault": fault}, seconds=100)
    matched, chosen, fired = client.counts()
    assert (matched, chosen, [*fired]) == (1, 1, ["faults[1]"])
