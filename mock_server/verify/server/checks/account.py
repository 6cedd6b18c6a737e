"""The account: a task costs what its usage says, and one that comes to nothing costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Json, Material, body_of, task_of, told
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


def _balance(target: Target) -> Decimal:
    exchange = target.call("GET", BALANCE)
    try:
        return Decimal(exchange.json["data"]["available_balance"])
    except (TypeError, ValueError, KeyError, InvalidOperation):
        raise NotExercised(f"the balance is not shown: {told(exchange)}") from None


def _charged(endpoint: Endpoint, params: Json, end: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        if end == "failed":
            target.advance(0)  # only a kirin-mock can be told to fail a task
        before = _balance(target)
        task = task_of(target.submit(endpoint, params))
        if not task:
            raise NotExercised("the body was rejected")
        if end == "failed":
            target.control("POST", f"tasks/{task}/fail")
        elif end == "cancelled":
            target.queue(endpoint, task, "cancel")
        if target.controlled:
            target.advance(60)
        poll = target.ended(task)
        due = _used(poll) if body_of(poll).get("status") == "completed" else Decimal(0)
        paid = before - _balance(target)
        if paid != due:
            yield Problem(f"a {end} task took {paid} from the balance; {due} was due", poll)

    return tried


def _used(poll: Exchange) -> Decimal:
    """The cost that a completed task shows; 0 when it shows none, which is another check's finding."""
    usage = body_of(poll).get("usage")
    try:
        return Decimal(usage["cost"] if isinstance(usage, dict) else 0)
    except (TypeError, ValueError, KeyError, InvalidOperation):
        return Decimal(0)
