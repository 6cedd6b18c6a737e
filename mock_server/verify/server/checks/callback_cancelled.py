"""The callbacks of a task that is cancelled: it is reported as failed, as the poll shows it, and nothing follows."""

from __future__ import annotations

from collections.abc import Iterator

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Problem, Tried
from mock_server.verify.server.checks.common import Json, body_of, task_of, told
from mock_server.verify.server.receiver import Receiver
from mock_server.verify.server.target import NotExercised, Target

#: Real seconds in which a callback has to come.
SOON = 10.0


def cancelled(endpoint: Endpoint, params: Json) -> Tried:
    """Tries a task with callback_url that is cancelled while it is queued or runs."""

    def tried(target: Target) -> Iterator[Problem]:
        with target.receiver() as receiver:
            made = target.submit(endpoint, {**params, "callback_url": receiver.url})
            task = task_of(made)
            if not task:
                raise NotExercised(f"a body with callback_url is rejected: {told(made)}")
            target.queue(endpoint, task, "cancel")
            poll = target.ended(task)
            if body_of(poll).get("status") != "failed":
                raise NotExercised("the task ended before it could be cancelled")
            _wait(target, receiver)
            events = receiver.events
            said = [message.status for message in events]
            if said not in (["failed"], ["in_progress", "failed"]) or events[-1].json != poll.json:
                bodies = [message.json for message in events]
                yield Problem(
                    f"a cancelled task is reported as failed, as the poll shows it; there came {bodies}", poll
                )

    return tried


def _wait(target: Target, receiver: Receiver) -> None:
    """Until the end is told, and what may follow it as well."""
    if not target.controlled:
        target.until(
            lambda: True if any(message.status == "failed" for message in receiver.messages) else None,
            "no callback reports a cancelled task as failed", SOON,
        )  # fmt: skip
    target.settle(100)
