"""One key is one user: a task of another is not found by any path, under any of its ids, and nothing happens to it."""

from __future__ import annotations

from collections.abc import Iterator

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import DOCUMENTED, QUEUE, Json, Material, body_of, share, task_of, told
from mock_server.verify.server.target import MOST_STEPS, Exchange, NotExercised, Target

USERS = "keeps users apart"
SAID = "tasks of another key are 404 (wire#1)"
#: A user's own id with characters that are lost where paths are taken apart too often.
NAME = "{}/漁火 a+b%2F"
SHAPES = (DOCUMENTED, QUEUE)
READS = ("poll", "status", "response", "cancel")


def cases(material: Material) -> Iterator[Case]:
    """The cases: a task of one protocol for each model; at depth of both."""
    for model, endpoint in material.endpoints.items():
        params, cost = material.bodies[model].cheapest, material.bodies[model].cost(material.bodies[model].cheapest)
        for shape in SHAPES if material.depth > 1 else share(endpoint, SHAPES * 3)[:1]:
            yield Case(
                f"{endpoint.short}/other-user/{shape}", USERS, model, (f"isolation {model}",), SAID, 25 + MOST_STEPS,
                cost, _apart(endpoint, params, shape), follows=True,
            )  # fmt: skip


def _other_key(target: Target) -> str:
    if not target.other_key:
        raise NotExercised("no second key is known; give one with --other-key", "other-key")
    return target.other_key


def _apart(endpoint: Endpoint, params: Json, shape: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        other = _other_key(target)
        name = NAME.format(target.fresh_name())
        made = target.submit(endpoint, {**params, "external_task_id": name}, shape)
        first = task_of(made)
        if not first:
            raise NotExercised(f"the body was rejected: {told(made)}")
        ids = dict.fromkeys([first, name, *_second_id(target, endpoint, first, shape)])
        for what in READS:
            for task_id in ids:
                yield from _hidden_problems(target, endpoint, what, task_id, other)
        last = target.ended(first)
        if body_of(last).get("status") != "completed":
            yield Problem(f"after another user asked for it, and to cancel it, a task is {told(last)}", last)
        for what in READS:
            yield from _hidden_problems(target, endpoint, what, first, other)
        again = target.poll(name)
        if again.json != last.json:
            yield Problem(f"a final task changed after another user asked for it: {told(again)}", again)

    return tried


def _second_id(target: Target, endpoint: Endpoint, first: str, shape: str) -> Iterator[str]:
    """The id that the other protocol has for a task."""
    found = target.poll(first) if shape == QUEUE else target.queue(endpoint, first, "status")
    value = body_of(found).get("id" if shape == QUEUE else "request_id")
    if isinstance(value, str) and value:
        yield value


def _hidden_problems(target: Target, endpoint: Endpoint, what: str, task_id: str, other: str) -> Iterator[Problem]:
    """What is wrong with the answer to another user's call about a task: it is that of a task that does not exist."""
    found = _asked(target, endpoint, what, task_id, other)
    if found.status != 404:
        yield Problem(f"another user's {what} of a task is answered {told(found)}; 404 was due", found)
        return
    due = _asked(target, endpoint, what, "no-such-task", other)
    if _without_ids(found.json) != _without_ids(due.json):
        yield Problem(f"another user's {what} of a task is told from one of no task: {told(found)}", found)


def _without_ids(body: object) -> object:
    """A body without what names the call or the task."""
    if isinstance(body, dict):
        return {name: _without_ids(value) for name, value in body.items() if name not in {"request_id", "message"}}
    return body


def _asked(target: Target, endpoint: Endpoint, what: str, task_id: str, key: str) -> Exchange:
    return target.poll(task_id, key) if what == "poll" else target.queue(endpoint, task_id, what, key)
