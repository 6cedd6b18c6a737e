"""How a check lets time pass on any server.

Where the clock can be moved, time is virtual and a check runs alone. Elsewhere it is waited for: the cases that follow
a task over time run beside each other, each in a thread of its own, so a check is written once, as plain calls:

- ``target.wait(seconds)`` lets time pass.
- ``target.until(look)`` calls ``look`` again and again, time passing in between, until it returns something.
- ``target.follow(task)`` polls a task up to its end; ``target.ended(task)`` is its last poll.
- ``target.advance(seconds)`` moves the clock exactly, for what is due at a moment. It raises NotExercised elsewhere.

A case that uses the first three is made with ``follows=True``; one that looks at the balance with ``alone=True``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from mock_server.core.clock import stopwatch
from mock_server.verify.server.exchange import Exchange

T = TypeVar("T")

#: How a task is followed where time can be moved: so many steps of so many virtual seconds.
STEP = 0.25
MOST_STEPS = 60
#: Where tasks take minutes, so many longer ones follow.
LARGE_STEP = 15.0
MOST_LARGE = 60
#: How a task is followed in real time: first looks this many seconds apart, then ever rarer, up to ``poll_every``.
FIRST_LOOK = 0.1
RARER = 1.25
#: A task that takes so many times as long as the longest before, and so many seconds at least, does not end.
STUCK_AFTER = 10.0
STUCK_SECONDS = 30.0

FINAL = ("completed", "failed")


class BudgetSpent(Exception):
    """No more calls may be made."""


class NotExercised(Exception):
    """What a check needs cannot be had from this target; the text says what. ``needs`` is that in a word."""

    def __init__(self, why: str, needs: str = "") -> None:
        super().__init__(why)
        self.needs = needs


class Overdue(Exception):
    """What had to happen did not, in a time in which it should have. The runner makes a finding of it."""


class Waiting:
    """Lets time pass for a target. ``patience`` is how long a task may take in real time, in seconds."""

    controlled: bool
    patience: float
    poll_every: float
    #: How long the slowest task took in real time that ended in this run; None while none has.
    longest_life: float | None = None
    stopping: threading.Event

    def advance(self, seconds: float) -> None:
        """Move the clock by exactly so many seconds. Raises NotExercised where it cannot be moved."""
        self.control("POST", "clock/advance", {"seconds": seconds})

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """A control call."""
        raise NotImplementedError

    def poll(self, task_id: str, key: str | None = "") -> Exchange:
        """Ask for a task."""
        raise NotImplementedError

    def pause(self, seconds: float) -> None:
        """Wait in real time. Raises BudgetSpent when the run ends meanwhile."""
        if self.stopping.wait(seconds):
            raise BudgetSpent

    def wait(self, seconds: float) -> None:
        """Let time pass, virtual or real."""
        if self.controlled:
            self.advance(seconds)
        else:
            self.pause(seconds)

    def settle(self, seconds: float = 3600) -> None:
        """Let time pass in which nothing more may happen: ``seconds``, or a moment where time cannot be moved."""
        if self.controlled:
            self.advance(seconds)
        else:
            self.pause(min(seconds, self.poll_every))

    def steps(self, what: str = "a task did not end", within: float | None = None) -> Iterator[None]:
        """The moments at which something is looked at, time passing between them, until it should have happened:
        within so many seconds, or the time that tasks take. Raises Overdue after the last, or NotExercised where the
        target may only be slow.
        """
        if self.controlled:
            small = MOST_STEPS if within is None else max(1, round(within / STEP))
            for step in [STEP] * small + ([LARGE_STEP] * MOST_LARGE if within is None else []):
                yield
                self.advance(step)
            raise Overdue(
                f"{what} within {MOST_STEPS * STEP + MOST_LARGE * LARGE_STEP if within is None else within:g} s"
            )
        began, gap = stopwatch(), FIRST_LOOK
        while stopwatch() - began < (limit := self._limit(within)):
            yield
            self.pause(min(gap, self.poll_every))
            gap *= RARER
        if within is None and self.longest_life is None:
            raise NotExercised(f"{what} within {limit:g} s", "patience")
        raise Overdue(f"{what} within {limit:g} s")

    def _limit(self, within: float | None) -> float:
        """How long something may take in real time."""
        if within is not None:
            return within
        if self.longest_life is None:
            return self.patience
        return min(self.patience, max(STUCK_SECONDS, STUCK_AFTER * self.longest_life))

    def until(self, look: Callable[[], T | None], what: str = "it did not happen", within: float | None = None) -> T:
        """What ``look`` returns when it first returns something, time passing between the looks. ``what`` says what is
        wrong when that does not come, as in "a task did not end". Raises Overdue or NotExercised, as ``steps``.
        """
        for _ in self.steps(what, within=within):
            found = look()
            if found is not None:
                return found
        raise AssertionError  # steps has raised

    def follow(self, task_id: str, key: str | None = "") -> Iterator[Exchange]:
        """The polls of a task, up to and with the first that says it has ended, or that says nothing of a task."""
        began = stopwatch()
        for _ in self.steps():
            poll = self.poll(task_id, key)
            yield poll
            status = poll.json.get("status") if isinstance(poll.json, dict) else None
            if status in FINAL or poll.status != 200:
                self.lived(stopwatch() - began)
                return

    def ended(self, task_id: str, key: str | None = "") -> Exchange:
        """The poll that says that a task has ended."""
        *_, last = self.follow(task_id, key)
        return last

    def lived(self, seconds: float) -> None:
        """Remember how long a task took."""
        self.longest_life = max(seconds, self.longest_life or 0.0)
