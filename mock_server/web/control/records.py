"""What the control API shows: tasks, callbacks, accounts and the journal, secrets masked (wire#7)."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import orjson

from mock_server.core.errors import GatewayError, Trouble
from mock_server.core.queue_words import request_id
from mock_server.platform.account import CURRENCY, money
from mock_server.platform.journal import Exchange
from mock_server.platform.task import Attempt, Delivery, DeliveryState, Task
from mock_server.platform.tenant import Tenant
from mock_server.web.control.bodies import key_of, number, query_of, shown
from mock_server.web.control.state import ControlledState
from mock_server.web.control.task_filter import TaskFilter
from mock_server.web.messages import Answer, Call

TASKS = "/_mock/tasks/"


class RecordViews:
    """The handlers that only show."""

    def __init__(self, state: ControlledState) -> None:
        self._state = state

    async def tasks(self, call: Call) -> Answer:
        """Tasks in full, in the order of their tenants and submits: a page of those that pass the filters."""
        wanted = TaskFilter.of(query_of(call, *TaskFilter.NAMES))
        tenants = self._state.known(key_of(call, *TaskFilter.NAMES))
        found, following = await wanted.page(tenants)
        views = [await task_view(self._state, tenant, task) for tenant, task in found]
        return shown({"tasks": views, "next": following})

    async def task(self, call: Call) -> Answer:
        """One task in full."""
        tenant, task = await self._state.find(key_of(call), call.param("rest"))
        return shown(await task_view(self._state, tenant, task))

    async def callbacks(self, call: Call) -> Answer:
        """Callbacks delivered and due, with every attempt; those of one ``task`` or in one ``state``."""
        query = query_of(call, "task", "state")
        state = query.get("state")
        if state is not None and state not in set(DeliveryState):
            message = f"state is one of {', '.join(DeliveryState)}, not {state[:40]!r}"
            raise GatewayError(Trouble.MALFORMED, message)
        found = [
            delivery_view(tenant, task, delivery)
            for tenant, task, delivery in await self._state.deliveries(key_of(call, "task", "state"))
            if query.get("task") in {None, task.id, request_id(task.id), task.external_id}
            and state in {None, delivery.state}
        ]
        return shown({"callbacks": found})

    async def callback(self, call: Call) -> Answer:
        """One callback."""
        tenant, task, delivery = await self._state.delivery(key_of(call), call.param("delivery"))
        return shown(delivery_view(tenant, task, delivery))

    async def accounts(self, call: Call) -> Answer:
        """What each tenant has left and has spent."""
        return shown({"accounts": [account_view(tenant) for tenant in self._state.known(key_of(call))]})

    async def requests(self, call: Call) -> Answer:
        """The journal: the latest calls that pass the filters, in order."""
        query = query_of(call, "path", "status", "task", "model", "method", "limit")
        limit = int(number(query, "limit", 100, least=1, most=1e6))
        status = query.get("status", "")
        if status and re.fullmatch(r"[1-5]([0-9]{2}|xx)", status) is None:
            raise GatewayError(Trouble.MALFORMED, f"status is a number such as 404, or 4xx, not {status[:40]!r}")
        key = key_of(call, *query)
        tenants = self._state.known(key)
        tasks = [await tenant.task(query["task"]) for tenant in tenants if "task" in query]
        wanted_ids = {task.id for task in tasks if task is not None}
        journals = [(tenant.label, tenant.journal) for tenant in tenants]
        unauthenticated = [(None, self._state.service.unauthenticated)] if key is None else []
        wanted = [
            (label, exchange)
            for label, journal in [*journals, *unauthenticated]
            for exchange in journal
            if _passes(exchange, query) and ("task" not in query or exchange.task_id in wanted_ids)
        ]
        wanted.sort(key=lambda one: one[1].order)
        found = [exchange.shown(label) for label, exchange in wanted[-limit:]]
        return shown({"total": len(wanted), "requests": found})


def _passes(exchange: Exchange, query: dict[str, str]) -> bool:
    status, path = query.get("status"), query.get("path")
    if status is not None and not fnmatchcase(str(exchange.status), status.replace("x", "?")):
        return False
    if path is not None and not (fnmatchcase(exchange.path, path) or exchange.path.startswith(path)):
        return False
    if query.get("method", exchange.method).upper() != exchange.method:
        return False
    return query.get("model") in {None, exchange.model}


async def task_view(state: ControlledState, tenant: Tenant, task: Task) -> dict[str, Any]:
    """A task in full."""
    now = tenant.clock.now()
    snapshot = task.at(now)
    deliveries = await tenant.store.deliveries(task.id)
    return {
        "id": task.id,
        "external_task_id": task.external_id,
        "tenant": tenant.label,
        "model": task.model,
        "status": snapshot.status,
        "progress": snapshot.progress,
        "paused": task.timeline.held,
        "scenario": task.scenario.name if task.scenario is not None else None,
        "created_at": task.created_at,
        "cost": task.cost,
        "request": task.params,
        "metadata": task.metadata,
        "plan": list(task.timeline.frames),
        "failure": task.timeline.failure,
        "transitions": [
            {"at": frame.at, "status": frame.status} for frame in task.timeline.transitions() if frame.at <= now
        ],
        "answer": state.service.answer(task, now, task.base_url),
        "deliveries": [delivery_view(tenant, task, delivery) for delivery in deliveries],
    }


def delivery_view(tenant: Tenant, task: Task, delivery: Delivery) -> dict[str, Any]:
    """A callback in full: what it reports, where, and every attempt."""
    return {
        "id": delivery.id,
        "task": task.id,
        "tenant": tenant.label,
        "url": task.callback_url,
        "status": delivery.status,
        "state": delivery.state,
        "occurred_at": delivery.occurred_at,
        "due_at": delivery.due_at if delivery.state is DeliveryState.OWED else None,
        "body": orjson.loads(delivery.body) if delivery.body is not None else None,
        "attempts": [_attempt_shown(attempt) for attempt in delivery.attempts],
    }


def _attempt_shown(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": attempt.at,
        "elapsed": attempt.elapsed,
        "headers": attempt.headers,
        "signature": attempt.headers.get("webhook-signature"),
        "status": attempt.status,
        "answer": attempt.answer,
        "error": attempt.error,
        "fault": attempt.fault,
        "next_at": attempt.next_at,
    }


def account_view(tenant: Tenant) -> dict[str, Any]:
    """What a tenant has left and has spent; ``spent`` is what was charged and not refunded."""
    account = tenant.account
    account.settle(tenant.clock.now())
    return {
        "tenant": tenant.label,
        "balance": money(account.balance),
        "charged": money(account.charged),
        "refunded": money(account.refunded),
        "spent": money(account.spent),
        "currency": CURRENCY,
        "tasks": tenant.submitted,
        "running": account.running,
        "max_running": tenant.max_running,
    }
