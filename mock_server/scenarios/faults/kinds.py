"""What all faults share as files write them: whom they hit, and how often.

A fault is plain data and draws its numbers from a seed, so that a run repeats. Durations are seconds of the clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field

from mock_server.scenarios.faults.base import Disturbance, Op, PlannedEvent

API_OPS: tuple[Op, ...] = tuple(op for op in get_args(Op) if op != "media")
MAX_SECONDS = 1e8
#: How long a silent server keeps a caller.
SILENT_FOR = 600.0
LENGTH = r"^([0-9]{1,12}(?:\.[0-9]{1,9})?) ?(|ms|s|m|min|h|d)$"
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


def _no_flag(value: Any) -> None:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004 - pydantic reports a ValueError


def length_of_time(value: Any) -> Any:
    """``3``, ``"3s"``, ``"500ms"``, ``"2m"`` or ``"1h"`` as seconds."""
    _no_flag(value)
    if not isinstance(value, str):
        return value
    found = re.fullmatch(LENGTH, value.strip(), re.ASCII)
    if found is None:
        raise ValueError("must be seconds, or a length of time such as 500ms, 3s, 2m, 1h or 1d")
    return float(found[1]) * _UNITS[found[2]]


def _share(value: Any) -> Any:
    """``0.4`` or ``"40%"`` as a share of one."""
    _no_flag(value)
    if isinstance(value, str) and value.endswith("%"):
        try:
            return float(value[:-1]) / 100
        except ValueError:
            raise ValueError("must be a share such as 0.4 or 40%") from None
    return value


def whole(value: Any) -> Any:
    """A number that was written as text."""
    _no_flag(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,10}", value, re.ASCII) else value


def _flag(value: Any) -> Any:
    """True or false that was written as text."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def several(value: Any) -> Any:
    """One value as a list of one."""
    return [value] if isinstance(value, str) else value


def _ops(value: Any) -> Any:
    return API_OPS if value == "any" else several(value)


def _code(value: Any) -> Any:
    """A code that was written as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)
_TimeText = Annotated[str, Field(pattern=LENGTH)]
Seconds = Annotated[
    Annotated[float, Field(ge=0, le=MAX_SECONDS)],
    BeforeValidator(length_of_time, json_schema_input_type=Annotated[float, Field(ge=0, le=MAX_SECONDS)] | _TimeText),
]
_ShareText = Annotated[str, Field(pattern=r"^[0-9]{1,3}(\.[0-9]+)?%$")]
Share = Annotated[
    Annotated[float, Field(ge=0, le=1)],
    BeforeValidator(_share, json_schema_input_type=Annotated[float, Field(ge=0, le=1)] | _ShareText),
]
Whole = Annotated[Annotated[int, Field(strict=True)], BeforeValidator(whole, json_schema_input_type=int)]
#: A number of times, 1 or more.
Count = Annotated[
    Annotated[int, Field(strict=True, ge=1)],
    BeforeValidator(whole, json_schema_input_type=Annotated[int, Field(ge=1)]),
]
Flag = Annotated[Annotated[bool, Field(strict=True)], BeforeValidator(_flag, json_schema_input_type=bool)]
Text = Annotated[str, Field(max_length=10_000)]
_CodeText = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]
ErrorCode = Annotated[_CodeText, BeforeValidator(_code, json_schema_input_type=_CodeText | int)]
Ops = Annotated[
    tuple[Op, ...],
    Field(min_length=1),
    BeforeValidator(_ops, json_schema_input_type=Annotated[list[Op], Field(min_length=1)] | Op | Literal["any"]),
]
_Event = Literal["in_progress", "completed", "failed", "cancelled"]
EventNames = Annotated[
    tuple[_Event, ...],
    Field(min_length=1),
    BeforeValidator(several, json_schema_input_type=Annotated[list[_Event], Field(min_length=1)] | _Event),
]
_Name = Annotated[str, Field(min_length=1, max_length=500)]
Names = Annotated[
    tuple[_Name, ...],
    Field(min_length=1),
    BeforeValidator(several, json_schema_input_type=Annotated[list[_Name], Field(min_length=1)] | _Name),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """A length of time drawn evenly from between two."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    uniform: tuple[Seconds, Seconds]

    def __post_init__(self) -> None:
        if self.uniform[0] > self.uniform[1]:
            raise ValueError("uniform goes from the shorter to the longer")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal:
    """A length of time drawn log-normally: half are shorter than ``median``; ``sigma`` 0.5 is a long tail."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    median: Annotated[Seconds, Field(gt=0)]
    sigma: Annotated[float, Field(ge=0, le=3)] = 0.5


Spread = Annotated[Seconds | Uniform | LogNormal, Field(description="seconds, uniform: [1, 3], or median and sigma")]


def drawn(spread: float | Uniform | LogNormal, chances: Random) -> float:
    """A length of time, in seconds."""
    if isinstance(spread, Uniform):
        return chances.uniform(*spread.uniform)
    if isinstance(spread, LogNormal):
        return min(spread.median * chances.lognormvariate(0, spread.sigma), MAX_SECONDS)
    return spread


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFault:
    """Hits calls: not the first ``skip`` of those it is for, then every ``every``-th, at most ``times``, each with a
    ``chance``. Calls about a task are counted for each task, submits for each scenario.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    #: What the fault is for where nothing is said.
    default_on: ClassVar[tuple[Op, ...]] = API_OPS
    #: Whether it only takes time, so that another fault may happen to the same call.
    takes_time: ClassVar[bool] = False
    fault: str
    on: Ops = ()
    skip: Annotated[Whole, Field(ge=0)] = 0
    every: Count = 1
    times: Count | None = None
    chance: Share = 1.0

    def hits(self, op: Op) -> bool:
        """Whether it is for calls of this kind."""
        return op in (self.on or self.default_on)

    def fires(self, count: int, before: int, chances: Random) -> bool:
        """Whether it happens at the ``count``-th of the calls it is for, from 1, having happened so often before."""
        turns, off = divmod(count - self.skip, self.every)
        if turns < 1 or off or (self.times is not None and before >= self.times):
            return False
        return self.chance >= 1 or chances.random() < self.chance

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance | None:
        """What it does to one call, nothing unless its kind says otherwise; ``since_end`` is how long ago the
        task ended, for the fetching of a clip.
        """
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackFault:
    """Hits callbacks that report one of the statuses in ``events``, or of any: the first ``times`` attempts at each, or
    all, each with a ``chance``.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    fault: str
    events: EventNames = ()
    times: Count | None = None
    chance: Share = 1.0

    def is_for(self, status: str) -> bool:
        """Whether it is for an event of this status."""
        return not self.events or status in self.events

    def hits(self, status: str, attempts: int, chances: Random) -> bool:
        """Whether it happens to the next attempt at an event of a status, after so many."""
        if not self.is_for(status) or (self.times is not None and attempts >= self.times):
            return False
        return self.strikes(chances)

    def strikes(self, chances: Random) -> bool:
        """Whether it happens, by chance."""
        return self.chance >= 1 or chances.random() < self.chance

    #: Whether it is about when news are told, not about an attempt.
    plans: ClassVar[bool] = False

    def planned(self, events: Sequence[PlannedEvent], created_at: float) -> list[PlannedEvent]:
        """When the news of a task are told, given when they would have been."""
        return list(events)

    def moved(self, event: PlannedEvent, due_at: float) -> PlannedEvent:
        """An event that this fault moves to another time, or repeats."""
        return replace(event, due_at=due_at, faults=(*event.faults, self.fault))

    #: Whether what it makes of a body is no JSON any more; that comes last.
    breaks_json: ClassVar[bool] = False
    #: Whether the attempt is not made at all.
    dropped: ClassVar[bool] = False

    @property
    def stale_by(self) -> float:
        """How many seconds ago it says that it was signed."""
        return 0.0

    def body(self, body: bytes) -> bytes:
        """What is posted in place of the right body, and signed."""
        return body

    def signed(self, headers: dict[str, str]) -> dict[str, str]:
        """The headers in place of the right ones."""
        return headers
