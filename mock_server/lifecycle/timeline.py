"""When a task changes, and its state at any instant: a pure function of the timeline and the time.

Moments are Unix seconds; progress runs from 0.0 to 1.0 and is shown to four digits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from mock_server.core.queue_words import ErrorType


class Status(StrEnum):
    """The states of a task; ``queued`` and ``cancelled`` are shown by the queue protocol only."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed, in the vendor's words: the code as a string, zeros and all; ``error_type`` as the queue side
    has it, if it is not the one that goes with the code.
    """

    code: str
    message: str
    error_type: ErrorType | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """From ``at`` on the task has ``status``; its progress starts at ``progress`` and gains ``rate`` a second."""

    at: float
    status: Status
    progress: float
    rate: float = 0.0

    def progress_at(self, now: float) -> float:
        """The progress while this frame lasts; only completion is a full 1.0."""
        if not self.rate:
            return self.progress
        return min(self.progress + self.rate * max(0.0, now - self.at), 0.9999)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A task's state at one instant."""

    status: Status
    progress: float
    failure: Failure | None = None

    @property
    def final(self) -> bool:
        """Whether this state can never change again."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Timeline:
    """Frames in order of time, the first at submission. ``ahead`` is what a held task still has before it, the
    moments counted from the hold; if it is to be held once more after that, ``then`` is what follows.
    """

    frames: tuple[Frame, ...]
    failure: Failure | None = None
    ahead: tuple[Frame, ...] = ()
    then: tuple[Frame, ...] = ()

    def at(self, now: float) -> Snapshot:
        """The state at ``now``; before the first frame, the first state."""
        current = self._frame(now)
        failure = self.failure if current.status in {Status.FAILED, Status.CANCELLED} else None
        return Snapshot(current.status, round(current.progress_at(now), 4), failure)

    def _frame(self, now: float) -> Frame:
        """The frame that lasts at ``now``."""
        current = self.frames[0]
        for frame in self.frames[1:]:
            if frame.at > now:
                break
            current = frame
        return current

    def transitions(self) -> list[Frame]:
        """The frames at which the status becomes another one, without the first."""
        return [frame for before, frame in pairwise(self.frames) if frame.status is not before.status]

    def changes(self) -> list[Frame]:
        """The transitions that can be seen from outside: of several at one moment, the last."""
        found: list[Frame] = []
        shown = self.frames[0].status
        for place, frame in enumerate(self.frames[1:], start=1):
            last_of_its_moment = place + 1 == len(self.frames) or self.frames[place + 1].at > frame.at
            if last_of_its_moment and frame.status is not shown:
                found.append(frame)
                shown = frame.status
        return found

    @property
    def held(self) -> bool:
        """Whether the task stands still until it is released."""
        return bool(self.ahead)

    @property
    def end(self) -> Frame | None:
        """The frame in which the task is final; None while it is held."""
        last = self.frames[-1]
        return last if last.status in FINAL else None

    def _past(self, now: float) -> tuple[Frame, ...]:
        """What has happened by ``now``."""
        return tuple(frame for frame in self.frames if frame.at <= now)

    def ended(self, now: float, status: Status, failure: Failure | None = None) -> Timeline:
        """The same past, and at ``now`` the end."""
        progress = 1.0 if status is Status.COMPLETED else self._frame(now).progress_at(now)
        return Timeline((*self._past(now), Frame(now, status, progress)), failure)

    def hold(self, now: float) -> Timeline:
        """The same past, and from ``now`` on no change; a timeline that is held by then stays as it is."""
        if self.held:
            if self.frames[-1].at <= now:
                return self
            held = Timeline(self.frames, self.failure).hold(now)
            return replace(held, then=self.ahead)
        current = self._frame(now)
        still = Frame(now, current.status, current.progress_at(now))
        ahead = tuple(replace(frame, at=round(frame.at - now, 6)) for frame in self.frames if frame.at > now)
        resumed = replace(still, at=0.0, rate=current.rate)
        return Timeline((*self._past(now), still), self.failure, (resumed, *ahead))

    def release(self, now: float) -> Timeline:
        """What was ahead at the hold follows from ``now`` on, or from the hold if that is still to come; a timeline
        that is not held stays as it is.
        """
        if not self.held:
            return self
        since = max(now, self.frames[-1].at)
        ahead = tuple(replace(frame, at=round(frame.at + since, 6)) for frame in self.ahead)
        return Timeline((*self._past(since), *ahead), self.failure, self.then)
