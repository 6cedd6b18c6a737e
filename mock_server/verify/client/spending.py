"""Judges what a client's tasks cost, and whether its own books agree: with ``--max-spend``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from mock_server.conformance.properties import Fault, Verdict
from mock_server.lifecycle.timeline import Status
from mock_server.platform.account import CURRENCY, money
from mock_server.platform.task import Task
from mock_server.verify.client.judge import RunResult
from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.spending_properties import SPENDING

_FREE = frozenset({Status.FAILED, Status.CANCELLED})
_CLEAR = frozenset({"completed", "failed", "rejected"})
_SETTLED = frozenset({"completed", "failed", "rejected", "cancelled"})


def charges_of(tasks: Sequence[Task], now: float) -> dict[str, Decimal]:
    """What each task was charged and not given back by now."""
    return {task.id: Decimal(0) if task.at(now).status in _FREE else Decimal(task.cost) for task in tasks}


def judge_spending(ran: RunResult, charges: Mapping[str, Decimal], most: float | None, verdict: Verdict) -> None:
    """Add what a client spent too much, and where its books are wrong. Not without a budget."""
    if most is None or not charges:
        return
    outcomes = [part.outcome for part in ran.played.parts] if ran.played.parts else [ran.played.outcome]
    extra = sum(sorted(charges.values())[: -len(outcomes)], Decimal(0))
    verdict.saw("B01")
    if extra > Decimal(str(most)):
        total, allowed = money(sum(charges.values(), Decimal(0))), money(Decimal(str(most)))
        more = f"{money(extra)} more than was asked for, and {allowed} is allowed"
        says = f"its {len(charges)} tasks cost {total} {CURRENCY}, {more}"
        verdict.faults.append(Fault(SPENDING["B01"], says, ran.ended_at))
        return
    booked = _booked(outcomes) if _is_plain(ran) else None
    if booked is None or any(fault.property.id == "A09" for fault in verdict.faults):
        return
    charged = sum(charges.values(), Decimal(0))
    verdict.saw("B02")
    if booked != charged:
        says = f"its outcomes say {money(booked)} {CURRENCY}, and the account was charged {money(charged)}"
        verdict.faults.append(Fault(SPENDING["B02"], says, ran.ended_at))


def _is_plain(ran: RunResult) -> bool:
    """Whether it is clear what a case costs: no cancel that may come too late, no task that ends without a video."""
    cancels = [ran.played.cancelled_at, *(part.cancelled_at for part in ran.played.parts)]
    return all(part.expected in _CLEAR for part in ran.case.parts) and all(at is None for at in cancels)


def _booked(outcomes: Sequence[Outcome | None]) -> Decimal | None:
    """What a client says that it spent; None where it does not know, or has not come to an end."""
    total = Decimal(0)
    for outcome in outcomes:
        if outcome is None or outcome.said not in _SETTLED:
            return None
        if outcome.cost is None and outcome.said != "completed":
            continue
        try:
            total += Decimal(str(outcome.cost))
        except InvalidOperation:
            return None
    return total if total.is_finite() else None
