"""Every two parameters at every two of their values, in as few bodies as can be: what may stand together is accepted,
what may not is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from mock_server.contract.endpoint import Endpoint
from mock_server.core.errors import MISTAKE_ORDER
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case
from mock_server.verify.server.checks.bounds import SHAPES
from mock_server.verify.server.checks.common import Asked, Json, Material, accepted, refused
from mock_server.verify.server.levels import fitted, levels_of
from mock_server.verify.server.samples import ABSENT, copied

ACCEPTS, REFUSES = "accepts any two values", "refuses two values that exclude each other"

#: A parameter, and the place of one of its levels.
Level = tuple[str, int]


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        table = Pairs(endpoint, material.bodies[model], material.seed)
        for number, params in enumerate(table.accepted()):
            shape = SHAPES[number % len(SHAPES)]
            yield Case(
                f"{endpoint.short}/pairs/{number}", ACCEPTS, model, (f"pairs {model} {shape}",),
                f"parameters within their bounds, every rule kept ({endpoint.short}#parameters)", 1,
                material.bodies[model].cost(params),
                accepted(endpoint, params, shape, Asked("", f"of {len(params)} parameters, pair by pair")),
            )  # fmt: skip
        for number, (levels, params, code) in enumerate(table.refused()):
            shape = SHAPES[number % len(SHAPES)]
            names = " and ".join(name for name, _ in levels)
            yield Case(
                f"{endpoint.short}/no-pair/{number} {names}", REFUSES, model, (f"no pairs {model} {shape}",),
                f"{names} cannot have these values together ({endpoint.short}#parameters)", 1, 0.0,
                refused(endpoint, params, code, shape, Asked(levels[0][0], f"beside {levels[1][0]}")),
            )  # fmt: skip


class Pairs:
    """The pairs of levels of one model, and bodies that have them. The seed decides what else is in a body."""

    def __init__(self, endpoint: Endpoint, bodies: Bodies, seed: int) -> None:
        self._endpoint, self._bodies = endpoint, bodies
        self._levels = levels_of(endpoint)
        names = list(self._levels)
        turn = seed % len(names)
        self._names = names[turn:] + names[:turn]
        self._open = dict.fromkeys(
            ((one, first), (other, second))
            for one, other in combinations(names, 2)
            for first in range(len(self._levels[one]))
            for second in range(len(self._levels[other]))
        )
        self._impossible: list[tuple[Level, Level]] = []
        self._contexts: dict[str, list[Json]] = {name: bodies.samples.having((name,)) for name in ("", *names) if name}
        self._contexts[""] = bodies.samples.having(())

    def accepted(self) -> Iterator[Json]:
        """Right bodies that have all pairs that a right body can have."""
        while self._open:
            pair = next(iter(self._open))
            row = self._row(pair)
            if row is None:
                del self._open[pair]
                self._impossible.append(pair)
                continue
            row = self._filled(row)
            for covered in combinations(sorted(row.items(), key=self._place), 2):
                self._open.pop(covered, None)
            yield self._params(row)

    def _place(self, level: Level) -> int:
        return list(self._levels).index(level[0])

    def _params(self, row: dict[str, int]) -> Json:
        given = {name: self._levels[name][place] for name, place in row.items()}
        return fitted(copied({name: value for name, value in given.items() if value is not ABSENT}))

    def _right(self, row: dict[str, int]) -> bool:
        return not self._bodies.broken(self._params(row))

    def _row(self, pair: tuple[Level, Level]) -> dict[str, int] | None:
        """A right row with a pair, and little beside it; None where there is none."""
        for context in (*self._contexts[""], *self._contexts[pair[0][0]], *self._contexts[pair[1][0]]):
            row = {**self._as_row(context), **dict(pair)}
            if self._right(row):
                return row
        return None

    def _as_row(self, context: Json) -> dict[str, int]:
        """A body as a row: of each parameter that it has the level that is like it, or the last."""
        row = {}
        for name, levels in self._levels.items():
            if name in context:
                row[name] = next((n for n, one in enumerate(levels) if one == context[name]), len(levels) - 1)
        return row

    def _filled(self, row: dict[str, int]) -> dict[str, int]:
        """The same with every parameter at the level that has most of the pairs that are still open."""
        for name in self._names:
            if name in row:
                continue
            places = sorted(range(len(self._levels[name])), key=lambda place: -self._gain(row, (name, place)))
            row[name] = next((place for place in places if self._right({**row, name: place})), 0)
        return row

    def _gain(self, row: dict[str, int], level: Level) -> int:
        pairs = (tuple(sorted((level, other), key=self._place)) for other in row.items())
        return sum(pair in self._open for pair in pairs)

    def refused(self) -> Iterator[tuple[tuple[Level, Level], Json, str]]:
        """Of each pair that no right body has, a body that breaks one rule, with its code."""
        for pair in self._impossible:
            for context in (*self._contexts[""], *self._contexts[pair[0][0]], *self._contexts[pair[1][0]]):
                params = self._params({**self._as_row(context), **dict(pair)})
                broken = self._bodies.broken(params)
                if len({one.rule for one in broken}) == 1:
                    mistake = min((one.mistake for one in broken), key=MISTAKE_ORDER.__getitem__)
                    yield pair, params, self._endpoint.errors.code_of(mistake)
                    break
