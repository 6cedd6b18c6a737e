"""Submit, find, steer, answer: what the API does, without HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from mock_server import scenario
from mock_server.callback import Courier
from mock_server.clock import Clock, moment
from mock_server.contract import Judge
from mock_server.endpoint import Endpoint
from mock_server.errors import GatewayError, TaskRejected, Trouble
from mock_server.gallery import Fetch, Gallery
from mock_server.images import Picture
from mock_server.prices import cost_of, discount
from mock_server.scenario import Draw, Profile
from mock_server.scheduler import Scheduler
from mock_server.stores import DuplicateExternalId, Store
from mock_server.task import Task, news_of
from mock_server.timeline import Failure, Snapshot, Status, Timeline

_SHOWN = {Status.QUEUED: "in_progress", Status.CANCELLED: "failed"}


@dataclass(eq=False)
class World:
    """All that belongs to one API key. ``submitted`` counts its tasks, and so names them."""

    key: str
    clock: Clock
    store: Store
    scheduler: Scheduler
    submitted: int = field(default=0)


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


class Service:
    """The platform itself."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.judges = {model: Judge(endpoint) for model, endpoint in parts.endpoints.items()}
        self.worlds: dict[str, World] = {}
        self._world_of: dict[str, World] = {}

    def world(self, key: str) -> World:
        """The world of an API key, made on first use."""
        world = self.worlds.get(key)
        if world is None:
            clock, store = self._parts.new_clock(), self._parts.new_store()
            world = World(key, clock, store, Scheduler(clock, store, self._parts.courier, self._news_body))
            self.worlds[key] = world
        return world

    async def submit(
        self, key: str, model: str, body: Mapping[str, Any], fetch: Fetch, base_url: str
    ) -> tuple[World, Task]:
        """Judge a body that names ``model``, and make its task.

        Raises TaskRejected with all its mistakes, or GatewayError for a taken ``external_task_id``.
        """
        judge = self.judges[model]
        reading = judge.read(body)
        endpoint, params, violations = judge.endpoint, reading.params, reading.violations
        pictures: dict[str, Picture] = {}
        if endpoint.images:
            visit = await self._parts.gallery.visit(endpoint, params, fetch)
            params, pictures, violations = visit.params, visit.pictures, violations + visit.violations
        if violations:
            raise TaskRejected(violations)
        if endpoint.images:
            self._parts.gallery.keep(visit)
        world = self.world(key)
        task = self._task(world, endpoint, params, pictures, reading.metadata, base_url)
        try:
            await world.store.add(task, owed := news_of(task))
        except DuplicateExternalId as duplicate:
            message = f"external_task_id {str(duplicate)[:60]!r} is taken by another of your tasks; use a new one"
            raise GatewayError(Trouble.DUPLICATE, message) from None
        world.submitted += 1
        self._world_of[task.id] = world
        if owed:
            world.scheduler.wake()
        return world, task

    def _task(
        self,
        world: World,
        endpoint: Endpoint,
        params: Mapping[str, Any],
        pictures: Mapping[str, Any],
        metadata: Mapping[str, Any],
        base_url: str,
    ) -> Task:
        parts, now = self._parts, world.clock.now()
        name = f"{parts.seed}/{world.key}/{world.submitted}".encode()
        task_id = hashlib.blake2b(name, digest_size=16).hexdigest()
        draw = Draw.of(parts.seed, task_id)
        timeline = scenario.timeline(parts.profile, draw, now, effort(params), endpoint.foresee(params, pictures))
        cost = cost_of(endpoint.model, params)
        return Task(task_id, world.key, endpoint.model, params, pictures, metadata, now, timeline, cost, base_url)

    async def find(self, key: str, task_id: str) -> tuple[World, Task]:
        """A key's task by its id or external id. Raises GatewayError."""
        world = self.worlds.get(key)
        task = await world.store.get(task_id) if world is not None else None
        if world is None or task is None:
            raise GatewayError(Trouble.NOT_FOUND, f"no task {task_id[:100]!r} of yours; the id comes from the submit")
        return world, task

    def world_of(self, task_id: str) -> World | None:
        """The world a task belongs to, by the task's own id."""
        return self._world_of.get(task_id)

    async def find_anywhere(self, task_id: str) -> tuple[World, Task]:
        """A task by its own id whatever its key, for URLs that carry no key. Raises GatewayError."""
        world = self._world_of.get(task_id)
        if world is None:
            raise GatewayError(Trouble.NOT_FOUND, f"no task {task_id[:100]!r}")
        return await self.find(world.key, task_id)

    async def steer(self, world: World, task: Task, move: Callable[[Timeline, float], Timeline]) -> Task:
        """Give a task that has not ended another timeline from now on. Raises GatewayError when it has."""
        current = await world.store.get(task.id)
        if current is None:
            raise GatewayError(Trouble.NOT_FOUND, f"task {task.id} is gone; the server was reset")
        task, now = current, world.clock.now()
        if task.at(now).final:
            message = f"task {task.id} is already {task.at(now).status}; what is final does not change"
            raise GatewayError(Trouble.ALREADY_FINISHED, message)
        steered = replace(task, timeline=move(task.timeline, now))
        told = await world.store.deliveries(task.id)
        await world.store.replace(steered, news_of(steered, told, since=now))
        world.scheduler.wake()
        return steered

    def default_failure(self, task: Task, code: str | None, message: str | None) -> Failure:
        """A failure in the words of the task's model where none are given."""
        table = self._parts.endpoints[task.model].errors
        code = code or table.generation_failed
        meaning = next((row.meaning for row in table.codes if row.code == code), "generation failed")
        return Failure(code, message or meaning)

    def answer(self, task: Task, now: float, base_url: str) -> dict[str, Any]:
        """A task at ``now``, in the shape its model's document gives."""
        return answer(self._parts.endpoints[task.model], task, task.at(now), base_url)

    def _news_body(self, task: Task, tells_of: float) -> bytes:
        return orjson.dumps(self.answer(task, tells_of, task.base_url))

    async def reset(self, key: str | None) -> None:
        """Forget the tasks of one key, or of all; a new world starts with a new clock."""
        ended = [world for world in self.worlds.values() if key in {None, world.key}]
        self.worlds = {name: world for name, world in self.worlds.items() if world not in ended}
        self._world_of = {task_id: world for task_id, world in self._world_of.items() if world not in ended}
        for world in ended:
            await world.store.clear()  # first, so that nothing new is begun
            await world.scheduler.stop()
        if key is None:
            self._parts.gallery.clear()

    async def advance(self, worlds: Sequence[World], seconds: float) -> int:
        """Move the time of some worlds on; the number of callbacks attempted meanwhile."""
        targets = [(world, moment(world.clock.now() + seconds)) for world in worlds]
        return sum([await world.scheduler.advance_to(target) for world, target in targets])

    async def stop(self) -> None:
        """End everything that is under way."""
        for world in self.worlds.values():
            await world.scheduler.stop()


def effort(params: Mapping[str, Any]) -> float:
    """How long a task takes beside the quickest: more for pro, for length, for sound (assumed)."""
    seconds = int(params.get("duration", "5"))
    return (
        (1.6 if params.get("mode") == "pro" else 1.0)
        * max(1.0, seconds / 5)
        * (1.3 if params.get("sound") == "on" else 1.0)
    )


def answer(endpoint: Endpoint, task: Task, snapshot: Snapshot, base_url: str) -> dict[str, Any]:
    """The body of a poll: ``output`` and ``usage`` only when completed, ``error`` only when failed."""
    body: dict[str, Any] = {
        "id": task.id,
        "model": task.model,
        "status": _SHOWN.get(snapshot.status, snapshot.status.value),
        "progress": snapshot.progress if 0 < snapshot.progress < 1 else int(snapshot.progress),
        "created_at": int(task.created_at),
    }
    if task.external_id is not None:
        body["external_task_id"] = task.external_id
    if snapshot.status is Status.COMPLETED:
        content = endpoint.content(task.params, task.id, f"{base_url}/media/{task.id}/0.mp4")
        body["output"] = [{"content": [content]}]
        body["usage"] = {"cost": task.cost, "discount": discount()}
    elif snapshot.failure is not None:
        body["error"] = endpoint.errors.body(snapshot.failure.code, snapshot.failure.message)
    body["metadata"] = task.metadata
    return body
