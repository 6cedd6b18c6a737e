"""Callbacks that are not taken: tried again as documented, with the same id and body, until a 2xx or 410 ends it.

The receivers are hosted here, on this machine, so the target must be able to reach it. Whether each change is told at
all is looked at in ``life_callbacks``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.callback_cancelled import cancelled
from mock_server.verify.server.checks.common import DOCUMENTED, QUEUE, Json, Material, share
from mock_server.verify.server.checks.life_callbacks import CALLS, signature_problem
from mock_server.verify.server.deliveries import SCHEDULE, Deliveries, Received, Receiving
from mock_server.verify.server.receiver import Message, Reply
from mock_server.verify.server.target import NotExercised, Target

Look = Callable[[Received], Iterator[Problem]]

#: Answers that every model's callbacks meet, and others, each of which one model's meet.
RETRIED, ALSO_RETRIED = (307, 404, 408, 429, 502, 503), (301, 302, 303, 308, 400, 401, 403, 405, 409, 422, 500, 504)
ENDS, ALSO_ENDS = (202, 204), (201, 203, 205, 206, 226, 299)
#: Seconds by which an attempt may be earlier than documented: timestamps are whole seconds.
EARLY = 1
#: Real seconds after which an attempt has another timestamp than the one before.
STALE = 3.0
#: An event that was taken may come once more: delivery is at least once. More often is a retry.
COPIES = 2


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        looks = _looks(endpoint, params, material)
        deliveries = Deliveries([receiving for receiving, _, _ in looks])
        for number, (receiving, says, look) in enumerate(looks):
            yield Case(
                f"{endpoint.short}/callback/{receiving.name}", CALLS, model, (f"callback {model} {receiving.name}",),
                f"{says} ({endpoint.short}#callback_url, wire#5)", 2, cost, _tried(deliveries, receiving, look),
                follows=number == 0, after=number > 0,
            )  # fmt: skip
        yield Case(
            f"{endpoint.short}/callback/cancelled", CALLS, model, (f"callback {model} cancelled",),
            f"a cancelled task is reported as failed ({endpoint.short}#callback_url, wire#5)", 6, cost,
            cancelled(endpoint, params), follows=True,
        )  # fmt: skip


def _tried(deliveries: Deliveries, receiving: Receiving, look: Look) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        received = deliveries.received(target, receiving)
        if not received.messages:
            yield Problem("no callback came for a task that was made with callback_url", received.made)
            return
        yield from _common_problems(target, received)
        if not target.virtual_time:
            yield from _stale_problems(received)
        if target.virtual_time and receiving.retry_after:
            raise NotExercised("the clock of the target runs at a pace of its own", "control")
        yield from look(received)

    return tried


def _looks(endpoint: Endpoint, params: Json, material: Material) -> list[tuple[Receiving, str, Look]]:
    """The ways to answer, each with what is documented for it, and the look at what came."""
    found: list[tuple[Receiving, str, Look]] = []
    shapes = itertools.cycle((DOCUMENTED, QUEUE))

    def add(name: str, says: str, look: Look, *replies: Reply, always: bool = False, retry_after: str = "") -> None:
        receiving = Receiving(name, endpoint, params, next(shapes), replies, always, retry_after)
        found.append((receiving, says, look))

    again = "anything but 2xx is tried again after 1 s, with the same id and body"
    for status in _those(RETRIED, ALSO_RETRIED, endpoint, material):
        headers = {"Location": "/elsewhere"} if status // 100 == 3 else {}
        add(f"retried after {status}", again, _retry_problems, Reply(status, headers))
    add("retried after a reset", again, _retry_problems, Reply(closes=True))
    add("retried twice", "attempts 1 and 5 s after the previous one", _retry_problems, Reply(500), Reply(500))
    for status, kind in ((429, "seconds"), (503, "seconds"), (429, "date"), (503, "date")):
        name = f"{status} with Retry-After in {kind}" if kind == "seconds" else f"{status} with Retry-After as a date"
        add(name, "429 and 503 honour Retry-After", _asked_problems, Reply(status), retry_after=kind)
    for status in _those(ENDS, ALSO_ENDS, endpoint, material):
        add(f"ended by {status}", "2xx ends it", _ended_problems, Reply(status), always=True)
    add("given up after 410", "410 gives up", _gone_problems, Reply(410))
    add("never taken", "attempts 1, 5, 30, 120, 600 s after the previous one", _never_problems, Reply(500), always=True)
    return found


def _those(core: tuple[int, ...], others: tuple[int, ...], endpoint: Endpoint, material: Material) -> list[int]:
    """The statuses for one model: at depth all; else the core, and its share of the others."""
    return [*core, *(others if material.depth > 1 else share(endpoint, others))]


def _common_problems(target: Target, received: Received) -> Iterator[Problem]:
    """What is wrong with any attempt: its id, its timestamp, its signature, and the order of events."""
    made = received.made
    for message, (earliest, latest) in zip(received.messages, received.spans, strict=False):
        if not message.id:
            yield Problem("a callback has no webhook-id", made)
        elif message.timestamp is None or not earliest - EARLY <= message.timestamp <= latest + EARLY:
            yield Problem(
                f"webhook-timestamp is {message.timestamp}; this attempt was made between {earliest:.0f} and "
                f"{latest:.0f}", made,
            )  # fmt: skip
        elif target.callback_secret and (wrong := signature_problem(target.callback_secret, message)):
            yield Problem(wrong, made)
    first: dict[str, Message] = {}
    for message in received.messages:
        if first.setdefault(message.id or "", message).content != message.content:
            yield Problem("a callback that is tried again has another body", made)
    told = [message.status for message in first.values()]
    if received.complete and told not in (["in_progress", "completed"], ["completed"]):
        yield Problem(f"callbacks tell that a task runs, and that it has completed, in order; there came {told}", made)


def _stale_problems(received: Received) -> Iterator[Problem]:
    """Whether an attempt has the timestamp of one long before it."""
    for earlier, later in itertools.pairwise(received.first):
        if later.at - earlier.at > STALE and earlier.timestamp == later.timestamp:
            yield Problem(
                f"an attempt {later.at - earlier.at:.0f} s after the previous one has its timestamp {later.timestamp}",
                received.made,
            )


def _gaps(received: Received) -> list[int]:
    """The seconds between the attempts at the first event."""
    return [later - earlier for earlier, later in itertools.pairwise(received.attempts)]


def _retry_problems(received: Received) -> Iterator[Problem]:
    """What is wrong with the attempts that follow some that failed."""
    failed = len(received.receiving.replies)
    gaps = _gaps(received)[:failed]
    if len(received.first) <= failed:
        ids = [message.id for message in received.messages]
        said = f"a callback that failed {failed} times is tried again with the same id"
        yield Problem(f"{said}; there came {ids}", received.made)
        return
    for number, (gap, due) in enumerate(zip(gaps, SCHEDULE, strict=False), 2):
        if not due - EARLY <= gap <= due + received.late:
            yield Problem(f"attempt {number} came {gap} s after the previous one; {due} s was due", received.made)
    count = len(received.attempts)
    if count > failed + COPIES:
        yield Problem(f"a callback that was taken at attempt {failed + 1} came {count} times", received.made)


def _asked_problems(received: Received) -> Iterator[Problem]:
    """What is wrong with the attempt that follows a Retry-After."""
    gaps, asked = _gaps(received), received.asked
    if len(received.first) < COPIES:
        yield Problem(f"a callback that was asked to wait {asked} s did not come again", received.made)
    elif gaps and not asked - EARLY <= gaps[0] <= asked + received.late + EARLY:
        yield Problem(f"the next attempt came after {gaps[0]} s; Retry-After asked for {asked} s", received.made)


def _ended_problems(received: Received) -> Iterator[Problem]:
    """Whether an event that was taken is tried again."""
    if len(received.attempts) > COPIES:
        status = received.receiving.replies[0].status
        yield Problem(f"a callback that was answered {status} came {len(received.attempts)} times", received.made)


def _gone_problems(received: Received) -> Iterator[Problem]:
    if len(received.attempts) > 1:
        yield Problem(f"a callback that was answered 410 came {len(received.attempts)} times", received.made)


def _never_problems(received: Received) -> Iterator[Problem]:
    """What is wrong with the whole schedule."""
    if not received.complete:
        raise NotExercised("the whole schedule of attempts takes 13 minutes, and time cannot be moved")
    gaps = _gaps(received)
    right = len(gaps) == len(SCHEDULE) and all(
        due - EARLY <= gap <= due + received.late for gap, due in zip(gaps, SCHEDULE, strict=True)
    )
    if not right:
        yield Problem(f"attempts came {gaps} s after each other; {list(SCHEDULE)} were due, and no more", received.made)
