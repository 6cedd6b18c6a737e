"""The first words of a client to the proxy: CONNECT, strictly read, and how the proxy answers beneath any app."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any

import orjson

from mock_server.core.interception.hosts import Authority, shown

METHOD = b"CONNECT "
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
#: The largest head of a CONNECT request in bytes, and the most headers in it.
MAX_HEAD = 16_384
MAX_HEADERS = 100

_REQUEST_LINE = re.compile(rb"CONNECT ([!-~]+) HTTP/1\.([01])")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_LONE_LINE_FEED = re.compile(rb"(?:^|[^\r])\n")


class Refusal(Exception):
    """A request that the proxy answers by itself, with a status, a sentence, and the sentence in short."""

    def __init__(self, status: int, message: str, short: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.short = short

    @property
    def body(self) -> dict[str, Any]:
        """In the shape of the gateway's errors (wire#4); the code is the status and 01, as there."""
        status = {"code": self.status, "message": self.message, "error_code": self.status * 100 + 1}
        return {"status": status, "data": None}

    def raw(self) -> bytes:
        """The whole answer. The short sentence is its reason phrase: many clients show nothing else of it."""
        content = orjson.dumps(self.body)
        phrase = self.short or HTTPStatus(self.status).phrase
        return (
            f"HTTP/1.1 {self.status} {phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        ).encode("ascii", "replace") + content


class Farewell(asyncio.Protocol):
    """Says the last answer of a connection, then listens a little before it closes: if the client still sends, closing
    at once would reset the connection, and the answer would be lost. ``longest`` is in real seconds.
    """

    #: So long a client must have been quiet, in real seconds.
    QUIET = 0.02

    def __init__(self, transport: Any, before: asyncio.BaseProtocol, content: bytes, longest: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + longest
        self._transport = transport
        self._before = before
        self._timer: asyncio.TimerHandle | None = None
        transport.set_protocol(self)
        transport.write(content)
        self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        """Drop it, and wait on."""
        if self._timer is not None:
            self._timer.cancel()
        wait = min(self.QUIET, max(self._until - self._loop.time(), 0.0))
        self._timer = self._loop.call_later(wait, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the protocol that was here before."""
        if self._timer is not None:
            self._timer.cancel()
        self._before.connection_lost(exc)


def head_end(received: bytes | bytearray, searched: int) -> int:
    """Where the head ends, -1 while it does not. ``searched`` bytes were looked at before. Raises Refusal."""
    if _LONE_LINE_FEED.search(received, max(searched - 1, 0)) is not None:
        raise Refusal(400, "a line of the head of this CONNECT request does not end with CR LF")
    end = received.find(b"\r\n\r\n", max(searched - 3, 0))
    if end >= MAX_HEAD or (end < 0 and len(received) > MAX_HEAD):
        raise Refusal(431, f"the head of a CONNECT request has at most {MAX_HEAD} bytes")
    return end


def read_connect(head: bytes) -> Authority:
    """Where a client wants to be connected to. ``head`` is without the empty line at its end. Raises Refusal."""
    first, *lines = head.split(b"\r\n")
    found = _REQUEST_LINE.fullmatch(first)
    if found is None:
        raise Refusal(400, "a CONNECT request begins with: CONNECT host:port HTTP/1.1")
    asked = _authority(found[1], None, "the target")
    if len(lines) > MAX_HEADERS:
        raise Refusal(431, f"a CONNECT request has at most {MAX_HEADERS} headers")
    headers = [_HEADER.fullmatch(line) for line in lines]
    if not all(headers):
        raise Refusal(400, "a header of this CONNECT request is malformed")
    fields = [(header[1].lower(), header[2]) for header in headers if header is not None]
    if any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in fields):
        raise Refusal(400, "a CONNECT request has no body")
    named = [value for name, value in fields if name == b"host"]
    if len(named) > 1 or (not named and found[2] == b"1"):
        raise Refusal(400, f"a CONNECT request has one Host header, and this one has {len(named)}")
    if named and _authority(named[0], asked.port, "the Host header") != asked:
        raise Refusal(400, f"the Host header of this CONNECT request is not {asked}")
    return asked


def _authority(written: bytes, default_port: int | None, what: str) -> Authority:
    try:
        return Authority.parse(written.decode("latin-1"), default_port)
    except ValueError as error:
        raise Refusal(400, f"{what} of this CONNECT request: {error}") from None


def required_host(hosts: list[bytes], default_port: int, *, required: bool) -> Authority | None:
    """What the Host header of a request names; None for none where none is required. Raises Refusal."""
    if len(hosts) > 1 or (required and not hosts):
        raise Refusal(400, f"a request has one Host header, and this one has {len(hosts)}")
    if not hosts:
        return None
    written = hosts[0].decode("latin-1")
    try:
        return Authority.parse(written, default_port)
    except ValueError:
        raise Refusal(400, f"the Host header {shown(written)} is not a host") from None
