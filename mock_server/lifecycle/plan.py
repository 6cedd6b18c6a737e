"""How a task will go: from the timing and what a scenario says of it, drawn from the seed and the task's id, so that
a run repeats exactly.

Durations are in seconds.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from mock_server.core.moments import moment
from mock_server.lifecycle.timeline import Failure, Frame, Status, Timeline


class Timing(StrEnum):
    """How long tasks take (wire#6; assumed)."""

    INSTANT = "instant"
    FAST = "fast"
    REALISTIC = "realistic"


#: The most progress there is short of completion.
NEARLY = 0.9999
#: The part of its running time after which a task that is bound to fail does so.
FAILS_AFTER = 0.4


@dataclass(frozen=True, slots=True)
class RandomSource:
    """Numbers between 0 and 1 that depend on nothing but the seed and the task's id."""

    wait: float
    work: float

    @classmethod
    def of(cls, seed: int, task_id: str) -> RandomSource:
        """The draw for one task."""
        digest = hashlib.blake2b(f"{seed}/{task_id}".encode(), digest_size=8).digest()
        wait, work = struct.unpack("<II", digest)
        return cls(wait / 2**32, work / 2**32)


class TaskPlan(NamedTuple):
    """How long a task is queued and running, how its progress goes, and how it ends.

    ``steps`` are the progress of equal parts of the running time, in place of an even growth; ``fails_at`` is the part
    of it after which a task with a ``failure`` fails; at progress ``stuck_at`` it stands still until released.
    """

    queued_for: float
    running_for: float
    failure: Failure | None = None
    fails_at: float = FAILS_AFTER
    steps: Sequence[float] = ()
    stuck_at: float | None = None


def plan_of(timing: Timing, draw: RandomSource, effort: float, failure: Failure | None) -> TaskPlan:
    """The course of a task that no scenario is for. ``effort`` is 1.0 for the quickest kind of task and grows with
    mode, length and sound.
    """
    if timing is Timing.INSTANT:
        return TaskPlan(0.0, 0.0, failure)
    if timing is Timing.FAST:
        return TaskPlan(0.2, 1.6 + 0.8 * draw.work, failure)
    return TaskPlan(2 + 6 * draw.wait, min(240.0, 45 * effort * (1 + 0.4 * draw.work)), failure)


def timeline(plan: TaskPlan, began_at: float) -> Timeline:
    """The timeline of a task submitted at ``began_at``."""
    failure, running_for = plan.failure, plan.running_for
    started_at = moment(began_at + plan.queued_for)
    ends_at = moment(started_at + (running_for if failure is None else running_for * plan.fails_at))
    running: tuple[Frame, ...]
    if plan.steps:
        running, progress = _stepped(plan, started_at, ends_at)
    else:
        running = (Frame(started_at, Status.IN_PROGRESS, 0.0, 1 / running_for if running_for else 0.0),)
        progress = min(plan.fails_at, NEARLY)
    end = Frame(ends_at, Status.COMPLETED, 1.0) if failure is None else Frame(ends_at, Status.FAILED, progress)
    whole = Timeline((Frame(began_at, Status.QUEUED, 0.0), *running, end), failure)
    return whole if plan.stuck_at is None else _stuck(whole, plan.stuck_at)


def _stepped(plan: TaskPlan, started_at: float, ends_at: float) -> tuple[tuple[Frame, ...], float]:
    """The frames of a task whose progress takes steps, and where it is at its end."""
    part = plan.running_for / len(plan.steps)
    frames = [
        Frame(moment(started_at + place * part), Status.IN_PROGRESS, progress)
        for place, progress in enumerate(plan.steps)
    ]
    kept = tuple(frame for frame in frames if frame.at < ends_at) or (frames[0],)
    return kept, kept[-1].progress


def _stuck(whole: Timeline, progress: float) -> Timeline:
    """The same, held at the moment at which it has made that much progress, or else right before it completes; as it is
    if it fails before that.
    """
    for place, (frame, following) in enumerate(pairwise(whole.frames[1:]), start=2):
        reached = frame.progress + frame.rate * (following.at - frame.at)
        if max(frame.progress, round(reached, 6)) < progress:
            continue
        grown = max(progress - frame.progress, 0.0) if frame.rate else 0.0
        at = min(moment(frame.at + (grown / frame.rate if grown else 0.0)), following.at)
        still = Frame(at, frame.status, frame.progress + grown)
        ahead = (replace(still, at=0.0, rate=frame.rate), *_from(whole.frames[place:], at))
        return Timeline((*whole.frames[:place], still), whole.failure, ahead)
    if whole.failure is not None:
        return whole
    still = replace(whole.frames[-1], status=Status.IN_PROGRESS, progress=progress)
    ahead = (replace(still, at=0.0), *_from(whole.frames[-1:], still.at))
    return Timeline((*whole.frames[:-1], still), None, ahead)


def _from(frames: Sequence[Frame], start: float) -> list[Frame]:
    return [replace(frame, at=moment(frame.at - start)) for frame in frames]
