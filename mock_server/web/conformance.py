"""``GET /_mock/conformance``: what clients did so far, judged by the rules that their calls alone can show (wire#7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_server.errors import GatewayError, Trouble, UsageError
from mock_server.service import Service
from mock_server.web.http import Answer, Call
from mock_server.web.state import ControlledState
from mock_server.web.talk import key_of, query_of, shown
from mock_server.world import World

if TYPE_CHECKING:
    from mock_server.conduct.properties import Thresholds, Verdict


async def verdicts_of(service: Service, worlds: list[World], limits: Thresholds) -> dict[str, Verdict]:
    """A verdict on the client of each world; calls without a good key are a world of their own."""
    from mock_server.conduct.sources import of_journal
    from mock_server.conduct.wire import Observer

    observer = Observer(service.judges, limits)
    found = {}
    for world in worlds:
        deliveries = [one for task in await world.store.tasks() for one in await world.store.deliveries(task.id)]
        found[world.label] = observer.judge(of_journal(world.journal, deliveries))
    if len(service.strangers) and len(worlds) == len(service.worlds):
        found["without a key"] = observer.judge(of_journal(service.strangers, ()))
    return found


class Conformance:
    """The handler."""

    def __init__(self, state: ControlledState) -> None:
        self._state = state

    async def show(self, call: Call) -> Answer:
        """Each property: wrong, held, or not exercised."""
        from mock_server.conduct.properties import PROFILES, thresholds
        from mock_server.conduct.report import as_json

        query, key = query_of(call, "profile"), key_of(call, "profile")
        try:
            limits = thresholds(query.get("profile", "default"))
        except UsageError:
            told = f"profile is one of {', '.join(PROFILES)}, not {query['profile'][:40]!r}"
            raise GatewayError(Trouble.MALFORMED, told) from None
        return shown(as_json(await verdicts_of(self._state.service, self._state.known(key), limits)))
