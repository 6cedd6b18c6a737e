"""Receivers that misbehave: they hold up nobody, nothing is lost, and the attempts tell what happened."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mock_server import MockServer
from mock_server.platform.scheduler import PER_HOST

SUBMIT = "/model/v1/generation"
KEY = {"Authorization": "Bearer sk-test"}


class Receiver(BaseHTTPRequestHandler):
    """Answers each POST as the server's script says; keeps what came."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.came.append((self.path, dict(self.headers), json.loads(body)))
        status, headers = self.server.script(len(self.server.came))
        if status is None:
            # A hard end: the other side sees a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *args):
        pass


class Hosts(ThreadingHTTPServer):
    """Its threads end with it, whatever they wait for."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


@pytest.fixture
def receiver():
    """Starts receivers: what they answer to the n-th call is a status, or None for a reset, and headers."""
    with contextlib.ExitStack() as stack:

        def start(script):
            server = stack.enter_context(Hosts(("127.0.0.1", 0), Receiver))
            server.came, server.script = [], script
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            server.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
            return server

        yield start


@pytest.fixture
def hanging():
    """The URL of a host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"


def _submit(http, server, callback_url, prompt="A red apple"):
    body = {"model": "kirin_v1_t2v", "prompt": prompt, "callback_url": callback_url}
    return http.post(server.url + SUBMIT, json=body, headers=KEY).json()["id"]


def _advance(http, server, seconds):
    http.post(f"{server.url}/_mock/clock/advance", json={"seconds": seconds}, headers=KEY)


def _callbacks(http, server, **query):
    return http.get(f"{server.url}/_mock/callbacks", params=query, headers=KEY).json()["callbacks"]


def test_a_receiver_that_hangs_holds_up_nobody(http, hanging, receiver):
    good = receiver(lambda _: (200, {}))
    with MockServer(speed=20, callback_timeout=600) as server:
        # More than may be under way to one receiver at once.
        for _ in range(PER_HOST + 1):
            _submit(http, server, hanging)
        task = _submit(http, server, good.url)
        inbox = server.inbox("good")
        other = _submit(http, server, inbox.url)
        assert [message.body["id"] for message in inbox.wait_for(2)] == [other, other]
        assert http.get(f"{server.url}{SUBMIT}/task/{task}", headers=KEY).status_code == 200
        neighbour = f"{server.url}/_mock/inbox/neighbour"
        _submit(http, server, neighbour)
        assert server.inbox("neighbour").wait_for(2)
        assert {callback["state"] for callback in _callbacks(http, server, task=other)} == {"delivered"}
    assert [body["id"] for _, _, body in good.came] == [task, task]


def test_a_path_that_hangs_leaves_room_for_its_neighbours_on_the_same_host(http):
    """The host answers all paths but one, which waits until all others have come."""
    seen = threading.Event()

    class Partly(Receiver):
        def do_POST(self):
            if self.path == "/hangs":
                self.rfile.read(int(self.headers["content-length"]))
                seen.wait()  # the thread is a daemon
            else:
                super().do_POST()
                if len(self.server.came) == 2:
                    seen.set()

    with Hosts(("127.0.0.1", 0), Partly) as host:
        host.came, host.script = [], lambda _: (200, {})
        thread = threading.Thread(target=host.serve_forever, daemon=True)
        thread.start()
        with MockServer(speed=20, callback_timeout=600) as server:
            base = f"http://127.0.0.1:{host.server_address[1]}"
            for _ in range(PER_HOST + 1):
                _submit(http, server, f"{base}/hangs")
            _submit(http, server, f"{base}/fine")
            assert seen.wait(20)
        host.shutdown()
        thread.join()


def test_an_attempt_that_gets_no_answer_in_time_is_told_and_repeated(http, hanging):
    with MockServer(speed="manual", callback_timeout=0.05) as server:
        task = _submit(http, server, hanging)
        _advance(http, server, 10_000)
        first, last = _callbacks(http, server, task=task)
    assert [attempt["error"] for attempt in first["attempts"]] == ["no answer within 0.05 s"] * 6
    assert (first["state"], last["state"]) == ("given_up", "given_up")
    waits = [attempt["next_at"] - attempt["at"] for attempt in first["attempts"][:-1]]
    assert waits == [1, 5, 30, 120, 600]
    assert first["attempts"][-1]["next_at"] is None


def test_a_receiver_that_resets_gets_the_same_news_again(http, receiver):
    broken = receiver(lambda number: (None if number <= 2 else 200, {}))
    with MockServer(speed="manual") as server:
        task = _submit(http, server, broken.url)
        _advance(http, server, 100)
        first, _ = _callbacks(http, server, task=task)
    assert [attempt["status"] for attempt in first["attempts"]] == [None, None, 200]
    assert all(attempt["error"] for attempt in first["attempts"][:2])
    assert first["attempts"][-1]["answer"] == "hello"
    assert [headers["webhook-id"] for _, headers, _ in broken.came[:3]] == [first["id"]] * 3
    bodies = [body for _, _, body in broken.came[:3]]
    assert bodies[0] == bodies[1] == bodies[2] == first["body"]


def test_forty_refusals_lose_nothing(http, receiver):
    refusing = receiver(lambda number: (500 if number <= 40 else 200, {}))
    with MockServer(speed="manual") as server:
        inbox = server.inbox("fine")
        tasks = [_submit(http, server, refusing.url) for _ in range(5)]
        fine = _submit(http, server, inbox.url)
        _advance(http, server, 3)
        assert [body["id"] for body in inbox.bodies] == [fine, fine]
        _advance(http, server, 10_000)
        told = [callback for callback in _callbacks(http, server) if callback["task"] in tasks]
        statuses = [attempt["status"] for callback in told for attempt in callback["attempts"]]
        assert (len(told), statuses.count(500)) == (10, 40)
        lost = [callback for callback in told if callback["state"] == "given_up"]
        assert [len(callback["attempts"]) for callback in lost] == [6] * len(lost)
        for callback in lost:
            again = http.post(f"{server.url}/_mock/callbacks/{callback['id']}/replay", headers=KEY).json()
            assert (again["state"], len(again["attempts"])) == ("delivered", 7)
        assert {callback["state"] for callback in _callbacks(http, server)} == {"delivered"}
    received = {headers["webhook-id"] for _, headers, _ in refusing.came[40:]}
    assert received == {callback["id"] for callback in told}


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_may_ask_for_time(http, receiver, status):
    busy = receiver(lambda number: (status, {"Retry-After": "40"}) if number == 1 else (200, {}))
    with MockServer(speed="manual") as server:
        task = _submit(http, server, busy.url)
        _advance(http, server, 100)
        first, _ = _callbacks(http, server, task=task)
    attempts = [(attempt["at"], attempt["status"], attempt["next_at"]) for attempt in first["attempts"]]
    began = first["occurred_at"]
    assert attempts == [(began, status, began + 40), (began + 40, 200, None)]


@pytest.mark.parametrize(("status", "tries"), [(410, 1), (302, 6), (404, 6)])
def test_gone_is_gone_and_all_else_is_tried_again(http, receiver, status, tries):
    other = receiver(lambda _: (status, {"Location": "/elsewhere"}))
    with MockServer(speed="manual") as server:
        task = _submit(http, server, other.url)
        _advance(http, server, 10_000)
        told = _callbacks(http, server, task=task, state="given_up")
    assert [len(callback["attempts"]) for callback in told] == [tries, tries]
    assert {path for path, _, _ in other.came} == {"/hook"}


def test_news_that_was_delivered_can_be_delivered_again(http, receiver):
    fine = receiver(lambda number: (500 if number == 3 else 200, {}))
    with MockServer(speed="manual") as server:
        task = _submit(http, server, fine.url)
        _advance(http, server, 1)
        first, last = _callbacks(http, server, task=task)
        for status in (200, 500, 200):
            again = http.post(f"{server.url}/_mock/callbacks/{first['id']}/replay", headers=KEY).json()
            assert (again["state"], again["attempts"][-1]["status"]) == ("delivered", status)
        _advance(http, server, 10_000)
        early = http.get(f"{server.url}/_mock/callbacks/{last['id']}", headers=KEY).json()
    assert len(early["attempts"]) == 1
    assert [headers["webhook-id"] for _, headers, _ in fine.came] == [first["id"]] * 4 + [last["id"]]


def test_a_replay_leaves_the_retries_of_later_news_as_they_are(http, receiver):
    half = receiver(lambda number: (500 if number == 2 else 200, {}))
    with MockServer(speed="manual") as server:
        task = _submit(http, server, half.url)
        _advance(http, server, 2.7)  # the task has ended by now, and the second try at telling so is still ahead
        first, last = _callbacks(http, server, task=task)
        assert (first["state"], last["state"], len(last["attempts"])) == ("delivered", "owed", 1)
        http.post(f"{server.url}/_mock/callbacks/{first['id']}/replay", headers=KEY)
        assert _callbacks(http, server, task=task)[1] == last


def test_what_is_still_to_come_or_not_there_cannot_be_replayed(http, receiver):
    fine = receiver(lambda _: (200, {}))
    with MockServer(speed="manual") as server:
        task = _submit(http, server, fine.url)
        to_come = _callbacks(http, server, task=task)[0]
        answer = http.post(f"{server.url}/_mock/callbacks/{to_come['id']}/replay", headers=KEY)
        assert (answer.status_code, answer.json()["status"]["error_code"]) == (409, 40904)
        assert "still to come" in answer.json()["status"]["message"]
        answer = http.post(f"{server.url}/_mock/callbacks/msg_none/replay", headers=KEY)
        assert (answer.status_code, answer.json()["status"]["error_code"]) == (404, 40401)
    assert fine.came == []


OLD, NEW = "whsec_b2xkIHNlY3JldA==", "whsec_bmV3IHNlY3JldA=="


def test_during_a_rotation_both_secrets_sign(http, receiver):
    from mock_server.platform.courier import signature

    fine = receiver(lambda _: (200, {}))
    with MockServer(speed="manual", callback_secret=[OLD]) as server:
        signed = []
        for secrets in (None, [OLD, NEW], [NEW], []):
            if secrets is not None:
                answer = http.put(f"{server.url}/_mock/callbacks/secrets", json={"secrets": secrets})
                assert answer.json() == {"secrets": len(secrets)}
            task = _submit(http, server, fine.url)
            _advance(http, server, 1)
            attempt = _callbacks(http, server, task=task)[0]["attempts"][0]
            signed.append(attempt["signature"].split() if attempt["signature"] else [])
            _, headers, body = fine.came[-1]
            content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
            right = [
                signature(secret, headers["webhook-id"], int(headers["webhook-timestamp"]), content)
                for secret in (secrets if secrets is not None else [OLD])
            ]
            assert signed[-1] == right
        wrong = http.put(f"{server.url}/_mock/callbacks/secrets", json={"secrets": ["abc"]})
        assert wrong.status_code == 400
        assert "whsec_" in wrong.json()["status"]["message"]
    assert [len(each) for each in signed] == [1, 2, 1, 0]
