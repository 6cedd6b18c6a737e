"""Callbacks: one for each change, in order, as the poll shows it, tried again when refused, signed with a secret.

The receivers listen on this machine, so the target must be able to reach it, or a public address that leads here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from mock_server.contract.endpoint import Endpoint
from mock_server.platform.courier import signature
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Json, Material, body_of, task_of, told
from mock_server.verify.server.exchange import Exchange
from mock_server.verify.server.receiver import Answers, Receiver
from mock_server.verify.server.target import MOST_STEPS, NotExercised, Target

#: How long after a task has ended its last callback may come, in real seconds; and how long three attempts may take.
SOON, BETWEEN = 15.0, 30.0
MOST_CALLS = MOST_STEPS + 6


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        kinds: dict[str, tuple[str, Callable[[Endpoint, Json], Tried]]] = {
            "told": ("a callback is sent when the status changes, as the task then is", _told),
            "retried": ("anything but 2xx is tried again, with the same id and body", _retried),
            "cancelled": ("a cancelled task is reported as failed", _cancelled),
            "signed": ("v1,HMAC-SHA256 over id.timestamp.body", _signed),
        }
        for kind, (says, check) in kinds.items():
            yield Case(
                f"{endpoint.short}/callback/{kind}", "calls back", model, (f"callback {model} {kind}",),
                f"{says} ({endpoint.short}#callback_url, wire#5)", MOST_CALLS, cost,
                check(endpoint, params), follows=True,
            )  # fmt: skip


@contextlib.contextmanager
def _subscribed(
    target: Target, endpoint: Endpoint, params: Json, answers: Answers = lambda _: 200
) -> Iterator[tuple[str, Receiver]]:
    """A task whose callbacks come to a receiver of ours."""
    with target.receiver(answers) as receiver:
        made = target.submit(endpoint, {**params, "callback_url": receiver.url})
        if not task_of(made):
            raise NotExercised(f"a body with callback_url is rejected: {told(made)}")
        yield task_of(made), receiver


def _told(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        with _subscribed(target, endpoint, params) as (task, receiver):
            if target.controlled:
                yield from _start_problems(target, task, receiver)
            poll = _over(target, task, receiver)
            if receiver.statuses not in _right(target, "completed"):
                yield Problem(f"two callbacks report two changes, in order; there came {receiver.statuses}", poll)
            elif receiver.events[-1].json != poll.json:
                yield Problem(f"the last callback differs from the poll: {receiver.events[-1].json}", poll)
            kinds = {message.headers.get("content-type", "").partition(";")[0] for message in receiver.messages}
            if kinds != {"application/json"}:
                yield Problem(f"callbacks are JSON by their Content-Type, not {sorted(kinds)}", poll)
            ids = [message.id for message in receiver.events]
            if None in ids:
                yield Problem(f"each event has a webhook-id of its own, not {ids}", poll)

    return tried


def _start_problems(target: Target, task: str, receiver: Receiver) -> Iterator[Problem]:
    """What is wrong with what came when the task began to run."""
    target.advance(0.5)
    poll = target.poll(task)
    started = [message.json for message in receiver.events]
    if receiver.statuses != ["in_progress"] or started[0].get("id") != task:
        yield Problem(f"one callback says in_progress when the task starts running; there came {started}", poll)
    elif started[0].get("progress", 1) > body_of(poll).get("progress", 0):
        yield Problem(f"the callback was ahead of the poll: {started[0]}", poll)


def _right(target: Target, end: str) -> list[list[str]]:
    """What the events of a task tell. A task that is done at once in real time may never be seen to run."""
    both = ["in_progress", end]
    return [both] if target.controlled else [both, [end]]


def _over(target: Target, task: str, receiver: Receiver) -> Exchange:
    """The last poll of a task, once its last callback may have come."""
    if target.controlled:
        target.advance(100)
        return target.poll(task)
    poll = target.ended(task)
    end = body_of(poll).get("status")
    target.until(
        lambda: True if end in receiver.statuses else None, f"no callback said {end!r} after the poll did", SOON
    )
    return poll


def _retried(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        with _subscribed(target, endpoint, params, lambda number: 500 if number <= 2 else 200) as (task, receiver):
            _attempts(target, receiver)
            poll = target.poll(task)
            again = receiver.messages[:3]
            if len(again) < 3 or len({message.id for message in again}) != 1:
                ids = [message.id for message in receiver.messages]
                yield Problem(
                    f"a failed callback is tried again after 1 and 5 s with the same id; there came {ids}",
                    poll,
                )
            elif len({message.content for message in again}) != 1:
                yield Problem("a callback that is tried again has another body", poll)
            _over(target, task, receiver)
            if receiver.statuses not in _right(target, "completed"):
                said = [message.status for message in receiver.messages]
                yield Problem(f"after two failed attempts the end is sent, last; there came {said}", poll)

    return tried


def _attempts(target: Target, receiver: Receiver) -> None:
    """Let the time pass in which an event is tried three times."""
    if target.controlled:
        for seconds in (0.5, 1, 5):
            target.advance(seconds)
        return
    target.until(lambda: receiver.messages or None, "no callback came")
    target.until(
        lambda: True if len(receiver.messages) >= 3 else None,
        "a callback that was answered 500 was not tried three times",
        BETWEEN,
    )


def _cancelled(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        with _subscribed(target, endpoint, params) as (task, receiver):
            if target.controlled:
                target.advance(0.5)
            else:
                target.until(lambda: receiver.messages or None, "no callback came")
            cancelled = target.queue(endpoint, task, "cancel")
            if cancelled.status == 400 and not target.controlled:
                raise NotExercised("the task ended before it could be cancelled")
            poll = _over(target, task, receiver)
            if receiver.statuses not in _right(target, "failed") or receiver.events[-1].json != poll.json:
                said = [message.json for message in receiver.messages]
                yield Problem(f"a cancelled task is reported as failed, as the poll shows it; there came {said}", poll)

    return tried


def _signed(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        if not target.callback_secret:
            raise NotExercised("no callback secret is known; give it with --callback-secret", "callback-secret")
        with _subscribed(target, endpoint, params) as (task, receiver):
            poll = _over(target, task, receiver)
            if not receiver.messages:
                yield Problem("no callback came to be looked at", poll)
            for message in receiver.messages:
                given = message.headers.get("webhook-signature", "")
                name, at = message.headers.get("webhook-id", ""), message.headers.get("webhook-timestamp", "")
                due = (
                    signature(target.callback_secret, name, int(at), message.content)
                    if at.isascii() and at.isdigit()
                    else "a timestamp"
                )
                if due not in given.split():
                    yield Problem(f"the signature is {given!r}; {due!r} was due", poll)

    return tried
