"""What a world has spent and how many of its tasks run: charged at submission, refunded when a task comes to nothing.

Money is in USD, as Decimal. Like a task's state, the balance is computed: ``settle`` takes in the ends that have come.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from decimal import Decimal

from mock_server.timeline import Frame, Status, Timeline

CURRENCY = "USD"


def money(amount: Decimal) -> str:
    """An amount as a decimal string with at least two places."""
    exact = amount.normalize()
    places = exact.as_tuple().exponent
    return f"{exact.quantize(Decimal('0.01')):f}" if isinstance(places, int) and places > -2 else f"{exact:f}"


@dataclass(slots=True)
class _Open:
    """A task that has been paid and has not ended as far as is known."""

    cost: Decimal
    end: Frame | None


@dataclass(slots=True)
class Account:
    """The money and the running tasks of one world."""

    recharged: Decimal
    charged: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    _open: dict[str, _Open] = field(default_factory=dict)
    _ends: list[tuple[float, str]] = field(default_factory=list)

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
        return len(self._open)

    def charge(self, task_id: str, cost: Decimal, timeline: Timeline) -> None:
        """Take the price of a new task."""
        self.charged += cost
        self._open[task_id] = _Open(cost, None)
        self.change(task_id, timeline)

    def change(self, task_id: str, timeline: Timeline) -> None:
        """Take note that a task which has not ended will end otherwise."""
        task = self._open[task_id]
        task.end = timeline.end
        if task.end is not None:
            heapq.heappush(self._ends, (task.end.at, task_id))

    def settle(self, now: float) -> None:
        """Give back what the tasks cost that have come to nothing by ``now``."""
        while self._ends and self._ends[0][0] <= now:
            ended_at, task_id = heapq.heappop(self._ends)
            task = self._open.get(task_id)
            if task is None or task.end is None or task.end.at != ended_at:
                continue  # it was steered since
            del self._open[task_id]
            if task.end.status is not Status.COMPLETED:
                self.refunded += task.cost

    def next_end(self) -> float | None:
        """When the next task ends, as far as is known."""
        ends = [task.end.at for task in self._open.values() if task.end is not None]
        return min(ends, default=None)

    def set_balance(self, balance: Decimal) -> None:
        """Recharge, or take away, until ``balance`` is left."""
        self.recharged = balance + self.spent
