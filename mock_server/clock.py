"""The one clock: real, scaled or manual. Nothing else reads time or sleeps.

Moments are Unix seconds as float, always whole microseconds, so that steps of time add up exactly.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

Mode = Literal["real", "scaled", "manual"]

#: Where a manual clock starts: 2026-01-01T00:00:00Z, so that a run repeats to the byte.
MANUAL_START = 1_767_225_600.0


def moment(seconds: float) -> float:
    """The nearest moment the clock can show: whole microseconds."""
    return round(seconds, 6)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast virtual time runs: 1.0 is real time, 60.0 a minute a second, 0.0 stands still until advanced."""

    speed: float

    @property
    def mode(self) -> Mode:
        """The word for this pace on the control API."""
        if self.speed == 0:
            return "manual"
        return "real" if self.speed == 1 else "scaled"


REAL = Pace(1.0)
MANUAL = Pace(0.0)


class Clock:
    """Virtual time. Time never goes back, except through ``restart``."""

    def __init__(self, pace: Pace = REAL, start_at: float | None = None) -> None:
        self._first_pace = pace
        self._first_start = start_at
        self._waiting: set[asyncio.Event] = set()
        self.restart()

    def restart(self) -> None:
        """Back to the pace and the start this clock was made with."""
        self.pace = self._first_pace
        start = self._first_start
        if start is None:
            start = MANUAL_START if self.pace.speed == 0 else time.time()
        self._set_base(start)

    def fork(self) -> Clock:
        """Another clock that shows the same moment at the same pace, and goes its own way from now on."""
        fork = Clock(self._first_pace, self._first_start)
        fork.pace = self.pace
        fork._set_base(self.now())
        return fork

    def _set_base(self, now: float) -> None:
        self._base = moment(now)
        self._base_real = time.monotonic()
        for woken in self._waiting:
            woken.set()

    def now(self) -> float:
        """Virtual Unix seconds."""
        speed = self.pace.speed
        if speed == 0:
            return self._base
        return round(self._base + (time.monotonic() - self._base_real) * speed, 6)

    def outside(self, seconds: float) -> float:
        """How long ``seconds`` of virtual time take a client; virtual seconds where time stands still."""
        return seconds / self.pace.speed if self.pace.speed else seconds

    def set_pace(self, pace: Pace) -> None:
        """Go on from the present moment at another pace."""
        now = self.now()
        self.pace = pace
        self._set_base(now)

    def move_to(self, target: float) -> None:
        """Jump forward to ``target``; a moment already past changes nothing."""
        if target > self.now():
            self._set_base(target)

    async def wait(self, until: float | None, woken: asyncio.Event) -> None:
        """Return once ``until`` has come or ``woken`` is set, which every change of this clock does; maybe early."""
        if until is not None and self.now() >= until:
            return
        self._waiting.add(woken)
        timeout = None if until is None or self.pace.speed == 0 else max(until - self.now(), 0) / self.pace.speed
        try:
            async with asyncio.timeout(timeout):
                await woken.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(woken)


def stopwatch() -> float:
    """Real seconds from an arbitrary start, for measuring how long something took."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Real waiting, for a client that follows a server from outside."""
    time.sleep(seconds)
