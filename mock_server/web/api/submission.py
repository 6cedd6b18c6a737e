"""What both protocols do with a submitted body once they know whose it is and for which model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mock_server.contract.endpoint import failed_body
from mock_server.core.errors import ScenarioRejection, TaskRejected
from mock_server.platform.service import Service
from mock_server.platform.task import Task
from mock_server.platform.tenant import Tenant
from mock_server.web.address import Address
from mock_server.web.api.image_fetching import ImageFetcher
from mock_server.web.error_answers import code_answer
from mock_server.web.fault_injection import FaultInjector
from mock_server.web.messages import AnsweredEarly, Call, json_answer
from mock_server.web.queue_errors import rejected_body


class Submission:
    """Makes tasks. ``max_body`` is in bytes."""

    def __init__(
        self, service: Service, injector: FaultInjector, fetcher: ImageFetcher, address: Address, max_body: int
    ) -> None:
        self._service = service
        self._injector = injector
        self._fetcher = fetcher
        self._address = address
        self.max_body = max_body

    async def make(self, call: Call, tenant: Tenant, model: str, body: Mapping[str, Any]) -> Task:
        """The task. Raises AnsweredEarly in the words of its model, or GatewayError for what no model has words for."""
        base_url = self._address(call)
        choice = self._injector.choose(call, tenant, model, body)
        if choice is not None:
            await self._injector.submit(call, tenant, choice)
        fetch = self._fetcher(call, base_url)
        try:
            task = await self._service.submit(tenant, model, body, fetch, base_url, call.at, choice)
        except ScenarioRejection as refused_by:
            call.fault = call.fault or str(refused_by)
            endpoint = self._service.endpoint(model)
            code = endpoint.errors.other if refused_by.code == "own" else refused_by.code
            raise AnsweredEarly(code_answer(endpoint, code, refused_by.message, queue=call.queue)) from None
        except TaskRejected as rejected:
            endpoint = self._service.endpoint(model)
            code = endpoint.errors.code_of(rejected.mistake)
            body_of = rejected_body if call.queue else failed_body
            refused = json_answer(body_of(endpoint, code, rejected.message), 400)
            refused.note = f"{model} {code}: {rejected.message}"
            call.violations = rejected.violations
            raise AnsweredEarly(refused) from None
        call.task_id = task.id
        return task
