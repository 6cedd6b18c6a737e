"""How time passes while a call of the client is under way: at once, and no longer than the client would wait."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

from mock_server.core.clock import Sleeper

#: So many virtual seconds after its deadline a call that has no timeout has shown that it has none.
PAST_THE_END = 600.0


class Unanswered(BaseException):
    """A call without a timeout waits for an answer that does not come before the run is over. A BaseException, so that
    the server makes no answer of it.
    """


class Passing(Protocol):
    """What lets time pass."""

    def now(self) -> float:
        """Virtual Unix seconds."""

    def pass_time(self, seconds: float) -> None:
        """Let time pass while a call is under way."""


class OneCall:
    """A call whose client waits ``timeout`` virtual seconds for the next bytes, or without end."""

    __slots__ = ("hung_up", "timeout")

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.hung_up = False


class CallTime:
    """The calls that are under way; only the receiver of a callback makes one within another."""

    def __init__(self, platform: Passing, ends_by: float) -> None:
        self._platform = platform
        self._ends_by = ends_by + PAST_THE_END
        self._calls: list[OneCall] = []

    def extend(self, ends_by: float) -> None:
        """The client has until then."""
        self._ends_by = ends_by + PAST_THE_END

    @contextlib.contextmanager
    def under_way(self, timeout: float | None) -> Iterator[OneCall]:
        """A call is made."""
        call = OneCall(timeout)
        self._calls.append(call)
        try:
            yield call
        finally:
            self._calls.remove(call)

    def sleeper(self, most: float) -> Sleeper:
        """See Clock."""
        return _InstantSleeper(self._platform, self._calls[-1], self._ends_by)


class _InstantSleeper(Sleeper):
    """Sleeps without real time, for the server of a run."""

    stands_for_client = True

    def __init__(self, platform: Passing, call: OneCall, ends_by: float) -> None:
        self._platform = platform
        self._call = call
        self._ends_by = ends_by
        self.ended = False

    def __enter__(self) -> Sleeper:
        """See Sleeper."""
        return self

    def leave(self) -> None:
        """See Sleeper."""

    async def sleep(self, seconds: float) -> None:
        """See Sleeper. Raises Unanswered."""
        timeout = self._call.timeout
        left = max(self._ends_by - self._platform.now(), 0.0)
        if timeout is None and seconds > left:
            self._platform.pass_time(left)
            raise Unanswered
        if timeout is None or seconds < timeout:
            self._platform.pass_time(seconds)
            return
        self._platform.pass_time(timeout)
        self._call.hung_up = self.ended = True
