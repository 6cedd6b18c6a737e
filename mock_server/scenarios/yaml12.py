"""YAML as JSON has it: by the rules of YAML 1.2, where 00200301 is no octal number and ``on`` is a word; with the line
of every place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import orjson

from mock_server.core.json_bounds import MAX_DEPTH, JsonTooLarge, check_bounds, depth_exceeds

#: The characters of a text in YAML, which takes some microseconds for each. JSON is read a hundred times as fast.
MAX_YAML = 1024 * 1024
Place = tuple[str | int, ...]
Lines = Mapping[Place, int]

_SCALARS = {
    "bool": (r"^(?:true|false)$", "tf"),
    "int": (r"^-?(?:0|[1-9][0-9]{0,17})$", "-0123456789"),
    "float": (r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", "-0123456789"),
    "null": (r"^(?:null|~|)$", ["n", "~", ""]),
}


class NotYaml(ValueError):
    """Text that is no YAML, or asks for more of it than is used here; ``line`` counts from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def parsed(text: str) -> tuple[Any, Callable[[], Lines]]:
    """The value that a text in JSON or YAML stands for, and how to learn the line of a place in it. Raises NotYaml."""
    value, lines = _as_json(text) if text.lstrip()[:1] in {"{", "["} else _as_yaml(text)
    if depth_exceeds(value):
        raise NotYaml(f"it is nested deeper than {MAX_DEPTH} levels")
    try:
        orjson.dumps(value)
    except TypeError as error:
        message = (
            "a text in it has half a character" if "surrogate" in str(error) else f"it is not possible in JSON: {error}"
        )
        raise NotYaml(message) from None
    return value, lines


def _as_json(text: str) -> tuple[Any, Callable[[], Lines]]:
    """JSON; what only looks like it may be YAML."""
    try:
        check_bounds(text.encode("utf-8", "surrogatepass"))
        value = json.loads(text, object_pairs_hook=_once)
    except JsonTooLarge as error:
        raise NotYaml(f"it {error}") from None
    except (json.JSONDecodeError, RecursionError, _Twice):
        return _as_yaml(text)
    return value, cache(lambda: _lines_of(text))


class _Twice(Exception):
    """An object has a key twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Twice
    return found


def _lines_of(text: str) -> Lines:
    """The lines of JSON, as far as YAML can read it."""
    try:
        return _as_yaml(text)[1]()
    except NotYaml:
        return {}


def _as_yaml(text: str) -> tuple[Any, Callable[[], Lines]]:
    import yaml

    if len(text) > MAX_YAML:
        right = "write it as JSON, or as several files"
        raise NotYaml(f"it has {len(text):,} characters; YAML may have {MAX_YAML:,}: {right}")
    lines: dict[Place, int] = {}
    try:
        node = _composed(text)
        value = _built(node, (), lines) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else None
        raise NotYaml(str(error.problem or error.context), line) from None
    except NotYaml:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise NotYaml(str(error).splitlines()[0]) from None
    except RecursionError:
        raise NotYaml(f"it is nested deeper than {MAX_DEPTH} levels") from None
    return value, lambda: lines


def _composed(text: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # what PyYAML is typed as
        """A loader without the surprises of YAML 1.1, and without aliases."""

        yaml_implicit_resolvers: Any = {}  # noqa: RUF012 - a table of its own, in place of the inherited one

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark
                raise yaml.MarkedYAMLError(problem="aliases are not used here", problem_mark=mark)
            return super().compose_node(parent, index)

    for kind, (pattern, first) in _SCALARS.items():
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(pattern), list(first))
    loader = Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _built(node: Any, path: Place, lines: dict[Place, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if node.tag.rpartition(":")[2] not in _TAGS:
        raise NotYaml(f"tags such as {node.tag[:40]} are not used here", node.start_mark.line + 1)
    if node.id == "sequence":
        return [_built(one, (*path, place), lines) for place, one in enumerate(node.value)]
    if node.id == "scalar":
        return _scalar(node)
    built: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.id != "scalar":
            raise NotYaml("a key is a word", line)
        if key.value in built:
            raise NotYaml(f"{key.value[:60]} is said twice", line)
        lines[(*path, key.value)] = line
        built[key.value] = _built(value, (*path, key.value), lines)
    return built


def _scalar(node: Any) -> Any:
    kind, text = node.tag.rpartition(":")[2], node.value
    try:
        return _READ[kind](text) if kind in _READ else text.encode("utf-16", "surrogatepass").decode("utf-16")
    except ValueError:
        wrong = "has half a character" if kind == "str" else f"is no {kind}"
        raise NotYaml(f"{text[:60]!a} {wrong}", node.start_mark.line + 1) from None


_READ: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text == "true",
    "int": int,
    "float": float,
}
_TAGS = frozenset({"map", "seq", "str", *_READ})
