"""Advice on scenarios that are well-formed and yet cannot do what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsonschema_rs

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.messages import nearest, shown
from mock_server.scenarios.aliases import aliases, renamed
from mock_server.scenarios.faults.base import like
from mock_server.scenarios.faults.kinds import CallFault
from mock_server.scenarios.model import Condition, Match, Scenario
from mock_server.scenarios.paths import Path, parse_path

#: Of more rules than that it is not looked whether one stands in the way of another.
MOST_COMPARED = 500


def warnings(
    scenarios: Sequence[Scenario], endpoints: Mapping[str, Endpoint], codes: Sequence[str] = ()
) -> Iterator[str]:
    """What is odd about rules, each line beginning with the name of one. ``codes`` are those of the gateway."""
    for place, scenario in enumerate(scenarios):
        named = f"{scenario.name}: "
        if not scenario.does_something and scenario.use is None:
            yield f"{named}it does nothing; give it task, faults or use"
        if scenario.use is not None and scenario.use in aliases():
            yield f"{named}use: {renamed(scenario.use)}"
        models = _models(scenario.match, endpoints)
        yield from (named + message for message in _about_match(scenario.match, models, endpoints))
        yield from (named + message for message in _about_codes(scenario, models, endpoints, codes))
        yield from (named + message for message in _about_faults(scenario))
        for earlier in scenarios[:place] if len(scenarios) <= MOST_COMPARED else ():
            if _covers(earlier.match, scenario.match, endpoints):
                yield f"{named}it never gets its turn: {earlier.name} stands before it and is for all of its tasks"
                break


def _models(match: Match | None, endpoints: Mapping[str, Endpoint]) -> list[str]:
    """The models whose tasks a rule may be for."""
    if match is None or not match.model:
        return list(endpoints)
    return [model for model in endpoints if any(like(model, pattern) for pattern in match.model)]


def _about_match(match: Match | None, models: Sequence[str], endpoints: Mapping[str, Endpoint]) -> Iterator[str]:
    if match is None:
        return
    for pattern in match.model:
        if not any(like(model, pattern) for model in endpoints):
            yield f"match.model: no model is called {pattern}{nearest(pattern, endpoints)}"
    for written, condition in match.params.items():
        path = parse_path(written)
        schemas = [found for model in models if (found := _schema_at(endpoints[model], path)) is not None]
        if models and not schemas and condition.present is not False:
            names = {name for model in models for name in endpoints[model].by_name}
            yield f"match.params: {written} is no parameter of {_those(models)}{nearest(str(path[0]), sorted(names))}"
        elif schemas and not any(_can_hold(condition, schema) for schema in schemas):
            yield f"match.params: {written} is never {condition} in a body that is accepted"


def _schema_at(endpoint: Endpoint, path: Path) -> dict[str, Any] | None:
    schema: Any = endpoint.params_schema
    for step in path:
        schema = schema.get("properties", {}).get(step) if isinstance(step, str) else schema.get("items")
        if schema is None:
            return None
    found: dict[str, Any] = schema
    return found


def _can_hold(condition: Condition, schema: dict[str, Any]) -> bool:
    if condition.one_of is None:
        return True
    alone = {key: value for key, value in schema.items() if key in _PLAIN}
    return any(jsonschema_rs.is_valid(alone, value) for value in condition.one_of)


_PLAIN = frozenset({"type", "enum", "const", "minimum", "maximum", "minLength", "maxLength"})


def _about_codes(
    scenario: Scenario, models: Sequence[str], endpoints: Mapping[str, Endpoint], gateway: Sequence[str]
) -> Iterator[str]:
    for name, code in (("fail", scenario.task.fail), ("refuse", scenario.task.refuse)):
        if code in {None, "own"} or (name == "refuse" and code in gateway):
            continue
        unknown = [model for model in models if not _knows(endpoints[model], code)]
        if models and len(unknown) == len(models):
            known = sorted({row.code for model in models for row in endpoints[model].errors.codes})
            yield f"task.{name}: {shown(code)} is not documented for {_those(models)}{nearest(code, known)}"


def _knows(endpoint: Endpoint, code: str) -> bool:
    """Whether a model documents a code; one that documents none may say anything."""
    table = endpoint.errors
    return not table.codes or code == table.other or any(row.code == code for row in table.codes)


def _about_faults(scenario: Scenario) -> Iterator[str]:
    for place, fault in enumerate(scenario.faults):
        if isinstance(fault, CallFault) and fault.chance == 0:
            yield f"faults[{place}]: with chance 0 it never happens"
    if scenario.task.refuse is not None and any(not _can_hit_refused(fault) for fault in scenario.faults):
        yield "faults: a task that is rejected at submit is never polled, called back about, or fetched"


def _can_hit_refused(fault: Any) -> bool:
    return isinstance(fault, CallFault) and fault.hits("submit")


def _covers(earlier: Match | None, later: Match | None, endpoints: Mapping[str, Endpoint]) -> bool:
    """Whether the earlier rule takes every task that the later one is for."""
    if earlier is None or later is None or earlier.counts:
        return False
    models = set(_models(later, endpoints))
    if not models or not models <= set(_models(earlier, endpoints)):
        return False
    pairs = ((earlier.external_task_id, later.external_task_id), (earlier.tenant, later.tenant))
    if any(wide and not (narrow and all(_is_within(one, wide) for one in narrow)) for wide, narrow in pairs):
        return False
    if earlier.prompt and not (
        later.prompt and all(any(w.casefold() in n.casefold() for w in earlier.prompt) for n in later.prompt)
    ):
        return False
    return all(name in later.params and _implies(later.params[name], wide) for name, wide in earlier.params.items())


def _is_within(narrow: str, patterns: Sequence[str]) -> bool:
    """Whether all that is like one pattern is like another, as far as can be told."""
    return any(narrow == wide or (like(narrow, wide) and not ("*" in narrow and "?" in wide)) for wide in patterns)


def _implies(narrow: Condition, wide: Condition) -> bool:
    """Whether what one condition is true of, the other is as well."""
    if narrow == wide:
        return True
    if wide.present is not None:
        return wide.present and narrow.present is None
    return narrow.one_of is not None and all(wide.holds([value]) for value in narrow.one_of)


def _those(models: Sequence[str]) -> str:
    return models[0] if len(models) == 1 else "any model it is for"
