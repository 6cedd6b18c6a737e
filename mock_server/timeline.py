"""When a task changes, and its state at any instant: a pure function of the timeline and the time.

Moments are Unix seconds; progress runs from 0.0 to 1.0. Between two frames progress moves in a straight line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


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
    """Why a task failed, in the vendor's words: the code as a string, zeros and all."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Frame:
    """From ``at`` on the task has ``status``, and just then ``progress``."""

    at: float
    status: Status
    progress: float


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
    moments counted from the hold.
    """

    frames: tuple[Frame, ...]
    failure: Failure | None = None
    ahead: tuple[Frame, ...] = ()

    def at(self, now: float) -> Snapshot:
        """The state at ``now``; before the first frame, the first state."""
        frames = self.frames
        current = frames[0]
        for following in frames[1:]:
            if following.at > now:
                if current.progress == following.progress:
                    return Snapshot(current.status, current.progress)
                part = max(0.0, (now - current.at) / (following.at - current.at))
                gained = (following.progress - current.progress) * part
                # Never a full 1.0 before completion, and never rounded past the frame it is heading for.
                return Snapshot(current.status, min(round(current.progress + gained, 4), 0.9999))
            current = following
        return Snapshot(current.status, current.progress, self.failure if current.status is Status.FAILED else None)

    def changes(self) -> list[Frame]:
        """The frames at which the status becomes another one, without the first; of several at once, the last."""
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

    def _past(self, now: float) -> tuple[Frame, ...]:
        """What has happened by ``now``, closed by a frame for the state at ``now`` itself."""
        snapshot = self.at(now)
        past = tuple(frame for frame in self.frames if frame.at <= now)
        return past if past[-1].at == now else (*past, Frame(now, snapshot.status, snapshot.progress))

    def ended(self, now: float, status: Status, failure: Failure | None = None) -> Timeline:
        """The same past, and at ``now`` the end."""
        past = self._past(now)
        progress = 1.0 if status is Status.COMPLETED else past[-1].progress
        return Timeline((*past, Frame(now, status, progress)), failure)

    def hold(self, now: float) -> Timeline:
        """The same past, and from ``now`` on no change; a held timeline stays as it is."""
        if self.held:
            return self
        ahead = tuple(replace(frame, at=round(frame.at - now, 6)) for frame in self.frames if frame.at > now)
        return Timeline(self._past(now), self.failure, ahead)

    def release(self, now: float) -> Timeline:
        """What was ahead at the hold follows from ``now`` on; a timeline that is not held stays as it is."""
        if not self.held:
            return self
        ahead = tuple(replace(frame, at=round(frame.at + now, 6)) for frame in self.ahead)
        return Timeline((*self._past(now), *ahead), self.failure)
