"""The one clock: real, scaled or manual. Nothing else reads time or sleeps.

Moments are Unix seconds as float, always whole microseconds, so that steps of time add up exactly.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mock_server.core.moments import moment

Mode = Literal["real", "scaled", "manual"]

#: Where a manual clock starts: 2026-01-01T00:00:00Z, so that a run repeats to the byte.
MANUAL_START = 1_767_225_600.0


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
        #: In the order in which they began to wait, which is the order they are woken in.
        self._waiting: dict[asyncio.Event, None] = {}
        self._sleepers: dict[Sleeper, None] = {}
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
        for woken in list(self._waiting):
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
        self._waiting[woken] = None
        timeout = None if until is None or self.pace.speed == 0 else max(until - self.now(), 0) / self.pace.speed
        try:
            async with asyncio.timeout(timeout):
                await woken.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.pop(woken, None)

    def sleeper(self, most: float) -> Sleeper:
        """Somebody who will sleep by this clock, at most ``most`` real seconds while it stands still."""
        return Sleeper(self, self._sleepers, most)

    @property
    def last_asleep(self) -> Sleeper | None:
        """Who went to sleep last of those that still do."""
        return next((one for one in reversed(list(self._sleepers)) if one.until is not None), None)

    @property
    def sleeping(self) -> int:
        """How many sleep by this clock just now."""
        return sum(sleeper.until is not None for sleeper in list(self._sleepers))

    def next_wake(self) -> float | None:
        """The earliest moment at which one of them wakes."""
        loop = asyncio.get_running_loop()
        moments = (one.until for one in self._sleepers if one.loop is loop)
        return min((until for until in moments if until is not None), default=None)

    async def settle(self) -> None:
        """Return once all who were to wake by now have done what they woke for."""
        loop = asyncio.get_running_loop()
        while stirring := next((one for one in self._sleepers if one.loop is loop and one.stirs(self.now())), None):
            stirring.rested.clear()  # it was set for the sleep that is over now
            await stirring.rested.wait()

    def rouse(self) -> None:
        """Wake all sleepers for good: this is the end."""
        for sleeper in list(self._sleepers):
            sleeper.end()


class Sleeper:
    """Sleeps by a clock, and reports when it rests; a context manager. Advancing the clock waits for that."""

    #: Whether it ends by itself when the client would hang up.
    stands_for_client = False

    def __init__(self, clock: Clock, among: dict[Sleeper, None], most: float) -> None:
        self._clock = clock
        self._among = among
        self._left = most
        self._woken = asyncio.Event()
        self._away = False
        self.loop: asyncio.AbstractEventLoop | None = None
        self.rested = asyncio.Event()
        self.until: float | None = None
        #: Nobody waits for what it would do after its sleep.
        self.ended = False

    def __enter__(self) -> Sleeper:
        """Be awake from now on."""
        self._among[self] = None
        return self

    def __exit__(self, *_: object) -> None:
        """Rest for good."""
        self.leave()

    def leave(self) -> None:
        """Rest for good."""
        self._among.pop(self, None)
        self.rested.set()

    def stirs(self, now: float) -> bool:
        """Whether it is awake, or is to be by now."""
        return not self._away and (self.until is None or self.until <= now)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Rest while something else is waited for, which takes none of this clock's time."""
        self._away = True
        self.rested.set()
        try:
            yield
        finally:
            self._away = False

    def end(self) -> None:
        """Sleep no longer, and never again."""
        self.ended = True
        self._woken.set()

    async def sleep(self, seconds: float) -> None:
        """Return after so much virtual time, at the end, or when the clock has stood still too long."""
        until = moment(self._clock.now() + seconds)
        self.loop = asyncio.get_running_loop()
        self.until = until
        try:
            while self._clock.now() < until and not self.ended and self._left > 0:
                self.rested.set()
                self._woken.clear()
                began, standing = time.monotonic(), self._clock.pace.speed == 0
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._left if standing else None):
                        await self._clock.wait(until, self._woken)
                self._left -= time.monotonic() - began if standing else 0
        finally:
            self.until = None
            self.rested.clear()


def stopwatch() -> float:
    """Real seconds from an arbitrary start, for measuring how long something took."""
    return time.monotonic()


def wall_clock() -> float:
    """Unix seconds of this machine, for the date of a report."""
    return time.time()


async def rest(seconds: float) -> None:
    """Real waiting, for what looks at the tenant outside now and then."""
    await asyncio.sleep(seconds)


def pause(seconds: float) -> None:
    """Real waiting, for a client that follows a server from outside."""
    time.sleep(seconds)


#: A zone that is nearly six hours ahead of UTC: a client that takes UTC for its own time is far off.
FAR_ZONE = "Asia/Kathmandu"
_FAR_ZONE_IN_RULES = "<+0545>-05:45"  # as the C library reads it without a table of zones


@contextlib.contextmanager
def in_far_zone() -> Iterator[None]:
    """Let this process have the far zone for its local time meanwhile; on Windows nothing happens."""
    if not hasattr(time, "tzset"):
        yield
        return
    before = os.environ.get("TZ")
    os.environ["TZ"] = _FAR_ZONE_IN_RULES
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()
