"""The queue protocol: ``/model/v1/queue/{model}`` and what lies below it (wire#2). The tasks are the same."""

from __future__ import annotations

from typing import Any

import orjson

from mock_server.contract import wrapped_body
from mock_server.endpoint import Endpoint
from mock_server.errors import GatewayError, Trouble
from mock_server.faults.base import Op
from mock_server.service import Service, result, shown_otherwise
from mock_server.task import Task
from mock_server.timeline import Snapshot, Status
from mock_server.web.access import Access
from mock_server.web.address import Address
from mock_server.web.http import Answer, Call, json_answer, read_json, require_json
from mock_server.web.stage import Stage
from mock_server.web.submission import Submission
from mock_server.world import World

#: The path of one request of a model, without what is asked of it.
REQUEST_PATH = "/model/v1/queue/{model}/requests/{request_id:anything}"


class Queue:
    """The handlers. Their paths name a ``model``, and a ``request_id``, which may be an external id as well."""

    def __init__(
        self, service: Service, stage: Stage, access: Access, submission: Submission, address: Address
    ) -> None:
        self._service = service
        self._stage = stage
        self._access = access
        self._submission = submission
        self._address = address

    async def submit(self, call: Call) -> Answer:
        """Make a task of the bare parameters."""
        world, endpoint = self._open(call)
        require_json(call)
        params = read_json(await call.body(self._submission.max_body))
        if not isinstance(params, dict):
            raise GatewayError(Trouble.MALFORMED, f"the body must be a JSON object: the parameters of {endpoint.model}")
        task = await self._submission.make(call, world, endpoint.model, wrapped_body(endpoint.model, params))
        first = Snapshot(Status.QUEUED, 0)
        made = json_answer(_shown(task, first, {"request_id": task.id, "status": Status.QUEUED}))
        made.note = f"{endpoint.model} task {task.id}"
        return made

    async def status(self, call: Call) -> Answer:
        """How a task stands."""
        _, endpoint, task, snapshot = await self._find(call, "poll")
        body: dict[str, Any] = {
            "request_id": task.id,
            "status": snapshot.status,
            "progress": snapshot.progress if 0 < snapshot.progress < 1 else int(snapshot.progress),
            "model": task.model,
        }
        body |= _error(endpoint, snapshot)
        return Answer(200, orjson.dumps(_shown(task, snapshot, body)))

    async def response(self, call: Call) -> Answer:
        """What became of a task that has ended."""
        _, endpoint, task, snapshot = await self._find(call, "result")
        if not snapshot.final:
            message = f"task {task.id} is {snapshot.status} and has no result yet; ask for its status until it has"
            raise GatewayError(Trouble.NOT_FINISHED, message)
        body: dict[str, Any] = {"request_id": task.id, "status": snapshot.status} | _error(endpoint, snapshot)
        if snapshot.status is Status.COMPLETED:
            made = result(endpoint, task, self._address(call))
            for output in made.get("output", ()):
                output["content"] = [endpoint.queue_content(item) for item in output["content"]]
            body |= made
        return json_answer(_shown(task, snapshot, body))

    async def cancel(self, call: Call) -> Answer:
        """End a task that has not ended."""
        world, _, task, _ = await self._find(call, "cancel")
        await self._service.steer(world, task, "cancel", at=call.at)
        return json_answer({"request_id": task.id, "status": Status.CANCELLED})

    def _open(self, call: Call) -> tuple[World, Endpoint]:
        """The caller's world and the model of the path. Raises GatewayError, or Refused in the model's own words."""
        model = call.param("model")
        try:
            world = self._access.world(call)
        except GatewayError as refusal:
            raise self._access.refused(model, refusal) from None
        endpoint = self._service.endpoint(model)
        call.model = model
        return world, endpoint

    async def _find(self, call: Call, op: Op) -> tuple[World, Endpoint, Task, Snapshot]:
        world, endpoint = self._open(call)
        task = await self._service.find(world, call.param("request_id"), endpoint.model)
        call.task_id = task.id
        if await self._stage.enter(call, world, op, task):
            task = await self._service.find(world, task.id)
        return world, endpoint, task, task.at(call.at)


def _shown(task: Task, snapshot: Snapshot, body: dict[str, Any]) -> dict[str, Any]:
    return body if task.scenario is None else shown_otherwise(task.scenario, snapshot, body)


def _error(endpoint: Endpoint, snapshot: Snapshot) -> dict[str, Any]:
    if snapshot.status is not Status.FAILED or snapshot.failure is None:
        return {}
    return {"error": endpoint.errors.body(snapshot.failure.code, snapshot.failure.message)}
