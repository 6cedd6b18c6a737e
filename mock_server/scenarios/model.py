"""Scenario: a rule that says which tasks it is for, how they go, and what goes wrong around them.

All plain data, as files and the control API write it. Durations are seconds of the clock; a share is part of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from mock_server.contract.messages import shown
from mock_server.core.queue_words import ErrorType, QueueForm
from mock_server.lifecycle.plan import TaskPlan
from mock_server.lifecycle.timeline import Failure
from mock_server.scenarios.faults.base import chances, like
from mock_server.scenarios.faults.every import AnyFault
from mock_server.scenarios.faults.kinds import (
    CONFIG,
    CallbackFault,
    CallFault,
    Count,
    ErrorCode,
    Flag,
    Names,
    Seconds,
    Share,
    Spread,
    Text,
    Whole,
    drawn,
)
from mock_server.scenarios.paths import parse_path

#: One part of a scenario's name.
_PART = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
#: The name of a scenario. A group may stand before it, as in ``callback/lost``.
Name = Annotated[str, Field(pattern=f"^{_PART}(/{_PART})?$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a parameter must be; exactly one of these. A bare value in its place is one that it must equal."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    one_of: Annotated[tuple[Any, ...], Field(min_length=1)] | None = None
    glob: Text | None = None
    contains: Text | None = None
    present: Flag | None = None

    def __post_init__(self) -> None:
        if sum(getattr(self, name) is not None for name in _SAID) != 1:
            raise ValueError(f"a condition says exactly one of {', '.join(_SAID)}")

    def holds(self, found: Sequence[Any]) -> bool:
        """Whether it is true of the values that its path leads to."""
        if self.present is not None:
            return bool(found) is self.present
        if self.one_of is not None:
            return any(_same(value, wanted) for value in found for wanted in self.one_of)
        texts = [value for value in found if isinstance(value, str)]
        if self.glob is not None:
            return any(like(text, self.glob) for text in texts)
        return any((self.contains or "").casefold() in text.casefold() for text in texts)

    def __str__(self) -> str:
        if self.one_of is not None:
            return " or ".join(map(shown, self.one_of))
        if self.present is not None:
            return "present" if self.present else "absent"
        return f"like {self.glob}" if self.glob is not None else f"text with {self.contains!r}"


_SAID = ("one_of", "glob", "contains", "present")


def _same(value: Any, wanted: Any) -> bool:
    """Equality as in JSON, where true is not 1."""
    return bool(value == wanted) and isinstance(value, bool) is isinstance(wanted, bool)


def _written(value: Any) -> Any:
    """A bare value as the condition it stands for."""
    return value if isinstance(value, Condition | Mapping) else {"one_of": [value]}


def _path(written: str) -> str:
    parse_path(written)
    return written


_Bare = Condition | str | float | bool | list[Any] | None
Conditions = Mapping[
    Annotated[str, AfterValidator(_path)],
    Annotated[Condition, BeforeValidator(_written, json_schema_input_type=_Bare)],
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which submits a scenario is for: those for which all that is said here is true; of these, by their count in each
    tenant, the ``nth``, every ``every``-th, the first ``times``, or the first (``once``). Nothing said means all.

    ``model``, ``external_task_id`` and ``tenant`` (the API key) take * and ?; ``prompt`` is contained in the prompt, in
    upper or lower case; ``params`` has conditions by path, as ``camera_control.type`` or ``image_list[0].image``.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    model: Names = ()
    params: Conditions = field(default_factory=dict)
    external_task_id: Names = ()
    prompt: Names = ()
    tenant: Names = ()
    nth: Count | None = None
    every: Count | None = None
    times: Count | None = None
    once: Flag = False

    def __post_init__(self) -> None:
        if self.once and self.times not in {None, 1}:
            raise ValueError("once means times: 1")
        if self.nth is not None and (self.every is not None or self.times is not None or self.once):
            raise ValueError("nth says all by itself; leave every, times and once out")

    @property
    def counts(self) -> bool:
        """Whether it is for some only of the submits it speaks of."""
        return self.once or self.nth is not None or self.every is not None or self.times is not None

    def takes(self, count: int) -> bool:
        """Whether it is for the ``count``-th of the submits it speaks of, from 1."""
        if self.nth is not None:
            return count == self.nth
        every = self.every or 1
        times = 1 if self.once else self.times
        return count % every == 0 and (times is None or count // every <= times)


#: What an effect says that is only there with ``fail``.
_WITH_FAIL = {"error_type": "why", "at": "when", "error_form": "what is missing in the reason"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """How a task goes. It is ``refuse``-d at submit with a code, or runs: ``queued`` and ``running`` so long, or ends
    ``after`` so long in all; its ``progress`` takes the steps of a list in equal parts of the running time; it stands
    still at progress ``hold``; it ``fail``-s with a code, ``at`` a share of its running time. ``message`` goes with a
    code. ``output`` is empty, missing, null, one without content, or a number of videos, which ``contents`` arranges;
    ``status_word`` is what it says while it runs, ``end_word`` what it says once it has ended, and ``fields`` are added
    to its answers. ``usage`` and ``error_form`` say what is missing there. The URLs of its videos end with
    ``media_query``, and name another host with ``media_urls``. On the queue side ``error_type`` is why it failed,
    ``queue_form`` the form of its answers, ``queue_words`` the case of its words, and ``queue_urls`` the host that
    their URLs name: ``other_host`` is another name of this server. Its result is there ``queue_result_after`` so long
    after the end, and is answered with 202 until then.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    refuse: ErrorCode | None = None
    fail: ErrorCode | None = None
    message: Text | None = None
    at: Share | None = None
    after: Seconds | None = None
    queued: Spread | None = None
    running: Spread | None = None
    progress: Annotated[tuple[Share, ...], Field(max_length=1000)] = ()
    hold: Annotated[Share, Field(lt=1)] | None = None
    output: Literal["empty", "missing", "null", "no_content"] | Annotated[Whole, Field(ge=1, le=16)] | None = None
    status_word: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    error_type: ErrorType | None = None
    queue_form: QueueForm | None = None
    queue_urls: Literal["other_host"] | None = None
    queue_result_after: Seconds | None = None
    queue_words: Literal["upper", "lower"] | None = None
    end_word: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    error_form: Literal["missing", "null", "empty", "no_code", "no_message"] | None = None
    usage: Literal["missing", "null", "no_cost"] | None = None
    contents: Literal["together", "uneven"] | None = None
    media_urls: Literal["other_host"] | None = None
    media_query: Annotated[str, Field(max_length=2000, pattern=r"^[?#][!$&-;=?-Z_a-z~%#]*$")] | None = None

    def __post_init__(self) -> None:
        if self.refuse is not None and self.fail is not None:
            raise ValueError("a task is rejected at submit (refuse) or fails later (fail), not both")
        if self.message is not None and self.refuse is None and self.fail is None:
            raise ValueError("message goes with refuse or fail")
        for name, why in _WITH_FAIL.items():
            if getattr(self, name) is not None and self.fail is None:
                raise ValueError(f"{name} goes with fail: it says {why}")
        if self.after is not None and (self.at is not None or self.running is not None):
            raise ValueError("after says when the task ends; leave running and at out")
        if self.output is not None and self.fail is not None:
            raise ValueError("a task that fails has no output; leave one of them out")
        if self.refuse is not None and replace(self, refuse=None, message=None) != Effects():
            raise ValueError("a task that is rejected at submit does nothing else; leave the rest out")

    def plan(self, planned: TaskPlan, failure: Failure | None, *drawn_from: object) -> TaskPlan:
        """How the task goes, given how it would have gone."""
        source = chances(*drawn_from)
        queued = planned.queued_for if self.queued is None else drawn(self.queued, source)
        running = planned.running_for if self.running is None else drawn(self.running, source)
        fails_at = planned.fails_at if self.at is None else self.at
        if self.after is not None:
            queued, running, fails_at = min(queued, self.after), max(self.after - queued, 0.0), 1.0
        return TaskPlan(queued, running, failure or planned.failure, fails_at, self.progress, self.hold)


def _not_empty(value: Any) -> Any:
    if value is None:
        raise ValueError("it is empty; {} is for all tasks, and left out it is for those that call it by name")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One rule. Without ``match`` it is for those tasks only that call it by its ``name``; ``use`` takes what another
    scenario does to the tasks that this one is for. ``story`` says what it is for, ``source`` where it was seen.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    name: Name
    story: Text = ""
    source: Text = ""
    match: Annotated[Match | None, BeforeValidator(_not_empty, json_schema_input_type=Match)] = None
    use: Name | None = None
    task: Effects = field(default_factory=Effects)
    faults: Annotated[tuple[AnyFault, ...], Field(max_length=100)] = ()

    def __post_init__(self) -> None:
        if self.use is not None and self.does_something:
            raise ValueError("use takes all that another scenario does; leave task and faults out")

    @property
    def does_something(self) -> bool:
        """Whether it makes any difference to a task it is for."""
        return self.task != Effects() or bool(self.faults)

    @property
    def only_faults(self) -> bool:
        """Whether it says nothing of how a task goes."""
        return self.task == Effects()

    @property
    def call_faults(self) -> list[tuple[int, CallFault]]:
        """Those that hit calls, each with its place among all."""
        return [(place, fault) for place, fault in enumerate(self.faults) if isinstance(fault, CallFault)]

    @property
    def callback_faults(self) -> list[tuple[int, CallbackFault]]:
        """Those that hit callbacks, each with its place among all."""
        return [(place, fault) for place, fault in enumerate(self.faults) if isinstance(fault, CallbackFault)]
