"""``POST /_mock/tasks``: a task as a submit would have made it, now or some time ago (wire#7)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mock_server.contract import wrapped_body
from mock_server.errors import GatewayError, ScenarioRefused, TaskRejected, Trouble
from mock_server.images import Limits
from mock_server.moments import moment
from mock_server.scenarios.choice import Choice
from mock_server.web.address import Address
from mock_server.web.coded import code_answer
from mock_server.web.http import Answer, Call
from mock_server.web.records import task_shown
from mock_server.web.stage import Stage
from mock_server.web.state import ControlledState
from mock_server.web.talk import Body, Seconds, key_of, parsed, shown


class TaskBody(Body):
    """``ago`` is how many seconds before now the task was submitted, ``scenario`` a name or words as in a header;
    rules and markers are not looked at.
    """

    model: str
    params: dict[str, Any]
    ago: Seconds = 0.0
    scenario: Annotated[str, Field(max_length=2000)] | None = None


class Making:
    """The handler."""

    def __init__(self, state: ControlledState, stage: Stage, address: Address) -> None:
        self._state = state
        self._stage = stage
        self._address = address

    async def make(self, call: Call) -> Answer:
        """Make a task in the world of the key that the call carries."""
        key = key_of(call)
        if key is None:
            raise GatewayError(Trouble.MALFORMED, "a task belongs to a key; name it with Authorization or ?key=")
        wanted = await parsed(call, TaskBody)
        service = self._state.service
        endpoint, world = service.endpoint(wanted.model), service.world(key)
        choice = None
        if wanted.scenario is not None:
            choice = Choice(self._stage.called(wanted.scenario, "scenario", world), "header")
        body = wrapped_body(endpoint.model, wanted.params)
        at = moment(world.clock.now() - wanted.ago)
        try:
            task = await service.submit(world, endpoint.model, body, _no_fetch, self._address(call), at, choice)
        except TaskRejected as rejected:
            raise GatewayError(Trouble.MALFORMED, rejected.message) from None
        except ScenarioRefused as refused_by:
            return code_answer(endpoint, refused_by.code, refused_by.message)
        return shown(await task_shown(self._state, world, task))


async def _no_fetch(url: str, limits: Limits) -> None:
    """Images are taken on trust."""
    return
