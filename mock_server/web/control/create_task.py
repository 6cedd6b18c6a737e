"""``POST /_mock/tasks``: a task as a submit would have made it, now or some time ago (wire#7)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mock_server.contract.judge import wrapped_body
from mock_server.core.errors import GatewayError, ScenarioRejection, TaskRejected, Trouble
from mock_server.core.images import Limits
from mock_server.core.moments import moment
from mock_server.scenarios.matching import MatchResult
from mock_server.web.address import Address
from mock_server.web.control.bodies import Body, Seconds, key_of, parsed, shown
from mock_server.web.control.records import task_view
from mock_server.web.control.state import ControlledState
from mock_server.web.error_answers import code_answer
from mock_server.web.fault_injection import FaultInjector
from mock_server.web.messages import Answer, Call


class TaskBody(Body):
    """``ago`` is how many seconds before now the task was submitted, ``scenario`` a name or words as in a header;
    rules and markers are not looked at.
    """

    model: str
    params: dict[str, Any]
    ago: Seconds = 0.0
    scenario: Annotated[str, Field(max_length=2000)] | None = None


class CreateTask:
    """The handler."""

    def __init__(self, state: ControlledState, injector: FaultInjector, address: Address) -> None:
        self._state = state
        self._injector = injector
        self._address = address

    async def make(self, call: Call) -> Answer:
        """Make a task in the tenant of the key that the call carries."""
        key = key_of(call)
        if key is None:
            raise GatewayError(Trouble.MALFORMED, "a task belongs to a key; name it with Authorization or ?key=")
        wanted = await parsed(call, TaskBody)
        service = self._state.service
        endpoint, tenant = service.endpoint(wanted.model), service.tenant(key)
        choice = None
        if wanted.scenario is not None:
            choice = MatchResult(self._injector.called(wanted.scenario, "scenario", tenant), "header")
        body = wrapped_body(endpoint.model, wanted.params)
        at = moment(tenant.clock.now() - wanted.ago)
        try:
            task = await service.submit(tenant, endpoint.model, body, _no_fetch, self._address(call), at, choice)
        except TaskRejected as rejected:
            raise GatewayError(Trouble.MALFORMED, rejected.message) from None
        except ScenarioRejection as refused_by:
            return code_answer(endpoint, refused_by.code, refused_by.message)
        return shown(await task_view(self._state, tenant, task))


async def _no_fetch(url: str, limits: Limits) -> None:
    """Images are taken on trust."""
    return
