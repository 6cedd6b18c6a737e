"""A store in this process's memory. Everything is O(log n) or better, but for listing."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace

from mock_server.platform.stores import DuplicateExternalId
from mock_server.platform.task import Delivery, DeliveryState, Task

_OPEN = frozenset({DeliveryState.OWED, DeliveryState.UNDER_WAY})


class MemoryStore:
    """Keeps tasks in a dict and what is due in a heap, whose stale entries are dropped when they surface."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._by_external: dict[str, str] = {}
        self._deliveries: dict[str, list[Delivery]] = {}
        self._due: list[tuple[float, int, str, int]] = []
        self._pushed = 0

    async def add(self, task: Task, owed: Sequence[Delivery]) -> None:
        """See Store."""
        external = task.external_id
        if external is not None:
            if external in self._by_external or external in self._tasks:
                raise DuplicateExternalId(external)
            self._by_external[external] = task.id
        self._tasks[task.id] = task
        if owed:
            self._deliveries[task.id] = list(owed)
            self._push_first(task.id)

    async def get(self, task_id: str) -> Task | None:
        """See Store."""
        task = self._tasks.get(task_id)
        return task if task is not None else self._tasks.get(self._by_external.get(task_id, ""))

    async def replace(self, task: Task, events: Sequence[Delivery]) -> None:
        """See Store."""
        self._tasks[task.id] = task
        if events or task.id in self._deliveries:
            self._deliveries[task.id] = list(events)
            self._push_first(task.id)

    async def tasks(self) -> list[Task]:
        """See Store."""
        return list(self._tasks.values())

    async def deliveries(self, task_id: str) -> list[Delivery]:
        """See Store."""
        return list(self._deliveries.get(task_id, ()))

    async def next_due(self) -> float | None:
        """See Store."""
        self._drop_stale()
        return self._due[0][0] if self._due else None

    async def claim_due(self, now: float) -> Delivery | None:
        """See Store."""
        self._drop_stale()
        if not self._due or self._due[0][0] > now:
            return None
        _, _, task_id, number = heapq.heappop(self._due)
        events = self._deliveries[task_id]
        events[number] = replace(events[number], state=DeliveryState.UNDER_WAY)
        return events[number]

    async def claim(self, task_id: str, number: int) -> Delivery | None:
        """See Store."""
        events = self._deliveries.get(task_id, [])
        if number >= len(events) or events[number].state is DeliveryState.UNDER_WAY:
            return None
        claimed = events[number]
        events[number] = replace(claimed, state=DeliveryState.UNDER_WAY)
        return claimed

    async def settle(self, delivery: Delivery, now: float) -> None:
        """See Store."""
        events = self._deliveries.get(delivery.task_id, [])
        place = next((at for at, one in enumerate(events) if _is_same(one, delivery)), None)
        if place is None:
            return
        delivery = events[place] = replace(delivery, number=place)
        following = place + 1
        if delivery.state is not DeliveryState.OWED and following < len(events) and not events[following].attempts:
            events[following] = replace(events[following], due_at=max(now, events[following].due_at))
        self._push_first(delivery.task_id)

    async def clear(self) -> None:
        """See Store."""
        for kept in (self._tasks, self._by_external, self._deliveries, self._due):
            kept.clear()

    def _push_first(self, task_id: str) -> None:
        """Put the first open delivery of a task where it will be found when due."""
        delivery = next((one for one in self._deliveries[task_id] if one.state in _OPEN), None)
        if delivery is not None and delivery.state is DeliveryState.OWED:
            self._pushed += 1
            heapq.heappush(self._due, (delivery.due_at, self._pushed, task_id, delivery.number))

    def _drop_stale(self) -> None:
        while self._due and not self._stands(self._due[0]):
            heapq.heappop(self._due)

    def _stands(self, entry: tuple[float, int, str, int]) -> bool:
        """Whether a heap entry still is for the first open delivery of its task, owed and due when it says."""
        due_at, _, task_id, number = entry
        events = self._deliveries.get(task_id, ())
        if number >= len(events) or any(earlier.state in _OPEN for earlier in events[:number]):
            return False
        return events[number].state is DeliveryState.OWED and events[number].due_at == due_at


def _is_same(one: Delivery, settled: Delivery) -> bool:
    """Whether this is what was claimed; its number may be another since, and a doubled event has one id."""
    return one.id == settled.id and one.state is DeliveryState.UNDER_WAY
