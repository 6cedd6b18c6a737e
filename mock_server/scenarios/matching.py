"""Which scenario a submit gets, and why: the first that is for it, in a fixed order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mock_server.contract.messages import shown
from mock_server.core.errors import ScenarioMistake
from mock_server.scenarios.faults.base import Disturbance, Op, chances, like
from mock_server.scenarios.paths import parse_path, values_at
from mock_server.scenarios.rule_set import RequestFacts, Rule, RuleSet

if TYPE_CHECKING:
    from mock_server.scenarios.faults.kinds import CallFault
    from mock_server.scenarios.model import Match, Scenario

By = Literal["header", "marker", "rule"]

#: How a marker in a prompt or an external id begins.
MARK = "[[mock:"
#: For so many tasks of a tenant it is remembered which scenarios were tried.
MAX_EXPLAINED = 2_000


@dataclass(frozen=True, slots=True)
class Trial:
    """One scenario that was tried: whether it is for the submit, and why."""

    scenario: str
    matched: bool
    why: str


_NO_FACTS = RequestFacts("")


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The scenario of a task and how it came to it. ``rules`` were tried with ``facts``; ``counted`` has the number of
    the match for each rule that was for the submit and counts.
    """

    scenario: Scenario | None
    by: By
    rules: Sequence[Rule] = ()
    facts: RequestFacts = _NO_FACTS
    counted: Mapping[str, int] = field(default_factory=dict)

    @property
    def tried(self) -> list[Trial]:
        """The rules that were tried until one was chosen, in order."""
        found: list[Trial] = []
        for rule in self.rules:
            name, place = rule.scenario.name, self.counted.get(rule.scenario.name)
            if rule.scenario is self.scenario:
                return [*found, Trial(name, True, f"all it asks for is true (match {place})")]
            why = mismatch(rule.match, self.facts)
            if why is None:
                why = f"all it asks for is true, but this is match {place}, and it is for {_counted(rule.match)}"
            found.append(Trial(name, False, why))
        return found


class Counters:
    """What is counted in one tenant: matches of each scenario, calls that each fault is for, and faults that fired."""

    def __init__(self) -> None:
        self.matched: Counter[str] = Counter()
        self.chosen: Counter[str] = Counter()
        self.fired: Counter[tuple[str, int]] = Counter()
        self._aimed: Counter[tuple[str, int, str]] = Counter()
        self._happened: Counter[tuple[str, int, str]] = Counter()
        self._explained: dict[str, MatchResult] = {}

    def explain(self, task_id: str, choice: MatchResult) -> None:
        """Remember how a task came to its scenario."""
        self._explained[task_id] = choice
        if len(self._explained) > MAX_EXPLAINED:
            del self._explained[next(iter(self._explained))]

    def explained(self, task_id: str) -> MatchResult | None:
        """How a task came to its scenario, if there was any to try."""
        return self._explained.get(task_id)

    def firing(
        self, scenario: Scenario, op: Op, about: str, since_end: float | None, *seed: object
    ) -> list[tuple[CallFault, Disturbance]]:
        """The faults that happen to the next call of a kind about a task, and what each does. Of those that decide what
        is answered only the first happens.
        """
        found: list[tuple[CallFault, Disturbance]] = []
        for place, fault in scenario.call_faults:
            if not fault.hits(op):
                continue
            key = (scenario.name, place, about)
            self._aimed[key] += 1
            source = chances(*seed, scenario.name, place, about, self._aimed[key])
            free = fault.takes_time or all(one.takes_time for one, _ in found)
            fires = free and fault.fires(self._aimed[key], self._happened[key], source)
            done = fault.disturbance(source, since_end) if fires else None
            if done is not None:
                self._happened[key] += 1
                self.fired[scenario.name, place] += 1
                found.append((fault, done))
        return found

    def forget(self, names: Collection[str]) -> None:
        """Count these scenarios from the start again: they are others now, or gone."""
        for name in names:
            self.matched.pop(name, None)
            self.chosen.pop(name, None)
        for counter in (self.fired, self._aimed, self._happened):
            for key in [key for key in counter if key[0] in names]:
                del counter[key]


def choose(rules: RuleSet, facts: RequestFacts, counters: Counters) -> MatchResult:
    """The first of the rules that is for a submit. Counts it for all that speak of it."""
    chosen: Scenario | None = None
    counted: dict[str, int] = {}
    for rule in rules.for_submit(facts):
        if chosen is not None and not rule.match.counts:
            continue
        name = rule.scenario.name
        counters.matched[name] += 1
        counted[name] = counters.matched[name]
        if chosen is None and rule.match.takes(counted[name]):
            chosen = rule.scenario
            counters.chosen[name] += 1
    return MatchResult(chosen, "rule", rules.rules, facts, counted)


def count(rules: RuleSet, facts: RequestFacts, counters: Counters) -> None:
    """Count a submit that got its scenario otherwise for the rules that speak of it."""
    for rule in rules.for_submit(facts):
        if rule.match.counts:
            counters.matched[rule.scenario.name] += 1


def mismatch(match: Match, facts: RequestFacts) -> str | None:
    """Why a rule is not for a submit, whatever it counts; None when it is."""
    params = facts.params
    looked = (
        ("model", match.model, [] if facts.model is None else [facts.model]),
        ("external_task_id", match.external_task_id, [params.get("external_task_id")]),
        ("tenant", match.tenant, [facts.tenant]),
    )
    for name, patterns, found in looked:
        texts = [text for text in found if isinstance(text, str)]
        if patterns and not any(like(text, pattern) for text in texts for pattern in patterns):
            actual = "another" if name == "tenant" else shown(texts[0]) if texts else "not there"
            return f"{name} is {actual}, not {' or '.join(patterns)}"
    prompts = [text.casefold() for text in facts.prompts]
    if match.prompt and not any(wanted.casefold() in text for text in prompts for wanted in match.prompt):
        return f"the prompt is without {' or '.join(map(repr, match.prompt))}"
    for written, condition in match.params.items():
        values = list(values_at(params, parse_path(written)))
        if not condition.holds(values):
            actual = " and ".join(map(shown, values[:3])) if values else "not there"
            return f"{written} is {actual}, not {condition}"
    return None


def _counted(match: Match) -> str:
    if match.nth is not None:
        return f"match {match.nth}"
    most = 1 if match.once else match.times
    parts = [f"every {match.every}."] if match.every is not None else []
    parts += [f"the first {most} of them"] if most is not None else []
    return ", ".join(parts)


def marker_in(*texts: object) -> str | None:
    """What the first marker in any of these says. Raises ScenarioMistake for one that is not closed."""
    for text in texts:
        if isinstance(text, str) and MARK in text:
            words, closed, _ = text.partition(MARK)[2].partition("]]")
            if not closed:
                raise ScenarioMistake(f"the marker {MARK}... is not closed; it ends with ]]")
            return words.strip()[:2000]
    return None
