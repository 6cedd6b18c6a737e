"""What a user may want of each model: bodies that its document allows, and some that it does not.

The first bodies of a model have every parameter at each enum value, at both bounds and at each value of ``values`` that
its document allows, several of them in one body. Random mixtures of the same follow.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import Judge, wrapped_body
from mock_server.contract.schema import Parameter
from mock_server.core.errors import TaskRejected
from mock_server.verify.client import values
from mock_server.verify.client.forms import forms_of
from mock_server.verify.client.pictures import Pictures
from mock_server.verify.client.values import Named

#: Random bodies that follow the packed ones.
MIXTURES = 40
#: How often a mixture has a value that was drawn, not chosen.
ANY_VALUE = 0.4
LONGEST_TEXT = 2500
#: What the harness itself gives.
OURS = frozenset({"callback_url", "external_task_id"})
LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Body:
    """Parameters, and the names of what is unusual about them."""

    params: Mapping[str, Any]
    labels: tuple[str, ...] = ()


def packed(endpoint: Endpoint, mixtures: int = MIXTURES) -> list[Body]:
    """Bodies that together have all there is to a model's parameters, and how many these are; then random mixtures of
    the same.
    """
    packing = _Packing(endpoint)
    bodies = [packing.next(number) for number in range(packing.count)]
    source = random.Random(0)  # noqa: S311 - the same always
    return bodies + [packing.next(source.randrange(packing.count * 4), source) for _ in range(mixtures)]


class _Packing:
    def __init__(self, endpoint: Endpoint) -> None:
        self._judge = Judge(endpoint)
        self._forms = forms_of(endpoint)
        self._pictures = Pictures()
        free = [_named_of(one) for one in endpoint.parameters if one.name not in OURS]
        # The prompt first: others may be allowed only beside it.
        self._free = sorted(((name, named) for name, named in free if named), key=lambda one: one[0] != "prompt")
        self._schemas = {one.name: one.schema for one in endpoint.parameters}
        self._used: Counter[tuple[str, str]] = Counter()

    @property
    def count(self) -> int:
        """How many bodies have it all."""
        return max(len(self._forms), *(len(named) for _, named in self._free))

    def next(self, number: int, source: random.Random | None = None) -> Body:
        """One body more: of what was used least, or of anything."""
        form = self._forms[number % len(self._forms)]
        self._pictures.begin(form.kind)
        params, labels = form.make(self._pictures)
        for place, (name, named) in enumerate(self._free):
            if name in params or name in form.without:
                continue
            turned = named[place % len(named) :] + named[: place % len(named)]
            ordered = sorted(turned, key=lambda one: self._used[name, one[0]] if source is None else source.random())
            if source is not None and source.random() < ANY_VALUE:
                ordered = [*values.at_random(self._schemas[name], source), *ordered]
            label = self._put(params, name, ordered)
            labels += [f"{name}: {label}"] if label is not None else []
        return Body(params, tuple(labels))

    def _put(self, params: dict[str, Any], name: str, ordered: Iterable[Named]) -> str | None:
        """Put the first value there that is allowed, and give its label."""
        for label, value in ordered:
            tried = {**params, name: value} if label != LEFT_OUT else params
            if mistake_of(self._judge, tried) is None:
                self._used[name, label] += 1
                params.update(tried)
                return label
        return None


def mistake_of(judge: Judge, params: Mapping[str, Any]) -> str | None:
    """The code that parameters are refused with, if they are."""
    try:
        broken = judge.read(wrapped_body(judge.endpoint.model, params)).violations
        return judge.endpoint.errors.code_of(TaskRejected(broken).mistake) if broken else None
    except TaskRejected as rejected:
        return judge.endpoint.errors.code_of(rejected.mistake)


def _named_of(parameter: Parameter) -> tuple[str, list[Named]]:
    """A parameter's name, and its values where it goes with any form."""
    found = _values(parameter.schema)
    return parameter.name, [*found, *([] if parameter.required or not found else [(LEFT_OUT, None)])]


def _values(schema: Mapping[str, Any]) -> list[Named]:
    if "enum" in schema:
        return values.choices(schema["enum"])
    if schema.get("format") == "kirin-image":
        return []  # the forms have them
    kind = schema["type"]
    return _BY_TYPE[kind](schema) if kind in _BY_TYPE else _compound(schema)


_BY_TYPE: Mapping[str, Callable[[Mapping[str, Any]], list[Named]]] = {
    "string": lambda schema: values.texts(schema.get("maxLength", LONGEST_TEXT), schema.get("minLength", 0)),
    "boolean": lambda _: values.choices((False, True)),
    "number": lambda schema: values.numbers(schema["minimum"], schema["maximum"]),
    "integer": values.integers,
}


def _compound(schema: Mapping[str, Any]) -> list[Named]:
    """The values of an object with one property each, or of a list of such."""
    if schema.get("type") == "object":
        names = schema["properties"]
        return [
            (f"{name}={label}", {name: value})
            for name, inner in names.items()
            if set(schema.get("required", ())) <= {name}
            for label, value in _values(inner)
        ]
    each = _compound(schema["items"])
    if not each:
        return []
    most = schema.get("maxItems", len(each))
    lists = [(label, [one]) for label, one in each]
    lists += [(f"{most} elements, the last one {label}", _around(each, at, most)) for at, (label, _) in enumerate(each)]
    return [("empty", []), (f"{most} elements, two alike", [each[0][1]] * 2 + [each[-1][1]]), *lists]


def _around(each: list[Named], last: int, count: int) -> list[Any]:
    """Different values, of which this one is the last."""
    return [each[(last + step) % len(each)][1] for step in range(count - 1, -1, -1)]
