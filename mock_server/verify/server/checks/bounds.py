"""Each parameter at any depth, in every place of a list: what it may be is accepted, what is nearly so is refused.

A value is put into a right body; the judge says whether that, and nothing else, is now wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.core.errors import MISTAKE_ORDER, Violation
from mock_server.models import discover
from mock_server.verify.server.awkward import STRANGE_NAMES, Change, right_values, wrong_values
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case, Tried
from mock_server.verify.server.checks.common import DOCUMENTED, QUEUE, WRAPPED, Asked, Json, Material, accepted, refused
from mock_server.verify.server.samples import Path, is_there, put

SHAPES = (DOCUMENTED, WRAPPED, QUEUE)
ACCEPTS, REFUSES, NO_OTHER = "accepts up to each bound", "refuses past each bound", "refuses parameters it has not"

#: Where a list has no greatest length, or a large one, it is tried with so many elements.
ENOUGH = 4


@dataclass(frozen=True, slots=True)
class Field:
    """One place for a value: its path, with 0 for the elements of lists, and its schema; ``most`` has for each list on
    the way how many elements to try it with.
    """

    path: Path
    schema: Json
    most: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """How it is named, whichever element of a list it is in."""
        return written(tuple("[]" if isinstance(step, int) else step for step in self.path))

    def places(self) -> Iterator[Path]:
        """The paths of the first, a middle and the last element of long lists."""
        if not self.most:
            return
        ways = [(0, most // 2, most - 1) for most in self.most]
        chosen = list(zip(*ways, strict=True))
        if len(ways) > 1:
            chosen += [(ways[0][0], ways[1][2]), (ways[0][2], ways[1][0])]
        for places in dict.fromkeys(chosen):
            rest = iter(places)
            yield tuple(next(rest) if isinstance(step, int) else step for step in self.path)


def written(path: Path) -> str:
    """A path in words: ``image_list[0].image``."""
    said = ""
    for step in path:
        said += f"[{step}]" if isinstance(step, int) else step if step == "[]" or not said else f".{step}"
    return said


def fields(schema: Json, path: Path = (), most: tuple[int, ...] = ()) -> Iterator[Field]:
    """Every place that a schema speaks of, deepest last."""
    yield Field(path, schema, most)
    for name, inner in schema.get("properties", {}).items():
        yield from fields(inner, (*path, name), most)
    if "items" in schema:
        length = min(schema.get("maxItems", ENOUGH), 6)
        yield from fields(schema["items"], (*path, 0), (*most, length))


def fields_of(endpoint: Endpoint) -> list[Field]:
    """The places of all parameters; those that rules bound at times come once more."""
    found = list(fields(endpoint.params_schema))
    for rule in endpoint.rules:
        if rule.each and rule.schema is not None:
            found += fields(dict(rule.schema), (rule.owner,) if rule.owner is not None else ())
    return found


def cases(material: Material) -> Iterator[Case]:
    """The cases of every field that a right body can have."""
    offered = _offered()
    for model, endpoint in material.endpoints.items():
        seen: set[str] = set()
        maker = _Maker(endpoint, material.bodies[model])
        for field in fields_of(endpoint):
            name = str(field.path[-1]) if field.path else ""
            wrong = list(wrong_values(name, field.schema, offered.get(name, ())))
            made = [*maker.within(field, field.path, list(right_values(field.schema)))]
            made += maker.past(field, field.path, wrong if field.path else [])
            for path in field.places():
                made += maker.within(field, path, _limits_of(list(right_values(field.schema))))
                made += maker.past(field, path, _chosen(wrong))
            for case in made:
                if case.id not in seen:  # a rule may bound what is bounded anyway
                    seen.add(case.id)
                    yield case
        yield from maker.others(STRANGE_NAMES)
        yield from maker.siblings(material)
        yield from maker.misspelt()


def _offered() -> dict[str, tuple[Any, ...]]:
    """The values that a parameter has in any model, by its last name."""
    found: dict[str, dict[Any, None]] = {}
    for endpoint in discover().values():
        for field in fields_of(endpoint):
            if field.path and "enum" in field.schema:
                found.setdefault(str(field.path[-1]), {}).update(dict.fromkeys(field.schema["enum"]))
    return {name: tuple(values) for name, values in found.items()}


def _limits_of(values: list[tuple[str, Change]]) -> list[tuple[str, Change]]:
    """Of right values those at a limit."""
    return [(label, change) for label, change in values if label.startswith(("has", "is the most", "is the least"))][:3]


def _chosen(values: list[tuple[str, Change]]) -> list[tuple[str, Change]]:
    """Of wrong values some of each kind."""
    limits = [one for one in values if one[0].startswith("has")]
    return [*values[:1], *values[8:10], *limits[:4]]


class _Maker:
    """Makes the cases of one model."""

    def __init__(self, endpoint: Endpoint, bodies: Bodies) -> None:
        self._endpoint = endpoint
        self._bodies = bodies
        self._each = {"field"} | {rule.id for rule in endpoint.rules if rule.each}
        self._count = 0

    def within(self, field: Field, path: Path, values: list[tuple[str, Change]]) -> Iterator[Case]:
        """What has to be accepted at a path."""
        own = path[:1] == ("external_task_id",)  # its values are looked at by themselves
        starts = self._bodies.samples.having(path)
        for label, change in values[-1:] if own else values:
            right = (made for params in starts if not self._bodies.broken(made := put(params, path, change)))
            params = next(right, None)
            if params is not None:
                asked = Asked(written(path), label)
                yield self._case(
                    f"within/{written(path)} {label}", ACCEPTS, f"{field.name} accepted", asked,
                    self._bodies.cost(params), accepted(self._endpoint, params, self._shape(), asked), path,
                )  # fmt: skip

    def past(self, field: Field, path: Path, values: list[tuple[str, Change]]) -> Iterator[Case]:
        """What has to be refused at a path."""
        starts = self._bodies.samples.having(path)
        for label, change in values:
            if path == ("external_task_id",) and label == "has 0 characters":
                continue  # no document says so
            found = next(self._wrong(starts, path, change), None)
            if found is not None:
                asked = Asked(written(path), label)
                shape, facts = self._shape(), [f"code {self._endpoint.model} {found[1]}"]
                for rule in found[2] - {"field"}:
                    facts += [f"rule {rule}", f"rule {rule} {shape}"]
                yield self._case(
                    f"past/{written(path)} {label}", REFUSES, f"{field.name} refused", asked, 0.0,
                    refused(self._endpoint, found[0], found[1], shape, asked), path, *facts,
                )  # fmt: skip

    def _wrong(self, starts: list[Json], path: Path, change: Change) -> Iterator[tuple[Json, str, set[str]]]:
        """Bodies in which a change at a path, and nothing else, is wrong; each with its code and the rules broken."""
        for params in starts:
            made = put(params, path, change)
            broken = self._bodies.broken(made)
            if broken and {one.rule for one in broken} <= self._each:
                yield made, self._code(broken), {one.rule for one in broken}

    def _code(self, broken: list[Violation]) -> str:
        mistake = min((one.mistake for one in broken), key=MISTAKE_ORDER.__getitem__)
        return self._endpoint.errors.code_of(mistake)

    def others(self, names: tuple[str, ...]) -> Iterator[Case]:
        """Parameters of no model."""
        for name in names:
            yield from self._other(name, 1)

    def siblings(self, material: Material) -> Iterator[Case]:
        """Parameters that only other models have, with values that are right there."""
        known = material.bodies
        for other in discover().values():
            bodies = known.get(other.model) or Bodies(other, material.seed)
            for name in other.by_name:
                if name not in self._endpoint.by_name:
                    yield from self._other(name, bodies.samples.value(name), f" of {other.short}")

    def _other(self, name: str, value: Any, of: str = "") -> Iterator[Case]:
        params = {**self._bodies.cheapest, name: value}
        broken = self._bodies.broken(params)
        if broken and {one.rule for one in broken} == {"field"}:
            asked = Asked(name, f"is no parameter of {self._endpoint.short}")
            yield self._case(
                f"other/{name}{of}", NO_OTHER, "no other parameter", asked, 0.0,
                refused(self._endpoint, params, self._code(broken), self._shape(), asked), (),
            )  # fmt: skip

    def misspelt(self) -> Iterator[Case]:
        """Its own parameters with other letters, blanks or hyphens."""
        for name in self._endpoint.by_name:
            camel = "".join(part.capitalize() for part in name.split("_"))
            for wrong in dict.fromkeys((camel, camel[0].lower() + camel[1:], name.upper(), f"{name} ", f"{name}s")):
                start = self._bodies.samples.having((name,))[0]
                params = {wrong if one == name else one: value for one, value in start.items()}
                if wrong != name and (broken := self._bodies.broken(params)):
                    asked = Asked(name, f"is written {wrong!r}")
                    yield self._case(
                        f"misspelt/{wrong}", NO_OTHER, "no other letters", asked, 0.0,
                        refused(self._endpoint, params, self._code(broken), self._shape(), asked), (name,),
                    )  # fmt: skip

    def _shape(self) -> str:
        self._count += 1
        return SHAPES[self._count % len(SHAPES)]

    def _case(
        self, case_id: str, name: str, fact: str, asked: Asked, cost: float, tried: Tried, path: Path, *facts: str
    ) -> Case:
        model, short = self._endpoint.model, self._endpoint.short
        return Case(
            f"{short}/{case_id}", name, model, (f"field {model} {fact}", *facts),
            f"{asked.field} {asked.label} ({short}#{path[0] if path else 'parameters'})", 1, cost, tried,
        )  # fmt: skip


__all__ = ["SHAPES", "cases", "fields", "fields_of", "is_there", "written"]
