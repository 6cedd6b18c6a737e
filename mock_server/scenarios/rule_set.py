"""Rules in their order, made ready to be tried: found by model and by external id, and tried without making texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mock_server.scenarios.faults.base import Op, like
from mock_server.scenarios.paths import parse_path, values_at

if TYPE_CHECKING:
    from mock_server.scenarios.model import Match, Scenario

Test = Callable[["RequestFacts"], bool]


@dataclass(frozen=True)
class RequestFacts:
    """What a scenario is matched with: whose call it is, and for a submit its model and bare parameters."""

    tenant: str
    model: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def prompts(self) -> list[str]:
        """All prompts there are."""
        found = [self.params.get("prompt"), *values_at(self.params, ("multi_prompt", None, "prompt"))]
        return [text for text in found if isinstance(text, str)]

    @cached_property
    def folded_prompts(self) -> list[str]:
        """The prompts, to be compared whatever their case."""
        return [text.casefold() for text in self.prompts]

    @property
    def external_id(self) -> str | None:
        """The external id, where it is a text."""
        found = self.params.get("external_task_id")
        return found if isinstance(found, str) else None


class Rule:
    """A scenario with a match, and whether it is for a submit."""

    __slots__ = ("_tests", "match", "scenario")

    def __init__(self, scenario: Scenario, match: Match) -> None:
        self.scenario = scenario
        self.match = match
        self._tests = tuple(_tests(match))

    def is_for(self, facts: RequestFacts) -> bool:
        """Whether all that it asks for is true, whatever it counts."""
        return all(test(facts) for test in self._tests)


def _tests(match: Match) -> Iterable[Test]:
    for patterns, value_of in (
        (match.model, lambda facts: facts.model),
        (match.external_task_id, lambda facts: facts.external_id),
        (match.tenant, lambda facts: facts.tenant),
    ):
        if patterns:
            yield _like_one(patterns, value_of)
    if match.prompt:
        yield _has_one([wanted.casefold() for wanted in match.prompt])
    for written, condition in match.params.items():
        yield _leads_to(parse_path(written), condition.holds)


def _like_one(patterns: Sequence[str], value_of: Callable[[RequestFacts], str | None]) -> Test:
    if all(map(_is_plain, patterns)):
        texts = frozenset(patterns)
        return lambda facts: value_of(facts) in texts

    def test(facts: RequestFacts) -> bool:
        value = value_of(facts)
        return value is not None and any(like(value, pattern) for pattern in patterns)

    return test


def _has_one(wanted: Sequence[str]) -> Test:
    return lambda facts: any(one in text for text in facts.folded_prompts for one in wanted)


def _leads_to(path: Sequence[str | int | None], holds: Callable[[Sequence[Any]], bool]) -> Test:
    return lambda facts: holds(list(values_at(facts.params, path)))


def _is_plain(pattern: str) -> bool:
    return "*" not in pattern and "?" not in pattern


class _Index:
    """Rules by what they name: an external id, else a model, else nothing."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_id: dict[str, list[int]] = {}
        self._by_model: dict[str, list[int]] = {}
        self._others: list[int] = []
        self._rules = tuple(rules)
        for place, rule in enumerate(self._rules):
            ids, models = rule.match.external_task_id, rule.match.model
            if ids and all(map(_is_plain, ids)):
                _put(self._by_id, ids, place)
            elif models and all(map(_is_plain, models)):
                _put(self._by_model, models, place)
            else:
                self._others.append(place)

    def for_facts(self, facts: RequestFacts) -> list[Rule]:
        """The rules that are for these facts, in order."""
        found = [
            *self._by_id.get(facts.external_id or "", ()),
            *self._by_model.get(facts.model or "", ()),
            *self._others,
        ]
        found.sort()
        return [self._rules[place] for place in found if self._rules[place].is_for(facts)]


def _put(index: dict[str, list[int]], names: Iterable[str], place: int) -> None:
    for name in dict.fromkeys(names):
        index.setdefault(name, []).append(place)


class RuleSet:
    """The rules that a tenant's calls are tried with, in order."""

    def __init__(self, scenarios: Iterable[Scenario]) -> None:
        self.rules = tuple(Rule(one, one.match) for one in scenarios if one.match is not None)
        self._for_submits = _Index(self.rules)
        self._for_calls: dict[Op, _Index] = {}

    def for_submit(self, facts: RequestFacts) -> list[Rule]:
        """The rules that are for a submit, in order; those that count are not counted here."""
        return self._for_submits.for_facts(facts)

    def for_call(self, op: Op, facts: RequestFacts) -> list[Scenario]:
        """The scenarios of faults alone that hit a call of this kind, in order."""
        index = self._for_calls.get(op)
        if index is None:
            index = self._for_calls[op] = _Index(rule for rule in self.rules if _hits(rule, op))
        return [rule.scenario for rule in index.for_facts(facts)]


def _hits(rule: Rule, op: Op) -> bool:
    scenario = rule.scenario
    return scenario.only_faults and not rule.match.counts and any(fault.hits(op) for _, fault in scenario.call_faults)
