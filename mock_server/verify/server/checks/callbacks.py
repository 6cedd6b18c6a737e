"""Callbacks: one for each change, in order, as the poll shows it, tried again when refused, signed with a secret.

The receivers listen on this machine, so the target must be able to reach it, or a public address that leads here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.platform.courier import signature
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Json, Material, body_of, task_of, told
from mock_server.verify.server.checks.queue import cancel_running
from mock_server.verify.server.exchange import Exchange
from mock_server.verify.server.queue_forms import is_number
from mock_server.verify.server.receiver import Answers, Message, Receiver
from mock_server.verify.server.target import MOST_STEPS, NotExercised, Target
from mock_server.verify.server.waiting import FINAL

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


@dataclass(frozen=True, slots=True)
class _Subscription:
    """A task whose callbacks come to a receiver of ours. One that was done ``at_once`` may never be seen to run."""

    task: str
    receiver: Receiver
    at_once: bool

    def right(self, end: str) -> bool:
        """Whether the events tell what they should, in order."""
        told = self.receiver.statuses
        return told == ["in_progress", end] or (self.at_once and told == [end])


@contextlib.contextmanager
def _subscribed(
    target: Target, endpoint: Endpoint, params: Json, answers: Answers = lambda _: 200
) -> Iterator[_Subscription]:
    with target.receiver(answers) as receiver:
        made = target.submit(endpoint, {**params, "callback_url": receiver.url})
        task = task_of(made)
        if not task:
            raise NotExercised(f"a body with callback_url is rejected: {told(made)}")
        yield _Subscription(task, receiver, body_of(target.poll(task)).get("status") in FINAL)


def _first(target: Target, receiver: Receiver) -> Message:
    """The first message, once it has come."""
    return target.until(lambda: receiver.messages[0] if receiver.messages else None, "no callback came")


def _told(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        with _subscribed(target, endpoint, params) as subscribed:
            receiver, first = subscribed.receiver, _first(target, subscribed.receiver)
            yield from _start_problems(target, subscribed, first)
            poll = _over(target, subscribed)
            if not subscribed.right("completed"):
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


def _progress(body: Json) -> float:
    """How far a task is; one that has ended tells no progress."""
    progress: Any = body.get("progress", 1.0)
    return progress if is_number(progress) else 0.0


def _start_problems(target: Target, subscribed: _Subscription, first: Message) -> Iterator[Problem]:
    """What is wrong with the message that comes when a task begins to run."""
    poll, body = target.poll(subscribed.task), first.json if isinstance(first.json, dict) else {}
    if subscribed.at_once:
        return
    if first.status != "in_progress" or body.get("id") != subscribed.task:
        yield Problem(f"a callback says in_progress when the task starts running; there came {first.json}", poll)
    elif _progress(body) > _progress(body_of(poll)):
        yield Problem(f"the callback was ahead of the poll: {first.json}", poll)


def _over(target: Target, subscribed: _Subscription) -> Exchange:
    """The last poll of a task, once its last callback may have come."""
    poll = target.ended(subscribed.task)
    end = body_of(poll).get("status")
    target.until(
        lambda: True if end in subscribed.receiver.statuses else None,
        f"no callback said {end!r} after the poll did",
        SOON,
    )
    target.settle(100)
    return poll


def _retried(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        with _subscribed(target, endpoint, params, lambda number: 500 if number <= 2 else 200) as subscribed:
            receiver = subscribed.receiver
            _attempts(target, receiver)
            poll = target.poll(subscribed.task)
            again = receiver.messages[:3]
            if len(again) < 3 or len({message.id for message in again}) != 1:
                ids = [message.id for message in receiver.messages]
                yield Problem(
                    f"a failed callback is tried again after 1 and 5 s with the same id; there came {ids}",
                    poll,
                )
            elif len({message.content for message in again}) != 1:
                yield Problem("a callback that is tried again has another body", poll)
            _over(target, subscribed)
            if not subscribed.right("completed"):
                said = [message.status for message in receiver.messages]
                yield Problem(f"after two failed attempts the end is sent, last; there came {said}", poll)

    return tried


def _attempts(target: Target, receiver: Receiver) -> None:
    """Let the time pass in which an event is tried three times."""
    _first(target, receiver)
    if target.controlled:
        for seconds in (1, 5):
            target.advance(seconds)
        return
    target.until(
        lambda: True if len(receiver.messages) >= 3 else None,
        "a callback that was answered 500 was not tried three times",
        BETWEEN,
    )


def _cancelled(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        with _subscribed(target, endpoint, params) as subscribed:
            receiver = subscribed.receiver
            _first(target, receiver)
            cancel_running(target, endpoint, subscribed.task)
            poll = _over(target, subscribed)
            if not subscribed.right("failed") or receiver.events[-1].json != poll.json:
                said = [message.json for message in receiver.messages]
                yield Problem(f"a cancelled task is reported as failed, as the poll shows it; there came {said}", poll)

    return tried


def _signed(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        if not target.callback_secret:
            raise NotExercised("no callback secret is known; give it with --callback-secret", "callback-secret")
        with _subscribed(target, endpoint, params) as subscribed:
            receiver, poll = subscribed.receiver, _over(target, subscribed)
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
