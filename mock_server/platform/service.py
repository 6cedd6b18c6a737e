"""Submit, find, steer, answer: what the API does, without HTTP."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import Judge
from mock_server.core.clock import Clock
from mock_server.core.errors import GatewayError, ScenarioRejection, TaskRejected, Trouble
from mock_server.lifecycle.plan import RandomSource, Timing, plan_of, timeline
from mock_server.lifecycle.timeline import Failure, Status, Timeline
from mock_server.platform.account import CURRENCY, Account, money
from mock_server.platform.answers import answer
from mock_server.platform.courier import Courier
from mock_server.platform.image_inspection import Fetch, ImageInspector, Inspection
from mock_server.platform.journal import MAX_BYTES, Journal
from mock_server.platform.limits import RateLimit, Window, whole_seconds
from mock_server.platform.prices import cost_of
from mock_server.platform.scheduler import Scheduler
from mock_server.platform.stores import DuplicateExternalId, Store
from mock_server.platform.task import Delivery, Task, events_of
from mock_server.platform.tenant import Tenant

if TYPE_CHECKING:
    from mock_server.scenarios.matching import MatchResult
    from mock_server.scenarios.model import Effects, Scenario

Move = Callable[[Timeline, float, Failure], Timeline]

#: How a task can be steered.
MOVES: dict[str, Move] = {
    "complete": lambda timeline, now, _failure: timeline.ended(now, Status.COMPLETED),
    "fail": lambda timeline, now, failure: timeline.ended(now, Status.FAILED, failure),
    "cancel": lambda timeline, now, failure: timeline.ended(now, Status.CANCELLED, failure),
    "hold": lambda timeline, now, _failure: timeline.hold(now),
    "release": lambda timeline, now, _failure: timeline.release(now),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is made of; a clock and a store are made for each tenant."""

    endpoints: Mapping[str, Endpoint]
    courier: Courier
    inspector: ImageInspector
    new_clock: Callable[[], Clock]
    new_store: Callable[[], Store]
    timing: Timing
    seed: int
    balance: Decimal
    journal_size: int
    max_running: int | None = None
    rate_limit: RateLimit | None = None
    usage_details: bool = False


class Submitted(NamedTuple):
    """What an acceptable body says, and how its sender addressed this server."""

    endpoint: Endpoint
    params: Mapping[str, Any]
    inspection: Inspection | None
    metadata: Mapping[str, Any]
    base_url: str


@dataclass(frozen=True, slots=True)
class ControlAction:
    """One control call that changed something: its place among all calls, whose tenant it was for, None for all; its
    ``size`` in bytes.
    """

    order: int
    at: float
    key: str | None
    method: str
    path: str
    body: Any
    size: int = 0


class Service:
    """The platform itself."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.judges = {model: Judge(endpoint) for model, endpoint in parts.endpoints.items()}
        self.tenants: dict[str, Tenant] = {}
        self._tenant_of: dict[str, Tenant] = {}
        #: The calls that belong to no tenant.
        self.unauthenticated = Journal(parts.journal_size)
        #: Counts the calls of all tenants, and the control actions.
        self.order = 0
        #: What was done to the tenants from outside of them, the latest of it.
        self.control_actions: deque[ControlAction] = deque()
        self._control_actions_size = 0

    def tenant(self, key: str) -> Tenant:
        """The tenant of an API key, made on first use."""
        tenant = self.tenants.get(key)
        if tenant is None:
            tenant = self.tenants[key] = self._new_tenant(key)
        return tenant

    def _new_tenant(self, key: str) -> Tenant:
        parts, clock, store = self._parts, self._parts.new_clock(), self._parts.new_store()
        return Tenant(
            key=key,
            seed=parts.seed,
            clock=clock,
            store=store,
            scheduler=Scheduler(clock, store, parts.courier, self.event_body),
            account=Account(parts.balance),
            journal=Journal(parts.journal_size),
            max_running=parts.max_running,
            window=Window(parts.rate_limit) if parts.rate_limit is not None else None,
        )

    def endpoint(self, model: str) -> Endpoint:
        """The model of this id. Raises GatewayError."""
        judge = self.judges.get(model)
        if judge is None:
            known = ", ".join(self.judges)
            raise GatewayError(Trouble.NOT_FOUND, f"model {model[:60]!r} is not served here; it is one of {known}")
        return judge.endpoint

    async def submit(
        self,
        tenant: Tenant,
        model: str,
        body: Mapping[str, Any],
        fetch: Fetch,
        base_url: str,
        at: float,
        choice: MatchResult | None = None,
    ) -> Task:
        """Judge a body that names ``model``, charge for its task and make it, as of the moment ``at``.

        Raises TaskRejected with all its mistakes, ScenarioRejection, or GatewayError for a taken ``external_task_id``,
        a balance that is used up, or too many running tasks.
        """
        scenario, key = choice.scenario if choice is not None else None, tenant.key
        submitted = await self._judged(model, body, fetch, base_url)
        if scenario is not None and scenario.task.refuse is not None:
            raise ScenarioRejection(scenario.name, scenario.task.refuse, scenario.task.message)
        if self.tenants.get(key) is not tenant:  # there was a reset while images were fetched
            tenant = self.tenant(key)
            at = tenant.clock.now()
        external_id = submitted.params.get("external_task_id")
        if external_id is not None and await tenant.task(external_id) is not None:
            raise _duplicate(external_id)
        task = self._task(tenant, submitted, at, scenario)
        _require_means(tenant, task)
        if submitted.inspection is not None:
            self._parts.inspector.keep(submitted.inspection)
        if choice is not None:
            tenant.counters.explain(task.id, choice)
        await self._keep(tenant, task)
        return task

    async def _judged(self, model: str, body: Mapping[str, Any], fetch: Fetch, base_url: str) -> Submitted:
        """What an acceptable body says. Raises TaskRejected."""
        judge = self.judges[model]
        reading = judge.read(body)
        endpoint, params, violations = judge.endpoint, reading.params, reading.violations
        inspection: Inspection | None = None
        if endpoint.images:
            inspection = await self._parts.inspector.inspect(endpoint, params, fetch)
            params, violations = inspection.params, violations + inspection.violations
        if violations:
            raise TaskRejected(violations, reading.more)
        return Submitted(endpoint, params, inspection, reading.metadata, base_url)

    async def _keep(self, tenant: Tenant, task: Task) -> None:
        """Charge for a new task and store it, with its callbacks. Raises GatewayError."""
        # Named and paid before anything is awaited, so that no two tasks get the same name or the same money.
        tenant.submitted += 1
        tenant.account.charge(task.id, Decimal(task.cost), task.timeline)
        try:
            await tenant.store.add(task, owed := events_of(task))
        except DuplicateExternalId:
            tenant.account.take_back(task.id, Decimal(task.cost))
            raise _duplicate(task.external_id or "") from None
        self._tenant_of[task.id] = tenant
        if owed:
            await self._begin_deliveries(tenant, task, owed)

    async def _begin_deliveries(self, tenant: Tenant, task: Task, owed: Sequence[Delivery]) -> None:
        """Schedule the events of a new task; one that comes before the submit's answer is delivered now."""
        if any(delivery.due_at < delivery.occurred_at for delivery in owed):
            await tenant.scheduler.tell(task)
        tenant.scheduler.wake()

    def _task(self, tenant: Tenant, submitted: Submitted, at: float, scenario: Scenario | None) -> Task:
        parts, endpoint, params = self._parts, submitted.endpoint, submitted.params
        task_id = tenant.name("", tenant.submitted)
        pictures = submitted.inspection.pictures if submitted.inspection is not None else {}
        foreseen = endpoint.foresee(params, pictures)
        plan = plan_of(parts.timing, RandomSource.of(parts.seed, task_id), effort(params), foreseen)
        if scenario is not None:
            failure = self._failing(endpoint.model, scenario.task)
            plan = scenario.task.plan(plan, failure, parts.seed, task_id, scenario.name)
        return Task(
            id=task_id,
            tenant=tenant.key,
            model=endpoint.model,
            params=params,
            pictures=pictures,
            metadata=submitted.metadata,
            created_at=at,
            timeline=timeline(plan, at),
            cost=cost_of(endpoint.model, params),
            base_url=submitted.base_url,
            scenario=scenario,
            usage_details=parts.usage_details,
        )

    def _failing(self, model: str, effects: Effects) -> Failure | None:
        if effects.fail is None:
            return None
        return replace(self._failure(model, "fail", effects.fail, effects.message), error_type=effects.error_type)

    async def find(self, tenant: Tenant, task_id: str, model: str | None = None) -> Task:
        """A tenant's task by its id, request id or external id, and by its model where one is given. Raises
        GatewayError.
        """
        task = await tenant.task(task_id)
        if task is None or model not in {None, task.model}:
            of_model = f" of {model}" if model is not None else ""
            message = f"no task {task_id[:100]!r}{of_model} of yours; the id comes from the submit"
            raise GatewayError(Trouble.NOT_FOUND, message)
        return task

    def tenant_of(self, task_id: str) -> Tenant | None:
        """The tenant a task belongs to, by the task's own id."""
        return self._tenant_of.get(task_id)

    async def find_anywhere(self, task_id: str) -> tuple[Tenant, Task]:
        """A task by its own id whatever its key, for URLs that carry no key. Raises GatewayError."""
        tenant = self._tenant_of.get(task_id)
        if tenant is None:
            raise GatewayError(Trouble.NOT_FOUND, f"no task {task_id[:100]!r}")
        return tenant, await self.find(tenant, task_id)

    async def steer(
        self,
        tenant: Tenant,
        task: Task,
        action: str,
        code: str | None = None,
        message: str | None = None,
        at: float | None = None,
    ) -> Task:
        """Complete, fail, cancel, hold or release a task that has not ended. Raises GatewayError when it has.

        ``code`` and ``message`` are those of a failure; without them its model's own are taken. ``at`` is now unless
        told.
        """
        current = await tenant.store.get(task.id)
        if current is None:
            raise GatewayError(Trouble.NOT_FOUND, f"task {task.id} is gone; the server was reset")
        task, now = current, tenant.clock.now() if at is None else at
        if task.at(now).final:
            text = f"task {task.id} is already {task.at(now).status}; what is final does not change"
            raise GatewayError(Trouble.ALREADY_FINISHED, text)
        failure = self._failure(task.model, action, code, message)
        steered = replace(task, timeline=MOVES[action](task.timeline, now, failure))
        earlier = await tenant.store.deliveries(task.id)
        await tenant.store.replace(steered, events_of(steered, earlier, since=now))
        tenant.account.settle(now)
        tenant.account.change(task.id, Decimal(task.cost), steered.timeline)
        tenant.scheduler.wake()
        return steered

    def _failure(self, model: str, action: str, code: str | None, message: str | None) -> Failure:
        table = self._parts.endpoints[model].errors
        code = table.generation_failed if code in {None, "own"} else str(code)
        meaning = next((row.meaning for row in table.codes if row.code == code), "generation failed")
        return Failure(code, message or ("the task was cancelled" if action == "cancel" else meaning))

    def answer(self, task: Task, now: float, base_url: str) -> dict[str, Any]:
        """A task at ``now``, in the shape its model's document gives."""
        return answer(self._parts.endpoints[task.model], task, task.at(now), base_url)

    def event_body(self, task: Task, occurred_at: float) -> bytes:
        """What a callback about a moment says."""
        return orjson.dumps(self.answer(task, occurred_at, task.base_url))

    def forget(self, key: str | None) -> list[Tenant]:
        """Forget the tenant of one key, or all, at once; what is to be ended of them."""
        if key is None:
            ended, self.tenants, self._tenant_of = list(self.tenants.values()), {}, {}
        else:
            ended = [self.tenants.pop(key)] if key in self.tenants else []
            for tenant in ended:
                self._tenant_of = {task_id: one for task_id, one in self._tenant_of.items() if one is not tenant}
        self.control_actions = deque(
            control_action for control_action in self.control_actions if key not in {None, control_action.key}
        )
        self._control_actions_size = sum(control_action.size for control_action in self.control_actions)
        if key is None:
            self._parts.inspector.clear()
            self.unauthenticated.clear()
        return ended

    def next_order(self) -> int:
        """The place of the next call among those of all tenants."""
        self.order += 1
        return self.order

    def note(self, at: float, key: str | None, method: str, path: str, body: Any) -> None:
        """Remember a control call that changed something."""
        size = len(orjson.dumps(body))
        self.control_actions.append(ControlAction(self.next_order(), at, key, method, path, body, size))
        self._control_actions_size += size
        while self._control_actions_size > MAX_BYTES or len(self.control_actions) > self._parts.journal_size:
            self._control_actions_size -= self.control_actions.popleft().size

    async def stop(self) -> None:
        """End everything that is under way."""
        for tenant in self.tenants.values():
            await tenant.scheduler.stop()


def _duplicate(external_id: str) -> GatewayError:
    message = f"external_task_id {external_id[:60]!r} is taken by another of your tasks; use a new one"
    return GatewayError(Trouble.DUPLICATE, message)


def _require_means(tenant: Tenant, task: Task) -> None:
    """Raise GatewayError when a tenant may not run another task, or cannot pay for it."""
    account = tenant.account
    account.settle(task.created_at)
    cost = Decimal(task.cost)
    if cost > account.balance:
        message = f"the balance of {money(account.balance)} {CURRENCY} does not pay for a task of {money(cost)}"
        message += "; PUT /_mock/account sets another"
        raise GatewayError(Trouble.NO_BALANCE, message)
    if tenant.max_running is not None and account.running >= tenant.max_running:
        next_end = account.next_end()
        ahead = next_end - task.created_at if next_end is not None else 1.0
        wait = whole_seconds(tenant.clock.outside(ahead))
        message = f"{account.running} of your tasks have not ended, and {tenant.max_running} may run at once"
        raise GatewayError(Trouble.TOO_MANY_RUNNING, message, headers={"retry-after": str(wait)})


def effort(params: Mapping[str, Any]) -> float:
    """How long a task takes beside the quickest: more for pro, for length, for sound (assumed)."""
    seconds = int(params.get("duration", "5"))
    return (
        (1.6 if params.get("mode") == "pro" else 1.0)
        * max(1.0, seconds / 5)
        * (1.3 if params.get("sound") == "on" else 1.0)
    )
