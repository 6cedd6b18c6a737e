"""An event loop whose time stands still while anything runs and jumps when all wait: what sleeps wakes at once.

It has no input and output: a coroutine that runs here may sleep and call blocking functions, and nothing else. So time
can never jump past an answer that is on its way.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Idle(selectors.DefaultSelector):
    """Where the loop waits for its next timer: that far its time jumps."""

    slept = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Pass the time in no time. Raises RuntimeError where the loop would wait for what never comes."""
        if timeout is None:
            raise RuntimeError("the loop waits for something else than time")
        self.slept += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """``slept`` is how many seconds of its own time have passed."""

    def __init__(self) -> None:
        self._idle = _Idle()
        super().__init__(self._idle)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._idle.slept

    @property
    def slept(self) -> float:
        """The same: how long whatever ran here has slept, all in all."""
        return self._idle.slept


def drive(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, in no real time; returns what it returns."""
    return timed(work)[0]


def timed(work: Coroutine[Any, Any, Any]) -> tuple[Any, float]:
    """The same, and for how many seconds of virtual time it slept."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        made = runner.run(work)
        return made, loop.slept
