"""What can be done to a connection beneath HTTP: answers that end early, drip, lie about their length or never come.

Where there is a socket it is closed or reset for real; an ASGI app without one raises ConnectionResetError instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from mock_server.core.clock import Sleeper
from mock_server.scenarios.faults.base import Disturbance, Reply
from mock_server.web.messages import Answer


class Connection:
    """The connection of a call beneath HTTP, as uvicorn keeps it."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._flow = cycle.flow

    @classmethod
    def of(cls, receive: Receive) -> Connection | None:
        """The connection that a call came in on; None where there is none."""
        cycle = getattr(receive, "__self__", None)
        return cls(cycle) if isinstance(cycle, RequestResponseCycle) else None

    @property
    def usual_headers(self) -> Sequence[tuple[bytes, bytes]]:
        """What every answer has, such as Date."""
        return self._cycle.default_headers

    async def write(self, content: bytes, sleeper: Sleeper | None = None) -> None:
        """Send bytes as they are; returns once the system has taken them, or the other side is gone. A ``sleeper`` that
        sends drips rests meanwhile: nobody who advances the clock waits for a client that does not read.
        """
        if self._transport.is_closing():
            return
        if sleeper is None:
            # TLS pauses at the mark, not above it, and would never go on if that were 0.
            secure = self._transport.get_extra_info("sslcontext") is not None
            self._transport.set_write_buffer_limits(high=1 if secure else 0)
        self._transport.write(content)
        if self._flow.write_paused:
            with sleeper.aside() if sleeper is not None else contextlib.nullcontext():
                await self._flow.drain()

    def end(self, *, reset: bool) -> None:
        """End the connection, with FIN once all is sent, or at once with RST."""
        self._cycle.disconnected = True  # so that uvicorn expects nothing more
        if self._transport.is_closing():
            return
        if not reset:
            self._transport.close()
            return
        wire: Any = self._transport.get_extra_info("socket")
        if wire is not None:  # a connection in memory is reset by abort alone
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


class DisturbedAnswer(Answer):
    """An answer that is not sent as HTTP asks. ``sleeper`` waits between the drops of a drip, if it is one."""

    __slots__ = ("_disturbance", "_length", "_sleeper")

    def __init__(self, reply: Reply, disturbance: Disturbance, sleeper: Sleeper | None) -> None:
        super().__init__(reply.status, reply.body, ())
        kept = [(name, value) for name, value in reply.headers if name != b"content-length"]
        self._length = len(reply.body) if reply.length is None else reply.length
        self.headers = [*kept, (b"content-length", b"%d" % self._length)]
        self._disturbance = disturbance
        self._sleeper = sleeper

    @property
    def drips(self) -> bool:
        """See Answer."""
        return self._disturbance.drip is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is to be sent of it."""
        wire = Connection.of(receive)
        disturbance = self._disturbance
        body = self.body if disturbance.kept is None else self.body[: disturbance.kept(len(self.body))]
        if wire is None:
            await self._send_without_socket(body, send)
            return
        if not disturbance.silent:
            await wire.write(self._head(wire))
            await self._send_watched(body, wire, receive)
        wire.end(reset=disturbance.ending == "reset")

    async def _send_watched(self, body: bytes, wire: Connection, receive: Receive) -> None:
        sleeper = self._sleeper
        if sleeper is None:
            await wire.write(body)
            return
        async with ends_when_hung_up(receive, sleeper):
            await self._send_body(body, lambda content: wire.write(content, sleeper))

    def _head(self, wire: Connection) -> bytes:
        phrase = HTTPStatus(self.status).phrase if self.status in _KNOWN else ""
        headers = [*wire.usual_headers, *self.headers, (b"connection", b"close")]
        lines = [b"HTTP/1.1 %d %s" % (self.status, phrase.encode()), *(b"%s: %s" % header for header in headers)]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    async def _send_body(self, body: bytes, write: Any) -> None:
        drip = self._disturbance.drip
        if drip is None or self._sleeper is None:
            await write(body)
            return
        for start in range(0, len(body), drip.size):
            if start:
                await self._sleeper.sleep(drip.gap)
                if self._sleeper.ended:
                    return
            await write(body[start : start + drip.size])

    async def _send_without_socket(self, body: bytes, send: Send) -> None:
        whole = not self._disturbance.ending and self._length == len(self.body)
        if not self._disturbance.silent:
            headers = self.headers if whole else [one for one in self.headers if one[0] != b"content-length"]
            await send({"type": "http.response.start", "status": self.status, "headers": headers})

            async def write(content: bytes) -> None:
                await send({"type": "http.response.body", "body": content, "more_body": True})

            await self._send_body(body, write)
        if not whole or self._disturbance.silent:
            raise ConnectionResetError("the connection ends here, as a scenario says")
        await send({"type": "http.response.body", "body": b""})


_KNOWN = frozenset(map(int, HTTPStatus))

#: What a call is answered with whose client hung up: nothing.
GONE = Disturbance(silent=True, ending="close", handled=False)


@contextlib.asynccontextmanager
async def ends_when_hung_up(receive: Receive, sleeper: Sleeper) -> AsyncIterator[None]:
    """Let a sleeper's sleep end for good when the client hangs up meanwhile. One that stands for a client knows that
    itself.
    """
    if sleeper.stands_for_client:
        yield
        return

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        sleeper.end()

    watcher = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
