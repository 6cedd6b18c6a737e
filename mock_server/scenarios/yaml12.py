"""YAML as JSON has it: by the rules of YAML 1.2, where 00200301 is no octal number and ``on`` is a word; with the line
of every place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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


def parsed(text: str) -> tuple[Any, Lines]:
    """The value that a text stands for, and the line of every place in it. Raises NotYaml."""
    import yaml

    try:
        node = _composed(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else None
        raise NotYaml(str(error.problem or error.context), line) from None
    except (yaml.YAMLError, ValueError) as error:
        raise NotYaml(str(error).splitlines()[0]) from None
    except RecursionError:
        raise NotYaml("it is nested too deeply") from None
    lines: dict[Place, int] = {}
    return (_built(node, (), lines) if node is not None else None), lines


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
    if kind == "null":
        return None
    if kind == "bool":
        return text == "true"
    if kind == "int":
        return int(text)
    return float(text) if kind == "float" else text
