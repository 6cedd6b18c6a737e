"""How a task moves: its status goes forward, its progress never falls, what is final stays, both protocols agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mock_server.verify.server.case import Problem
from mock_server.verify.server.checks import queue
from mock_server.verify.server.checks.common import body_of, told
from mock_server.verify.server.lives import FINAL, GIVEN, POLL, RESPONSE, STATUS, Life, Look
from mock_server.verify.server.queue_forms import (
    CANCELLED,
    COMPLETED,
    FAILED,
    IN_PROGRESS,
    OLDER,
    ORDER,
    OVER,
    is_number,
)
from mock_server.verify.server.target import Exchange, NotExercised, Target

LIFE, AGREE, STATUS_PROPERTY = "lives as documented", "is one task on both protocols", "tells the status on the queue"

#: So many moments of a task that runs, all with the same progress, are a progress that stands still.
STANDS_STILL = 6


def problems(target: Target, life: Life) -> Iterator[Problem]:
    """What is wrong with how a task goes on the generation side."""
    body = body_of(life.made)
    if not life.queued and (body.get("status") != "in_progress" or body.get("progress") != 0):
        yield Problem(f"a submit answers in_progress with progress 0, not {told(life.made)}", life.made)
    yield from _poll_problems(life)
    yield from _still_problems(life)
    yield from _end_problems(target, life)


def _poll_problems(life: Life) -> Iterator[Problem]:
    """What is wrong with one poll after another, up to the end."""
    highest, found = 0.0, [look for look in life.read(POLL) if look.exchange.status == 200]
    lost = [look.exchange for look in life.read(POLL) if look.exchange.status != 200 and look.by == GIVEN]
    if lost:  # the other ids are looked at by themselves
        yield Problem(f"a task is not found by the id that its submit gave: {told(lost[0])}", lost[0])
    for look in found:
        poll, body = look.exchange, body_of(look.exchange)
        progress: Any = body.get("progress")
        if body.get("status") in FINAL:
            if "progress" in body:
                yield Problem(f"progress is there only while a task is in progress: {told(poll)}", poll)
            return
        if not is_number(progress):
            yield Problem(f"a task in progress has the progress {progress!r}", poll)
        elif not highest <= progress <= 1:
            yield Problem(f"progress went from {highest} to {progress}", poll)
        else:
            highest = progress


def _still_problems(life: Life) -> Iterator[Problem]:
    """Whether the progress of a running task moves, where it was looked at often enough."""
    found: dict[float, Exchange] = {}
    for poll, status in _pairs(life):
        if life.form.state(body_of(status.exchange)) == IN_PROGRESS:
            found.setdefault(poll.at, poll.exchange)
    values = {str(body_of(poll).get("progress")) for poll in found.values()}
    if len(found) >= STANDS_STILL and len(values) == 1:
        last = list(found.values())[-1]
        yield Problem(f"progress stood at {values.pop()} at each of {len(found)} moments of a running task", last)


def _pairs(life: Life) -> Iterator[tuple[Look, Look]]:
    """Each poll with the status that was read right after it."""
    for one, other in zip(life.looks, life.looks[1:], strict=False):
        if (one.what, other.what) == (POLL, STATUS):
            yield one, other


def _end_problems(target: Target, life: Life) -> Iterator[Problem]:
    """What is wrong with the end: that there is none, that it went wrong, or that it changes."""
    end = life.end
    if end is None:
        if not target.controlled:
            raise NotExercised(f"a task did not end within {target.patience:g} s")
        yield Problem("the task did not end within an hour", life.polls[-1] if life.polls else life.made)
        return
    if body_of(end.exchange).get("status") != "completed":
        yield Problem(f"a task of an accepted body ended as {told(end.exchange)}", end.exchange)
    yield from _changed_problems(life, end)


def _changed_problems(life: Life, end: Look) -> Iterator[Problem]:
    """Whether a poll after the end differs from the one that told it."""
    for number, look in enumerate(_following(life, end), 1):
        if look.exchange.status == 200 and look.exchange.json != end.exchange.json:
            yield Problem(
                f"a final task changed, at read {number} after its end, from {told(end.exchange)} to "
                f"{told(look.exchange)}", look.exchange,
            )  # fmt: skip


def _following(life: Life, end: Look) -> list[Look]:
    polls = life.read(POLL)
    return polls[next(place for place, look in enumerate(polls) if look is end) + 1 :]


def agreement_problems(target: Target, life: Life) -> Iterator[Problem]:
    """What differs between the ids and the protocols of one task."""
    for look in life.looks:
        good = {200, 202} if look.what == RESPONSE else {200}
        if look.exchange.status not in good:
            yield Problem(f"the {look.what} by {look.by} answers {told(look.exchange)}", look.exchange)
    for poll, status, after in zip(life.looks, life.looks[1:], life.looks[2:], strict=False):
        if (poll.what, status.what) == (POLL, STATUS) and (target.controlled or _alike(poll, after)):
            yield from _word_problems(life, poll.exchange, status.exchange, exact=target.controlled)


def _alike(poll: Look, after: Look) -> bool:
    """Whether two polls tell the same status, so that what was read between them tells it too."""
    return after.what == POLL and body_of(poll.exchange).get("status") == body_of(after.exchange).get("status")


def _word_problems(life: Life, poll: Exchange, status: Exchange, *, exact: bool) -> Iterator[Problem]:
    """What is wrong with a status by what the poll says; ``exact`` is whether both were read at the same moment."""
    state, polled, body = life.form.state(body_of(status)), body_of(poll), body_of(status)
    due = {COMPLETED: "completed", FAILED: "failed", CANCELLED: "failed"}.get(state or "", "in_progress")
    if state is not None and polled.get("status") != due:
        yield Problem(f"the queue says {state}, the poll {polled.get('status')!r}", status)
    elif exact and due == "in_progress" and body.get("progress") not in {None, polled.get("progress")}:
        yield Problem(f"the queue says progress {body['progress']!r}, the poll {polled.get('progress')!r}", status)


def status_problems(target: Target, life: Life) -> Iterator[Problem]:
    """What is wrong with how a task is told to stand on the queue."""
    request = queue.Request(life.plan.endpoint, life.plan.params, _request_id(life), life.form, life.made)
    highest, last, results = 0, None, life.responses[1]
    for look in life.read(STATUS, RESPONSE):
        if look in results:
            continue  # they are looked at by themselves
        yield from queue.status_problems(target, request, look.exchange, 200 if look.what == STATUS else 202)
        state = life.form.state(body_of(look.exchange)) or ""
        if ORDER.get(state, 0) < highest:
            yield Problem(f"a request that was further on is {state} again: {told(look.exchange)}", look.exchange)
        highest = ORDER.get(state, 0)
        if look.what == RESPONSE and last is not None and (last.at == look.at and target.controlled):
            yield from queue.same_body_problems(look.exchange, last.exchange)
        last = look if look.what == STATUS else last
    yield from _over_problems(target, life)


def _request_id(life: Life) -> str:
    return life.id if life.queued else life.other_id


def _over_problems(target: Target, life: Life) -> Iterator[Problem]:
    """What is wrong with the statuses of a request that is over."""
    over = [look.exchange for look in life.read(STATUS) if life.form.state(body_of(look.exchange)) in OVER]
    if not over:
        if life.end is not None:
            yield Problem("the poll told the end of a task, the queue never did", life.read(STATUS)[-1].exchange)
        return
    if life.form.state(body_of(over[0])) != COMPLETED:
        yield Problem(f"a request of an accepted body did not complete: {told(over[0])}", over[0])
    for number, status in enumerate(over[1:], 1):
        if status.json != over[0].json:
            told_both = f"from {told(over[0])} to {told(status)}"
            yield Problem(f"what is over changed, at read {number} after the end, {told_both}", status)
    if target.controlled and life.form is not OLDER:
        yield from _time_problems(target, life, over[0])


def _time_problems(target: Target, life: Life, status: Exchange) -> Iterator[Problem]:
    """What is wrong with the time that a completed request took to run, by the target's own account of it."""
    moments = {one["status"]: one["at"] for one in target.control("GET", f"tasks/{life.id}")["transitions"]}
    if not {"completed", "in_progress"} <= moments.keys():
        return
    due = moments["completed"] - moments["in_progress"]
    metrics = body_of(status).get("metrics")
    found = metrics.get("inference_time") if isinstance(metrics, dict) else None
    if not is_number(found) or abs(found - due) > 0.001:  # it is rounded to milliseconds
        yield Problem(f"inference_time is {found!r}; it ran for {due:.3f} s", status)
