"""Callbacks to receivers that answer in different ways, all at once: when each attempt came, and what it was.

Where time can be moved it is moved through the documented schedule; elsewhere what comes within seconds is waited for.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate

from mock_server.contract.endpoint import Endpoint
from mock_server.core.clock import Clock, stopwatch
from mock_server.verify.server.checks.common import Json, task_of, told
from mock_server.verify.server.receiver import Answers, Message, Receiver, Reply
from mock_server.verify.server.target import Exchange, NotExercised, Target

#: How long after an attempt each of the next ones is due, in seconds (wire#5).
SCHEDULE = (1, 5, 30, 120, 600)
#: What a receiver asks for by Retry-After, in seconds: where time can be moved, and where it is waited for.
ASKED, ASKED_ELSEWHERE = 30, 3
#: By how many seconds an attempt may be late: where time is moved, timestamps are whole seconds; elsewhere a server may
#: be busy.
LATE, LATE_ELSEWHERE = 2.0, 10.0
#: Virtual seconds by which time is moved, so that each attempt falls into a span of its own.
SPANS = (1, 1, 1, 1, 1, 1.5, 22, 3, 4, 125, 605, 3000)
#: How far two clocks may be apart, in seconds; and as good as any distance, where a clock runs at a pace of its own.
SLACK, EVER = 600.0, 1e12
#: Real seconds in which the first retries have to come where time cannot be moved.
WAIT = 20.0


@dataclass(frozen=True, slots=True)
class Receiving:
    """A task whose receiver answers the first callbacks with ``replies`` and the others with 200, or all with the last
    of the replies where it ``always`` does. ``retry_after`` is seconds or a date; empty for no such header.
    """

    name: str
    endpoint: Endpoint
    params: Json
    shape: str
    replies: tuple[Reply, ...]
    always: bool = False
    retry_after: str = ""


@dataclass
class Received:
    """What came. ``spans`` are, for each message, the Unix seconds between which it was sent by the target's clock; of
    the same length as ``messages``. ``complete`` is whether the whole schedule has passed,
    ``late`` by how many seconds an attempt may be late.
    """

    receiving: Receiving
    made: Exchange
    receiver: Receiver
    spans: list[tuple[float, float]] = field(default_factory=list)
    complete: bool = False
    asked: int = ASKED
    late: float = LATE

    @property
    def messages(self) -> list[Message]:
        """The callbacks that came, in order."""
        return self.receiver.messages

    @property
    def first(self) -> list[Message]:
        """The messages that tell the first event, by its id."""
        return [message for message in self.messages if message.id == self.messages[0].id]

    @property
    def attempts(self) -> list[int]:
        """The moments of the attempts at the first event. What comes twice at one moment is one: delivery is at least
        once.
        """
        return list(dict.fromkeys(message.timestamp or 0 for message in self.first))


class Deliveries:
    """Receivers of one target that are called at the same time. They begin when the first check asks for one."""

    def __init__(self, receivings: Sequence[Receiving]) -> None:
        self.receivings = tuple(receivings)
        self._lock = threading.Lock()
        self._target: Target | None = None
        self._received: dict[str, Received | str] = {}

    def received(self, target: Target, receiving: Receiving) -> Received:
        """What came to one of them. Raises NotExercised where its task was not made."""
        with self._lock:
            if self._target is not target:
                self._target, self._received = target, {}
            if receiving.name not in self._received:
                self._received = _received(target, self.receivings)
            found = self._received[receiving.name]
        if isinstance(found, str):
            raise NotExercised(found)
        return found


def _received(target: Target, receivings: Sequence[Receiving]) -> dict[str, Received | str]:
    asked = ASKED if target.controlled else ASKED_ELSEWHERE
    began = _now(target)
    with target.listening() as listener, contextlib.ExitStack() as stack:
        found: dict[str, Received | str] = {}
        for one in receivings:
            receiver = stack.enter_context(Receiver(listener, _answers(one, began, asked), own=False))
            found[one.name] = _begun(target, one, receiver, asked)
        alive = [one for one in found.values() if isinstance(one, Received)]
        if target.controlled:
            _moved(target, alive)
        else:
            _waited(target, alive)
        return found


def _answers(receiving: Receiving, began: float, asked: int) -> Answers:
    def answer(number: int) -> Reply:
        if number > len(receiving.replies):
            return receiving.replies[-1] if receiving.always else Reply()
        reply = receiving.replies[number - 1]
        if not receiving.retry_after:
            return reply
        after = str(asked) if receiving.retry_after == "seconds" else formatdate(began + asked + 1, usegmt=True)
        return Reply(reply.status, {**reply.headers, "Retry-After": after})

    return answer


def _begun(target: Target, receiving: Receiving, receiver: Receiver, asked: int) -> Received | str:
    params = {**receiving.params, "callback_url": receiver.url}
    made = target.submit(receiving.endpoint, params, receiving.shape)
    if not task_of(made):
        return f"a body with callback_url is rejected: {told(made)}"
    return Received(receiving, made, receiver, asked=asked)


def _now(target: Target) -> float:
    """Unix seconds by the target's clock where that is known, else by this machine's."""
    return float(target.control("GET", "clock")["now"]) if target.controlled else Clock().now()


def _moved(target: Target, alive: Sequence[Received]) -> None:
    """Move time through the schedule."""
    before = _now(target)
    for seconds in SPANS:
        target.advance(seconds)
        after = before + seconds
        for one in alive:
            one.spans += [(before, after)] * (len(one.messages) - len(one.spans))
        before = after
    for one in alive:
        one.complete = True


def _waited(target: Target, alive: Sequence[Received]) -> None:
    """Wait for the first retries."""
    until = stopwatch() + WAIT
    while stopwatch() < until and not all(_is_enough(one) for one in alive):
        target.pause(0.1)
    began, now = stopwatch(), Clock().now()
    slack = EVER if target.virtual_time else SLACK
    for one in alive:
        one.late = EVER if target.virtual_time else LATE_ELSEWHERE
        moments = [now - began + message.at for message in one.messages]
        one.spans = [(moment - slack, moment + slack) for moment in moments]


def _is_enough(one: Received) -> bool:
    """Whether every attempt that is answered otherwise than with 200 was followed by another."""
    return len(one.messages) > len(one.receiving.replies)
