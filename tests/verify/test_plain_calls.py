"""How ``verify server`` makes its calls: by sockets where that sends the same bytes."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading

import httpx
import pytest

from mock_server.verify.server.plain_http import writes
from mock_server.verify.server.transport import Broken, Connection, Transport


@contextlib.contextmanager
def answering(answer: bytes, count: int = 1):
    """A server that answers each connection with the same bytes, and closes it; what it was sent is kept."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def serve():
        for _ in range(count):
            connection, _ = listener.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        listener.close()
        thread.join(5)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
WHOLE = {
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\n\r\n{}",
    "up to the end": b"HTTP/1.0 200 OK\r\nX-A: 1, 2\r\n\r\n{}",
    "chunks": CHUNKED + b"X-A: 1, 2\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nT: 1\r\n\r\n",
    "after an interim answer": b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + LENGTH + b"X-A: 1, 2\r\n\r\n{}",
    "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nX-A: 1, 2\r\n\r\n" + gzip.compress(b"{}"),
    "lines that end in a line feed": b"HTTP/1.1 200 OK\nContent-Length: 2\nX-A:1, 2\n\n{}",
}


@pytest.mark.parametrize("form", WHOLE)
def test_an_answer_is_read_in_every_form_that_it_may_have(form):
    with answering(WHOLE[form]) as (url, _), contextlib.closing(Transport(Connection())) as transport:
        answer = transport.send("GET", f"{url}/x", {})
    assert (answer.status, answer.content, answer.headers["x-a"]) == (200, b"{}", "1, 2")


CUT = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "no length of a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "a length below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "a line that is no header": b"HTTP/1.1 200 OK\r\nno header\r\n\r\n{}",
    "gzip that is none": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("form", CUT)
def test_what_is_no_whole_answer_is_said(form):
    with answering(CUT[form]) as (url, _), contextlib.closing(Transport(Connection())) as transport:
        with pytest.raises(Broken) as broken:
            transport.send("GET", f"{url}/x", {})
        assert str(broken.value)


def test_an_answer_that_does_not_come_is_not_waited_for_longer():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        transport = Transport(Connection(timeout=0.05))
        with contextlib.closing(transport), pytest.raises(Broken, match=r"no answer within 0\.05 s"):
            transport.send("GET", url, {})


@pytest.mark.parametrize(
    ("method", "path", "headers", "content"),
    [("GET", "/a/b?c=%2F", {}, None), ("POST", "/x", {"Authorization": "Bearer k"}, b"{}"), ("PUT", "/x", {}, None)],
)
def test_a_call_is_what_a_general_client_sends(method, path, headers, content):
    with answering(WHOLE["a length"], 2) as (url, seen):
        assert writes(f"{url}{path}", headers)
        with contextlib.closing(Transport(Connection())) as transport:
            transport.send(method, f"{url}{path}", headers, content)
        with httpx.Client(trust_env=False) as client:
            client.request(method, f"{url}{path}", headers=headers, content=content)
    sent, general = map(_head, seen)
    assert sent == general
    assert seen[0].endswith(b"\r\n\r\n" + (content or b""))


def _head(request):
    head, _, _ = request.decode().partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    named = dict(field.lower().split(": ", 1) for field in fields)
    own = {"user-agent", "accept-encoding", "connection"}  # who calls, and what that one can read
    return first, {name: value for name, value in named.items() if name not in own}


@pytest.mark.parametrize("path", ["/a b", "/ü", "/a/../b", "/%zz", "/a#b", "/[a]", "/a\r\nX: 1"])
def test_an_unusual_path_is_left_to_a_general_client(path):
    assert not writes(f"http://127.0.0.1:1{path}", {})


@pytest.mark.parametrize(
    "headers", [{"Host": "x"}, {"A": "1", "a": "2"}, {"A": "ü"}, {"A": " x"}, {"A": "x\r\nB: y"}, {"A b": "x"}]
)
def test_unusual_headers_are_left_to_a_general_client(headers):
    assert not writes("http://127.0.0.1:1/x", headers)
