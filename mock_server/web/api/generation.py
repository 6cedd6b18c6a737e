"""``POST /model/v1/generation`` and ``GET /model/v1/generation/task/{task_id}`` (wire#1)."""

from __future__ import annotations

import re
from typing import Any

import orjson

from mock_server.core.errors import GatewayError, Trouble
from mock_server.lifecycle.timeline import Snapshot, Status
from mock_server.platform.answers import answer
from mock_server.platform.service import Service
from mock_server.web.address import Address
from mock_server.web.api.authentication import Access
from mock_server.web.api.submission import Submission
from mock_server.web.fault_injection import FaultInjector
from mock_server.web.messages import Answer, Call, require_json

SUBMIT_PATH = "/model/v1/generation"
TASK_PATH = "/model/v1/generation/task/"
#: So many bytes of a body are looked at before the key is valid.
LOOKED_AT = 64 * 1024
_MODEL_NAME = re.compile(rb'(?<!\\\\)"model"[ \t\r\n]{0,20}:[ \t\r\n]{0,20}"([!#-\\[\]-~]{1,100})"')
_FIRST = Snapshot(Status.QUEUED, 0)


class Generation:
    """The submit and poll handlers."""

    def __init__(
        self, service: Service, injector: FaultInjector, access: Access, submission: Submission, address: Address
    ) -> None:
        self._service = service
        self._injector = injector
        self._access = access
        self._submission = submission
        self._address = address

    async def submit(self, call: Call) -> Answer:
        """Make a task."""
        try:
            tenant = self._access.tenant(call)
        except GatewayError as refusal:
            raise self._access.refused(await self._model_named(call), refusal) from None
        require_json(call)
        body = await call.json(self._submission.max_body)
        model = call.model = self._model(body)
        task = await self._submission.make(call, tenant, model, body)
        made = Answer(200, orjson.dumps(answer(self._service.endpoint(model), task, _FIRST, task.base_url)))
        made.note = f"{model} task {task.id}"
        return made

    async def poll(self, call: Call) -> Answer:
        """Show a task."""
        tenant = self._access.tenant(call)
        task = await self._service.find(tenant, call.path[len(TASK_PATH) :])
        call.model, call.task_id = task.model, task.id
        if await self._injector.enter(call, tenant, "poll", task):
            task = await self._service.find(tenant, task.id)
        return Answer(200, orjson.dumps(self._service.answer(task, call.at, self._address(call))))

    def _model(self, body: Any) -> str:
        """The model a body names. Raises GatewayError."""
        if not isinstance(body, dict):
            raise GatewayError(Trouble.MALFORMED, 'the body must be a JSON object with "model"')
        model = body.get("model")
        if not isinstance(model, str):
            known = ", ".join(self._service.judges)
            what = "model is required" if "model" not in body else "model must be a string"
            raise GatewayError(Trouble.MALFORMED, f"{what}; it is one of {known}")
        return self._service.endpoint(model).model

    async def _model_named(self, call: Call) -> str | None:
        """The model that a call without a valid key names. It is looked for in the first bytes of the body, which is
        neither unpacked nor parsed.
        """
        found = _MODEL_NAME.search(await call.beginning(LOOKED_AT))
        name = found[1].decode("latin-1") if found is not None else None
        return name if name in self._service.judges else None
