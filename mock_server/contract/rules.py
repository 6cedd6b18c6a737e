"""Rule: one sentence of a document as one object, and the parameters it speaks of.

A rule is either a JSON Schema fragment, which the contract publishes and the server judges by, or, for the few things
a schema cannot say, a predicate over the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import jsonschema_rs

from mock_server.contract.messages import path_text, problem
from mock_server.core.errors import Mistake, Violation

Evidence = Literal["documented", "documented: platform pages", "sibling", "observed", "assumed"]
Json = Mapping[str, Any]
NO_LENGTHS: Mapping[tuple[str | int, ...], int] = MappingProxyType({})
#: What clients understand of a rule (observed); they pass over a ``note``.
Kind = Literal["one_of", "at_least_one", "requires", "mutually_exclusive", "note"]


@dataclass(frozen=True, slots=True)
class InputRule:
    """What a model contract says of a rule to clients that check a body before they send it (wire#3).

    It applies while every parameter in ``when`` has the value given there; clients compare them as text, fill in
    defaults before, and take an empty text, list or object for a missing one. Then, by ``kind``: at least one of
    ``fields`` must be there (``one_of``, ``at_least_one``), all of ``required`` must (``requires``), or at most one of
    ``fields`` may (``mutually_exclusive``). It must never forbid what the rule allows; what cannot be said so is a
    ``note``.
    """

    kind: Kind
    fields: tuple[str, ...]
    when: Json | None = None
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One rule between parameters.

    ``paths`` are the parameters it speaks of, the one to name first. ``trigger`` is the parameter whose presence makes
    the rule apply (None: it always applies). ``owner`` is the object parameter the rule lives in (None: the top).
    ``unless`` is a schema under which the rule does not apply. ``message`` is a whole sentence that names the
    parameter, what was wrong and what is right, and ``explain`` adds what these parameters have; with ``each`` set,
    each value that breaks the schema is a violation of its own. ``input_rules`` is what the model contract says of it.
    """

    id: str
    paths: tuple[str, ...]
    message: str
    source: str
    input_rules: tuple[InputRule, ...]
    trigger: str | None = None
    schema: Json | None = None
    predicate: Callable[[Json], bool] | None = None
    explain: Callable[[Json], str] | None = None
    owner: str | None = None
    unless: Json | None = None
    each: bool = False
    mistake: Mistake = Mistake.OTHER
    evidence: Evidence = "documented"

    @property
    def fragment(self) -> Json | None:
        """The schema to publish and to judge by; None for a rule that lives in code."""
        if self.schema is None or self.unless is None:
            return self.schema
        return {"anyOf": [self.unless, self.schema]}

    @cached_property
    def _compiled(self) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator(dict(self.fragment or {}))

    @cached_property
    def _schema_validator(self) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator(dict(self.schema or {}))

    def holds(self, params: Json) -> bool:
        """Whether ``params`` keep this rule; a rule that does not apply is kept."""
        subject = self._subject(params)
        if not isinstance(subject, dict) or (self.trigger is not None and self.trigger not in subject):
            return True
        if self.predicate is not None:
            return self.predicate(subject)
        return self._compiled.is_valid(subject)

    def _subject(self, params: Json) -> Any:
        return params if self.owner is None else params.get(self.owner)

    def violations(self, params: Json, lengths: Mapping[tuple[str | int, ...], int] = NO_LENGTHS) -> list[Violation]:
        """What breaks this rule, if anything does. ``lengths`` are those of lists of which ``params`` has only the
        beginning, by their paths.
        """
        if self.holds(params):
            return []
        if not self.each:
            message = self.message if self.explain is None else f"{self.message}; {self.explain(self._subject(params))}"
            return [Violation(self.paths[0], message, self.mistake, self.id)]
        prefix = [] if self.owner is None else [self.owner]
        found = []
        for error in self._schema_validator.iter_errors(self._subject(params)):
            place = (*prefix, *error.instance_path)
            path = path_text(place)
            found.append(Violation(path, f"{path} {problem(error, lengths.get(place))}", self.mistake, self.id))
        return found

    def described(self) -> dict[str, str]:
        """What the contract says of this rule beside its schema."""
        return {
            "id": self.id,
            "says": self.message,
            "x-source": self.source,
            "x-evidence": self.evidence,
            "enforced": "code" if self.schema is None else "schema",
        }


def merge(target: dict[str, Any], extra: Json) -> dict[str, Any]:
    """Add ``extra`` to ``target`` so that both hold: objects merge, lists of names unite, equal values stay."""
    for key, value in extra.items():
        if key not in target:
            target[key] = _thaw(value)
        elif key == "required":
            target[key] += [name for name in value if name not in target[key]]
        elif isinstance(value, Mapping) and isinstance(target[key], dict):
            merge(target[key], value)
        elif target[key] != value:
            target["allOf"] = [*target.get("allOf", ()), {key: target.pop(key)}, {key: _thaw(value)}]
    return target


def _thaw(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thaw(inner) for key, inner in value.items()}
    return [_thaw(inner) for inner in value] if isinstance(value, list | tuple) else value
