"""What is refused leaves nothing behind: no charge, no task, and an external id that can be used afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.account import balance
from mock_server.verify.server.checks.common import DOCUMENTED, QUEUE, WRAPPED, Json, Material, body_of, task_of, told
from mock_server.verify.server.target import MOST_STEPS, NotExercised, Target

FREE = "takes nothing for what it refuses"
SHAPES = (DOCUMENTED, WRAPPED, QUEUE)


def cases(material: Material) -> Iterator[Case]:
    """The cases: bodies that are refused, and external ids that are taken, before and after the end of their task."""
    for model, endpoint in material.endpoints.items():
        params, cost = material.bodies[model].cheapest, material.bodies[model].cost(material.bodies[model].cheapest)
        yield Case(
            f"{endpoint.short}/refused/body", FREE, model, (f"refused {model} body",),
            "a refused body makes no task: nothing is charged, and its external_task_id stays free (wire#1, wire#4)",
            14, cost, _refused(endpoint, params), alone=True,
        )  # fmt: skip
        yield Case(
            f"{endpoint.short}/refused/duplicate", FREE, model, (f"refused {model} duplicate",),
            "a second task with the same external_task_id is 409, and nothing is charged for it "
            f"({endpoint.short}#external_task_id, wire#1)", MOST_STEPS + 10, cost, _duplicate(endpoint, params),
            alone=True,
        )  # fmt: skip


def _refusals() -> Iterator[tuple[str, Json, str]]:
    """What is added to a right body so that it has to be refused, and the shape of its submit."""
    for shape in SHAPES:
        yield f"an unknown parameter, {shape}", {"no_such_parameter": 1}, shape
        yield f"a number for duration, {shape}", {"duration": 5}, shape
    yield "webhook_url", {"webhook_url": "https://example.com/hook"}, QUEUE


def _refused(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        name = target.fresh_name()
        before = balance(target)
        for what, added, shape in _refusals():
            answer = target.submit(endpoint, {**params, "external_task_id": name, **added}, shape)
            if task_of(answer):
                raise NotExercised(f"{what} was accepted")  # others tell that
        found = target.poll(name)
        if found.status != 404:
            yield Problem(f"a refused body left a task behind: {told(found)}", found)
        paid = before - balance(target)
        if paid:
            yield Problem(f"bodies that were refused took {paid} from the balance", found)
        made = target.submit(endpoint, {**params, "external_task_id": name})
        if not task_of(made):
            yield Problem(f"the external_task_id of a refused body cannot be used: {told(made)}", made)
        elif task_of(target.poll(name)) != task_of(target.poll(task_of(made))):  # progress moves meanwhile
            yield Problem("the external_task_id of a refused body leads to something else", target.poll(name))

    return tried


def _duplicate(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        named = {**params, "external_task_id": target.fresh_name()}
        made = target.submit(endpoint, named)
        task = task_of(made)
        if not task:
            raise NotExercised(f"the body was rejected: {told(made)}")
        yield from _again_problems(target, endpoint, named, "while its task runs")
        last = target.ended(task)
        before = balance(target)
        yield from _again_problems(target, endpoint, named, "after the end of its task")
        paid = before - balance(target)
        if paid:
            yield Problem(f"submits that were refused with 409 took {paid} from the balance", last)
        found = target.poll(named["external_task_id"])
        if found.json != last.json or body_of(found).get("id") != task:
            yield Problem(f"after submits that were refused an external_task_id leads to {told(found)}", found)

    return tried


def _again_problems(target: Target, endpoint: Endpoint, named: Json, when: str) -> Iterator[Problem]:
    """What is wrong with the answers to a second submit with an external id."""
    for shape in SHAPES:
        again = target.submit(endpoint, named, shape)
        if again.status != 409:
            yield Problem(f"an external_task_id is given again {when}, {shape}: {told(again)}; 409 was due", again)
