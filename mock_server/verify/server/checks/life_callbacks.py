"""The callbacks of a watched task: one for each change, in order, as the poll shows it, at the URL that was given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mock_server.platform.courier import signature
from mock_server.verify.server.case import Problem
from mock_server.verify.server.checks.common import body_of
from mock_server.verify.server.lives import FINAL, POLL, STATUS, Life, now_here
from mock_server.verify.server.queue_forms import IN_PROGRESS, QUEUED
from mock_server.verify.server.receiver import Message
from mock_server.verify.server.target import Exchange, NotExercised, Target

CALLS, NEEDS = "calls back", "callbacks"

#: How far the timestamp of a callback may be from the moment it tells of, in seconds: where time stands still
#: meanwhile, and where two clocks differ.
NEAR, NEAR_ELSEWHERE = 2.0, 600.0


def problems(target: Target, life: Life) -> Iterator[Problem]:
    """What is wrong with the callbacks of a task that was followed to its end."""
    end = life.end
    if end is None:
        raise NotExercised("the task did not end")
    poll = end.exchange
    if life.receiver is None:
        raise NotExercised("the target cannot reach this machine; give a public address with --callback-base", NEEDS)
    events = life.receiver.events
    yield from _copy_problems(life, poll)
    for message in events:
        yield from _message_problems(life, message, poll)
    yield from _order_problems(life, events, poll)
    yield from _end_problems(target, events, poll)


def _copy_problems(life: Life, poll: Exchange) -> Iterator[Problem]:
    """Whether one event that came more than once is the same each time: that it comes twice is no fault."""
    first: dict[str, Message] = {}
    for message in life.messages:
        known = first.setdefault(message.id or "", message)
        if message.id and known.content != message.content:
            yield Problem(f"two callbacks of the id {message.id!r} have different bodies", poll)


def _message_problems(life: Life, message: Message, poll: Exchange) -> Iterator[Problem]:
    """What is wrong with one callback by itself."""
    kind = message.headers.get("content-type", "").partition(";")[0].strip().lower()
    query = message.path.partition("?")[2]
    if message.method != "POST":
        yield Problem(f"a callback is a POST, not {message.method}", poll)
    elif query != life.plan.callback_query:
        yield Problem(f"a callback came with the query {query!r}; callback_url has {life.plan.callback_query!r}", poll)
    elif kind != "application/json":
        yield Problem(f"callbacks are JSON by their Content-Type, not {kind!r}", poll)
    elif not isinstance(message.json, dict):
        yield Problem(f"the body of a callback is a JSON object, not {message.content[:200]!r}", poll)
    elif not message.id:
        yield Problem("a callback has no webhook-id", poll)
    elif message.timestamp is None:
        stamp = message.headers.get("webhook-timestamp")
        yield Problem(f"webhook-timestamp of a callback is {stamp!r}; Unix seconds were due", poll)
    else:
        yield from _body_problems(message, poll)


def _body_problems(message: Message, poll: Exchange) -> Iterator[Problem]:
    """What is wrong with the body of a callback before the end, by what never changes in the polls."""
    told, due = message.json, body_of(poll)
    for name in ("id", "model", "created_at", "external_task_id"):
        if told.get(name) != due.get(name):
            yield Problem(f"{name} in a callback is {told.get(name)!r}, {due.get(name)!r} in the poll", poll)
    if told.get("status") not in FINAL and told.keys() != (due.keys() - {"output", "usage", "error"}) | {"progress"}:
        yield Problem(f"a callback before the end has {', '.join(sorted(told))}; it is not what a poll shows", poll)


def _order_problems(life: Life, events: list[Message], poll: Exchange) -> Iterator[Problem]:
    """What is wrong with which changes were told, and in which order."""
    told = [message.status for message in events]
    last = body_of(poll).get("status")
    if told[-1:] != [last] or told not in ([last], ["in_progress", last]):
        yield Problem(f"two callbacks tell that a task runs and that it is {last}, in order; there came {told}", poll)
    elif told == [last] and _seen_to_start(life):
        yield Problem("no callback told that the task runs, though it was seen queued and then running", poll)


def _seen_to_start(life: Life) -> bool:
    """Whether the task was seen queued, and later running."""
    states = [life.form.state(body_of(look.exchange)) for look in life.read(STATUS)]
    return QUEUED in states and IN_PROGRESS in states


def _end_problems(target: Target, events: list[Message], poll: Exchange) -> Iterator[Problem]:
    """What is wrong with the callback that tells the end, or with its moment."""
    last = events[-1]
    if last.json != poll.json:
        yield Problem(f"the last callback differs from the poll: {last.json}", poll)
    at = last.timestamp or 0
    metadata: Any = body_of(poll).get("metadata")
    ended = metadata.get("completed_at", 0) / 1000 if isinstance(metadata, dict) else 0.0
    due, near = (ended, NEAR) if target.controlled else (now_here(), NEAR_ELSEWHERE)
    if abs(at - due) > near and not target.virtual_time:
        yield Problem(f"webhook-timestamp of the last callback is {at}; it was sent at about {due:.0f}", poll)
    for message in events:
        if any(target.key in value for value in message.headers.values()):
            yield Problem("a callback has the API key in its headers", poll)


def signed_problems(target: Target, life: Life) -> Iterator[Problem]:
    """What is wrong with the signatures of a task's callbacks."""
    if not target.callback_secret:
        raise NotExercised("no callback secret is known; give it with --callback-secret", "callback-secret")
    polls = life.read(POLL)
    for message in life.messages:
        found = signature_problem(target.callback_secret, message)
        if found:
            yield Problem(found, polls[-1].exchange if polls else life.made)


def signature_problem(secret: str, message: Message) -> str:
    """What is wrong with the signature of one callback; empty when it is right."""
    given = message.headers.get("webhook-signature", "")
    at = message.timestamp
    due = "one with a timestamp" if at is None else signature(secret, message.id or "", at, message.content)
    return "" if due in given.split() else f"the signature is {given!r}; {due!r} was due"
