"""Counts what a client does, and ends one that is not going to end by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mock_server.core.clock import stopwatch
from mock_server.verify.client.call_time import Unanswered
from mock_server.verify.client.kit import USUAL_TIMEOUT, Reply
from mock_server.verify.client.platform import USUAL_DEADLINE, Run

#: Calls in one run, and after its deadline, before a client is taken for one that never ends; and pauses, which are
#: more where they are short.
MOST_CALLS = 1_000
#: That is for deadlines of the usual length; of longer ones each second is good for so many more.
CALLS_A_SECOND = 1.2
MOST_LATE = 40
MOST_PAUSES = 20_000
MOST_PAUSES_LATE = 2_000
#: A client may sleep in small slices until its deadline.
PAUSES_A_SECOND = 20


class Counted:
    """A Platform that tells when a client is not going to end. ``make_end`` makes the exception for that."""

    def __init__(self, platform: Run, deadline: float, make_end: Callable[[str], BaseException]) -> None:
        self._platform = platform
        self._make_end = make_end
        self._hung: str | None = None
        self.begin(deadline)
        #: By the stopwatch: its last call or pause, and when it was first told that it is not going to end.
        self.called_at = stopwatch()
        self.ended_at = 0.0

    def begin(self, deadline: float) -> None:
        """One intent begins, and is to end in so many seconds."""
        self._ends_by = self._platform.now() + deadline
        more = int(CALLS_A_SECOND * max(deadline - USUAL_DEADLINE, 0))
        self._left = {"calls": MOST_CALLS + more, "pauses": MOST_PAUSES + int(PAUSES_A_SECOND * deadline)}
        self._most = dict(self._left)
        self._left_then = {"calls": MOST_LATE, "pauses": MOST_PAUSES_LATE}

    @property
    def endless(self) -> str | None:
        """Why it is not going to end, if it is not."""
        if self._hung is not None:
            return self._hung
        for what, most in self._most.items():
            if self._left[what] < 0:
                return f"it made more than {most} {what}, and had not ended"
            if self._left_then[what] < 0:
                late = self._platform.now() - self._ends_by
                return f"it had not ended {late:.0f} s after its deadline, and still made {what}"
        return None

    def count(self, what: str) -> None:
        """One of the ``calls`` or ``pauses`` more. Raises what ``make_end`` makes when it is one too many."""
        self._left[what] -= 1
        if self._platform.now() > self._ends_by:
            self._left_then[what] -= 1
        if self.endless is not None:
            self.ended_at = self.ended_at or stopwatch()
            raise self._make_end(self.endless)

    def answer(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        timeout: float | None = USUAL_TIMEOUT,
    ) -> Reply:
        """See Platform."""
        self.called_at = stopwatch()
        self.count("calls")
        try:
            return self._platform.answer(method, target, headers, body, timeout)
        except Unanswered:
            self._hung = f"its {method} has no timeout: it waits for a server that never answers, past its deadline"
            self.ended_at = self.ended_at or stopwatch()
            raise self._make_end(self._hung) from None

    def now(self) -> float:
        """See Platform."""
        return self._platform.now()

    def sleep(self, seconds: float) -> None:
        """See Platform."""
        self.called_at = stopwatch()
        self.count("pauses")
        self._platform.sleep(seconds)
