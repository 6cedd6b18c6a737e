"""The server's own receivers of callbacks: ``/_mock/inbox/{name}`` and its messages (wire#7).

``timeout`` is in real seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mock_server.core.errors import GatewayError, Trouble
from mock_server.core.json_bounds import json_or_text
from mock_server.core.redaction import safe_headers
from mock_server.platform.courier import MARK
from mock_server.platform.inbox import InboxMessage
from mock_server.platform.tenant import Tenant
from mock_server.web.control.bodies import MAX_BODY, key_of, number, query_of, safe, shown
from mock_server.web.control.guard import Guard
from mock_server.web.control.state import ControlledState
from mock_server.web.messages import Answer, Call, bearer, json_answer

INBOX = "/_mock/inbox/"
MESSAGES = "/messages"
MAX_TIMEOUT = 300.0


class Receiver:
    """Accepts messages from any sender; shows them to clients that may use the control API."""

    def __init__(self, state: ControlledState, guard: Guard) -> None:
        self._state = state
        self._guard = guard

    async def inbox(self, call: Call) -> Answer:
        """Receive a message, or list those received."""
        name = call.param("rest")
        if name.endswith(MESSAGES) and call.method in {"GET", "HEAD"}:
            self._guard.check(call)
            return await self._messages(call, name[: -len(MESSAGES)])
        content = await call.body(MAX_BODY)
        tenant = self._tenant(call, json_or_text(content) if b'"id"' in content else None)
        if tenant is None and call.header(MARK.encode()) == self._state.courier.mark.encode():
            raise GatewayError(Trouble.GONE, "this callback is about a task that a reset removed")
        asked = call.scope["query_string"].decode("latin-1")
        inbox = self._state.inboxes.open(name)
        owner = tenant.key if tenant is not None else None
        status = _status(call, (message.query == asked and message.tenant == owner for message in inbox.messages))
        message = InboxMessage(
            number=inbox.next_number(owner),
            received_at=(tenant.clock if tenant is not None else self._state.clock).now(),
            method=call.method,
            query=asked,
            headers=safe_headers((name, value) for name, value in call.scope["headers"] if name != MARK.encode()),
            content=content,
            answered=status,
            tenant=owner,
        )
        self._state.inboxes.put(name, message)
        return json_answer({"received": message.number}, status)

    async def _messages(self, call: Call, name: str) -> Answer:
        query, key = query_of(call, "wait_for", "timeout"), key_of(call, "wait_for", "timeout")
        wanted = int(number(query, "wait_for", 0))
        timeout = number(query, "timeout", 10, most=MAX_TIMEOUT)
        inbox = self._state.inboxes.open(name)
        complete = await inbox.wait_for(wanted, timeout, key)
        messages = [self._view(message) for message in inbox.seen_by(key)]
        found = {"inbox": name, "count": len(messages), "messages": messages}
        if not complete:
            message = f"{len(messages)} of {wanted} messages arrived in inbox {name!r} within {timeout:g} s"
            raise GatewayError(Trouble.TIMED_OUT, message, detail=safe(found))
        return shown(found)

    def _view(self, message: InboxMessage) -> dict[str, Any]:
        """A message as it is shown: with its body, and without the key of its tenant."""
        label = self._state.service.tenant(message.tenant).label if message.tenant is not None else None
        return {
            "number": message.number,
            "received_at": message.received_at,
            "method": message.method,
            "query": message.query,
            "headers": message.headers,
            "body": message.body,
            "answered": message.answered,
            "tenant": label,
        }

    def _tenant(self, call: Call, body: Any) -> Tenant | None:
        """The tenant a message belongs to: that of the callback it is, or of the task it reports, or of the key it
        carries.
        """
        if call.header(MARK.encode()) == self._state.courier.mark.encode():
            carried = (call.header(b"webhook-id") or b"").decode("latin-1")
            return self._state.service.tenants.get(self._state.courier.under_way.get(carried, ""))
        task_id = body.get("id") if isinstance(body, dict) else None
        tenant = self._state.service.tenant_of(task_id) if isinstance(task_id, str) else None
        return tenant or self._state.service.tenants.get(bearer(call) or query_of(call).get("key", ""))


def _status(call: Call, alike: Iterable[bool]) -> int:
    """What to answer: ``status``, but 200 once as many as ``times`` were ``alike``. Raises GatewayError."""
    query = query_of(call)
    status = int(number(query, "status", 200, least=200, most=599))
    if status in {204, 205, 304}:
        raise GatewayError(Trouble.MALFORMED, f"status {status} has no body, and an inbox answers with one")
    return status if "times" not in query or sum(alike) < number(query, "times", 0) else 200
