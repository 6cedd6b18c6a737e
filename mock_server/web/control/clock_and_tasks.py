"""What the control API below ``/_mock/`` does (wire#7). Times are seconds of the virtual clock."""

from __future__ import annotations

from mock_server.core.clock import MANUAL, REAL, Pace
from mock_server.core.errors import GatewayError, Trouble
from mock_server.core.version import __version__
from mock_server.platform.courier import secret_key
from mock_server.platform.service import MOVES
from mock_server.platform.task import DeliveryState
from mock_server.web.control.bodies import (
    AdvanceBody,
    BalanceBody,
    ClockBody,
    NoBody,
    ResetBody,
    SecretsBody,
    SteerBody,
    key_of,
    parsed,
    shown,
)
from mock_server.web.control.records import account_view, delivery_view, task_view
from mock_server.web.control.state import ControlledState
from mock_server.web.messages import Answer, Call

#: Actions that have another name as well.
SAME_AS = {"pause": "hold", "resume": "release"}


class Control:
    """The handlers that change something, and the two that show what they change."""

    def __init__(self, state: ControlledState) -> None:
        self._state = state

    async def health(self, call: Call) -> Answer:
        """Whether it serves."""
        return shown({"status": "ok", "version": __version__})

    async def show_clock(self, call: Call) -> Answer:
        """Show the time and its pace."""
        clock = self._state.clock_of(key_of(call))
        waiting = sum(tenant.clock.sleeping for tenant in self._state.known(key_of(call)))
        return shown({"now": clock.now(), "mode": clock.pace.mode, "speed": clock.pace.speed, "waiting": waiting})

    async def set_clock(self, call: Call) -> Answer:
        """Set the pace of time."""
        pace = _pace(await parsed(call, ClockBody))
        for clock in self._state.clocks(key_of(call)):
            clock.set_pace(pace)
        return await self.show_clock(call)

    async def advance(self, call: Call) -> Answer:
        """Move time on; answers when all callbacks due by then have been attempted."""
        key, seconds = key_of(call), (await parsed(call, AdvanceBody)).seconds
        attempted = await self._state.advance(key, seconds)
        return shown({"now": self._state.clock_of(key).now(), "callbacks_attempted": attempted})

    async def steer(self, call: Call) -> Answer:
        """Change the course of one task."""
        task_id, _, word = call.param("rest").rpartition("/")
        action = SAME_AS.get(word, word)
        if action not in MOVES:
            message = f"the actions on a task are {', '.join((*MOVES, *SAME_AS))}, not {action[:40]!r}"
            raise GatewayError(Trouble.NOT_FOUND, message)
        tenant, task = await self._state.find(key_of(call), task_id)
        wanted = await parsed(call, SteerBody) if action == "fail" else SteerBody()
        task = await self._state.service.steer(tenant, task, action, wanted.code, wanted.message)
        return shown(await task_view(self._state, tenant, task))

    async def replay(self, call: Call) -> Answer:
        """Deliver a callback once more; answers when that has been attempted."""
        await parsed(call, NoBody)
        tenant, task, delivery = await self._state.delivery(key_of(call), call.param("delivery"))
        if delivery.occurred_at > tenant.clock.now():
            raise GatewayError(Trouble.CONFLICT, f"callback {delivery.id} is about an event that is still to come")
        replayed = None
        if delivery.state is not DeliveryState.UNDER_WAY:
            replayed = await tenant.scheduler.replay(task, delivery.number)
        if replayed is None:
            raise GatewayError(Trouble.CONFLICT, f"callback {delivery.id} is under way just now")
        return shown(delivery_view(tenant, task, replayed))

    async def set_secrets(self, call: Call) -> Answer:
        """Change what callbacks are signed with, of all tenants: one secret, two during a rotation, or none."""
        secrets = (await parsed(call, SecretsBody)).secrets
        try:
            for secret in secrets:
                secret_key(secret)
        except ValueError as wrong:
            raise GatewayError(Trouble.MALFORMED, f"secrets: {wrong}") from None
        self._state.courier.secrets = tuple(secrets)
        return shown({"secrets": len(secrets)})

    async def set_balance(self, call: Call) -> Answer:
        """Let each tenant have so much left."""
        balance = (await parsed(call, BalanceBody)).balance
        tenants = self._state.tenants(key_of(call))
        for tenant in tenants:
            tenant.account.settle(tenant.clock.now())
            tenant.account.set_balance(balance)
        return shown({"accounts": [account_view(tenant) for tenant in tenants]})

    async def reset(self, call: Call) -> Answer:
        """Forget tasks, calls, files and inboxes, and start the clock again."""
        wanted = await parsed(call, ResetBody)
        await self._state.reset(key_of(call), scenarios=wanted.scenarios)
        return shown({"status": "ok"})


def _pace(wanted: ClockBody) -> Pace:
    if wanted.mode == "scaled":
        if wanted.speed is None:
            raise GatewayError(Trouble.MALFORMED, "speed is required for mode scaled: 60 is a minute a second")
        return Pace(wanted.speed)
    if wanted.speed is not None:
        raise GatewayError(Trouble.MALFORMED, f"speed belongs to mode scaled, not to {wanted.mode}")
    return REAL if wanted.mode == "real" else MANUAL
