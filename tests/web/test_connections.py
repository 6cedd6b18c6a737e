"""Heads are bounded, slow clients are let go, and no client can take all connections."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest

from mock_server import MockServer
from mock_server.core.clock import stopwatch

POLL = b"GET /model/v1/generation/task/none HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"


def _connect(server):
    port = int(server.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def _answer(server, sent):
    with _connect(server) as connection:
        connection.sendall(sent)
        return _read(connection)


def _read(connection):
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


TOO_LONG = "the URL of a request has at most 16384 bytes"
HEADS = {
    "a long URL": (
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        414,
        "URL of a request has at most 16384",
    ),
    "a URL without end": (b"GET /" + b"a" * 200_000, 414, TOO_LONG),
    "a long header": (POLL + b"A: " + b"a" * 17_000 + b"\r\n\r\n", 431, "a header has at most 16384 bytes; a has more"),
    "long headers": (POLL + b"A: %s\r\n" % (b"a" * 16_000) * 5 + b"\r\n", 431, "at most 65536 bytes"),
    "many headers": (POLL + b"A: a\r\n" * 99 + b"\r\n", 431, "at most 100 headers, not 101"),
    "a header without end": (POLL + b"A: " + b"a" * 200_000, 431, "at most 65536 bytes"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400, "one Host header, not none"),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "one Host header, not 2"),
    "no HTTP": (b"\x16\x03\x01\r\n\r\n", 400, "not HTTP/1.1 as it must be"),
}


@pytest.mark.parametrize("head", HEADS)
def test_a_head_beyond_its_bounds_is_answered_and_the_connection_ends(manual_server, head):
    sent, status, says = HEADS[head]
    answer = _answer(manual_server, sent).decode("latin-1")
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert says in answer
    assert "connection: close" in answer.lower()


def test_a_head_within_its_bounds_is_served(manual_server):
    sent = POLL + b"A: " + b"a" * 16_000 + b"\r\n" + b"B: b\r\n" * 96 + b"Connection: close\r\n\r\n"
    assert _answer(manual_server, sent).startswith(b"HTTP/1.1 404 ")


@pytest.fixture(scope="module")
def impatient():
    with MockServer(header_timeout=0.3, idle_timeout=1, max_connections=20) as server:
        yield server


SLOW = {
    "a client that says nothing": (b"", b""),
    "half a head": (POLL, b""),
    "half of a second head": (POLL + b"\r\n" + POLL, b"HTTP/1.1 404"),
    "a body that stops": (
        b"POST /model/v1/generation HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 408",
    ),
    "an idle connection": (POLL + b"\r\n", b"HTTP/1.1 404"),
}


@pytest.mark.parametrize("slow", SLOW)
def test_a_client_that_takes_too_long_is_let_go(impatient, slow):
    sent, begins = SLOW[slow]
    began = stopwatch()
    answer = _answer(impatient, sent)
    assert answer.startswith(begins)
    assert bool(answer) == bool(begins)
    assert stopwatch() - began < 20


def test_a_body_that_trickles_ends(impatient):
    """It goes on for as long as the server takes it."""
    head = SLOW["a body that stops"][0].replace(b"100", b"100000")
    with _connect(impatient) as connection:
        connection.sendall(head)
        ended = threading.Event()

        def trickle():
            while not ended.wait(0.02):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

        trickling = threading.Thread(target=trickle)
        trickling.start()
        answer = _read(connection)
        ended.set()
        trickling.join()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"at 1024 bytes a second at least" in answer


def test_connections_that_do_nothing_make_room_for_others():
    with MockServer(max_connections=20) as server, httpx.Client(trust_env=False) as other:
        idle = [_connect(server) for _ in range(50)]
        poll = f"{server.url}/model/v1/generation/task/none"
        answers = [other.get(poll, headers={"Authorization": "Bearer k"}).status_code for _ in range(30)]
        for connection in idle:
            connection.close()
    assert answers == [404] * 30


def test_connections_in_use_are_not_closed_for_others():
    with MockServer(max_connections=5) as server:
        half = [_connect(server) for _ in range(5)]
        for connection in half:
            connection.sendall(SLOW["a body that stops"][0])
        for _ in range(20):  # each is in use once the server has read what it sent
            answer = _answer(server, POLL + b"Connection: close\r\n\r\n")
            if answer.startswith(b"HTTP/1.1 503 "):
                break
        assert b"this server has 5 connections at once, and all of them are in use" in answer
        half.pop().close()
        assert any(_answer(server, POLL + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 404 ") for _ in range(20))
        for connection in half:
            connection.close()
