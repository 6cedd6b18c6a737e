"""What the control API controls, and which part of it one call acts on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_server.core.clock import Clock
from mock_server.core.errors import GatewayError, Trouble
from mock_server.core.moments import moment
from mock_server.platform.courier import Courier
from mock_server.platform.files import Files
from mock_server.platform.inbox import Inboxes
from mock_server.platform.login import Logins
from mock_server.platform.service import Service
from mock_server.platform.task import Delivery, Task
from mock_server.platform.tenant import Tenant
from mock_server.scenarios.registry import ScenarioRegistry

if TYPE_CHECKING:
    from mock_server.scenarios.model import Scenario


#: The last moment of the year 9999, as Unix seconds: no date can be written after it.
LATEST = 253_402_300_799.0


@dataclass(frozen=True, slots=True)
class ControlledState:
    """The parts of a server. The clocks of tenants are forked from ``clock``. A ``key`` names one tenant, None all."""

    service: Service
    inboxes: Inboxes
    files: Files
    clock: Clock
    courier: Courier
    registry: ScenarioRegistry
    logins: Logins

    def tenants(self, key: str | None) -> list[Tenant]:
        """The tenants that a call changes; that of a new key is made."""
        return [self.service.tenant(key)] if key is not None else list(self.service.tenants.values())

    def known(self, key: str | None) -> list[Tenant]:
        """The tenants that a call looks at; a key that never called has none."""
        return [tenant for tenant in self.service.tenants.values() if key in {None, tenant.key}]

    def clocks(self, key: str | None) -> list[Clock]:
        """The clocks that a call changes; for all tenants, first the clock of those to come."""
        clocks = [tenant.clock for tenant in self.tenants(key)]
        return clocks if key is not None else [self.clock, *clocks]

    def clock_of(self, key: str | None) -> Clock:
        """The clock that a call looks at: of its tenant, or of those to come."""
        tenant = self.service.tenants.get(key) if key is not None else None
        return tenant.clock if tenant is not None else self.clock

    async def find(self, key: str | None, task_id: str) -> tuple[Tenant, Task]:
        """A task of one of these tenants by its id or external id. Raises GatewayError."""
        for tenant in self.known(key):
            task = await tenant.task(task_id)
            if task is not None:
                return tenant, task
        raise GatewayError(Trouble.NOT_FOUND, f"no task {task_id[:100]!r}")

    async def deliveries(self, key: str | None) -> list[tuple[Tenant, Task, Delivery]]:
        """All callbacks of these tenants, in the order of what they tell."""
        found = [
            (tenant, task, delivery)
            for tenant in self.known(key)
            for task in await tenant.store.tasks()
            if task.callback_url is not None
            for delivery in await tenant.store.deliveries(task.id)
        ]
        return sorted(found, key=lambda one: one[2].occurred_at)

    async def delivery(self, key: str | None, delivery_id: str) -> tuple[Tenant, Task, Delivery]:
        """One callback by its id, which is its ``webhook-id``. Raises GatewayError."""
        for tenant, task, delivery in await self.deliveries(key):
            if delivery.id == delivery_id:
                return tenant, task, delivery
        raise GatewayError(Trouble.NOT_FOUND, f"no callback {delivery_id[:100]!r}; GET /_mock/callbacks lists them")

    def post_scenarios(self, scenarios: Sequence[Scenario], key: str | None) -> None:
        """Put rules before those there are; the counters of a replaced rule start again. Raises ScenarioMistake."""
        self.registry.post(scenarios, key)
        self.count_anew({scenario.name for scenario in scenarios}, key)

    def remove_scenarios(self, key: str | None, name: str | None = None) -> int:
        """Take posted rules back, the one of this name or all; how many there were."""
        scopes = self.registry.scopes if key is None else [key]
        names = {rule.name for scope in scopes for rule in self.registry.posted(scope) if name in {None, rule.name}}
        self.count_anew(names, key)
        return self.registry.remove(key, name)

    def count_anew(self, names: Collection[str], key: str | None = None) -> None:
        """Forget what these scenarios have counted: they are others now, or gone."""
        for tenant in self.known(key):
            tenant.counters.forget(names)

    async def reset(self, key: str | None, *, scenarios: bool = False) -> None:
        """Forget the tasks, calls, files and inboxes of one tenant, or of all, and start its clock again; posted
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
        for tenant in ended:
            tenant.clock.rouse()
            await tenant.scheduler.stop()

    async def advance(self, key: str | None, seconds: float) -> int:
        """Move the time of one tenant on, or of all and of those to come; the number of callbacks attempted since.
        Raises GatewayError where a clock would come to a year that has five digits.
        """
        latest = max([self.clock_of(key).now(), *(tenant.clock.now() for tenant in self.tenants(key))])
        if latest + seconds > LATEST:
            message = f"seconds would take the clock beyond the year 9999; at most {LATEST - latest:.0f} are possible"
            raise GatewayError(Trouble.MALFORMED, message)
        if key is None:
            self.clock.move_to(moment(self.clock.now() + seconds))
        return sum([await tenant.scheduler.advance(seconds) for tenant in self.tenants(key)])
