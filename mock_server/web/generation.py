"""``POST /model/v1/generation`` and ``GET /model/v1/generation/task/{task_id}`` (wire#1)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import orjson

from mock_server.endpoint import Endpoint, failed_body
from mock_server.errors import GatewayError, TaskRejected, Trouble
from mock_server.gallery import Fetch
from mock_server.service import Service, answer
from mock_server.timeline import Snapshot, Status
from mock_server.web.http import Answer, Call, bearer, json_answer, read_json, require_json

TASK_PATH = "/model/v1/generation/task/"
_FIRST = Snapshot(Status.QUEUED, 0)


class Generation:
    """The submit and poll handlers. ``base_url`` tells how a call addressed this server."""

    def __init__(
        self,
        service: Service,
        *,
        keys: Collection[str],
        max_body: int,
        fetch: Callable[[Call, str], Fetch],
        base_url: Callable[[Call], str],
    ) -> None:
        self._service = service
        self._keys = frozenset(keys)
        self._max_body = max_body
        self._fetch = fetch
        self._base_url = base_url

    def _key(self, call: Call) -> str:
        """The API key of a call. Raises GatewayError when there is none, or a wrong one."""
        key = bearer(call)
        if key is None:
            raise GatewayError(Trouble.UNAUTHENTICATED, "send Authorization: Bearer YOUR_API_KEY")
        if self._keys and key not in self._keys:
            told = "this API key is not one of those the server was started with"
            raise GatewayError(Trouble.UNAUTHENTICATED, told)
        return key

    async def submit(self, call: Call) -> Answer:
        """Make a task."""
        try:
            key = self._key(call)
        except GatewayError as refusal:
            return await self._unauthenticated(call, refusal)
        require_json(call)
        body = read_json(await call.body(self._max_body))
        endpoint = self._endpoint(body)
        base_url = self._base_url(call)
        try:
            _, task = await self._service.submit(key, endpoint.model, body, self._fetch(call, base_url), base_url)
        except TaskRejected as rejected:
            code = endpoint.errors.code_of(rejected.mistake)
            refused = json_answer(failed_body(endpoint, code, rejected.message), 400)
            refused.note = f"{endpoint.model} {code}: {rejected.message}"
            return refused
        made = Answer(200, orjson.dumps(answer(endpoint, task, _FIRST, base_url)))
        made.note = f"{endpoint.model} task {task.id}"
        return made

    async def poll(self, call: Call) -> Answer:
        """Show a task."""
        world, task = await self._service.find(self._key(call), call.path[len(TASK_PATH) :])
        return Answer(200, orjson.dumps(self._service.answer(task, world.clock.now(), self._base_url(call))))

    def _endpoint(self, body: Any) -> Endpoint:
        """The model a body names. Raises GatewayError."""
        if not isinstance(body, dict):
            raise GatewayError(Trouble.MALFORMED, 'the body must be a JSON object with "model"')
        model = body.get("model")
        if not isinstance(model, str):
            known = ", ".join(self._service.judges)
            what = "model is required" if "model" not in body else "model must be a string"
            raise GatewayError(Trouble.MALFORMED, f"{what}; it is one of {known}")
        judge = self._service.judges.get(model)
        if judge is None:
            known = ", ".join(self._service.judges)
            raise GatewayError(Trouble.NOT_FOUND, f"model {model[:60]!r} is not served here; model is one of {known}")
        return judge.endpoint

    async def _unauthenticated(self, call: Call, refusal: GatewayError) -> Answer:
        """401, in the words of the model if the body names one whose document has a code for this."""
        try:
            require_json(call)
            endpoint = self._endpoint(read_json(await call.body(self._max_body)))
        except GatewayError:
            raise refusal from None
        code = endpoint.errors.unauthenticated
        if code is None:
            raise refusal
        answered = json_answer(failed_body(endpoint, code, refusal.message), 401)
        answered.note = f"{endpoint.model} {code}: {refusal.message}"
        return answered
