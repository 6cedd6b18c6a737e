"""Which tasks ``GET /_mock/tasks`` shows, and which page of them.

Moments are Unix seconds by the clock of the tenant.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mock_server.core.errors import GatewayError, Trouble
from mock_server.core.queue_words import request_id
from mock_server.lifecycle.timeline import Status
from mock_server.platform.task import Task
from mock_server.platform.tenant import Tenant
from mock_server.web.control.bodies import number

#: The tasks of a page where ``limit`` does not say, and at most.
USUAL, MOST = 1_000, 10_000
#: So many tasks are looked at before other calls go on.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """What is asked of the tasks to show; None asks nothing. ``text`` is contained in an id or a prompt, in upper or
    lower case; ``cursor`` is the id of the last task of the page before.
    """

    NAMES: ClassVar[tuple[str, ...]] = ("status", "model", "text", "since", "until", "limit", "cursor")
    status: str | None = None
    model: str | None = None
    text: str | None = None
    since: float = 0.0
    until: float = float("inf")
    limit: int = USUAL
    cursor: str | None = None

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> TaskFilter:
        """The filter that a query says. Raises GatewayError."""
        status = query.get("status")
        if status is not None and status not in set(Status):
            message = f"status is one of {', '.join(Status)}, not {status[:40]!r}"
            raise GatewayError(Trouble.MALFORMED, message)
        given = dict(query)
        return cls(
            status,
            query.get("model"),
            query["text"].casefold() if "text" in query else None,
            number(given, "since", 0.0, most=1e12),
            number(given, "until", float("inf"), most=1e12),
            int(number(given, "limit", USUAL, least=1, most=MOST)),
            query.get("cursor"),
        )

    async def page(self, tenants: Iterable[Tenant]) -> tuple[list[tuple[Tenant, Task]], str | None]:
        """The tasks of the page, and the cursor of the next one if there is one. Raises GatewayError for a cursor that
        names no task.
        """
        found: list[tuple[Tenant, Task]] = []
        begun = self.cursor is None
        async for tenant, task in _all(tenants):
            if begun and self._passes(tenant, task):
                if len(found) == self.limit:
                    return found, found[-1][1].id
                found.append((tenant, task))
            begun = begun or task.id == self.cursor
        if not begun:
            raise GatewayError(Trouble.MALFORMED, f"cursor names no task: {str(self.cursor)[:60]!r}")
        return found, None

    def _passes(self, tenant: Tenant, task: Task) -> bool:
        if self.model not in {None, task.model} or not self.since <= task.created_at <= self.until:
            return False
        if self.status is not None and task.at(tenant.clock.now()).status != self.status:
            return False
        return self.text is None or any(self.text in one.casefold() for one in _texts(task))


def _texts(task: Task) -> Iterable[str]:
    """The texts of a task that a person may look for."""
    yield request_id(task.id)
    for found in (task.external_id, task.params.get("prompt"), task.params.get("negative_prompt")):
        if isinstance(found, str):
            yield found


async def _all(tenants: Iterable[Tenant]) -> AsyncIterator[tuple[Tenant, Task]]:
    """All tasks, with a pause now and then for other calls."""
    seen = 0
    for tenant in tenants:
        for task in await tenant.store.tasks():
            seen += 1
            if seen % AT_ONCE == 0:
                await asyncio.sleep(0)
            yield tenant, task
