"""Parameters with their evidence, and the JSON Schema they make.

Lengths count Unicode code points. Objects are closed: a name that is not listed is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mock_server.contract.rules import Evidence, Json, Rule, merge
from mock_server.core.errors import Mistake


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model: its schema, where the document has it, and what kind of mistake a wrong one is."""

    name: str
    schema: Json
    source: str
    description: str
    required: bool = False
    mistake: Mistake = Mistake.OTHER
    evidence: Evidence = "documented"

    def published(self) -> dict[str, Any]:
        """The schema as the contract shows it."""
        return {
            **self.schema,
            "description": self.description,
            "x-source": self.source,
            "x-evidence": self.evidence,
        }


def text(*, min_length: int | None = None, max_length: int | None = None) -> dict[str, Any]:
    """A string with bounds on its length in code points."""
    return _without_none({"type": "string", "minLength": min_length, "maxLength": max_length})


def choice(*values: str, default: str | None = None) -> dict[str, Any]:
    """One of a few strings."""
    return _without_none({"type": "string", "enum": list(values), "default": default})


def number(minimum: float, maximum: float, default: float | None = None) -> dict[str, Any]:
    """A number within bounds, both included."""
    return _without_none({"type": "number", "minimum": minimum, "maximum": maximum, "default": default})


def record(properties: Mapping[str, Json], required: Iterable[str] = ()) -> dict[str, Any]:
    """A closed object."""
    schema: dict[str, Any] = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    names = list(required)
    return {**schema, "required": names} if names else schema


def listing(items: Json, *, min_items: int | None = None, max_items: int | None = None) -> dict[str, Any]:
    """An array of like items."""
    return _without_none({"type": "array", "items": dict(items), "minItems": min_items, "maxItems": max_items})


#: Raw base64, or the http(s) URL, of a .jpg, .jpeg or .png. The format itself is judged by looking at the bytes.
IMAGE: Json = {"type": "string", "minLength": 1, "format": "kirin-image"}

#: The same where another image can stand in for it: an empty string counts as missing.
IMAGE_OR_EMPTY: Json = {"type": "string", "format": "kirin-image"}


def params_schema(parameters: Iterable[Parameter], rules: Iterable[Rule]) -> dict[str, Any]:
    """The schema of a model's bare parameters, with every rule that a present parameter sets off.

    Rules that always apply are not in it; ``anchored`` has them.
    """
    known = tuple(parameters)
    schema = record(
        {parameter.name: parameter.published() for parameter in known},
        [parameter.name for parameter in known if parameter.required],
    )
    for rule in rules:
        if rule.fragment is None or rule.trigger is None:
            continue
        owner = schema if rule.owner is None else schema["properties"][rule.owner]
        merge(owner, {"dependentSchemas": {rule.trigger: rule.fragment}})
    return schema


def anchored(rules: Iterable[Rule]) -> dict[str, Any]:
    """What always applies to the bare parameters, to be hung on a key that every body has."""
    always: dict[str, Any] = {}
    for rule in rules:
        if rule.fragment is not None and rule.trigger is None:
            merge(always, rule.fragment)
    return always


def _without_none(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if value is not None}
