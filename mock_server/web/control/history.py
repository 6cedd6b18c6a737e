"""``GET /_mock/history``: all that happened in the tenants, so that it can be compared and played again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mock_server.core.redaction import masked
from mock_server.core.version import __version__
from mock_server.platform.journal import Exchange
from mock_server.platform.service import ControlAction
from mock_server.platform.task import Delivery
from mock_server.platform.tenant import Tenant
from mock_server.settings import Settings
from mock_server.web.control.bodies import key_of, shown
from mock_server.web.control.scenarios import scenario_view
from mock_server.web.control.state import ControlledState
from mock_server.web.fault_injection import HUNG_UP
from mock_server.web.messages import Answer, Call

if TYPE_CHECKING:
    from mock_server.scenarios.files import ScenarioFiles

FORMAT = 1
#: What decides how a server behaves, and is no secret.
KEPT_SETTINGS = (
    "seed",
    "timing",
    "image_fetch",
    "balance",
    "max_running",
    "max_body",
    "max_wait",
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
        tenants = self._state.known(key_of(call))
        events = [(one.order, call_event(tenant, one)) for tenant in tenants for one in tenant.journal]
        labels = {tenant.key: tenant.label for tenant in tenants}
        events += [
            (control_action.order, control_event(control_action, labels.get(control_action.key or "")))
            for control_action in self._state.service.control_actions
            if control_action.key is None or control_action.key in labels
        ]
        events.sort(key=lambda one: one[0])
        rate = self._settings.rate_limit
        settings = {name: getattr(self._settings, name) for name in KEPT_SETTINGS}
        return shown(
            {
                "format": FORMAT,
                "version": __version__,
                "settings": {**settings, "rate_limit": str(rate) if rate is not None else None},
                "scenarios": [scenario_view(rule) for rule in self._state.registry.from_files],
                "complete": self._complete(tenants),
                "tenants": [{"tenant": tenant.label, "began_at": tenant.began_at} for tenant in tenants],
                "events": [event for _, event in events],
                "callbacks": [
                    callback_event(tenant, delivery)
                    for tenant, _, delivery in await self._state.deliveries(key_of(call))
                    if delivery.attempts
                ],
            }
        )

    def _complete(self, tenants: list[Tenant]) -> bool:
        """Whether all is there that it takes to play it again."""
        reread = self._files is not None and self._files.loads > 1
        return not reread and all(len(tenant.journal) == tenant.journal.calls for tenant in tenants)


def call_event(tenant: Tenant, exchange: Exchange) -> dict[str, Any]:
    """One call of the API."""
    view = exchange.shown(tenant.label)
    headers = {name: value for name, value in view["headers"].items() if name in KEPT_HEADERS}
    return {
        "kind": "call",
        "tenant": tenant.label,
        "arrived_at": exchange.arrived_at,
        "at": exchange.at,
        "method": view["method"],
        "path": view["path"],
        "headers": headers,
        "body": view["body"],
        "whole": exchange.size <= len(exchange.body) and _is_text(exchange.body),
        "status": view["status"],
        "answer": view["answer"],
        "task": view["task"],
        "fault": view["fault"],
        "retry_after": view["retry_after"],
        "hung_up": exchange.status == 0 and HUNG_UP in (exchange.fault or ""),
    }


def _is_text(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def control_event(control_action: ControlAction, label: str | None) -> dict[str, Any]:
    """One control call that changed something."""
    return {
        "kind": "control",
        "tenant": label,
        "at": control_action.at,
        "method": control_action.method,
        "path": control_action.path,
        "body": _without_keys(control_action.body),
    }


#: The names of the API keys that a rule is for, and what is said of them in a text, to the end of its line.
_KEY_NAMES = frozenset({"tenant", "world"})
_KEYS_IN_TEXT = re.compile(r"((?:tenant|world)[\"']?[ \t]*:)[^\n]*(\n[ \t]*-[^\n:]*(?=\n|$))*")


def _without_keys(body: Any, *, under: bool = False) -> Any:
    """A control call's body with the API keys in its rules masked; patterns stay, for they are no keys."""
    if isinstance(body, dict):
        return {name: _without_keys(value, under=name in _KEY_NAMES) for name, value in body.items()}
    if isinstance(body, list):
        return [_without_keys(value, under=under) for value in body]
    if not isinstance(body, str):
        return body
    if under:
        return body if {"*", "?"} & set(body) else masked(body)
    return _KEYS_IN_TEXT.sub(r"\1 …", body) if "\n" in body or ":" in body else body


def callback_event(tenant: Tenant, delivery: Delivery) -> dict[str, Any]:
    """One callback and what came of each attempt."""
    attempts = [
        {"at": one.at, "status": one.status, "error": one.error, "fault": one.fault, "next_at": one.next_at}
        for one in delivery.attempts
    ]
    return {
        "tenant": tenant.label,
        "id": delivery.id,
        "number": delivery.number,
        "signed": any("webhook-signature" in one.headers for one in delivery.attempts),
        "task": delivery.task_id,
        "status": delivery.status,
        "occurred_at": delivery.occurred_at,
        "state": delivery.state,
        "attempts": attempts,
    }
