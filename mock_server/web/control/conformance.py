"""``GET /_mock/conformance``: what clients did so far, judged by the rules that their calls alone can show (wire#7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_server.core.errors import GatewayError, Trouble, UsageError
from mock_server.core.renamed import with_new_keys
from mock_server.platform.service import Service
from mock_server.platform.tenant import Tenant
from mock_server.web.control.bodies import key_of, query_of, shown
from mock_server.web.control.state import ControlledState
from mock_server.web.messages import Answer, Call

if TYPE_CHECKING:
    from mock_server.conformance.properties import Thresholds, Verdict


async def verdicts_of(service: Service, tenants: list[Tenant], limits: Thresholds) -> dict[str, Verdict]:
    """A verdict on the client of each tenant; calls without a good key are a tenant of their own."""
    from mock_server.conformance.checks import Observer
    from mock_server.conformance.sources import of_journal

    observer = Observer(service.judges, limits)
    found = {}
    for tenant in tenants:
        deliveries = [one for task in await tenant.store.tasks() for one in await tenant.store.deliveries(task.id)]
        found[tenant.label] = observer.judge(of_journal(tenant.journal, deliveries))
    if len(service.unauthenticated) and len(tenants) == len(service.tenants):
        found["without a key"] = observer.judge(of_journal(service.unauthenticated, ()))
    return found


class Conformance:
    """The handler."""

    def __init__(self, state: ControlledState) -> None:
        self._state = state

    async def show(self, call: Call) -> Answer:
        """Each property: violated, satisfied, or not exercised."""
        from mock_server.conformance.properties import STRICTNESS, thresholds
        from mock_server.conformance.report import as_json

        query, key = query_of(call, "strictness", "profile"), key_of(call, "strictness", "profile")
        query = with_new_keys(query, {"profile": "strictness"}, "GET /_mock/conformance?")
        try:
            limits = thresholds(query.get("strictness", "default"))
        except UsageError:
            message = f"strictness is one of {', '.join(STRICTNESS)}, not {query['strictness'][:40]!r}"
            raise GatewayError(Trouble.MALFORMED, message) from None
        return shown(as_json(await verdicts_of(self._state.service, self._state.known(key), limits)))
