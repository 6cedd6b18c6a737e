"""A bridge of real HTTP/1.1 on loopback to the platform of a run, for clients that bring their own network."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from http import HTTPStatus
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from mock_server.verify.client.kit import Platform, Reply

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class HttpBridge:
    """Listens until it is closed; calls go to whichever platform it leads to."""

    def __init__(self) -> None:
        self._platform: Platform | None = None
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True, name="kirin-mock http bridge").start()

    def lead_to(self, platform: Platform | None) -> None:
        """Let calls go to this platform from now on; to none, and they are reset."""
        self._platform = platform

    @property
    def open_connections(self) -> int:
        """How many connections there are."""
        return len(self._open)

    def close(self) -> None:
        """Listen no more, and end all connections."""
        self._platform = None
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
        self._socket.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # that it was closed
            while True:
                connection, _ = self._socket.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True, name="kirin-mock call").start()

    def _serve(self, connection: socket.socket) -> None:
        caller = _Caller(connection)
        try:
            with connection, contextlib.suppress(OSError, HttpParserError, HttpParserUpgrade):
                while content := connection.recv(65_536):
                    caller.parser.feed_data(content)
                    for request in caller.take():
                        if not self._answer(connection, request):
                            return
        finally:
            self._open.discard(connection)

    def _answer(self, connection: socket.socket, request: _Request) -> bool:
        """Answer one request; whether the connection goes on."""
        platform = self._platform
        try:
            reply = (platform or _NOBODY).answer(request.method, request.target, request.headers, request.body)
        except BaseException:  # noqa: BLE001 - a call that is one too many ends like one that is reset
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        connection.sendall(_written(reply, head=request.method == "HEAD"))
        return request.keep_alive and not reply.cut


class _Nobody:
    """In place of a platform between two runs."""

    def answer(self, method: str, target: str, headers: object, body: bytes) -> Reply:
        """See Platform."""
        raise ConnectionResetError("there is no run")


_NOBODY = _Nobody()


class _Request:
    def __init__(self) -> None:
        self.method = ""
        self.target = ""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.keep_alive = True


class _Caller:
    """Reads the requests that come on one connection; named and called as the parser wants it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.parser: Any = HttpRequestParser(self)
        self._whole: list[_Request] = []
        self._request = _Request()

    def take(self) -> list[_Request]:
        """The requests that have come as a whole."""
        whole, self._whole = self._whole, []
        return whole

    def on_message_begin(self) -> None:
        """A request begins."""
        self._request = _Request()

    def on_url(self, part: bytes) -> None:
        """A piece of its target."""
        self._request.target += part.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._request.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """All headers; who waits for leave to send gets it."""
        self._request.method = self.parser.get_method().decode("ascii")
        if (b"expect", b"100-continue") in self._request.headers:
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        """A piece of its body."""
        self._request.body += part

    def on_message_complete(self) -> None:
        """All of it."""
        self._request.keep_alive = self.parser.should_keep_alive()
        self._whole.append(self._request)


def _written(reply: Reply, *, head: bool) -> bytes:
    """An answer as it is sent. One that is cut promises more than comes."""
    headers = [(name, value) for name, value in reply.headers if name.lower() != b"content-length"]
    headers.append((b"content-length", b"%d" % (len(reply.body) + (1 if reply.cut else 0))))
    lines = [b"HTTP/1.1 %d %s" % (reply.status, _PHRASES.get(reply.status, "").encode())]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if head else reply.body)
