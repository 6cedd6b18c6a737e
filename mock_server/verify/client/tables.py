"""Tables of choices, from which cases are drawn, and the ways to choose.

``table`` makes and registers one. Every choice of every registered table is a goal of the covering set: ``covering``
draws cases until each was chosen, and ``coverage`` reports those that a client did not reach. Nothing else has to be
done for a new table, or for a new choice in one: draw from it in ``drawing``, and it is covered.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

#: Where a choice shows. A fault counts as reached when it has happened to a call of that kind, or to a callback;
#: ``task`` when a task was made, ``end`` when its end was seen; ``queue`` when it was made on the queue protocol;
#: ``callbacks`` when the client takes callbacks; ``cancel`` when its user has cancelled; ``case`` once it submits;
#: ``nothing`` always.
On = Literal[
    "submit", "poll", "result", "cancel", "media", "callback", "callbacks", "task", "end", "queue", "case", "nothing"
]
#: A choice: the name of its table, and its place in it.
Choice = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Table:
    """Choices under a name; the first is the simplest, and one that stands there twice is drawn twice as often. The
    first ``goal`` of them belong to the covering set.
    """

    name: str
    choices: tuple[Any, ...]
    on: On
    goal: int
    #: The places of the choices, without the repeated ones.
    distinct: tuple[int, ...]
    #: Where nothing shows any more after any choice but the simplest.
    hides: frozenset[On] = frozenset()

    @property
    def plain(self) -> frozenset[int]:
        """The places of the simplest choice."""
        return frozenset(place for place, one in enumerate(self.choices) if one == self.choices[0])

    @property
    def goals(self) -> list[int]:
        """The places of the choices that belong to the covering set."""
        return [place for place in self.distinct if place < self.goal]

    def names(self, place: int) -> list[str]:
        """What a choice is called in a report; one that has several unusual things has a name for each."""
        value = self.choices[place]
        labels = getattr(value, "labels", None)
        if labels is not None:
            return [f"{self.name}: {label}" for label in labels]
        return [f"{self.name}: {_shown(value)}"]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        told = " ".join(f"{name}={inner}" for name, inner in value.items() if name != "fault")
        return " ".join(filter(None, (value.get("fault", ""), told))) or "as usual"
    return str(value) if value is not None else "none"


#: All tables, by their names.
TABLES: dict[str, Table] = {}
Draw = Callable[[Table], Any]


def table(name: str, *choices: Any, on: On = "task", goal: int | None = None, hides: Iterable[On] = ()) -> Table:
    """A table of these choices, registered. All of them are to be covered, or the first ``goal``. Any but the simplest
    ``hides`` what would show there, so that the same case does not count for it.
    """
    first: dict[bytes, int] = {}
    for place, choice in enumerate(choices):
        first.setdefault(orjson.dumps(choice, default=str), place)
    TABLES[name] = Table(
        name, choices, on, len(choices) if goal is None else goal, tuple(first.values()), frozenset(hides)
    )
    return TABLES[name]


class Recorder:
    """Draws from tables, and keeps what was chosen. ``place_in`` chooses."""

    def __init__(self, place_in: Callable[[Table], int]) -> None:
        self._place_in = place_in
        self.choices: list[Choice] = []

    def __call__(self, of: Table) -> Any:
        """Draw one."""
        place = self._place_in(of)
        self.choices.append((of.name, place))
        return of.choices[place]


def at_random(source: random.Random) -> Callable[[Table], int]:
    """Any choice."""
    return lambda of: source.randrange(len(of.choices))


def again(choices: Sequence[Choice]) -> Callable[[Table], int]:
    """The same choices as before, table by table, in their order; the simplest where there is none left."""
    left: dict[str, deque[int]] = {}
    for name, place in choices:
        left.setdefault(name, deque()).append(place)

    def place_in(of: Table) -> int:
        mine = left.get(of.name)
        return mine.popleft() if mine else 0

    return place_in
