"""The covering set: as few cases as will do, in which each choice of each table stands at least once.

It is the same for every seed and every client. Cases are found one after another: of some that are drawn toward what is
still missing, the one with the most of it is kept.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.conditions import TOO_LONG
from mock_server.verify.client.drawing import cases, is_prepared, prepare
from mock_server.verify.client.tables import TABLES, Choice, On, Recorder, Table, again, at_random

#: The covering set has no more cases than this.
MOST = 150
#: So many cases are drawn for each that is kept.
DRAWN_EACH = 100
OF_AN_INTENT = 6
OF_AN_END = 5
#: Virtual seconds that a call takes which hangs, and the pause after one that fails.
A_HANG = 30.0
A_PAUSE = 4.0
#: Where the choice does not matter any more, the simplest is taken this often, so that little hides the rest.
SIMPLEST = 0.6
#: After its user has cancelled, a client sees no more than this.
BEFORE_A_CANCEL = frozenset({"submit", "callbacks", "case", "nothing"})
#: Between two polls a client may well let so many seconds pass.
A_POLL = 12.0
#: Each pause is longer than the one before it by so many.
LONGER = 3.0
#: A task that fails does so after this share of its time.
FAILS_AT = 0.4
FAULTS = frozenset({"submit", "poll", "result", "media", "callback"})


@dataclass(frozen=True, slots=True)
class Drawn:
    """A case, and the choices that made it."""

    case: ClientCase
    choices: tuple[Choice, ...]


def drawn(endpoints: Mapping[str, Endpoint], place_in: Callable[[Table], int]) -> Drawn:
    """One case, drawn with this choice."""
    draw = Recorder(place_in)
    case = cases(draw, endpoints)
    return Drawn(case, tuple(draw.choices))


def random_cases(endpoints: Mapping[str, Endpoint], seed: int) -> Iterator[Drawn]:
    """Cases without end, from a seed."""
    if not is_prepared(endpoints):
        prepare(endpoints)
    source = random.Random(seed)  # noqa: S311 - to repeat
    while True:
        yield drawn(endpoints, at_random(source))


def redrawn(endpoints: Mapping[str, Endpoint], choices: Sequence[Choice]) -> Drawn:
    """The case of these choices, or the nearest to it."""
    return drawn(endpoints, again(choices))


def goals() -> list[Choice]:
    """All choices that the covering set is to have."""
    return [(one.name, place) for one in TABLES.values() for place in one.goals]


_COVERING: dict[tuple[str, ...], tuple[Drawn, ...]] = {}


def covering(endpoints: Mapping[str, Endpoint]) -> tuple[Drawn, ...]:
    """The covering set for these models; found once."""
    key = tuple(sorted(endpoints))
    if key not in _COVERING:
        prepare(endpoints)
        _COVERING[key] = tuple(_found(endpoints))
    return _COVERING[key]


def _found(endpoints: Mapping[str, Endpoint]) -> Iterator[Drawn]:
    source = random.Random(0)  # noqa: S311 - the same set always
    missing = set(goals())
    for _ in range(MOST):
        if not missing:
            missing = set(goals())  # all of it again, in other company, as far as there is room
        left = Counter(name for name, _ in missing)
        toward = _toward(source, missing)
        some = [drawn(endpoints, toward) for _ in range(DRAWN_EACH)]
        best = max(some, key=lambda one: sum(_worth(name, left) for name, _ in missing & shown_by(one)))
        missing -= shown_by(best)
        yield best


def _worth(name: str, left: Mapping[str, int]) -> int:
    """What a choice of a table counts. A case has one intent, and there are as many intents as cases nearly."""
    return (1 + left[name]) * {"case": OF_AN_INTENT, "end": OF_AN_END}.get(TABLES[name].on, 1)


def _toward(source: random.Random, missing: set[Choice]) -> Callable[[Table], int]:
    """Choose what is still missing, else mostly the simplest."""

    def place_in(of: Table) -> int:
        wanted = [place for place in of.distinct if (of.name, place) in missing]
        if wanted and source.random() > 1 / (1 + 4 * len(wanted)):
            return source.choice(wanted)
        simple = of.on != "case" and source.random() < SIMPLEST
        return of.distinct[0] if simple else source.choice(of.distinct)

    return place_in


def shown_by(one: Drawn) -> set[Choice]:
    """The choices of a case that a client is likely to come to see."""
    case = one.case
    cancelled = case.cancel_after
    lasts = _lasts(case)
    unseen: set[On] = set()
    if cancelled is not None:
        unseen = set(get_args(On)) - BEFORE_A_CANCEL - ({"cancel"} if cancelled < min(lasts, case.deadline) else set())
    if case.intent.with_callbacks:
        unseen |= {"poll", "result"}  # it may have its news from a callback
    if case.expected not in {"completed", "empty"}:
        unseen.add("result")
    for name, place in one.choices:
        if TABLES[name].hides and place not in TABLES[name].plain:
            unseen |= TABLES[name].hides
    unseen |= _behind_a_wall(case)
    faults = list(_that_come(case.scenario["faults"], lasts))
    return {
        (name, place)
        for name, place in one.choices
        if TABLES[name].on not in unseen and _is_there(TABLES[name], place, faults)
    }


def _lasts(case: ClientCase) -> float:
    """How long the task runs, at the most."""
    task = case.scenario["task"]
    if case.cancelled_elsewhere_after is not None:
        return case.cancelled_elsewhere_after
    whole: float = float("inf") if "hold" in task else task.get("queued", 0) + task.get("running", 0)
    return whole * FAILS_AT if case.expected == "failed" else whole


def _that_come(faults: Iterable[Mapping[str, Any]], lasts: float) -> Iterator[Mapping[str, Any]]:
    """The faults that happen, as a client makes enough calls before the end. It need not submit more than once."""
    spent = 0.0
    for fault in faults:
        skipped = fault.get("skip", 0)
        if fault.get("on") in ("submit", "result"):
            happens = not skipped
        else:
            happens = skipped * (A_POLL + LONGER * skipped) + spent <= lasts or fault.get("on") != "poll"
            spent += max(fault.get("retry_after") or 0, A_HANG if "seconds" in fault or "gap" in fault else A_PAUSE)
        if happens:
            yield fault


def _behind_a_wall(case: ClientCase) -> set[On]:
    """What a client does not come to that stops early, or that does not know the last word of its task."""
    waits = {fault["on"] for fault in case.scenario["faults"] if fault.get("retry_after") == TOO_LONG}
    if "submit" in waits or case.expected == "refused":
        return {"poll", "result", "media", "callback", "callbacks", "task", "end", "queue", "cancel"}
    if waits:
        return {"poll", "result", "media", "end", "cancel"}
    if case.expected == "denied":
        return {"result", "media", "end", "cancel"}
    return {"result", "media"} if "end_word" in case.scenario["task"] else set()


def _is_there(of: Table, place: int, faults: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a fault that was chosen made it into the case."""
    choice = of.choices[place]
    if of.on not in FAULTS or not isinstance(choice, dict):
        return True
    return any(choice.items() <= fault.items() and of.on in fault.get("on", of.on) for fault in faults)
