"""The end of a connection in memory for a client that blocks: as much of a socket as HTTP clients use."""

from __future__ import annotations

import io
from typing import Any

from mock_server.testing.intercept.pipe import Pipe


class BlockingEnd:
    """Looks like a connected socket. Reads and writes raise TimeoutError after ``settimeout`` seconds, and
    ConnectionResetError or BrokenPipeError as a socket does.
    """

    def __init__(self, pipe: Pipe, timeout: float | None = None) -> None:
        self._incoming = pipe.to_client
        self._outgoing = pipe.to_server
        self._peer = pipe.peer
        self._timeout = timeout
        self._files = 0
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether it is open and nothing has come that was not asked for, such as the end."""
        return not self._closed and not self._incoming.readable

    @property
    def readable(self) -> bool:
        """Whether a read would not wait."""
        return self._closed or self._incoming.readable

    def sendall(self, data: Any) -> None:
        """Send bytes, or whatever has the shape of bytes."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), 65536):
            if not self._outgoing.wait_for_room(self._timeout):
                raise TimeoutError("timed out")
            self._outgoing.write(bytes(view[start : start + 65536]))

    def recv(self, most: int) -> bytes:
        """At most so many bytes; none at the end."""
        while True:
            chunk = self._incoming.take(most)
            if chunk is not None:
                return chunk
            if not self._incoming.wait_for_data(self._timeout):
                raise TimeoutError("timed out")

    def recv_into(self, buffer: Any, most: int = 0) -> int:
        """Fill a buffer; returns with how many bytes."""
        view = memoryview(buffer).cast("B")
        chunk = self.recv(most or len(view))
        view[: len(chunk)] = chunk
        return len(chunk)

    def makefile(self, mode: str = "r", buffering: int | None = None) -> io.BufferedReader:
        """A file to read answers from. The connection lives until that is closed too, as with sockets."""
        if mode != "rb":
            raise ValueError(f"a connection in memory is read as 'rb', not {mode!r}")
        self._files += 1
        size = buffering if buffering is not None and buffering > 0 else io.DEFAULT_BUFFER_SIZE
        return io.BufferedReader(_Reader(self), size)

    def file_closed(self) -> None:
        """A file of this end was closed."""
        self._files -= 1
        self._end_if_unused()

    def settimeout(self, timeout: float | None) -> None:
        """Set how many real seconds a read or write may wait; None for forever."""
        self._timeout = timeout

    def gettimeout(self) -> float | None:
        """How many real seconds a read or write may wait."""
        return self._timeout

    def setsockopt(self, *_: Any) -> None:
        """There is nothing to set."""

    def getpeername(self) -> tuple[str, int]:
        """The host and port that were asked for."""
        return self._peer

    def shutdown(self, how: int) -> None:
        """End the connection, files or not."""
        self._incoming.drop()
        self._outgoing.end()

    def close(self) -> None:
        """End the connection once no file reads it any more."""
        self._closed = True
        self._end_if_unused()

    def _end_if_unused(self) -> None:
        if self._closed and self._files <= 0:
            self.shutdown(2)


class _Reader(io.RawIOBase):
    """The unbuffered file beneath ``makefile``."""

    def __init__(self, end: BlockingEnd) -> None:
        super().__init__()
        self._end = end

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; returns with how many bytes."""
        return self._end.recv_into(buffer)

    def close(self) -> None:
        """Let go of the connection."""
        if not self.closed:
            super().close()
            self._end.file_closed()
