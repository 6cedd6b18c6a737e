"""How a task will go, drawn from the seed and the task's id, so that a run repeats exactly.

Durations are in seconds.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import StrEnum

from mock_server.clock import moment
from mock_server.timeline import Failure, Frame, Status, Timeline


class Profile(StrEnum):
    """How long tasks take (wire#6; assumed)."""

    INSTANT = "instant"
    FAST = "fast"
    REALISTIC = "realistic"


#: The part of its running time after which a task that is bound to fail does so.
FAILS_AFTER = 0.4


@dataclass(frozen=True, slots=True)
class Draw:
    """Numbers between 0 and 1 that depend on nothing but the seed and the task's id."""

    wait: float
    work: float

    @classmethod
    def of(cls, seed: int, task_id: str) -> Draw:
        """The draw for one task."""
        digest = hashlib.blake2b(f"{seed}/{task_id}".encode(), digest_size=8).digest()
        wait, work = struct.unpack("<II", digest)
        return cls(wait / 2**32, work / 2**32)


def timeline(profile: Profile, draw: Draw, began_at: float, effort: float, failure: Failure | None) -> Timeline:
    """The timeline of a task submitted at ``began_at``.

    ``effort`` is 1.0 for the quickest kind of task and grows with mode, length and sound.
    """
    if profile is Profile.INSTANT:
        queued_for = running_for = 0.0
    elif profile is Profile.FAST:
        queued_for, running_for = 0.2, 1.6 + 0.8 * draw.work
    else:
        queued_for, running_for = 2 + 6 * draw.wait, min(240.0, 45 * effort * (1 + 0.4 * draw.work))
    started_at = moment(began_at + queued_for)
    running = Frame(started_at, Status.IN_PROGRESS, 0.0, 1 / running_for if running_for else 0.0)
    begun = (Frame(began_at, Status.QUEUED, 0.0), running)
    if failure is None:
        return Timeline((*begun, Frame(moment(started_at + running_for), Status.COMPLETED, 1.0)))
    failed_at = moment(started_at + running_for * FAILS_AFTER)
    return Timeline((*begun, Frame(failed_at, Status.FAILED, FAILS_AFTER)), failure)
