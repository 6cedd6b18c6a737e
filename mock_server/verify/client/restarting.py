"""Kills a client at one of its calls, and keeps what it had stored by then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from mock_server.verify.client.case_parts import Kill
from mock_server.verify.client.counted import Counted
from mock_server.verify.client.kit import USUAL_TIMEOUT, AdapterError, Reply
from mock_server.verify.client.platform import Run


class Killed(BaseException):
    """The client is killed; a BaseException, so that it cannot catch it unless it catches all there is."""


class Life:
    """A Platform for one life of a client, which ends at a call: before it has left, once it was served though nobody
    reads the answer, or after its answer. ``save`` tells what the client has stored.
    """

    def __init__(self, platform: Counted, run: Run, kill: Kill | None) -> None:
        self._platform = platform
        self._run = run
        self._kill = kill
        self._calls = 0
        self._ending = False
        self.save: Callable[[], Any] = lambda: None
        #: What was stored when it ended.
        self.saved: Any = None
        self.ended = False

    def spare(self) -> None:
        """Let it live on: it stores nothing."""
        self._kill = None

    def answer(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        timeout: float | None = USUAL_TIMEOUT,
    ) -> Reply:
        """See Platform. Raises Killed."""
        self._require_life()
        moment = self._kill.moment if self._kill is not None and self._kill.call == self._calls else None
        self._calls += 1
        if moment == "before":
            self._end()
        reply = self._platform.answer(method, target, headers, body, timeout)
        if moment == "after":
            self._run.lose_answer()
            self._end()
        self._ending = moment == "answered"
        return reply

    def now(self) -> float:
        """See Platform."""
        return self._platform.now()

    def sleep(self, seconds: float) -> None:
        """See Platform. Raises Killed."""
        self._require_life()
        self._platform.sleep(seconds)

    def _require_life(self) -> None:
        if self.ended:
            raise Killed
        if self._ending:
            self._end()

    def _end(self) -> None:
        self.saved = self.save()
        self.ended = True
        raise Killed


def stored(value: Any) -> Any:
    """What an adapter says was stored, as it is read again. Raises AdapterError for what is no JSON."""
    try:
        return orjson.loads(orjson.dumps(value))
    except TypeError as error:
        raise AdapterError(f"save of the adapter must return a JSON value: {error}") from None
