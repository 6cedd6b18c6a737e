"""Awkward moments: steering while news is under way, resets at once, receivers that break off, logs that fail."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from mock_server import MockServer
from mock_server.web.log import call_log
from mock_server.web.messages import Answer, Call
from tests.support.driving import drive

SUBMIT = "/model/v1/generation"


class Receiver:
    """A receiver of callbacks that answers only when it is let, or breaks off as told."""

    def __init__(self, *, broken_body: bool = False) -> None:
        self.bodies: list[dict] = []
        self.arrived = threading.Semaphore(0)
        self.let = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                outer.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                outer.arrived.release()
                outer.let.wait(30)
                self.send_response(200)
                self.send_header("Content-Length", "100" if broken_body else "0")
                self.end_headers()
                if broken_body:
                    self.wfile.write(b"x")
                    self.close_connection = True

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.let.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize("end", ["complete", "fail"])
def test_an_end_that_comes_while_news_is_under_way_is_told_as_well(http, end):
    with MockServer(speed="manual") as server, Receiver() as receiver:
        headers = {"Authorization": f"Bearer {server.api_key}"}
        body = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": receiver.url}
        made = http.post(server.url + SUBMIT, json=body, headers=headers).json()
        advancing = threading.Thread(target=server.clock.advance, args=(0.2,))
        advancing.start()
        assert receiver.arrived.acquire(timeout=30)
        getattr(server, end)(made["id"])
        receiver.let.set()
        advancing.join()
        server.clock.advance(5000)
        ends = {"complete": "completed", "fail": "failed"}
        assert [told["status"] for told in receiver.bodies] == ["in_progress", ends[end]]
        deliveries = server.deliveries(made["id"])
        assert [one.state for one in deliveries] == ["delivered", "delivered"]
        assert len({one.id for one in deliveries}) == 2


def test_an_answer_whose_body_breaks_off_still_counts(http):
    with MockServer(speed="manual", timing="instant") as server, Receiver(broken_body=True) as receiver:
        receiver.let.set()
        headers = {"Authorization": f"Bearer {server.api_key}"}
        body = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": receiver.url}
        made = http.post(server.url + SUBMIT, json=body, headers=headers).json()
        server.clock.advance(100)
        assert [len(one.attempts) for one in server.deliveries(made["id"])] == [1]
        assert server.deliveries(made["id"])[0].state == "delivered"


def test_what_is_final_stays_so_when_two_steer_at_once():
    async def both():
        async with drive() as one:
            made = await one.submit(0, None)
            path = f"/_mock/tasks/{made['id']}"
            answers = await asyncio.gather(
                *(one.client.post(f"{path}/{action}") for action in ("complete", "fail", "complete", "fail"))
            )
            return [answer.status_code for answer in answers], await one.poll(made["id"])

    statuses, _ = asyncio.run(both())
    assert sorted(statuses) == [200, 409, 409, 409]


def test_a_late_body_cannot_change_a_task_that_has_ended(http):
    with MockServer(speed="manual") as server:
        headers = {"Authorization": f"Bearer {server.api_key}"}
        made = http.post(server.url + SUBMIT, json={"model": "kirin_v1_t2v", "prompt": "a"}, headers=headers).json()
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
            head = (
                f"POST /_mock/tasks/{made['id']}/fail HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 2\r\n\r\n"
            )
            slow.sendall(head.encode())
            server.complete(made["id"])
            slow.sendall(b"{}")
            assert slow.recv(65536).startswith(b"HTTP/1.1 409 ")
        assert server.task(made["id"]).at(server.clock.now()).status == "completed"


def test_resets_at_once_all_succeed():
    async def many():
        async with drive() as one:
            for _ in range(5):
                await one.submit(0)
                await asyncio.gather(*(one.call("POST", "/_mock/reset") for _ in range(10)))
            return (await one.call("GET", "/_mock/tasks")).json()

    assert asyncio.run(many())["tasks"] == []


def test_whoever_waits_at_an_inbox_goes_on_waiting_through_a_reset():
    async def through():
        async with drive() as one:
            waiting = asyncio.ensure_future(one.call("GET", "/_mock/inbox/a/messages?wait_for=1&timeout=30"))
            await one.call("POST", "/_mock/reset")
            await one.call("POST", "/_mock/inbox/a", json={"n": 1})
            return (await waiting).json()

    assert asyncio.run(through())["count"] == 1


def test_a_reset_while_callbacks_go_out_ends_them(http):
    with MockServer(speed="manual") as server, Receiver() as receiver:
        body = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": receiver.url}
        for _ in range(6):
            http.post(server.url + SUBMIT, json=body, headers={"Authorization": f"Bearer {server.api_key}"})
            server.clock.advance(0.01)  # so that each is due at a moment of its own
        advancing = threading.Thread(target=server.clock.advance, args=(30,))
        advancing.start()
        assert receiver.arrived.acquire(timeout=30)
        server.reset()
        receiver.let.set()
        advancing.join()
        assert len(receiver.bodies) == 1


def test_one_inbox_serves_one_loop_after_another():
    server = MockServer(speed="manual")

    async def work():
        transport = httpx.ASGITransport(server.app)
        async with httpx.AsyncClient(transport=transport, base_url=server.url) as client:
            await client.post("/_mock/reset")
            waiting = asyncio.ensure_future(client.get("/_mock/inbox/n/messages?wait_for=1&timeout=30"))
            await asyncio.wait({waiting}, timeout=0)  # it waits now
            await client.post("/_mock/inbox/n", json={})
            return (await waiting).status_code

    assert [asyncio.run(work()) for _ in range(2)] == [200, 200]


def test_an_asgi_server_can_be_reset_after_its_loop_has_ended():
    server = MockServer(speed="manual")

    async def work():
        transport = httpx.ASGITransport(server.app)
        async with httpx.AsyncClient(transport=transport, base_url=server.url) as client:
            body = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": server.inbox().url}
            await client.post(SUBMIT, json=body, headers={"Authorization": "Bearer k"})
            await client.post("/_mock/clock/advance", json={"seconds": 5})

    asyncio.run(work())
    assert len(server.inbox().messages) == 2
    server.reset()
    assert server.inbox().messages == []


@pytest.mark.parametrize("depth", [60, 70, 300, 600])
@pytest.mark.parametrize("place", ["metadata", "unknown"])
def test_deep_nesting_is_refused_or_served_and_leaves_nothing_behind(manual_server, http, fresh_key, depth, place):
    headers = {"Authorization": f"Bearer {fresh_key()}"}
    nested = json.loads("[" * (depth - 4) + "]" * (depth - 4))
    params = {"prompt": "a"} if place == "metadata" else {"prompt": "a", "unknown": nested}
    body = {"model": "kirin_v1_t2v", "input": [{"params": params}], "metadata": {"a": nested}}
    answer = http.post(manual_server.url + SUBMIT, json=body, headers=headers)
    assert answer.status_code == (200 if depth == 60 and place == "metadata" else 400)
    assert http.get(manual_server.url + "/_mock/tasks", headers=headers).status_code == 200


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_that_cannot_be_written_fails_nobody(form):
    closed, narrow = io.StringIO(), io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    closed.close()
    answer = Answer(400, b"")
    answer.note = "提示 is not a parameter"
    for stream in (closed, narrow):
        call_log(form, stream)(Call({"method": "POST", "path": "/ä"}, None), answer)
    narrow.seek(0)
    assert "is not a parameter" in narrow.read()
