"""A case: one thing to try, its spec reference, and what it covers; and what a run found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mock_server.verify.server.exchange import Exchange
from mock_server.verify.server.target import Target

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: a sentence, the exchange that shows it, and the path of the field that it is about, if one is."""

    says: str
    shown_by: Exchange | None = None
    field: str = ""


Tried = Callable[[Target], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to try. ``id`` finds it again; ``covers`` are the facts of the contract that it exercises;
    ``spec_reference`` is the sentence behind it with its source; ``cost`` in USD and ``calls`` are upper bounds.

    A case that ``follows`` a task over time runs beside others where the clock cannot be moved; one that has to be
    ``alone`` runs first, while no other task of this run exists. One that comes ``after`` the others looks at what one
    of them has recorded, and waits for that; cases ``of`` one task make its ``calls`` and pay its ``cost`` once. Of a
    case that tells ``every`` problem all are kept, of others the first, since the others mostly follow from it. One
    that is ``apart`` has a user of its own, where there is a second key, and runs beside all others.
    """

    id: str
    property: str
    model: str
    covers: tuple[str, ...]
    spec_reference: str
    calls: int
    cost: float
    tried: Tried
    follows: bool = False
    alone: bool = False
    every: bool = False
    after: bool = False
    of: str = ""
    apart: bool = False

    def makes_tasks(self) -> bool:
        """Whether a right server makes a task of it, and bills it."""
        return self.cost > 0 or self.id.startswith("stock/")


@dataclass(frozen=True, slots=True)
class Finding:
    """A case that went wrong. ``accepted`` is the reason for which the user accepts it."""

    case: Case
    problem: Problem
    accepted: str | None = None


@dataclass
class Result:
    """What a run found, exercised, and could not do. ``covered`` counts how often each fact was exercised; ``halves``
    are facts with the property by which: a bound has an accepted side and a refused one. ``needs`` says in a word what
    cases that were not exercised need; ``stopped`` says why a run ended early.
    """

    seed: int
    target: str
    findings: list[Finding] = field(default_factory=list)
    covered: dict[str, int] = field(default_factory=dict)
    exercised: dict[tuple[str, str], int] = field(default_factory=dict)
    not_exercised: list[tuple[Case, str]] = field(default_factory=list)
    not_tried: list[Case] = field(default_factory=list)
    halves: set[tuple[str, str]] = field(default_factory=set)
    needs: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    #: What the user says the target does not have; kinds of check that need it are left out knowingly.
    without: frozenset[str] = frozenset()
    calls: int = 0
    elapsed: float = 0.0

    @property
    def clean(self) -> bool:
        """Nothing found, and not for want of trying."""
        return not self.findings and self.cases > 0 and self.complete

    @property
    def complete(self) -> bool:
        """Every case was tried, and every kind of check exercised."""
        return not self.not_tried and not self.stopped and not self.kinds_left

    @property
    def kinds_left(self) -> list[str]:
        """The kinds of check of which no case could be exercised, but for those that are left out knowingly."""
        done = {name for _, name in self.exercised}
        left = [case for case, _ in self.not_exercised if self.needs.get(case.id, "") not in self.without]
        return list(dict.fromkeys(case.property for case in left if case.property not in done))

    @property
    def cases(self) -> int:
        """How many cases were tried."""
        return sum(count for (model, _), count in self.exercised.items() if model != "all")
