"""Where one tenant's tasks and owed deliveries are kept. A store never reads a clock: ``now`` is an argument.
May import: ``platform.task`` and below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mock_server.platform.task import Delivery, Task


class DuplicateExternalId(Exception):
    """Another task of the same tenant has this ``external_task_id``, or this id."""


class Store(Protocol):
    """What the service and the scheduler need of a store. Moments are Unix seconds."""

    async def add(self, task: Task, owed: Sequence[Delivery]) -> None:
        """Keep a new task and the callbacks it will owe: both or neither. Raises DuplicateExternalId."""

    async def get(self, task_id: str) -> Task | None:
        """The task with this id, or else with this external id."""

    async def replace(self, task: Task, events: Sequence[Delivery]) -> None:
        """Put a task in the place of its former self, and ``events`` in the place of all its deliveries."""

    async def tasks(self) -> list[Task]:
        """All tasks in the order of their submission."""

    async def deliveries(self, task_id: str) -> list[Delivery]:
        """All deliveries of one task, delivered or due, in order."""

    async def next_due(self) -> float | None:
        """The earliest moment at which something is due, if anything is owed and not claimed."""

    async def claim_due(self, now: float) -> Delivery | None:
        """The earliest delivery due at or before ``now``, if any, from then on under way.

        Of each task only the first untold one is ever due.
        """

    async def claim(self, task_id: str, number: int) -> Delivery | None:
        """One delivery as it stands, from now on under way; None when it is that already, or is not there."""

    async def settle(self, delivery: Delivery, now: float) -> None:
        """Take back a delivery as it stands after the attempt."""

    async def clear(self) -> None:
        """Forget everything."""
