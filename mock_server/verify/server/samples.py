"""Right bodies that are made, not drawn: as small as can be, with something at a given path, always the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import combinations, islice, product
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server import pictures

Json = dict[str, Any]
Path = tuple[str | int, ...]

#: Where nobody listens, on this machine.
HOOK = "http://127.0.0.1:9/hook"
#: So many other parameters at most stand beside the one that is wanted, and so many bodies are kept of each path.
MOST_BESIDE, MOST_KEPT = 4, 8


#: Parameters that are ignored unless another one is true (v3#multi_shot).
IGNORED_UNLESS = {"multi_prompt": "multi_shot", "shot_type": "multi_shot"}


class Samples:
    """Right bodies of one model. ``is_right`` judges bare parameters; ``repaired`` makes shots add up."""

    def __init__(self, endpoint: Endpoint, is_right: Callable[[Json], bool], repaired: Callable[[Json], Json]) -> None:
        self._endpoint = endpoint
        self._is_right = is_right
        self._repaired = repaired
        self._known: dict[Path, list[Json]] = {}

    def having(self, path: Path) -> list[Json]:
        """Right bodies with something at ``path``, which matters there, the smallest first; none where there can be
        none.
        """
        if path not in self._known:
            unless = IGNORED_UNLESS.get(str(path[0]) if path else "")
            matters = (params for params in self._made(path) if unless is None or params.get(unless) is True)
            self._known[path] = list(islice(matters, MOST_KEPT))
        return [copied(params) for params in self._known[path]]

    def value(self, name: str) -> Any:
        """A value of a parameter, right by itself."""
        return value_of(self._endpoint.params_schema["properties"][name])

    @cached_property
    def _beside(self) -> list[tuple[str, Any]]:
        """What may have to stand beside a parameter: those that rules speak of, each with its values."""
        properties = self._endpoint.params_schema["properties"]
        spoken_of = {root for rule in self._endpoint.rules for path in rule.paths for root in [path.split(".")[0]]}
        spoken_of |= {rule.trigger for rule in self._endpoint.rules if rule.trigger is not None}
        return [(name, value) for name in properties if name in spoken_of for value in self._values(name)]

    def _values(self, name: str) -> list[Any]:
        schema = self._endpoint.params_schema["properties"][name]
        if name in self._endpoint.example and "enum" not in schema and schema["type"] != "boolean":
            return [without_urls(self._endpoint.example[name])]
        if schema["type"] == "boolean":
            return [True]
        return [one for one in schema.get("enum", ()) if one != schema.get("default")] or [value_of(schema)]

    def _made(self, path: Path) -> Iterator[Json]:
        schema, seen = self._endpoint.params_schema, set()
        needed = {name: self._filled(name, ()) for name in schema.get("required", ())}
        for count in range(MOST_BESIDE + 1):
            for beside in combinations(self._beside, count):
                names = {name for name, _ in beside}
                if len(names) < count or (path and path[0] in names):
                    continue
                for start in self._starts(path):
                    params = self._repaired({**needed, **dict(beside), **start})
                    if str(params) not in seen and is_there(params, path) and self._is_right(params):
                        seen.add(str(params))
                        yield copied(params)

    def _starts(self, path: Path) -> Iterator[Json]:
        """The parameter that ``path`` leads into, with something there."""
        if not path:
            yield {}
            return
        name, schema = str(path[0]), self._endpoint.params_schema["properties"][path[0]]
        if name in self._endpoint.example:
            yield {name: filled(without_urls(self._endpoint.example[name]), schema, path[1:])}
        base = filled(value_of(schema), schema, path[1:])
        for further in ((), *descendants(schema)):
            yield {name: filled(base, schema, further)}

    def _filled(self, name: str, path: Path) -> Any:
        schema = self._endpoint.params_schema["properties"][name]
        return filled(value_of(schema), schema, path)


def copied(value: Any) -> Any:
    """A copy of a JSON value, faster than ``copy.deepcopy``, of which there are a hundred thousand."""
    if isinstance(value, dict):
        return {name: copied(inner) for name, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


def value_of(schema: Json) -> Any:
    """A value that is right by a schema alone, as small as can be."""
    kind = schema["type"]
    if kind == "object":
        return {name: value_of(schema["properties"][name]) for name in schema.get("required", ())}
    if kind == "array":
        return [value_of(schema["items"]) for _ in range(schema.get("minItems", 1))]
    if kind == "string":
        return _text_of(schema)
    return schema.get("default", {"boolean": True}.get(kind, 1))


def _text_of(schema: Json) -> str:
    if "enum" in schema:
        return str(schema.get("default", schema["enum"][0]))
    if schema.get("format") == "kirin-image":
        return pictures.plain()
    return HOOK if "pattern" in schema else "1"


def filled(value: Any, schema: Json, path: Sequence[str | int]) -> Any:
    """The same with something at ``path``."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        inner = schema["items"]
        made = list(value) or [value_of(inner)]
        while len(made) <= step:
            made.append(copied(made[-1]))
        made[step] = filled(made[step], inner, rest)
        return made
    inner = schema["properties"][step]
    known = value[step] if isinstance(value, dict) and step in value else value_of(inner)
    kept = value if step in value or step in schema.get("required", ()) or not _at_most_one(schema) else {}
    return {**kept, step: filled(known, inner, rest)}


def _at_most_one(schema: Json) -> bool:
    """Whether an object looks like a camera's: numbers only, none of which must be there."""
    kinds = {inner["type"] for inner in schema["properties"].values()}
    return kinds == {"number"} and not schema.get("required")


def descendants(schema: Json) -> Iterator[Path]:
    """The paths of what may stand in an object, two steps deep."""
    for name, inner in schema.get("properties", {}).items():
        yield (name,)
        for further in inner.get("properties", {}):
            yield name, further


def is_there(params: Any, path: Path) -> bool:
    """Whether something stands at a path."""
    for step in path:
        try:
            params = params[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def put(params: Json, path: Path, change: Callable[[Any], Any]) -> Json:
    """The same with what is at ``path`` changed."""
    if not path:
        changed: Json = change(params)
        return changed
    made: Json = copied(params)
    holder: Any = made
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = change(holder[path[-1]])
    return made


def without_urls(value: Any) -> Any:
    """A model's example with pictures in place of URLs, which a server might try to fetch."""
    if isinstance(value, dict):
        return {name: without_urls(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_urls(inner) for inner in value]
    return pictures.plain() if isinstance(value, str) and "://" in value else value


def combined(levels: Sequence[tuple[str, Sequence[Any]]]) -> Iterator[Json]:
    """Every combination of parameters at their levels; ABSENT leaves one out."""
    for chosen in product(*(values for _, values in levels)):
        pairs = zip((name for name, _ in levels), chosen, strict=True)
        yield {name: copied(value) for name, value in pairs if value is not ABSENT}


ABSENT: Any = object()
