"""When a run ends before its time: Ctrl-C, SIGTERM, ``--time-budget``, ``--fail-fast``. What was found is kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeVar

from mock_server.core.clock import stopwatch
from mock_server.verify.common.progress import Progress

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal ends the run; raised in the main thread, in the middle of a case."""


class RunControl:
    """Says between two cases whether a run goes on, and shows how far it is. Use it as a context around the run.

    The first signal ends the case at hand, and the run; the second one ends the process as it would without this.
    """

    def __init__(
        self, progress: Progress | None = None, *, time_budget: float | None = None, fail_fast: bool = False
    ) -> None:
        self._progress = progress
        self._budget = time_budget
        self._fail_fast = fail_fast
        self._began_at = stopwatch()
        self._before: dict[int, Any] = {}
        self._breakable = False
        #: The signal that came, if one did.
        self.signal: int | None = None
        #: Why the run ends early, if it does.
        self.stopped: str | None = None

    def __enter__(self) -> RunControl:
        """From now on signals end the run; in a thread that is not the main one they do what they did."""
        self._began_at = stopwatch()
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """The run is over."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
        if self._progress is not None:
            self._progress.end()

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
        self.stopped = f"stopped by {signal.Signals(number).name}"
        if self._breakable:
            raise Interrupted

    def unless_stopped(self, do: Callable[[], T]) -> T | None:
        """What ``do`` returns; None when a signal came before its end, which then ends at once."""
        self._breakable = True
        try:
            return None if self.signal is not None else do()
        except Interrupted:
            return None
        finally:
            self._breakable = False

    def over(self, done: int, planned: int, found: int, what: tuple[str, str] = ("cases", "findings")) -> bool:
        """Whether the run ends here, after ``done`` cases and with so many findings that count."""
        if self._progress is not None:
            self._progress.show(lambda: f"{done} of {planned} {what[0]}, {found} {what[1]}, {self.elapsed:.0f} s")
        if self.stopped is None and self._fail_fast and found:
            self.stopped = "stopped at the first finding by --fail-fast"
        return self.stopped is not None or self.out_of_time()

    @property
    def elapsed(self) -> float:
        """Real seconds since the run began."""
        return stopwatch() - self._began_at

    def out_of_time(self) -> bool:
        """Whether the time budget is used up; then ``stopped`` says so."""
        if self._budget is not None and self.elapsed >= self._budget and self.stopped is None:
            self.stopped = f"stopped after {self._budget:g} s by --time-budget"
        return self.stopped is not None
