"""A case: one thing to try, its spec reference, and what it covers; and what a run found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mock_server.verify.server.target import Exchange, Target

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: a sentence, and the exchange that shows it."""

    says: str
    shown_by: Exchange | None = None


Tried = Callable[[Target], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to try. ``id`` finds it again; ``covers`` are the facts of the contract that it exercises;
    ``spec_reference`` is the sentence behind it with its source; ``cost`` in USD and ``calls`` are estimates.
    """

    id: str
    property: str
    model: str
    covers: tuple[str, ...]
    spec_reference: str
    calls: int
    cost: float
    tried: Tried


@dataclass(frozen=True, slots=True)
class Finding:
    """A case that went wrong."""

    case: Case
    problem: Problem


@dataclass
class Result:
    """What a run found, exercised, and could not do. ``covered`` counts how often each fact was exercised."""

    seed: int
    target: str
    findings: list[Finding] = field(default_factory=list)
    covered: dict[str, int] = field(default_factory=dict)
    exercised: dict[tuple[str, str], int] = field(default_factory=dict)
    not_exercised: list[tuple[Case, str]] = field(default_factory=list)
    not_tried: list[Case] = field(default_factory=list)
    calls: int = 0
    elapsed: float = 0.0

    @property
    def clean(self) -> bool:
        """Nothing found, and not for want of trying."""
        return not self.findings and self.cases > 0

    @property
    def cases(self) -> int:
        """How many cases were tried."""
        return sum(count for (model, _), count in self.exercised.items() if model != "all")
