"""Each bound of each parameter, at any depth: just within it a body is accepted, just past it refused.

A value is put into a right body; the judge says whether that, and nothing else, is now wrong.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.core.errors import MISTAKE_ORDER
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case
from mock_server.verify.server.checks.common import DOCUMENTED, QUEUE, WRAPPED, Json, Material, accepted, refused

Path = tuple[str | int, ...]
SHAPES = (DOCUMENTED, WRAPPED, QUEUE)


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound: where, which keyword, its limit, and how to make values just within and just past it."""

    path: Path
    keyword: str
    limit: Any
    within: Callable[[Any], Any]
    past: Callable[[Any], Any]

    @property
    def name(self) -> str:
        """How it is told and counted."""
        return f"{'.'.join('[]' if isinstance(step, int) else step for step in self.path)} {self.keyword} {self.limit}"


def _same(value: Any) -> Any:
    return value


def _const(value: Any) -> Callable[[Any], Any]:
    return lambda _was: value


def _items(count: int) -> Callable[[Any], Any]:
    return lambda was: [copy.deepcopy(was[place % len(was)]) for place in range(count)] if was else was


def _without(key: str) -> Callable[[Any], Any]:
    return lambda was: {name: value for name, value in was.items() if name != key}


def bounds(schema: Json, path: Path = ()) -> Iterator[Bound]:
    """Every bound of a schema, deepest last."""
    kind = schema.get("type")
    if path and kind in _WRONG_TYPE:
        yield Bound(path, "type", kind, _same, _const(_WRONG_TYPE[kind]))
        yield Bound(path, "type", f"{kind}, not null", _same, _const(None))
    yield from _own_bounds(schema, path)
    if schema.get("additionalProperties") is False:
        yield Bound(path, "no other", "surprise", _same, lambda was: {**was, "surprise": 1})
    for name in schema.get("required", ()):
        yield Bound(path, "required", name, _same, _without(name))
    for name, inner in schema.get("properties", {}).items():
        yield from bounds(inner, (*path, name))
    if "items" in schema:
        yield from bounds(schema["items"], (*path, 0))


def _step(limit: float) -> float:
    """How far past a limit to go: a large whole one by a whole."""
    return 1 if isinstance(limit, int) and abs(limit) > 2**53 else 0.01


def _own_bounds(schema: Json, path: Path) -> Iterator[Bound]:
    """The bounds of a value by itself."""
    for value in schema.get("enum", ()):
        yield Bound(path, "enum", value, _const(value), _const(f"{value}?"))
    for keyword, (within, past) in _LIMITS.items():
        limit = schema.get(keyword)
        if limit is not None and (keyword, schema.get("format")) != ("minLength", "kirin-image"):
            yield Bound(path, keyword, limit, within(limit), past(limit))


#: What makes a value that is just within a limit, and one that is just past it.
_LIMITS: dict[str, tuple[Callable[[Any], Callable[[Any], Any]], Callable[[Any], Callable[[Any], Any]]]] = {
    "maxLength": (lambda limit: _const("é" * limit), lambda limit: _const("é" * (limit + 1))),
    "minLength": (lambda limit: _const("a" * limit), lambda limit: _const("a" * (limit - 1))),
    "maximum": (_const, lambda limit: _const(limit + _step(limit))),
    "minimum": (_const, lambda limit: _const(limit - _step(limit))),
    "maxItems": (_items, lambda limit: _items(limit + 1)),
    "minItems": (_items, lambda limit: _items(limit - 1)),
}
_WRONG_TYPE: dict[str, Any] = {
    "string": 5,
    "number": "5",
    "integer": 1.5,
    "boolean": "true",
    "object": [],
    "array": {},
}


def cases(material: Material) -> Iterator[Case]:
    """The cases, two for each bound that a right body can be brought to."""
    for model, endpoint in material.endpoints.items():
        bodies = material.bodies[model]
        start = _Starts(bodies)
        found = [*bounds(endpoint.params_schema), *_rule_bounds(endpoint)]
        for place, bound in enumerate(found):
            shape = SHAPES[place % len(SHAPES)]
            yield from _cases_of(endpoint, bodies, start, bound, shape)


def _rule_bounds(endpoint: Endpoint) -> Iterator[Bound]:
    """The bounds that apply at times only, inside rules."""
    for rule in endpoint.rules:
        if rule.each and rule.schema is not None:
            yield from bounds(dict(rule.schema), (rule.owner,) if rule.owner is not None else ())


def _cases_of(endpoint: Endpoint, bodies: Bodies, start: _Starts, bound: Bound, shape: str) -> Iterator[Case]:
    covers = (f"bound {endpoint.model} {bound.name}",)
    spec = f"{bound.name} ({endpoint.short}#{bound.path[0] if bound.path else bound.limit})"
    for params in start.having(bound.path):
        within = _put(params, bound.path, bound.within)
        if not bodies.broken(within):
            yield Case(
                f"{endpoint.short}/within/{bound.name}", "accepts up to each bound", endpoint.model, covers, spec,
                1, bodies.cost(within), accepted(endpoint, _named_apart(within, bound, endpoint), shape),
            )  # fmt: skip
            break
    for params in start.having(bound.path):
        past = _put(params, bound.path, bound.past)
        broken = bodies.broken(past)
        if broken and {one.rule for one in broken} <= {"field"} | {rule.id for rule in endpoint.rules if rule.each}:
            mistake = min((one.mistake for one in broken), key=MISTAKE_ORDER.__getitem__)
            yield Case(
                f"{endpoint.short}/past/{bound.name}", "refuses past each bound", endpoint.model, covers, spec, 1,
                0.0, refused(endpoint, past, endpoint.errors.code_of(mistake), shape),
            )  # fmt: skip
            break


def _named_apart(params: Json, bound: Bound, endpoint: Endpoint) -> Json:
    """External ids have to differ from those of other cases, and be the same in the next run."""
    given = params.get("external_task_id")
    if not isinstance(given, str):
        return params
    said = hashlib.blake2b(f"{endpoint.model} {bound.name}".encode(), digest_size=2).digest()
    return {**params, "external_task_id": chr(0x4E00 + int.from_bytes(said, "big") % 20_000) + given[1:]}


class _Starts:
    """Right bodies to start from, by what they must have."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._known: dict[Path, list[Json]] = {}

    def having(self, path: Path) -> Iterator[Json]:
        """Right bodies in which there is something at ``path``; the dear ones, drawn for it alone, last."""
        for drawn_for in dict.fromkeys((path[:1], path)):
            if drawn_for not in self._known:
                self._known[drawn_for] = self._made(drawn_for)
            yield from (params for params in self._known[drawn_for] if _there(params, path))

    def _made(self, path: Path) -> list[Json]:
        if path[:1] in {("callback_url",), ("external_task_id",)}:
            name, value = str(path[0]), "http://127.0.0.1:9/hook" if path[0] == "callback_url" else "own"
            return [{**params, name: value} for params in self._bodies.right(3)]
        return self._bodies.right(12 if len(path) < 2 else 60, having=path)


def _there(params: Any, path: Path) -> bool:
    for step in path:
        try:
            params = params[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _put(params: Json, path: Path, change: Callable[[Any], Any]) -> Json:
    """The same with what is at ``path`` changed."""
    if not path:
        changed: Json = change(params)
        return changed
    made = copy.deepcopy(params)
    holder: Any = made
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = change(holder[path[-1]])
    return made
