"""The control API below ``/_mock/`` (wire#7). Times are seconds of the virtual clock, but for ``timeout``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mock_server.clock import MANUAL, REAL, Clock, Pace, moment
from mock_server.errors import GatewayError, Trouble
from mock_server.images import MIB
from mock_server.inbox import Inboxes, InboxMessage
from mock_server.service import Service, World
from mock_server.task import Delivery, Task
from mock_server.timeline import Failure, Status, Timeline
from mock_server.version import __version__
from mock_server.web.guard import Guard
from mock_server.web.http import Answer, Call, bearer, json_answer, read_json
from mock_server.wording import shown

TASKS = "/_mock/tasks/"
INBOX = "/_mock/inbox/"
MESSAGES = "/messages"
MAX_BODY = 10 * MIB
MAX_TIMEOUT = 300.0

Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Wanted = TypeVar("Wanted", bound=_Body)


class ClockBody(_Body):
    """``speed`` belongs to scaled only."""

    mode: Literal["real", "scaled", "manual"]
    speed: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None


class AdvanceBody(_Body):
    """How far to move time on."""

    seconds: Seconds


class FailBody(_Body):
    """Left out, the model's own code and words for a failed generation are taken."""

    code: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    message: Annotated[str, Field(max_length=10_000)] | None = None


class ResetBody(_Body):
    """Scenarios stay unless they are named."""

    scenarios: bool = False


class Control:
    """The handlers. ``clock`` is the one that worlds are forked from."""

    def __init__(self, service: Service, inboxes: Inboxes, clock: Clock, guard: Guard) -> None:
        self._service = service
        self._inboxes = inboxes
        self._clock = clock
        self._guard = guard

    async def health(self, call: Call) -> Answer:
        """Whether it serves."""
        return json_answer({"status": "ok", "version": __version__})

    async def clock(self, call: Call) -> Answer:
        """Show or set the pace of time."""
        self._guard.check(call)
        _, clocks = self._clocks(call)
        if call.scope["method"] == "PUT":
            pace = _pace(await _parsed(call, ClockBody))
            for clock in clocks:
                clock.set_pace(pace)
        first = clocks[0]
        return json_answer({"now": first.now(), "mode": first.pace.mode, "speed": first.pace.speed})

    async def advance(self, call: Call) -> Answer:
        """Move time on; answers when all callbacks due by then have been attempted."""
        self._guard.check(call)
        seconds = (await _parsed(call, AdvanceBody)).seconds
        worlds, clocks = self._clocks(call)
        own_target = moment(self._clock.now() + seconds)
        attempted = await self._service.advance(worlds, seconds)
        if self._clock in clocks:
            self._clock.move_to(own_target)
        return json_answer({"now": clocks[0].now(), "callbacks_attempted": attempted})

    async def tasks(self, call: Call) -> Answer:
        """All tasks, in full."""
        self._guard.check(call)
        worlds, _ = self._clocks(call)
        found = [(world, task) for world in worlds for task in await world.store.tasks()]
        return json_answer({"tasks": [await self._shown(world, task) for world, task in found]})

    async def task(self, call: Call) -> Answer:
        """One task in full, or, with POST, one task steered."""
        self._guard.check(call)
        task_id = call.path[len(TASKS) :]
        if call.scope["method"] != "POST":
            world, task = await self._find(call, task_id)
            return json_answer(await self._shown(world, task))
        task_id, _, action = task_id.rpartition("/")
        if action not in {"complete", "fail", "hold", "release"}:
            raise GatewayError(Trouble.NOT_FOUND, "a task can be told to complete, fail, hold or release")
        world, task = await self._find(call, task_id)
        failure = None
        if action == "fail":
            wanted = await _parsed(call, FailBody)
            failure = self._service.default_failure(task, wanted.code, wanted.message)
        task = await self._service.steer(world, task, lambda timeline, now: _moved(timeline, now, action, failure))
        return json_answer(await self._shown(world, task))

    async def reset(self, call: Call) -> Answer:
        """Forget tasks and inboxes, and start the clock anew."""
        self._guard.check(call)
        await _parsed(call, ResetBody)
        key = _key(call)
        await self._service.reset(key)
        if key is None:
            self._inboxes.clear()
            self._clock.restart()
        return json_answer({"status": "ok"})

    async def inbox(self, call: Call) -> Answer:
        """Receive a message, or list those received."""
        name = call.path[len(INBOX) :]
        if name.endswith(MESSAGES) and call.scope["method"] in {"GET", "HEAD"}:
            self._guard.check(call)
            return await self._messages(call, name[: -len(MESSAGES)])
        inbox = self._inboxes.open(name)
        query = _query(call)
        status = int(_number(query, "status", 200, least=200, most=599))
        if status in {204, 205, 304}:
            raise GatewayError(Trouble.MALFORMED, f"status {status} has no body, and an inbox answers with one")
        asked = call.scope["query_string"].decode("latin-1")
        alike = sum(message.query == asked for message in inbox.messages) if "times" in query else 0
        if alike >= _number(query, "times", float("inf")):
            status = 200
        content = await call.body(MAX_BODY)
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in call.scope["headers"]}
        body = _as_json(content)
        inbox.put(
            InboxMessage(
                number=inbox.received,
                received_at=self._clock_of(call, body).now(),
                method=call.scope["method"],
                query=asked,
                headers=headers,
                body=body,
                answered=status,
            )
        )
        return json_answer({"received": inbox.received}, status)

    async def _messages(self, call: Call, name: str) -> Answer:
        query = _query(call)
        wanted = _number(query, "wait_for", 0)
        timeout = _number(query, "timeout", 10, most=MAX_TIMEOUT)
        inbox = self._inboxes.open(name)
        complete = await inbox.wait_for(int(wanted), timeout)
        found = {"inbox": name, "count": len(inbox.messages), "messages": inbox.messages}
        if not complete:
            message = f"{len(inbox.messages)} of {int(wanted)} messages arrived in inbox {name!r} within {timeout:g} s"
            raise GatewayError(Trouble.TIMED_OUT, message, detail=found)
        return json_answer(found)

    def _clocks(self, call: Call) -> tuple[list[World], list[Clock]]:
        """The worlds a call acts on, and their clocks; without a key all worlds, and the clock of those to come."""
        key = _key(call)
        if key is not None:
            world = self._service.world(key)
            return [world], [world.clock]
        worlds = list(self._service.worlds.values())
        return worlds, [self._clock, *(world.clock for world in worlds)]

    def _clock_of(self, call: Call, body: Any) -> Clock:
        """The clock a message arrived by: that of the task it tells of, if it is one of ours."""
        told_of = body.get("id") if isinstance(body, dict) else None
        world = self._service.world_of(told_of) if isinstance(told_of, str) else None
        world = world or self._service.worlds.get(_key(call) or "")
        return world.clock if world is not None else self._clock

    async def _find(self, call: Call, task_id: str) -> tuple[World, Task]:
        key = _key(call)
        if key is not None:
            return await self._service.find(key, task_id)
        for world in self._service.worlds.values():
            task = await world.store.get(task_id)
            if task is not None:
                return world, task
        raise GatewayError(Trouble.NOT_FOUND, f"no task {task_id[:100]!r}")

    async def _shown(self, world: World, task: Task) -> dict[str, Any]:
        now = world.clock.now()
        snapshot = task.at(now)
        return {
            "id": task.id,
            "external_task_id": task.external_id,
            "model": task.model,
            "status": snapshot.status,
            "progress": snapshot.progress,
            "held": task.timeline.held,
            "created_at": task.created_at,
            "cost": task.cost,
            "request": task.params,
            "metadata": task.metadata,
            "plan": list(task.timeline.frames),
            "failure": task.timeline.failure,
            "transitions": [
                {"at": frame.at, "status": frame.status} for frame in task.timeline.transitions() if frame.at <= now
            ],
            "answer": self._service.answer(task, now, task.base_url),
            "deliveries": [_delivery_shown(delivery) for delivery in await world.store.deliveries(task.id)],
        }


def _delivery_shown(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "status": delivery.status,
        "state": delivery.state,
        "tells_of": delivery.tells_of,
        "due_at": delivery.due_at if delivery.state == "owed" else None,
        "attempts": delivery.attempts,
    }


def _moved(timeline: Timeline, now: float, action: str, failure: Failure | None) -> Timeline:
    if action == "complete":
        return timeline.ended(now, Status.COMPLETED)
    if action == "fail":
        return timeline.ended(now, Status.FAILED, failure)
    return timeline.hold(now) if action == "hold" else timeline.release(now)


def _pace(wanted: ClockBody) -> Pace:
    if wanted.mode == "scaled":
        if wanted.speed is None:
            raise GatewayError(Trouble.MALFORMED, "speed is required for mode scaled: 60 is a minute a second")
        return Pace(wanted.speed)
    if wanted.speed is not None:
        raise GatewayError(Trouble.MALFORMED, f"speed belongs to mode scaled, not to {wanted.mode}")
    return REAL if wanted.mode == "real" else MANUAL


async def _parsed(call: Call, wanted: type[Wanted]) -> Wanted:
    """The body as what is wanted; an empty one as an empty object. Raises GatewayError naming the field."""
    content = await call.body(MAX_BODY)
    value = read_json(content) if content else {}
    if not isinstance(value, dict):
        raise GatewayError(Trouble.MALFORMED, "the body must be a JSON object")
    try:
        return wanted(**value)
    except ValidationError as invalid:
        told = [
            f"{'.'.join(map(str, error['loc']))}: {error['msg'].lower()}"
            + ("" if error["type"] == "missing" else f", not {shown(error['input'])}")
            for error in invalid.errors()
        ]
        known = ", ".join(wanted.model_fields)
        raise GatewayError(Trouble.MALFORMED, f"{'; '.join(told)} (known here: {known})") from None


def _query(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _key(call: Call) -> str | None:
    return bearer(call) or _query(call).get("key") or None


def _number(query: dict[str, str], name: str, default: float, *, least: float = 0, most: float = 1e6) -> float:
    if name not in query:
        return default
    try:
        value = float(query[name])
    except ValueError:
        value = -1.0
    if not least <= value <= most:
        told = f"{name} must be a number from {least:g} to {most:g}, not {query[name][:40]!r}"
        raise GatewayError(Trouble.MALFORMED, told)
    return value


def _as_json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")
