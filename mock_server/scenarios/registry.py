"""The scenarios of one server: rules that were posted, rules from files, and the library that ships with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING

from mock_server.core.errors import ScenarioMistake
from mock_server.core.resources import resource
from mock_server.scenarios.aliases import AliasResolver, hint
from mock_server.scenarios.rule_set import RuleSet

if TYPE_CHECKING:
    from mock_server.scenarios.model import Scenario


@cache
def library() -> dict[str, Scenario]:
    """The scenarios that ship with the package, by name."""
    from mock_server.scenarios.reading import read_text

    found: dict[str, Scenario] = {}
    for path in sorted(resource("fixtures", "scenarios").glob("*.yaml")):
        for scenario in read_text(path.read_text("utf-8"), path.name):
            if scenario.name in found:
                raise ScenarioMistake(f"{path.name}: the name {scenario.name} is taken in another file")
            found[scenario.name] = scenario
    return found


#: The groups of the library in their order: the part before the slash, and what goes wrong there.
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "submit": "the call that creates a task is rejected, or its response is lost",
        "task": "how a task runs and ends",
        "poll": "calls that ask for the status of a task go wrong",
        "callback": "callbacks are lost, late, repeated, or not genuine",
        "media": "the download of a video goes wrong",
        "queue": "what a client of the queue protocol can misread",
    }
)


def grouped() -> dict[str, list[Scenario]]:
    """The library by groups, in their order."""
    found: dict[str, list[Scenario]] = {group: [] for group in GROUPS}
    for scenario in library().values():
        found.setdefault(scenario.name.partition("/")[0], []).append(scenario)
    return found


class ScenarioRegistry:
    """Rules in their order: those posted for one tenant, those for all, those from files; of posted ones the latest
    comes first. Earlier names of the library are resolved with ``names``.
    """

    def __init__(self, names: AliasResolver | None = None) -> None:
        self.names = names if names is not None else AliasResolver()
        self._posted: dict[str | None, list[Scenario]] = {}
        self._from_files: list[Scenario] = []
        #: Rules made ready to be tried, by scope; those of tenants without rules of their own are those for all.
        self._rule_sets: dict[str | None, RuleSet] = {}
        self.empty = True

    def rules(self, key: str) -> RuleSet:
        """The rules that a tenant's calls are tried with, in order."""
        scope = key if key in self._posted else None
        found = self._rule_sets.get(scope)
        if found is None:
            own = self._posted.get(scope, ()) if scope is not None else ()
            found = RuleSet(chain(own, self._posted.get(None, ()), self._from_files))
            self._rule_sets[scope] = found
        return found

    def posted(self, key: str | None) -> list[Scenario]:
        """What was posted for one tenant, or for all."""
        return list(self._posted.get(key, ()))

    @property
    def scopes(self) -> list[str | None]:
        """The tenants that something was posted for, and None when something was for all."""
        return sorted(self._posted, key=lambda key: (key is None, key or ""))

    @property
    def from_files(self) -> list[Scenario]:
        """What the files said when they were last right."""
        return list(self._from_files)

    def named(self, name: str, key: str | None) -> Scenario:
        """The scenario of this name that a tenant knows. Raises ScenarioMistake."""
        known = self.known(key)
        found = known.get(self.names.current(name, known))
        if found is None:
            raise ScenarioMistake(f"there is no scenario {name[:100]!r}{hint(name, known)}")
        return found

    def known(self, key: str | None) -> dict[str, Scenario]:
        """All scenarios that a tenant can call by name."""
        mine = self._posted.get(key, ()) if key is not None else ()
        own = chain(self._from_files[::-1], self._posted.get(None, ())[::-1], mine[::-1])
        return {**library(), **{scenario.name: scenario for scenario in own}}

    def resolved(
        self, scenario: Scenario, key: str | None, beside: Mapping[str, Scenario] = MappingProxyType({})
    ) -> Scenario:
        """A scenario with what it ``use``-s filled in, which may be one ``beside`` it. Raises ScenarioMistake."""
        seen = [scenario.name]
        used = scenario
        while used.use is not None:
            used = self._own_name(used) or beside.get(used.use) or self.named(used.use, key)
            if used.name in seen[1:]:
                raise ScenarioMistake(f"scenario {scenario.name} uses itself: {' > '.join([*seen, used.name])}")
            seen.append(used.name)
        return scenario if used is scenario else replace(scenario, use=None, task=used.task, faults=used.faults)

    def _own_name(self, scenario: Scenario) -> Scenario | None:
        """The scenario of the library that a rule of the same name, or of its earlier name, uses."""
        return library().get(self.names.current(scenario.name)) if scenario.use == scenario.name else None

    def post(self, scenarios: Sequence[Scenario], key: str | None) -> None:
        """Put rules before those posted earlier; one of the same name is replaced. Raises ScenarioMistake."""
        beside = {scenario.name: scenario for scenario in scenarios}
        resolved = [self.resolved(one, key, beside) for one in scenarios]
        self._posted[key] = [*resolved, *(one for one in self._posted.get(key, []) if one.name not in beside)]
        self._look()

    def replace_files(self, scenarios: Sequence[Scenario]) -> None:
        """Let these be what the files say. Raises ScenarioMistake, and then nothing has changed."""
        beside = {scenario.name: scenario for scenario in scenarios}
        self._from_files = [self.resolved(one, None, beside) for one in scenarios]
        self._look()

    def remove(self, key: str | None, name: str | None = None) -> int:
        """Take posted rules of one tenant, or of all, out: the one of this name, or each; how many there were."""
        scopes = list(self._posted) if key is None else [key]
        removed = 0
        for scope in scopes:
            before = self._posted.get(scope, [])
            kept = [one for one in before if name is not None and one.name != name]
            removed += len(before) - len(kept)
            self._posted[scope] = kept
        self._look()
        return removed

    def _look(self) -> None:
        self._posted = {scope: rules for scope, rules in self._posted.items() if rules}
        self._rule_sets.clear()
        self.empty = not self._posted and not self._from_files
