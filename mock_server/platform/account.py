"""What a tenant has spent and how many of its tasks run: charged at submission, refunded when a task comes to nothing.

Money is in USD, as Decimal. Like a task's state, the balance is computed: ``settle`` takes in the ends that have come.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from mock_server.lifecycle.timeline import Status, Timeline

CURRENCY = "USD"


def money(amount: Decimal) -> str:
    """An amount as a decimal string with at least two places."""
    exact = amount.normalize()
    places = exact.as_tuple().exponent
    return f"{exact.quantize(Decimal('0.01')):f}" if isinstance(places, int) and places > -2 else f"{exact:f}"


class _End(NamedTuple):
    """When a task ends, what it was charged, and whether that is kept."""

    at: float
    task_id: str
    cost: Decimal
    kept: bool


@dataclass(slots=True)
class Account:
    """The money and the running tasks of one tenant."""

    recharged: Decimal
    charged: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    #: When each task that has not ended will do so, as far as is known.
    _ends_at: dict[str, float | None] = field(default_factory=dict)
    #: The same in order of time. What disagrees with the above is stale: the task was steered since.
    _ends: list[_End] = field(default_factory=list)

    @property
    def balance(self) -> Decimal:
        """What is left."""
        return self.recharged - self.spent

    @property
    def spent(self) -> Decimal:
        """What was charged and not given back."""
        return self.charged - self.refunded

    @property
    def running(self) -> int:
        """The number of tasks that have not ended, queued and held ones included."""
        return len(self._ends_at)

    def charge(self, task_id: str, cost: Decimal, timeline: Timeline) -> None:
        """Take the price of a new task."""
        self.charged += cost
        self.change(task_id, cost, timeline)

    def change(self, task_id: str, cost: Decimal, timeline: Timeline) -> None:
        """Take note of when a task that has not ended will do so."""
        end = timeline.end
        self._ends_at[task_id] = end.at if end is not None else None
        if end is not None:
            heapq.heappush(self._ends, _End(end.at, task_id, cost, end.status is Status.COMPLETED))

    def take_back(self, task_id: str, cost: Decimal) -> None:
        """Undo the charge of a task that was not made after all."""
        self.charged -= cost
        del self._ends_at[task_id]

    def settle(self, now: float) -> None:
        """Give back what the tasks cost that have come to nothing by ``now``."""
        while self._ends and self._ends[0].at <= now:
            end = heapq.heappop(self._ends)
            if self._is_stale(end):
                continue
            del self._ends_at[end.task_id]
            if not end.kept:
                self.refunded += end.cost

    def _is_stale(self, end: _End) -> bool:
        return self._ends_at.get(end.task_id) != end.at

    def next_end(self) -> float | None:
        """When the next task ends, as far as is known."""
        while self._ends and self._is_stale(self._ends[0]):
            heapq.heappop(self._ends)
        return self._ends[0].at if self._ends else None

    def set_balance(self, balance: Decimal) -> None:
        """Recharge, or take away, until ``balance`` is left."""
        self.recharged = balance + self.spent
