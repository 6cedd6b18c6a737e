"""Which calls belong together: tries of one submit, the same question asked again, and all that is about one task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from mock_server.conformance.traffic import QUESTIONS, Seen, Traffic, task_id_of

#: How a submit is answered whose external_task_id is taken.
CONFLICT = 409


def tries_of(traffic: Traffic) -> Iterator[list[Seen]]:
    """Submits of the same intent, each tried again because the answer of the one before it was lost, or said of a try
    again that it was there, or that it is to come later.
    """
    open_: dict[bytes, list[Seen]] = {}
    for call in (one for one in traffic.calls if one.kind == "submit"):
        if not call.known:
            continue  # what it asks for, and under which id, is not known
        tries = open_.setdefault(call.intent, [])
        told = tries and not tries[-1].lost
        if told and not (len(tries) > 1 and (tries[-1].status == CONFLICT or tries[-1].retriable)):
            yield tries
            tries = open_[call.intent] = []
        tries.append(call)
    yield from open_.values()


def repeats_of(traffic: Traffic) -> Iterator[tuple[Seen, Seen]]:
    """Each call and the next one like it: the same submit, or the same question about the same task."""
    last: dict[Any, Seen] = {}
    for call in traffic.calls:
        if call.kind == "other" or not call.known:
            continue
        what = (call.kind, call.intent if call.kind == "submit" else call.task)
        if what in last:
            yield last[what], call
        last[what] = call


def by_task(traffic: Traffic) -> dict[str | None, list[Seen]]:
    """The polls, the fetches of the result, and the cancels of each task, under whichever of its ids they were made."""
    own = Ids()
    asked: dict[str | None, list[Seen]] = defaultdict(list)
    for call in traffic.calls:
        if call.kind == "submit":
            own.learn(call)
        elif call.kind in QUESTIONS or call.kind == "cancel":
            asked[own.task(call)].append(call)
    return asked


class Ids:
    """The ids of tasks, as the submits seen so far tell them."""

    def __init__(self) -> None:
        self._own: dict[str | None, str] = {}

    def learn(self, submit: Seen) -> None:
        """Take in what a submit says, and its answer."""
        made = _made(submit)
        if made is not None and submit.external_id is not None:
            self._own[task_id_of(submit.external_id)] = made

    def task(self, call: Seen) -> str | None:
        """The task that a call is about."""
        if call.kind == "submit":
            return _made(call)
        return self._own.get(call.task, call.task)


def _made(submit: Seen) -> str | None:
    """The task that a submit made, as far as it is known."""
    return submit.made or task_id_of(submit.answered_id)
