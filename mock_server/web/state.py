"""What the control API controls, and which part of it one call acts on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_server.callback import Courier
from mock_server.clock import Clock
from mock_server.errors import GatewayError, Trouble
from mock_server.files import Files
from mock_server.inbox import Inboxes
from mock_server.login import Logins
from mock_server.moments import moment
from mock_server.scenarios.book import Book
from mock_server.service import Service
from mock_server.task import Delivery, Task
from mock_server.world import World

if TYPE_CHECKING:
    from mock_server.scenarios.model import Scenario


@dataclass(frozen=True, slots=True)
class ControlledState:
    """The parts of a server. ``clock`` is the one that worlds are forked from. A ``key`` names one world, None all."""

    service: Service
    inboxes: Inboxes
    files: Files
    clock: Clock
    courier: Courier
    book: Book
    logins: Logins

    def worlds(self, key: str | None) -> list[World]:
        """The worlds that a call changes; that of a new key is made."""
        return [self.service.world(key)] if key is not None else list(self.service.worlds.values())

    def known(self, key: str | None) -> list[World]:
        """The worlds that a call looks at; a key that never called has none."""
        return [world for world in self.service.worlds.values() if key in {None, world.key}]

    def clocks(self, key: str | None) -> list[Clock]:
        """The clocks that a call changes; for all worlds, first the clock of those to come."""
        clocks = [world.clock for world in self.worlds(key)]
        return clocks if key is not None else [self.clock, *clocks]

    def clock_of(self, key: str | None) -> Clock:
        """The clock that a call looks at: of its world, or of those to come."""
        world = self.service.worlds.get(key) if key is not None else None
        return world.clock if world is not None else self.clock

    async def find(self, key: str | None, task_id: str) -> tuple[World, Task]:
        """A task of one of these worlds by its id or external id. Raises GatewayError."""
        for world in self.known(key):
            task = await world.task(task_id)
            if task is not None:
                return world, task
        raise GatewayError(Trouble.NOT_FOUND, f"no task {task_id[:100]!r}")

    async def deliveries(self, key: str | None) -> list[tuple[World, Task, Delivery]]:
        """All callbacks of these worlds, in the order of what they tell."""
        found = [
            (world, task, delivery)
            for world in self.known(key)
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

    def post_scenarios(self, scenarios: Sequence[Scenario], key: str | None) -> None:
        """Put rules before those there are; what bears the same name is counted anew. Raises ScenarioMistake."""
        self.book.post(scenarios, key)
        self.count_anew({scenario.name for scenario in scenarios}, key)

    def remove_scenarios(self, key: str | None, name: str | None = None) -> int:
        """Take posted rules back, the one of this name or all; how many there were."""
        scopes = self.book.scopes if key is None else [key]
        names = {rule.name for scope in scopes for rule in self.book.posted(scope) if name in {None, rule.name}}
        self.count_anew(names, key)
        return self.book.remove(key, name)

    def count_anew(self, names: Collection[str], key: str | None = None) -> None:
        """Forget what these scenarios have counted: they are others now, or gone."""
        for world in self.known(key):
            world.tally.forget(names)

    async def reset(self, key: str | None, *, scenarios: bool = False) -> None:
        """Forget the tasks, calls, files and inboxes of one world, or of all, and start its clock anew; posted
        scenarios too if told.

        All of it is forgotten at one instant; what was under way is ended after that.
        """
        if scenarios:
            self.remove_scenarios(key)
        ended = self.service.forget(key)
        self.inboxes.clear(key)
        self.files.forget(key)
        if key is None:
            self.clock.restart()
            self.logins.clear()
        for world in ended:
            world.clock.rouse()
            await world.scheduler.stop()

    async def advance(self, key: str | None, seconds: float) -> int:
        """Move the time of one world on, or of all and of those to come; the number of callbacks attempted since."""
        if key is None:
            self.clock.move_to(moment(self.clock.now() + seconds))
        return sum([await world.scheduler.advance(seconds) for world in self.worlds(key)])
