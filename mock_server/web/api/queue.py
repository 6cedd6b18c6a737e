"""The queue protocol: ``/model/v1/queue/{model}`` and what lies below it (wire#2). The tasks are the same."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import wrapped_body
from mock_server.core.errors import GatewayError, Trouble
from mock_server.core.other_host import other_host
from mock_server.core.queue_words import QueueForm
from mock_server.lifecycle.timeline import Snapshot, Status
from mock_server.platform.queue_answers import FileSize, TaskView, changed_by_scenario, form_of
from mock_server.platform.service import Service
from mock_server.platform.task import Task
from mock_server.platform.tenant import Tenant
from mock_server.scenarios.faults.base import Op
from mock_server.web.address import Address
from mock_server.web.api.authentication import Access
from mock_server.web.api.submission import Submission
from mock_server.web.fault_injection import FaultInjector
from mock_server.web.messages import Answer, Call, json_answer, require_json

#: Paths that name no model.
QUEUE_ROOTS = ("/model/v1/queue", "/model/v1/queue/")
MODEL_PATH = "/model/v1/queue/{model}"
#: The path of one request of a model, without what is asked of it.
REQUEST_PATH = MODEL_PATH + "/requests/{request_id:anything}"
#: How a client may ask for a webhook, which this protocol does not have; the header names are in lower case.
WEBHOOK_NAMES = ("webhook_url", "webhook")
WEBHOOK_HEADERS = (b"x-webhook-url", b"x-webhook")


class Queue:
    """The handlers. Their paths name a ``model``, and a ``request_id``, which may be any id of the task."""

    def __init__(
        self,
        service: Service,
        injector: FaultInjector,
        access: Access,
        submission: Submission,
        address: Address,
        file_size: FileSize,
        form: QueueForm,
        stood_in_for: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._service = service
        self._injector = injector
        self._access = access
        self._submission = submission
        self._address = address
        self._file_size = file_size
        self._form: QueueForm = form
        self._stood_in_for = stood_in_for

    async def submit(self, call: Call) -> Answer:
        """Make a task of the bare parameters."""
        tenant, endpoint = self._open(call)
        if _asks_for_webhook(call):
            raise _no_webhook()
        require_json(call)
        params = await call.json(self._submission.max_body)
        if not isinstance(params, dict):
            raise GatewayError(Trouble.MALFORMED, f"the body must be a JSON object: the parameters of {endpoint.model}")
        if any(name in params for name in WEBHOOK_NAMES):
            raise _no_webhook()
        task = await self._submission.make(call, tenant, endpoint.model, wrapped_body(endpoint.model, params))
        view = self._view(call, task, Snapshot(Status.QUEUED, 0))
        made = json_answer(changed_by_scenario(view, form_of(task, self._form).submitted(view)))
        made.note = f"{endpoint.model} task {task.id}"
        return made

    async def status(self, call: Call) -> Answer:
        """How a task stands."""
        _, view = await self._find(call, "poll")
        return json_answer(self._told(view))

    async def response(self, call: Call) -> Answer:
        """The result of a task that went well; 202 and the status of one that has not ended."""
        _, view = await self._find(call, "result")
        view = _not_yet_seen(view, call.at)
        if view.snapshot.status is not Status.COMPLETED:
            return json_answer(self._told(view), 200 if view.snapshot.final else 202)
        form = form_of(view.task, self._form)
        return json_answer(changed_by_scenario(view, form.completed(view, self._file_size)))

    async def cancel(self, call: Call) -> Answer:
        """End a task that has not ended."""
        try:
            tenant, view = await self._find(call, "cancel")
            await self._service.steer(tenant, view.task, "cancel", at=call.at)
        except NoSuchRequest:
            return json_answer({"status": "NOT_FOUND", "request_id": call.param("request_id")[:1000]}, 404)
        except GatewayError as error:
            if error.trouble is not Trouble.ALREADY_FINISHED:
                raise
            return json_answer({"status": "ALREADY_COMPLETED", "request_id": view.request_id}, 400)
        return json_answer({"status": "CANCELLATION_REQUESTED", "request_id": view.request_id}, 202)

    async def stream(self, call: Call) -> Answer:
        """Events are not sent in this protocol."""
        self._open(call)
        raise GatewayError(Trouble.MALFORMED, "SSE streaming not supported")

    async def nothing(self, call: Call) -> Answer:
        """Any other path below the queue's, ``sync`` among them."""
        call.tenant = self._access.known_tenant(call)
        raise GatewayError(Trouble.NOT_FOUND, "Not Found")

    def _told(self, view: TaskView) -> dict[str, Any]:
        return changed_by_scenario(view, form_of(view.task, self._form).status(view))

    def _view(self, call: Call, task: Task, snapshot: Snapshot) -> TaskView:
        base_url = self._address(call)
        if task.scenario is not None and task.scenario.task.queue_urls == "other_host":
            base_url = other_host(base_url, self._stood_in_for())
        return TaskView(task, self._service.endpoint(task.model), snapshot, base_url)

    def _open(self, call: Call) -> tuple[Tenant, Endpoint]:
        """The caller's tenant and the model of the path. Raises GatewayError."""
        call.queue = True
        tenant = self._access.tenant(call)
        model = call.param("model")
        judge = self._service.judges.get(model)
        if judge is None:
            raise GatewayError(Trouble.NOT_FOUND, f"App not found: {model[:200]}")
        call.model = model
        return tenant, judge.endpoint

    async def _find(self, call: Call, op: Op) -> tuple[Tenant, TaskView]:
        tenant, endpoint = self._open(call)
        task = await _request(tenant, call.param("request_id"), endpoint)
        call.task_id = task.id
        if await self._injector.enter(call, tenant, op, task):
            task = await _request(tenant, task.id, endpoint)
        return tenant, self._view(call, task, task.at(call.at))


def _not_yet_seen(view: TaskView, now: float) -> TaskView:
    """A completed task as the result's path sees it: still running where its scenario says that its result is late."""
    late = view.task.scenario.task.queue_result_after if view.task.scenario is not None else None
    end = view.task.timeline.end
    if late is None or end is None or view.snapshot.status is not Status.COMPLETED or now >= end.at + late:
        return view
    return replace(view, snapshot=Snapshot(Status.IN_PROGRESS, 0.9999))


class NoSuchRequest(GatewayError):
    """No request of this caller and this model has the id."""


async def _request(tenant: Tenant, named: str, endpoint: Endpoint) -> Task:
    task = await tenant.task(named)
    if task is None or task.model != endpoint.model:
        raise NoSuchRequest(Trouble.NOT_FOUND, "Request not found")
    return task


def _asks_for_webhook(call: Call) -> bool:
    if any(call.header(name) is not None for name in WEBHOOK_HEADERS):
        return True
    query: bytes = call.scope["query_string"]
    if not query:
        return False
    names = {name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)}
    return not names.isdisjoint(WEBHOOK_NAMES)


def _no_webhook() -> GatewayError:
    return GatewayError(Trouble.MALFORMED, "webhook not supported")
