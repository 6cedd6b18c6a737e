"""The judge: a body in, accepted parameters or all of its mistakes out.

The schemas judged by are the very ones that OpenAPI publishes; what a schema cannot say is asked of the rules beside
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from mock_server.contract.endpoint import Endpoint, Shape
from mock_server.contract.messages import name_of, nearest, path_text, problem
from mock_server.contract.rules import Json, merge
from mock_server.contract.shortening import Shortened
from mock_server.core.errors import MOST_VIOLATIONS, Mistake, TaskRejected, Violation

Path = list[str | int]


#: Beside ``input`` in the wrapper; the platform's own client sends them.
WRAPPER_EXTRAS: dict[str, dict[str, Any]] = {
    "moderation": {"type": "boolean", "description": "Accepted, without effect.", "x-evidence": "observed"},
    "dash_scope": {"type": "boolean", "description": "Accepted, without effect.", "x-evidence": "observed"},
    "metadata": {"type": "object", "description": "Comes back as the task's metadata.", "x-evidence": "observed"},
}


#: Names that stand around parameters, and are found among them.
_MISPLACED = {
    "model": "; the model is named outside of its parameters: beside them, or in the path of the queue",
    "data": "; the parameters stand here as they are",
    "input": "; the parameters stand here as they are",
}


def component_name(endpoint: Endpoint) -> str:
    """The stem of a model's component names: KirinV1T2v for kirin_v1_t2v."""
    return "".join(part.capitalize() for part in endpoint.model.split("_"))


def components(endpoint: Endpoint) -> dict[str, dict[str, Any]]:
    """A model's request schemas by component name: bare parameters, documented body, wrapped body."""
    stem = component_name(endpoint)
    params = endpoint.params_schema
    model = {"const": endpoint.model, "type": "string", "x-source": f"{endpoint.short}#model"}
    rules = [rule.described() for rule in endpoint.rules] + image_rules(endpoint)
    reference = {"$ref": f"#/components/schemas/{stem}Params"}
    if endpoint.shape == "flat":
        request = _object({"model": model, **params["properties"]}, ["model", *params.get("required", ())])
        if "dependentSchemas" in params:
            merge(request, {"dependentSchemas": params["dependentSchemas"]})
        always = endpoint.always
    else:
        request = _object({"model": model, "data": reference}, ["model", "data"])
        always = _nested({"data": endpoint.always})
    wrapped = _object(
        {
            "model": model,
            "input": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": {"$ref": f"#/components/schemas/{stem}Input"},
                "x-evidence": "observed",
            },
            **WRAPPER_EXTRAS,
        },
        ["model", "input"],
    )
    if endpoint.always:
        request.setdefault("dependentSchemas", {})["model"] = always
        inner = _nested({"input": {"items": _nested({"params": endpoint.always})}})
        wrapped["dependentSchemas"] = {"model": inner}
    request["title"], wrapped["title"] = f"{stem}Request", f"{stem}Wrapped"
    params = {**params, "title": f"{stem}Params", **({"x-rules": rules} if rules else {})}
    return {
        f"{stem}Params": params,
        f"{stem}Input": {**_object({"params": reference}, ["params"]), "title": f"{stem}Input"},
        f"{stem}Request": request,
        f"{stem}Wrapped": wrapped,
    }


def documented_body(endpoint: Endpoint, params: Json | None = None) -> dict[str, Any]:
    """Parameters, or a model's own example of them, in the shape its document gives."""
    params = dict(endpoint.example if params is None else params)
    return {"model": endpoint.model, **({"data": params} if endpoint.shape == "data" else params)}


def wrapped_body(model: str, params: Any) -> dict[str, Any]:
    """Bare parameters in the wrapper that every model takes."""
    return {"model": model, "input": [{"params": params}]}


def image_rules(endpoint: Endpoint) -> list[dict[str, str]]:
    """What is asked of a model's images, which only a look at the bytes can tell."""
    return [
        {
            "id": f"{endpoint.short}-{path}-image",
            "says": f"{path} must be {asked}",
            "x-source": f"{endpoint.short}#{image.path[0]}",
            "x-evidence": "documented",
            "enforced": "code",
        }
        for image in endpoint.images
        for path in [".".join(image.path).replace(".*", "[]")]
        for asked in image.limits.asked()
    ]


def _object(properties: Json, required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": required, "additionalProperties": False}


def _nested(properties: Json) -> dict[str, Any]:
    return {"properties": dict(properties)}


@dataclass(frozen=True, slots=True)
class Reading:
    """A body as understood: its bare parameters, the wrapper's metadata, and its violations. ``more`` is how many items
    were not looked at.
    """

    params: Mapping[str, Any]
    metadata: Mapping[str, Any]
    violations: list[Violation]
    more: int = 0


_WRAPPED_PREFIX: Path = ["input", 0, "params"]


class Judge:
    """Judges the bodies of one model."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        schemas = components(endpoint)
        stem = component_name(endpoint)
        root = {"components": {"schemas": schemas}}
        self._documented = jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{stem}Request", **root})
        self._wrapped = jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{stem}Wrapped", **root})
        self._in_code = [rule for rule in endpoint.rules if rule.schema is None]
        self._documented_prefix: Path = [] if endpoint.shape == "flat" else ["data"]

    def read(self, body: Mapping[str, Any]) -> Reading:
        """Judge a JSON object whose ``model`` is this one. Raises TaskRejected when it has no known shape."""
        if "input" in body:
            validator, prefix = self._wrapped, _WRAPPED_PREFIX
        else:
            self._check_shape(body)
            validator, prefix = self._documented, self._documented_prefix
        params = _inside(body, prefix)
        if validator.is_valid(body):
            violations, more = self._broken_in_code(params, []), 0
        else:
            violations, more = self._all_violations(validator, body, prefix)
        metadata = body.get("metadata")
        return Reading(params, metadata if isinstance(metadata, dict) and "input" in body else {}, violations, more)

    def _all_violations(
        self, validator: jsonschema_rs.Draft202012Validator, body: Json, prefix: Path
    ) -> tuple[list[Violation], int]:
        """What is wrong with a body, and how many items were not looked at: of a list that is much too long, only the
        first are.
        """
        shortened = Shortened(self.endpoint.params_schema)
        short = shortened.body(body, prefix)
        violations = list(self._field_violations(validator, short, prefix, shortened.lengths))
        params = _inside(short, prefix)
        inside = {path[len(prefix) :]: length for path, length in shortened.lengths.items()}
        violations += self._broken_rules(params, violations, inside)
        violations += self._broken_in_code(params, violations)
        return violations, shortened.left_out

    def _check_shape(self, body: Json) -> None:
        message = self._wrong_shape(body)
        if message is not None:
            raise TaskRejected([Violation("data", message, Mistake.OTHER, "shape")])

    def _wrong_shape(self, body: Json) -> str | None:
        model, shape = self.endpoint.model, self.endpoint.shape
        if shape == "flat":
            wrong = f"data is not how {model} takes its parameters" if "data" in body else None
        elif not isinstance(body.get("data"), dict):
            fault = "must be an object" if "data" in body else "is required"
            wrong = f"data {fault}: {model} takes its parameters inside it"
        else:
            beside = ", ".join(name_of(name) for name in body if name not in {"model", "data"})
            wrong = f"{beside} must stand inside data, not beside it" if beside else None
        return f"{wrong}; send {shape_example(shape, model)}" if wrong is not None else None

    def _field_violations(
        self,
        validator: jsonschema_rs.Draft202012Validator,
        body: Json,
        prefix: Path,
        lengths: Mapping[tuple[str | int, ...], int],
    ) -> Iterator[Violation]:
        """What is wrong with each value by itself, wherever it stands. ``lengths`` are those of the lists that were
        shortened, by their paths.
        """
        errors = [error for error in validator.iter_errors(body) if "dependentSchemas" not in error.schema_path]
        kinds = jsonschema_rs.ValidationErrorKind
        not_offered = [error.instance_path for error in errors if isinstance(error.kind, kinds.Enum)]
        for error in errors:
            if isinstance(error.kind, kinds.Type) and error.instance_path in not_offered:
                continue  # said once is enough
            path: Path = list(error.instance_path)
            length = lengths.get(tuple(path))
            inside = path[: len(prefix)] == prefix
            if inside and (
                len(path) > len(prefix) or not isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Type)
            ):
                path = path[len(prefix) :]
            for name, message in self._messages(error, path, inside, length):
                place = [*path, name] if name is not None else path
                yield Violation(path_text(place), message, self._mistake(place, error), "field")

    def _messages(
        self, error: jsonschema_rs.ValidationError, path: Path, inside: bool, length: int | None
    ) -> Iterator[tuple[str | None, str]]:
        """The name of the key concerned, if it is not the value at ``path`` itself, and a sentence."""
        kind = error.kind
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
            name = name_of(kind.property)
            yield name, f"{path_text([*path, name])} is required"
        elif isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
            for name in kind.unexpected[: MOST_VIOLATIONS + 1]:
                if not inside:
                    right = shape_example("wrapper", self.endpoint.model)
                    yield name, f"{path_text([*path, name])} does not belong there; send {right}"
                    continue
                hint = _MISPLACED.get(name) or nearest(name, self._names_at(path))
                yield name, f"{path_text([*path, name])} is not a parameter of {self.endpoint.model}{hint}"
        else:
            yield None, f"{path_text(path)} {problem(error, length)}"

    def _names_at(self, path: Path) -> list[str]:
        """The keys that the object at ``path`` may have."""
        schema: Any = self.endpoint.params_schema
        for step in path:
            schema = schema["items"] if isinstance(step, int) else schema["properties"][step]
        return list(schema["properties"])

    def _mistake(self, path: Path, error: jsonschema_rs.ValidationError) -> Mistake:
        if not path or path[0] not in self.endpoint.by_name:
            return Mistake.OTHER
        root = self.endpoint.by_name[str(path[0])]
        kinds = jsonschema_rs.ValidationErrorKind
        if root.name in {"image", "image_tail"} and isinstance(error.kind, kinds.Required | kinds.MinLength):
            return Mistake.IMAGE_MISSING
        if path[-1] == "mask":  # one that is not there, or does not belong there, is no image with a wrong format
            absent = isinstance(error.kind, kinds.Required | kinds.AdditionalProperties)
            return Mistake.OTHER if absent else Mistake.IMAGE_FORMAT
        return root.mistake

    def _broken_rules(
        self, params: Json, found: list[Violation], lengths: Mapping[tuple[str | int, ...], int]
    ) -> list[Violation]:
        """The rules between parameters that are broken, but for those that speak of, or are set off by,
        a value already found wrong.
        """
        wrong = {violation.path for violation in found}
        return [
            violation
            for rule in self.endpoint.rules
            if rule.schema is not None and not wrong.intersection((*rule.paths, rule.trigger))
            for violation in rule.violations(params, lengths)
        ]

    def _broken_in_code(self, params: Json, found: list[Violation]) -> list[Violation]:
        """The same for the rules that a schema cannot say; they look only at values that are right by themselves."""
        roots = {re.split(r"[.\[]", violation.path, maxsplit=1)[0] for violation in found}
        return [
            violation
            for rule in self._in_code
            if not roots.intersection(rule.paths)
            for violation in rule.violations(params)
        ]


def shape_example(shape: Shape | str, model: str) -> str:
    """The right shape of a body, to show to a client that sent another."""
    return {
        "flat": f'{{"model": "{model}", ...parameters}}',
        "data": f'{{"model": "{model}", "data": {{...parameters}}}}',
        "wrapper": f'{{"model": "{model}", "input": [{{"params": {{...parameters}}}}]}}',
    }[shape]


def bare_params(endpoint: Endpoint, body: Mapping[str, Any]) -> dict[str, Any]:
    """The bare parameters of a body in any of its shapes, right or wrong; an empty object where it has none."""
    if "input" in body:
        return _inside(body, _WRAPPED_PREFIX)
    return _inside(body, ["data"] if endpoint.shape == "data" else [])


def _inside(body: Any, prefix: Path) -> dict[str, Any]:
    """The bare parameters, or an empty object where the body has none."""
    if not prefix:
        return {name: value for name, value in body.items() if name != "model"}
    for step in prefix:
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            return {}
    return body if isinstance(body, dict) else {}
