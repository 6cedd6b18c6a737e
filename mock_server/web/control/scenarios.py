"""Scenarios over the control API: post, list and take back rules, and learn why a task got the one it has (wire#7)."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

from mock_server.core.errors import GatewayError, ScenarioMistake, Trouble
from mock_server.core.redaction import masked
from mock_server.scenarios.aliases import hint
from mock_server.scenarios.registry import ScenarioRegistry, library
from mock_server.web.control.bodies import MAX_BODY, NoBody, key_of, parsed, query_of, shown
from mock_server.web.control.state import ControlledState
from mock_server.web.error_answers import gateway_codes
from mock_server.web.messages import Answer, Call

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from mock_server.scenarios.files import ScenarioFiles
    from mock_server.scenarios.model import Scenario

SCENARIOS = "/_mock/scenarios"


@cache
def _adapter() -> TypeAdapter[Scenario]:
    from pydantic import TypeAdapter

    from mock_server.scenarios.model import Scenario

    return TypeAdapter(Scenario)


def scenario_view(scenario: Scenario) -> dict[str, Any]:
    """A scenario as a file would write it, but for API keys."""
    view: dict[str, Any] = _adapter().dump_python(scenario, mode="json", exclude_defaults=True)
    if "tenant" in view.get("match", {}):
        view["match"]["tenant"] = [one if {"*", "?"} & set(one) else masked(one) for one in view["match"]["tenant"]]
    for place, fault in enumerate(scenario.faults):
        view["faults"][place] = {"fault": fault.fault, **view["faults"][place]}
    return view


#: Texts of fewer characters are read at once; longer ones take a thread.
SHORT = 16 * 1024


class ScenarioEndpoints:
    """The handlers."""

    def __init__(self, state: ControlledState, registry: ScenarioRegistry, files: ScenarioFiles | None) -> None:
        self._state = state
        self._registry = registry
        self._files = files
        self._reading = asyncio.Lock()

    async def post(self, call: Call) -> Answer:
        """Put rules before those there are; in JSON or YAML."""
        from mock_server.scenarios.lint import warnings
        from mock_server.scenarios.reading import read_text

        content = await call.body(MAX_BODY)
        try:
            text = content.decode("utf-8")
            if len(text) < SHORT:
                scenarios = read_text(text, "the body")
            else:
                async with self._reading:  # one at a time, beside the calls that go on
                    scenarios = await asyncio.to_thread(read_text, text, "the body")
            self._state.post_scenarios(scenarios, key_of(call))
        except (ScenarioMistake, UnicodeDecodeError) as mistake:
            message = str(mistake) if isinstance(mistake, ScenarioMistake) else "the body is not text in UTF-8"
            raise GatewayError(Trouble.MALFORMED, message) from None
        found = list(warnings(scenarios, self._endpoints(), list(gateway_codes())))
        return shown({"scenarios": [scenario.name for scenario in scenarios], "warnings": found})

    async def listed(self, call: Call) -> Answer:
        """All rules in the order in which they are tried, what they have counted, and the names in the library."""
        key = key_of(call)
        scopes = self._registry.scopes if key is None else [key, None]
        counts = await self._faults_of_callbacks(key)
        rules = [
            self._rule(rule, "posted", scope, key, counts) for scope in scopes for rule in self._registry.posted(scope)
        ]
        rules += [self._rule(rule, "file", None, key, counts) for rule in self._registry.from_files]
        files = None
        if self._files is not None:
            files = {"path": str(self._files.path), "loads": self._files.loads, "mistake": self._files.mistake}
        named = [{"name": one.name, "story": one.story} for one in library().values()]
        return shown({"rules": rules, "files": files, "library": named})

    async def _faults_of_callbacks(self, key: str | None) -> Counter[tuple[str, str]]:
        """How often each fault happened to a callback, by the name of the scenario and its own."""
        return Counter(
            (task.scenario.name, name)
            for _, task, delivery in await self._state.deliveries(key)
            for attempt in delivery.attempts
            if task.scenario is not None and attempt.fault is not None
            for name in attempt.fault.split(", ")
        )

    def _rule(
        self, rule: Scenario, source: str, scope: str | None, key: str | None, counts: Counter[tuple[str, str]]
    ) -> dict[str, Any]:
        tenants = self._state.known(key)
        fired = {
            f"faults[{place}]": count
            for place, fault in enumerate(rule.faults)
            if (count := sum(one.counters.fired[rule.name, place] for one in tenants) + counts[rule.name, fault.fault])
        }
        return {
            **scenario_view(rule),
            "from": source,
            "tenant": masked(scope) if scope is not None else None,
            "matched": sum(tenant.counters.matched[rule.name] for tenant in tenants),
            "chosen": sum(tenant.counters.chosen[rule.name] for tenant in tenants),
            "fired": fired,
        }

    async def one(self, call: Call) -> Answer:
        """One scenario by its name, of the library too."""
        name, key = call.param("name"), key_of(call)
        known = self._registry.known(key)
        found = known.get(self._registry.names.current(name, known))
        if found is None:
            raise _unknown(name, list(known))
        return shown(scenario_view(found))

    async def remove(self, call: Call) -> Answer:
        """Take posted rules back: all of them, or the one that is named."""
        name, key = call.scope["path_params"].get("name"), key_of(call)
        posted = [rule.name for scope in self._registry.scopes for rule in self._registry.posted(scope)]
        current = self._registry.names.current(name, posted) if name is not None else None
        removed = self._state.remove_scenarios(key, current)
        if name is not None and not removed:
            raise _unknown(name, posted, "posted")
        return shown({"removed": removed})

    async def explain(self, call: Call) -> Answer:
        """Which rules were tried for a task, and why each was for it or not."""
        query, key = query_of(call, "task"), key_of(call, "task")
        if "task" not in query:
            raise GatewayError(Trouble.MALFORMED, "task is required: the id of a task, or its external id")
        tenant, task = await self._state.find(key, query["task"])
        choice = tenant.counters.explained(task.id)
        found = task.scenario
        return shown(
            {
                "task": task.id,
                "scenario": found.name if found is not None else None,
                "by": choice.by if choice is not None and found is not None else None,
                "tried": list(choice.tried) if choice is not None else [],
                "does": scenario_view(found) if found is not None else None,
            }
        )

    async def reload(self, call: Call) -> Answer:
        """Read the scenario files now."""
        await parsed(call, NoBody)
        if self._files is None:
            raise GatewayError(Trouble.CONFLICT, "this server was started without --scenarios")
        if self._files.being_written:
            raise GatewayError(Trouble.CONFLICT, f"what was read before stays: {self._files.path} is being written")
        try:
            count = self._files.load()
        except ScenarioMistake as mistake:
            raise GatewayError(Trouble.CONFLICT, f"what was read before stays: {mistake}") from None
        return shown({"scenarios": count, "loads": self._files.loads})

    async def schema(self, call: Call) -> Answer:
        """The JSON Schema of scenario files."""
        from mock_server.scenarios.reading import json_schema

        return shown(json_schema())

    def _endpoints(self) -> dict[str, Any]:
        return {model: judge.endpoint for model, judge in self._state.service.judges.items()}


def _unknown(name: str, known: list[str], kind: str = "known") -> GatewayError:
    near = hint(name, known) if known and name not in known else ""
    return GatewayError(Trouble.NOT_FOUND, f"no scenario {name[:100]!r} is {kind}{near}")
