"""Submit, find, steer, answer: what the API does, without HTTP."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from mock_server.account import CURRENCY, Account, money
from mock_server.answers import answer
from mock_server.callback import Courier
from mock_server.clock import Clock
from mock_server.contract import Judge
from mock_server.course import Draw, Profile, course_of, timeline
from mock_server.endpoint import Endpoint
from mock_server.errors import GatewayError, ScenarioRefused, TaskRejected, Trouble
from mock_server.gallery import Fetch, Gallery, Visit
from mock_server.journal import MAX_BYTES, Journal
from mock_server.limits import RateLimit, Window, whole_seconds
from mock_server.prices import cost_of
from mock_server.scheduler import Scheduler
from mock_server.stores import DuplicateExternalId, Store
from mock_server.task import Delivery, Task, news_of
from mock_server.timeline import Failure, Status, Timeline
from mock_server.world import World

if TYPE_CHECKING:
    from mock_server.scenarios.choice import Choice
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
    """What a service is made of; a clock and a store are made anew for each world."""

    endpoints: Mapping[str, Endpoint]
    courier: Courier
    gallery: Gallery
    new_clock: Callable[[], Clock]
    new_store: Callable[[], Store]
    profile: Profile
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
    visit: Visit | None
    metadata: Mapping[str, Any]
    base_url: str


@dataclass(frozen=True, slots=True)
class Deed:
    """One control call that changed something: its place among all calls, whose world it was for, None for all; its
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
        self.worlds: dict[str, World] = {}
        self._world_of: dict[str, World] = {}
        #: The calls that belong to no world.
        self.strangers = Journal(parts.journal_size)
        #: Counts the calls of all worlds, and the deeds.
        self.order = 0
        #: What was done to the worlds from outside of them, the latest of it.
        self.deeds: deque[Deed] = deque()
        self._deeds_size = 0

    def world(self, key: str) -> World:
        """The world of an API key, made on first use."""
        world = self.worlds.get(key)
        if world is None:
            world = self.worlds[key] = self._new_world(key)
        return world

    def _new_world(self, key: str) -> World:
        parts, clock, store = self._parts, self._parts.new_clock(), self._parts.new_store()
        return World(
            key=key,
            seed=parts.seed,
            clock=clock,
            store=store,
            scheduler=Scheduler(clock, store, parts.courier, self.news_body),
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
        world: World,
        model: str,
        body: Mapping[str, Any],
        fetch: Fetch,
        base_url: str,
        at: float,
        choice: Choice | None = None,
    ) -> Task:
        """Judge a body that names ``model``, charge for its task and make it, as of the moment ``at``.

        Raises TaskRejected with all its mistakes, ScenarioRefused, or GatewayError for a taken ``external_task_id``, a
        balance that is used up, or too many running tasks.
        """
        scenario, key = choice.scenario if choice is not None else None, world.key
        submitted = await self._judged(model, body, fetch, base_url)
        if scenario is not None and scenario.task.refuse is not None:
            raise ScenarioRefused(scenario.name, scenario.task.refuse, scenario.task.message)
        if self.worlds.get(key) is not world:  # there was a reset while images were fetched
            world = self.world(key)
            at = world.clock.now()
        external_id = submitted.params.get("external_task_id")
        if external_id is not None and await world.task(external_id) is not None:
            raise _duplicate(external_id)
        task = self._task(world, submitted, at, scenario)
        _require_means(world, task)
        if submitted.visit is not None:
            self._parts.gallery.keep(submitted.visit)
        if choice is not None:
            world.tally.explain(task.id, choice)
        await self._keep(world, task)
        return task

    async def _judged(self, model: str, body: Mapping[str, Any], fetch: Fetch, base_url: str) -> Submitted:
        """What an acceptable body says. Raises TaskRejected."""
        judge = self.judges[model]
        reading = judge.read(body)
        endpoint, params, violations = judge.endpoint, reading.params, reading.violations
        visit: Visit | None = None
        if endpoint.images:
            visit = await self._parts.gallery.visit(endpoint, params, fetch)
            params, violations = visit.params, violations + visit.violations
        if violations:
            raise TaskRejected(violations)
        return Submitted(endpoint, params, visit, reading.metadata, base_url)

    async def _keep(self, world: World, task: Task) -> None:
        """Charge for a new task and store it, with what it owes. Raises GatewayError."""
        # Named and paid before anything is awaited, so that no two tasks get the same name or the same money.
        world.submitted += 1
        world.account.charge(task.id, Decimal(task.cost), task.timeline)
        try:
            await world.store.add(task, owed := news_of(task))
        except DuplicateExternalId:
            world.account.take_back(task.id, Decimal(task.cost))
            raise _duplicate(task.external_id or "") from None
        self._world_of[task.id] = world
        if owed:
            await self._begin_telling(world, task, owed)

    async def _begin_telling(self, world: World, task: Task, owed: Sequence[Delivery]) -> None:
        """See to the news of a new task; what comes before the submit's answer is told now."""
        if any(delivery.due_at < delivery.tells_of for delivery in owed):
            await world.scheduler.tell(task)
        world.scheduler.wake()

    def _task(self, world: World, submitted: Submitted, at: float, scenario: Scenario | None) -> Task:
        parts, endpoint, params = self._parts, submitted.endpoint, submitted.params
        task_id = world.name("", world.submitted)
        pictures = submitted.visit.pictures if submitted.visit is not None else {}
        foreseen = endpoint.foresee(params, pictures)
        course = course_of(parts.profile, Draw.of(parts.seed, task_id), effort(params), foreseen)
        if scenario is not None:
            failure = self._failing(endpoint.model, scenario.task)
            course = scenario.task.course(course, failure, parts.seed, task_id, scenario.name)
        return Task(
            id=task_id,
            world=world.key,
            model=endpoint.model,
            params=params,
            pictures=pictures,
            metadata=submitted.metadata,
            created_at=at,
            timeline=timeline(course, at),
            cost=cost_of(endpoint.model, params),
            base_url=submitted.base_url,
            scenario=scenario,
            usage_details=parts.usage_details,
        )

    def _failing(self, model: str, effects: Effects) -> Failure | None:
        if effects.fail is None:
            return None
        return replace(self._failure(model, "fail", effects.fail, effects.message), error_type=effects.error_type)

    async def find(self, world: World, task_id: str, model: str | None = None) -> Task:
        """A world's task by its id, request id or external id, and by its model where one is given. Raises
        GatewayError.
        """
        task = await world.task(task_id)
        if task is None or model not in {None, task.model}:
            of_model = f" of {model}" if model is not None else ""
            message = f"no task {task_id[:100]!r}{of_model} of yours; the id comes from the submit"
            raise GatewayError(Trouble.NOT_FOUND, message)
        return task

    def world_of(self, task_id: str) -> World | None:
        """The world a task belongs to, by the task's own id."""
        return self._world_of.get(task_id)

    async def find_anywhere(self, task_id: str) -> tuple[World, Task]:
        """A task by its own id whatever its key, for URLs that carry no key. Raises GatewayError."""
        world = self._world_of.get(task_id)
        if world is None:
            raise GatewayError(Trouble.NOT_FOUND, f"no task {task_id[:100]!r}")
        return world, await self.find(world, task_id)

    async def steer(
        self,
        world: World,
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
        current = await world.store.get(task.id)
        if current is None:
            raise GatewayError(Trouble.NOT_FOUND, f"task {task.id} is gone; the server was reset")
        task, now = current, world.clock.now() if at is None else at
        if task.at(now).final:
            told = f"task {task.id} is already {task.at(now).status}; what is final does not change"
            raise GatewayError(Trouble.ALREADY_FINISHED, told)
        failure = self._failure(task.model, action, code, message)
        steered = replace(task, timeline=MOVES[action](task.timeline, now, failure))
        told_before = await world.store.deliveries(task.id)
        await world.store.replace(steered, news_of(steered, told_before, since=now))
        world.account.settle(now)
        world.account.change(task.id, Decimal(task.cost), steered.timeline)
        world.scheduler.wake()
        return steered

    def _failure(self, model: str, action: str, code: str | None, message: str | None) -> Failure:
        table = self._parts.endpoints[model].errors
        code = table.generation_failed if code in {None, "own"} else str(code)
        meaning = next((row.meaning for row in table.codes if row.code == code), "generation failed")
        return Failure(code, message or ("the task was cancelled" if action == "cancel" else meaning))

    def answer(self, task: Task, now: float, base_url: str) -> dict[str, Any]:
        """A task at ``now``, in the shape its model's document gives."""
        return answer(self._parts.endpoints[task.model], task, task.at(now), base_url)

    def news_body(self, task: Task, tells_of: float) -> bytes:
        """What a callback about a moment says."""
        return orjson.dumps(self.answer(task, tells_of, task.base_url))

    def forget(self, key: str | None) -> list[World]:
        """Forget the world of one key, or all, at once; what is to be ended of them."""
        ended = [world for world in self.worlds.values() if key in {None, world.key}]
        self.worlds = {name: world for name, world in self.worlds.items() if world not in ended}
        self._world_of = {task_id: world for task_id, world in self._world_of.items() if world not in ended}
        self.deeds = deque(deed for deed in self.deeds if key not in {None, deed.key})
        self._deeds_size = sum(deed.size for deed in self.deeds)
        if key is None:
            self._parts.gallery.clear()
            self.strangers.clear()
        return ended

    def next_order(self) -> int:
        """The place of the next call among those of all worlds."""
        self.order += 1
        return self.order

    def note(self, at: float, key: str | None, method: str, path: str, body: Any) -> None:
        """Remember a control call that changed something."""
        size = len(orjson.dumps(body))
        self.deeds.append(Deed(self.next_order(), at, key, method, path, body, size))
        self._deeds_size += size
        while self._deeds_size > MAX_BYTES or len(self.deeds) > self._parts.journal_size:
            self._deeds_size -= self.deeds.popleft().size

    async def stop(self) -> None:
        """End everything that is under way."""
        for world in self.worlds.values():
            await world.scheduler.stop()


def _duplicate(external_id: str) -> GatewayError:
    message = f"external_task_id {external_id[:60]!r} is taken by another of your tasks; use a new one"
    return GatewayError(Trouble.DUPLICATE, message)


def _require_means(world: World, task: Task) -> None:
    """Raise GatewayError when a world may not run another task, or cannot pay for it."""
    account = world.account
    account.settle(task.created_at)
    cost = Decimal(task.cost)
    if cost > account.balance:
        message = f"the balance of {money(account.balance)} {CURRENCY} does not pay for a task of {money(cost)}"
        message += "; PUT /_mock/account sets another"
        raise GatewayError(Trouble.NO_BALANCE, message)
    if world.max_running is not None and account.running >= world.max_running:
        next_end = account.next_end()
        ahead = next_end - task.created_at if next_end is not None else 1.0
        wait = whole_seconds(world.clock.outside(ahead))
        message = f"{account.running} of your tasks have not ended, and {world.max_running} may run at once"
        raise GatewayError(Trouble.TOO_MANY_RUNNING, message, headers={"retry-after": str(wait)})


def effort(params: Mapping[str, Any]) -> float:
    """How long a task takes beside the quickest: more for pro, for length, for sound (assumed)."""
    seconds = int(params.get("duration", "5"))
    return (
        (1.6 if params.get("mode") == "pro" else 1.0)
        * max(1.0, seconds / 5)
        * (1.3 if params.get("sound") == "on" else 1.0)
    )
