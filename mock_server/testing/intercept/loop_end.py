"""The end of a connection in memory that lives in an event loop: an asyncio transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from mock_server.testing.intercept.pipe import CAPACITY, Stream

#: Bytes above CAPACITY that a writer may add before it is asked to pause.
_HIGH = 64 * 1024
_CHUNK = 64 * 1024


class LoopEnd(asyncio.Transport):
    """Carries bytes between a protocol and two streams. Everything but the streams' callbacks runs in ``loop``."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.Protocol,
        incoming: Stream,
        outgoing: Stream,
        extra: Mapping[str, Any],
    ) -> None:
        super().__init__(dict(extra))
        self._loop = loop
        self._protocol = protocol
        self._incoming = incoming
        self._outgoing = outgoing
        self._high = _HIGH
        self._reading = True
        self._closing = False
        self._write_paused = False

    def start(self) -> None:
        """Introduce the protocol to its transport, and let bytes come."""
        self._protocol.connection_made(self)
        self._incoming.on_data = lambda: self._soon(self._pump)
        self._outgoing.on_room = self._tell_room
        self._pump()

    def _soon(self, work: Callable[[], None]) -> None:
        """Run something in the loop; where the loop is over, so is the connection."""
        try:
            self._loop.call_soon_threadsafe(work)
        except RuntimeError:
            self._incoming.on_data = self._outgoing.on_room = lambda: None
            self._outgoing.end(reset=True)
            self._incoming.drop()

    def _pump(self) -> None:
        while self._reading and not self._closing:
            try:
                chunk = self._incoming.take(_CHUNK)
            except ConnectionResetError as error:
                self._close(error)
                return
            if chunk is None:
                return
            if chunk:
                self._protocol.data_received(chunk)
            elif not self._protocol.eof_received():
                self.close()
                return
            else:
                return

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; once the connection is over, nothing."""
        if self._closing or not data:
            return
        try:
            self._outgoing.write(bytes(data))
        except BrokenPipeError:
            return  # the end is on its way here, after an answer perhaps
        if not self._write_paused and self.get_write_buffer_size() > self._high:
            self._write_paused = True
            self._protocol.pause_writing()
            self._resume_writing()  # for who has read all of it before it was known that somebody waits

    def _tell_room(self) -> None:
        if self._write_paused:
            self._soon(self._resume_writing)

    def _resume_writing(self) -> None:
        if self._write_paused and self.get_write_buffer_size() <= self._high // 2:
            self._write_paused = False
            self._protocol.resume_writing()

    def close(self) -> None:
        """End the connection; what was written still arrives."""
        self._close(None)

    def abort(self) -> None:
        """Reset the connection."""
        self._close(None, reset=True)

    def _close(self, error: Exception | None, *, reset: bool = False) -> None:
        if self._closing:
            return
        self._closing = True
        self._outgoing.end(reset=reset)
        self._incoming.drop()
        self._loop.call_soon(self._protocol.connection_lost, error)

    def is_closing(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._closing

    def pause_reading(self) -> None:
        """Hand over no more bytes for now."""
        self._reading = False

    def resume_reading(self) -> None:
        """Hand over bytes again."""
        if not self._reading:
            self._reading = True
            self._loop.call_soon(self._pump)

    def is_reading(self) -> bool:
        """Whether bytes are handed over."""
        return self._reading and not self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand over to another protocol from now on."""
        self._protocol = protocol  # type: ignore[assignment]  # typeshed wants the base; asyncio itself wants this

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol in use."""
        return self._protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set how many bytes may wait beyond what a system would have taken."""
        self._high = _HIGH if high is None else high

    def get_write_buffer_size(self) -> int:
        """How many bytes wait beyond what a system would have taken."""
        return max(self._outgoing.size - CAPACITY, 0)

    def can_write_eof(self) -> bool:
        """An end closes as a whole."""
        return False
