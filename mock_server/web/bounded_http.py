"""uvicorn's HTTP protocol within bounds: how large a head may be, how long a client may take, how many there may be.

Sizes are bytes; times are real seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mock_server.web.interception.connect import Farewell, Refusal
from mock_server.web.messages import json_answer

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

#: The largest head of a request, trailers and the extensions of chunks counted likewise.
MAX_HEAD = 64 * 1024
#: The largest request target, and the largest header.
MAX_URL = MAX_HEADER = 16 * 1024
#: The most headers.
MAX_HEADERS = 100
#: A body must come at this many bytes a second on average, after the time that its head may take.
LEAST_RATE = 1024

_silent = logging.getLogger("kirin-mock.http")
_silent.disabled = True


@dataclass(frozen=True, slots=True)
class Patience:
    """Real seconds that a client may take for the head of a request, for the TLS handshake, for its end, and between
    two requests.
    """

    head: float = 10.0
    handshake: float = 10.0
    goodbye: float = 2.0
    idle: int = 5


class BoundedHttp(HttpToolsProtocol):
    """The requests of one connection. ``sweep`` ends what takes too long; nothing is timed for each request."""

    def __init__(self, patience: Patience, most_connections: int, **parts: Any) -> None:
        super().__init__(**parts)
        self.logger = self.access_logger = _silent
        self.access_log = False
        self.timeout_keep_alive = patience.idle
        self._patience = patience
        self._most_connections = most_connections
        self._served: Any = self.app
        #: Since when a head, or the rest of a body, is waited for; 0 where neither is.
        self._waits_since = 0.0
        self._body = -1
        self._unparsed = 0
        self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio. Of too many connections one that is idle is closed for this one, or this one is refused."""
        super().connection_made(transport)
        self._waits_since = self.loop.time()
        if len(self.connections) > self._most_connections and not self._closed_another():
            message = f"this server has {self._most_connections} connections at once, and all of them are in use"
            self.refuse(Refusal(503, message))

    def _closed_another(self) -> bool:
        idle = [one for one in self.connections if isinstance(one, BoundedHttp) and one is not self and one.idle]
        if idle:
            longest = min(idle, key=lambda one: one._waits_since)  # noqa: SLF001 - another of this class
            longest.transport.close()
            self.connections.discard(longest)
        return bool(idle)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way on it: no request has been sent, or the last one was answered."""
        return self.cycle is None or (self.cycle.response_complete and self._body < 0)

    def data_received(self, data: bytes) -> None:
        """Parse, within bounds."""
        if self._ended or self.transport.is_closing():
            return
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > MAX_HEAD and not self._ended:
            self.refuse(_too_large_head())

    def on_message_begin(self) -> None:
        """See httptools."""
        super().on_message_begin()
        self._body = -1
        self._waits_since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        super().on_url(url)
        if len(self.url) > MAX_URL and not self._ended:
            self.refuse(Refusal(414, f"the URL of a request has at most {MAX_URL} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header; trailers, which come after the head, are left out."""
        if self._body < 0:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Serve a request, or the answer that refuses it."""
        self._unparsed = self._body = 0
        if self._ended:
            return
        self.app = self._served
        try:
            self._check_headers()
            self.admit()
        except Refusal as refusal:
            self.app, self.url = _HeadRejected(refusal), b"/"
        super().on_headers_complete()

    def _check_headers(self) -> None:
        headers = self.headers
        if len(headers) > MAX_HEADERS:
            raise Refusal(431, f"a request has at most {MAX_HEADERS} headers, not {len(headers)}")
        sizes = [len(name) + len(value) for name, value in headers]
        if sum(sizes) > MAX_HEAD:
            raise _too_large_head()
        if max(sizes, default=0) > MAX_HEADER:
            name = headers[sizes.index(max(sizes))][0][:60].decode("latin-1")
            raise Refusal(431, f"a header has at most {MAX_HEADER} bytes; {name} has more")

    def admit(self) -> None:
        """Check whom a request is for. Raises Refusal."""
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            raise Refusal(400, f"a request has one Host header, not {len(hosts) or 'none'}")

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._unparsed = 0
        self._body += len(body)
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        self._unparsed, self._body = 0, -1
        self._waits_since = 0.0
        if self.cycle is not None:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """See uvicorn."""
        super().on_response_complete()
        if self._body < 0 and self._waits_since == 0.0:
            self._waits_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        if not self._ended:
            self.refuse(Refusal(400, "this is not HTTP/1.1 as it must be"))

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade is not done: the request was served as it is, and what came after it is not looked at."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def refuse(self, refusal: Refusal) -> None:
        """Answer beneath any app, and close."""
        self._ended = True
        self._unset_keepalive_if_required()
        if self.pipeline:  # an earlier request is being answered
            self.transport.write(refusal.raw())
            self.transport.close()
            return
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        Farewell(self.transport, self, refusal.raw(), self._patience.goodbye)

    def sweep(self, now: float) -> None:
        """End the connection if its client takes too long."""
        if self._waits_since == 0.0 or self._ended or self.transport.is_closing():
            return
        waited = now - self._waits_since
        if self._body < 0:
            if waited > self._patience.head and (self.cycle is None or self._unparsed):
                self.transport.close()
        elif (
            waited > self._patience.head + self._body / LEAST_RATE and not self._answered and not self.flow.read_paused
        ):
            self.refuse(Refusal(408, f"the body of a request comes at {LEAST_RATE} bytes a second at least"))

    @property
    def _answered(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)


def _too_large_head() -> Refusal:
    return Refusal(431, f"the head of a request has at most {MAX_HEAD} bytes")


class _HeadRejected:
    """An app that answers one request with a refusal."""

    def __init__(self, refusal: Refusal) -> None:
        self._answer = json_answer(refusal.body, refusal.status)
        self._answer.headers.append((b"connection", b"close"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


def sweep(connections: Iterable[Any], now: float) -> None:
    """End the connections of clients that take too long."""
    for connection in [one for one in connections if isinstance(one, BoundedHttp)]:
        connection.sweep(now)
