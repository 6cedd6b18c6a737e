"""What every answer about a task tells alike: its ids, its model, when it was made, and what the client sent along."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mock_server.verify.server.case import Problem
from mock_server.verify.server.checks.common import WRAPPED, body_of, told
from mock_server.verify.server.lives import FINAL, POLL, STATUS, Life, moments_of, now_here
from mock_server.verify.server.queue_forms import is_whole
from mock_server.verify.server.target import Exchange, Target

FIELDS, TIMING = "tells who a task is in every answer", "tells when tasks were queued and ended"

MOMENTS = ("in_queue_at", "completed_at")
#: How far ``created_at`` may be from the moment of the submit, in seconds: where the target's clock is known, and where
#: two clocks differ. Less than the smallest difference between time zones.
NEAR, NEAR_ELSEWHERE = 2.0, 600.0
#: How far ``completed_at`` may be from the polls around it, in seconds, where time cannot be moved: answers travel.
SLACK = 10.0


def problems(target: Target, life: Life) -> Iterator[Problem]:
    """What is wrong with what identifies a task."""
    if not life.queued:
        yield from _made_problems(life)
    for exchange in life.polls:
        if exchange.status == 200:  # whether it is found is looked at by others
            yield from _who_problems(life, exchange)
    yield from _created_problems(life, near=not target.virtual_time)
    for look in life.read(STATUS):
        yield from _request_problems(life, look.exchange)


def _made_problems(life: Life) -> Iterator[Problem]:
    """What is wrong with the answer to a submit."""
    yield from _who_problems(life, life.made)
    polled = next((body_of(poll) for poll in life.polls if poll.status == 200), {})
    if polled and body_of(life.made).get("created_at") != polled.get("created_at"):
        at = body_of(life.made).get("created_at")
        yield Problem(f"created_at was {at!r} at the submit, and is {polled.get('created_at')!r} in a poll", life.made)


def _who_problems(life: Life, exchange: Exchange) -> Iterator[Problem]:
    """What is wrong with the ids, the model and the metadata of one answer."""
    body = body_of(exchange)
    due: dict[str, Any] = {"model": life.plan.endpoint.model, "external_task_id": life.external or None}
    due["id"] = life.other_id if life.queued else life.id
    for name, value in due.items():
        if body.get(name) != value or (value is None and name in body):
            told_value = "nothing" if value is None else repr(value)
            yield Problem(f"{name} of a task is {body.get(name)!r}; {told_value} was due", exchange)
    yield from _metadata_problems(life, body.get("metadata"), exchange)


def _metadata_problems(life: Life, metadata: Any, exchange: Exchange) -> Iterator[Problem]:
    sent = life.plan.metadata if life.plan.shape == WRAPPED else {}
    if not isinstance(metadata, dict):
        yield Problem(f"metadata of a task is an object, not {metadata!r}", exchange)
    elif any(metadata.get(name) != value for name, value in sent.items()):
        yield Problem(f"metadata is {metadata!r}; {sent!r} was sent", exchange)


def _created_problems(life: Life, *, near: bool) -> Iterator[Problem]:
    """What is wrong with the moment at which a task was made; ``near`` is whether it can be held against clocks."""
    moments: dict[Any, Exchange] = {}
    for poll in life.polls:
        if poll.status == 200:
            moments.setdefault(body_of(poll).get("created_at"), poll)
    if not moments:
        return
    at, poll = next(iter(moments.items()))
    if len(moments) > 1:
        yield Problem(f"created_at of one task is {' and '.join(map(repr, moments))}", list(moments.values())[-1])
    elif not is_whole(at):
        yield Problem(f"created_at is a whole number of Unix seconds, not {at!r}", poll)
    elif near and not _is_near(life, at):
        yield Problem(f"created_at is {at}, which is not when the task was submitted, in Unix seconds", poll)


def _is_near(life: Life, at: int) -> bool:
    if life.server_time is not None:
        return abs(at - life.server_time) <= NEAR
    passed = life.looks[-1].at - life.began if life.looks else 0.0
    clocks = [now_here(), *moments_of(life.made)]
    return any(clock - passed - NEAR_ELSEWHERE <= at <= clock + NEAR_ELSEWHERE for clock in clocks)


def _request_problems(life: Life, status: Exchange) -> Iterator[Problem]:
    """What is wrong with the id in a status."""
    due, found = life.id if life.queued else life.other_id, body_of(status).get("request_id")
    if status.status == 200 and found != due:
        yield Problem(f"request_id of a task is {found!r}; {due!r} was due", status)


def timing_problems(target: Target, life: Life) -> Iterator[Problem]:
    """What is wrong with the moments in the metadata of all polls of a task."""
    polls = [look for look in life.read(POLL) if look.exchange.status == 200]
    for look in polls:
        yield from moments_problems(look.exchange)
    found = {name: _values(name, [look.exchange for look in polls]) for name in MOMENTS}
    for name, values in found.items():
        if len(values) > 1:
            yield Problem(f"{name} of one task is {' and '.join(map(str, values))}", polls[-1].exchange)
    yield from _ended_problems(target, life)


def _values(name: str, polls: list[Exchange]) -> list[Any]:
    """The different values that a moment has in the metadata of polls."""
    found: list[Any] = []
    for poll in polls:
        metadata = body_of(poll).get("metadata")
        if isinstance(metadata, dict) and name in metadata and metadata[name] not in found:
            found.append(metadata[name])
    return found


def _ended_problems(target: Target, life: Life) -> Iterator[Problem]:
    """What is wrong with how long a task took, by its metadata, against when its end was seen."""
    end = life.end
    if end is None or target.virtual_time:
        return
    metadata: dict[str, Any] = body_of(end.exchange).get("metadata") or {}
    moments: list[Any] = [metadata[name] for name in MOMENTS if is_whole(metadata.get(name))]
    if len(moments) < len(MOMENTS):
        return
    took = (moments[1] - moments[0]) / 1000
    running = [look.at for look in life.read(POLL) if look.at <= end.at and not _has_ended(look.exchange)]
    slack = NEAR if target.controlled else SLACK
    if not max(running, default=life.began) - life.began - slack <= took <= end.at - life.began + slack:
        yield Problem(
            f"by its metadata the task took {took:.1f} s; it was seen to end {end.at - life.began:.1f} s after its "
            "submit", end.exchange,
        )  # fmt: skip


def _has_ended(poll: Exchange) -> bool:
    return body_of(poll).get("status") in FINAL


def moments_problems(poll: Exchange) -> Iterator[Problem]:
    """What is wrong with the timing in a poll's metadata."""
    body = body_of(poll)
    metadata: Any = body.get("metadata")
    created: Any = body.get("created_at")
    if not isinstance(metadata, dict) or not is_whole(created):
        yield Problem(f"a task has metadata, and created_at in whole seconds: {told(poll)}", poll)
        return
    final = body.get("status") in FINAL
    due = ("in_queue_at", "completed_at") if final else ("in_queue_at",)
    moments: list[Any] = [metadata.get(name) for name in due]
    if not all(is_whole(moment) for moment in moments):
        yield Problem(f"metadata has {' and '.join(due)} in whole milliseconds, not {metadata!r}", poll)
    elif "completed_at" in metadata and not final:
        yield Problem(f"completed_at is there only once a task has ended: {told(poll)}", poll)
    elif moments != sorted(moments) or not created * 1000 <= moments[0] <= moments[-1]:
        yield Problem(f"created_at {created} s, in_queue_at, completed_at follow each other, not {metadata!r}", poll)
    elif any(moment >= (created + 10_000_000) * 1000 for moment in moments):
        yield Problem(f"the moments of metadata are Unix milliseconds, not {metadata!r}", poll)
