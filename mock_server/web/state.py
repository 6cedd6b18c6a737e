"""What the control API controls, and which part of it one call acts on."""

from __future__ import annotations

from dataclasses import dataclass

from mock_server.callback import Courier
from mock_server.clock import Clock
from mock_server.errors import GatewayError, Trouble
from mock_server.files import Files
from mock_server.inbox import Inboxes
from mock_server.service import Service
from mock_server.task import Delivery, Task
from mock_server.world import World


@dataclass(frozen=True, slots=True)
class ControlledState:
    """The parts of a server. ``clock`` is the one that worlds are forked from. A ``key`` names one world, None all."""

    service: Service
    inboxes: Inboxes
    files: Files
    clock: Clock
    courier: Courier

    def worlds(self, key: str | None) -> list[World]:
        """The worlds that a call acts on."""
        return [self.service.world(key)] if key is not None else list(self.service.worlds.values())

    def clocks(self, key: str | None) -> list[Clock]:
        """Their clocks; for all worlds, first the clock of those to come."""
        clocks = [world.clock for world in self.worlds(key)]
        return clocks if key is not None else [self.clock, *clocks]

    async def find(self, key: str | None, task_id: str) -> tuple[World, Task]:
        """A task of one of these worlds by its id or external id. Raises GatewayError."""
        for world in self.worlds(key):
            task = await world.store.get(task_id)
            if task is not None:
                return world, task
        raise GatewayError(Trouble.NOT_FOUND, f"no task {task_id[:100]!r}")

    async def deliveries(self, key: str | None) -> list[tuple[World, Task, Delivery]]:
        """All callbacks of these worlds, in the order of what they tell."""
        found = [
            (world, task, delivery)
            for world in self.worlds(key)
            for task in await world.store.tasks()
            if task.callback_url is not None
            for delivery in await world.store.deliveries(task.id)
        ]
        return sorted(found, key=lambda one: one[2].tells_of)

    async def delivery(self, key: str | None, delivery_id: str) -> tuple[World, Task, Delivery]:
        """One callback by its id, which is its ``webhook-id``. Raises GatewayError."""
        for world, task, delivery in await self.deliveries(key):
            if delivery.id == delivery_id:
                return world, task, delivery
        raise GatewayError(Trouble.NOT_FOUND, f"no callback {delivery_id[:100]!r}; GET /_mock/callbacks lists them")

    async def reset(self, key: str | None) -> None:
        """Forget the tasks, calls, files and inboxes of one world, or of all, and start its clock anew."""
        await self.service.reset(key)
        self.inboxes.clear(key)
        self.files.forget(key)
        if key is None:
            self.clock.restart()
