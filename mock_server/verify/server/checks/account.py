"""The account: a task costs what its usage says, and one that comes to nothing costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Json, Material, body_of, task_of, told
from mock_server.verify.server.checks.lives import asking, combined
from mock_server.verify.server.exchange import Exchange
from mock_server.verify.server.target import MOST_STEPS, NotExercised, Target

BALANCE = "/api/v1/user/balance"


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        for end in ("completed", "failed", "cancelled"):
            yield Case(
                f"{endpoint.short}/account/{end}", "charges as shown", model, (f"account {model} {end}",),
                "a task is charged, failed and cancelled ones are refunded (wire#3)", MOST_STEPS + 5, cost,
                _charged(endpoint, params, end), alone=True,
            )  # fmt: skip
        bodies = material.bodies[model]
        many = [asking(bodies, chosen) for chosen in combined(bodies, 1)]
        yield Case(
            f"{endpoint.short}/account/many", "charges as shown", model, (f"account {model} many",),
            f"usage.cost is the total cost in USD, for each mode, length and sound ({endpoint.short}#usage)",
            3 * len(many) + MOST_STEPS, sum(map(bodies.cost, many)), _many(endpoint, many), alone=True,
        )  # fmt: skip


def balance(target: Target) -> Decimal:
    """What is left to spend, in USD. Raises NotExercised where it is not shown."""
    exchange = target.call("GET", BALANCE)
    try:
        return Decimal(exchange.json["data"]["available_balance"])
    except (TypeError, ValueError, KeyError, InvalidOperation):
        raise NotExercised(f"the balance is not shown: {told(exchange)}") from None


def _charged(endpoint: Endpoint, params: Json, end: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        if end == "failed":
            target.advance(0)  # only a kirin-mock can be told to fail a task
        before = balance(target)
        task = task_of(target.submit(endpoint, params))
        if not task:
            raise NotExercised("the body was rejected")
        if end == "failed":
            target.control("POST", f"tasks/{task}/fail")
        elif end == "cancelled":
            target.queue(endpoint, task, "cancel")
            target.queue(endpoint, task, "cancel")  # it must not be refunded twice
        if target.controlled:
            target.advance(60)
        poll = target.ended(task)
        due = _used(poll) if body_of(poll).get("status") == "completed" else Decimal(0)
        paid = before - balance(target)
        if paid != due:
            yield Problem(f"a {end} task took {paid} from the balance; {due} was due", poll)

    return tried


def _many(endpoint: Endpoint, many: list[Json]) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        if target.controlled:
            target.settle()  # a task of another case that fails meanwhile would be refunded
        before = balance(target)
        tasks = [task_of(target.submit(endpoint, params)) for params in many]
        polls = [target.ended(task) for task in tasks if task]
        if not polls:
            raise NotExercised("the bodies were rejected")
        paid, due = before - balance(target), sum(map(_used, polls), Decimal(0))
        if paid != due:
            costs = ", ".join(str(_used(poll)) for poll in polls)
            yield Problem(f"{len(polls)} tasks took {paid} from the balance; by their usage {costs} was due", polls[-1])
        for task in tasks[:1]:
            target.queue(endpoint, task, "response")
            target.queue(endpoint, task, "cancel")
        target.settle()
        later = before - balance(target)
        if later != paid:
            yield Problem(f"long after their end {len(polls)} tasks have cost {later}, not {paid}", polls[-1])

    return tried


def _used(poll: Exchange) -> Decimal:
    """The cost that a completed task shows; 0 when it shows none, which is another check's finding."""
    usage = body_of(poll).get("usage")
    try:
        return Decimal(usage["cost"] if isinstance(usage, dict) else 0)
    except (TypeError, ValueError, KeyError, InvalidOperation):
        return Decimal(0)
