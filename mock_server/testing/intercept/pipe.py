"""A connection in memory: two bounded streams of bytes between two ends, which may live in different threads."""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

#: How many bytes a stream takes before its writer has to wait, as the system's own buffers do.
CAPACITY = 256 * 1024


def _nothing() -> None:
    """What is called where nobody wants to be told."""


def reset_error() -> ConnectionResetError:
    """What a read of a connection raises that the other side reset."""
    return ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


class Stream:
    """Bytes on their way in one direction. Safe to use from any thread; the callbacks are called in any thread.

    ``on_data`` is called when something can be taken, the end included; ``on_room`` when something can be written
    again.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._chunks: deque[bytes] = deque()
        self._ended = False
        self._reset = False
        self._dropped = False
        self.size = 0
        self.on_data: Callable[[], None] = _nothing
        self.on_room: Callable[[], None] = _nothing

    def write(self, data: bytes) -> None:
        """Add bytes, whatever the room. Raises BrokenPipeError when nobody will read them."""
        with self._changed:
            if self._dropped or self._ended:
                raise BrokenPipeError(errno.EPIPE, "Broken pipe")
            self._chunks.append(data)
            self.size += len(data)
            self._changed.notify_all()
        self.on_data()

    def end(self, *, reset: bool = False) -> None:
        """Nothing more is written. With ``reset``, what a system would not have taken yet is lost, and what reads
        after the rest gets that error, even where the writer had ended well.
        """
        with self._changed:
            if self._ended and not (reset and self._chunks):
                return
            self._ended, self._reset = True, reset
            while reset and self.size > CAPACITY:
                last = self._chunks.pop()
                kept = last[: max(len(last) - (self.size - CAPACITY), 0)]
                self.size += len(kept) - len(last)
                if kept:
                    self._chunks.append(kept)
            self._changed.notify_all()
        self.on_data()
        self.on_room()

    def drop(self) -> None:
        """Nothing more is read."""
        with self._changed:
            self._dropped = True
            self._chunks.clear()
            self.size = 0
            self._changed.notify_all()
        self.on_room()

    def take(self, most: int) -> bytes | None:
        """At most so many bytes, none at the end, None while there is nothing. Raises ConnectionResetError."""
        with self._changed:
            if not self._chunks:
                if self._reset:
                    raise reset_error()
                return b"" if self._ended or self._dropped else None
            chunk = self._chunks.popleft()
            if len(chunk) > most:
                self._chunks.appendleft(chunk[most:])
                chunk = chunk[:most]
            self.size -= len(chunk)
            self._changed.notify_all()
        self.on_room()
        return chunk

    @property
    def readable(self) -> bool:
        """Whether ``take`` has something to say."""
        return bool(self._chunks) or self._ended or self._dropped

    def wait_for_data(self, timeout: float | None) -> bool:
        """Block until something can be taken; False when it could not within ``timeout`` real seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.readable, timeout)

    def wait_for_room(self, timeout: float | None) -> bool:
        """Block until there is room, or nobody reads; False when neither came within ``timeout`` real seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.size < CAPACITY or self._dropped or self._ended, timeout)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Pipe:
    """One connection. ``peer`` is the host and port that the client asked for; ``secure`` says that it is https."""

    peer: tuple[str, int]
    secure: bool
    to_server: Stream = field(default_factory=Stream)
    to_client: Stream = field(default_factory=Stream)

    @property
    def host(self) -> str:
        """The host that the client asked for."""
        return self.peer[0]

    def cut(self) -> None:
        """End it at once for both sides; for the client first, to whom the server's own end would look peaceful."""
        for stream in (self.to_client, self.to_server):
            stream.end(reset=True)
