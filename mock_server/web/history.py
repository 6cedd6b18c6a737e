"""``GET /_mock/history``: all that happened in the worlds, so that it can be compared and played again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mock_server.journal import Exchange
from mock_server.service import Deed
from mock_server.settings import Settings
from mock_server.task import Delivery
from mock_server.version import __version__
from mock_server.web.http import Answer, Call
from mock_server.web.scenes import scenario_shown
from mock_server.web.stage import HUNG_UP
from mock_server.web.state import ControlledState
from mock_server.web.talk import key_of, shown
from mock_server.world import World

if TYPE_CHECKING:
    from mock_server.scenarios.files import ScenarioFiles

FORMAT = 1
#: What decides how a server behaves, and is no secret.
KEPT_SETTINGS = (
    "seed",
    "profile",
    "image_fetch",
    "balance",
    "max_running",
    "max_body",
    "max_hold",
    "callback_allow",
    "public_url",
    "trust_proxy",
)
#: Headers of calls that decide their answers.
KEPT_HEADERS = frozenset(
    {"host", "content-type", "x-mock-scenario", "x-request-id", "forwarded", "origin", "range"}
    | {"x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-prefix"}
)


class History:
    """The handler."""

    def __init__(self, state: ControlledState, settings: Settings, files: ScenarioFiles | None) -> None:
        self._state = state
        self._files = files
        self._settings = settings

    async def show(self, call: Call) -> Answer:
        """Calls and control calls in their order, callbacks in theirs."""
        worlds = self._state.known(key_of(call))
        events = [(one.order, call_event(world, one)) for world in worlds for one in world.journal]
        labels = {world.key: world.label for world in worlds}
        events += [
            (deed.order, deed_event(deed, labels.get(deed.key or "")))
            for deed in self._state.service.deeds
            if deed.key is None or deed.key in labels
        ]
        events.sort(key=lambda one: one[0])
        rate = self._settings.rate_limit
        settings = {name: getattr(self._settings, name) for name in KEPT_SETTINGS}
        return shown(
            {
                "format": FORMAT,
                "version": __version__,
                "settings": {**settings, "rate_limit": str(rate) if rate is not None else None},
                "scenarios": [scenario_shown(rule) for rule in self._state.book.from_files],
                "complete": self._complete(worlds),
                "worlds": [{"world": world.label, "began_at": world.began_at} for world in worlds],
                "events": [event for _, event in events],
                "callbacks": [
                    callback_event(world, delivery)
                    for world, _, delivery in await self._state.deliveries(key_of(call))
                    if delivery.attempts
                ],
            }
        )

    def _complete(self, worlds: list[World]) -> bool:
        """Whether all is there that it takes to play it again."""
        reread = self._files is not None and self._files.loads > 1
        return not reread and all(len(world.journal) == world.journal.calls for world in worlds)


def call_event(world: World, exchange: Exchange) -> dict[str, Any]:
    """One call of the API."""
    told = exchange.shown(world.label)
    headers = {name: value for name, value in told["headers"].items() if name in KEPT_HEADERS}
    return {
        "kind": "call",
        "world": world.label,
        "arrived_at": exchange.arrived_at,
        "at": exchange.at,
        "method": told["method"],
        "path": told["path"],
        "headers": headers,
        "body": told["body"],
        "whole": exchange.size <= len(exchange.body) and _is_text(exchange.body),
        "status": told["status"],
        "answer": told["answer"],
        "task": told["task"],
        "fault": told["fault"],
        "retry_after": told["retry_after"],
        "hung_up": exchange.status == 0 and HUNG_UP in (exchange.fault or ""),
    }


def _is_text(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def deed_event(deed: Deed, label: str | None) -> dict[str, Any]:
    """One control call that changed something."""
    return {
        "kind": "control",
        "world": label,
        "at": deed.at,
        "method": deed.method,
        "path": deed.path,
        "body": deed.body,
    }


def callback_event(world: World, delivery: Delivery) -> dict[str, Any]:
    """One callback and what came of each attempt."""
    attempts = [
        {"at": one.at, "status": one.status, "error": one.error, "fault": one.fault, "next_at": one.next_at}
        for one in delivery.attempts
    ]
    return {
        "world": world.label,
        "id": delivery.id,
        "number": delivery.number,
        "signed": any("webhook-signature" in one.headers for one in delivery.attempts),
        "task": delivery.task_id,
        "status": delivery.status,
        "tells_of": delivery.tells_of,
        "state": delivery.state,
        "attempts": attempts,
    }
