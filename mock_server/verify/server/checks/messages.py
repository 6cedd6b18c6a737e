"""A body with several mistakes: the message tells each with the path of its parameter, the code is that of the first
kind (wire#4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.core.errors import MISTAKE_ORDER, Mistake
from mock_server.verify.server.awkward import Change, wrong_values
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.bounds import SHAPES, Field, fields, written
from mock_server.verify.server.checks.common import QUEUE, Asked, Json, Material, about, body_of, refusal_problems, told
from mock_server.verify.server.pictures import plain, png, raw
from mock_server.verify.server.samples import put
from mock_server.verify.server.target import Target

TELLS, FIRST = "tells every mistake", "has the code of the first mistake"
#: So many parameters on is the partner of each in a pair of mistakes.
STRIDES = (1, 4)

#: One mistake of each kind at the top of a body, by what it does to right parameters.
KINDS: dict[Mistake, tuple[str, Any]] = {
    Mistake.IMAGE_MISSING: ("image", None),
    Mistake.IMAGE_FORMAT: ("image", "no image"),
    Mistake.ASPECT_RATIO: ("image", raw(png(300, 751))),
    Mistake.PROMPT: ("prompt", "a" * 2501),
    Mistake.DURATION: ("duration", "7.5"),
    Mistake.OTHER: ("watermark_info", "yes"),
}


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        bodies = material.bodies[model]
        made = list(_several(endpoint, bodies))
        for number, (names, params) in enumerate(made):
            shape = SHAPES[number % len(SHAPES)]
            broken = bodies.broken(params)
            code = endpoint.errors.code_of(min((one.mistake for one in broken), key=MISTAKE_ORDER.__getitem__))
            yield _case(
                endpoint, f"mistakes/{number} {' and '.join(names)}", TELLS, "every mistake",
                _tried(endpoint, params, code, sorted({one.path for one in broken}), shape),
            )  # fmt: skip
        yield from _kinds(endpoint, bodies)


def _case(endpoint: Endpoint, case_id: str, name: str, fact: str, tried: Tried) -> Case:
    return Case(
        f"{endpoint.short}/{case_id}", name, endpoint.model, (f"messages {endpoint.model} {fact}",),
        "of several mistakes the message lists all, each with the parameter's path, and the code is that of the first "
        "kind (wire#4)", 1, 0.0, tried,
    )  # fmt: skip


def _several(endpoint: Endpoint, bodies: Bodies) -> Iterator[tuple[list[str], Json]]:
    """Bodies with two mistakes or more, each with the fields concerned."""
    known = [field for field in fields(endpoint.params_schema) if field.path]
    found = [(field, change) for field in known if (change := _wrong(field)) is not None]
    for stride in STRIDES:
        for place, one in enumerate(found):
            other = found[(place + stride) % len(found)]
            params = _both(bodies, one, other)
            if params is not None:
                yield [one[0].name, other[0].name], params
    yield from _in_lists(bodies, found)
    everything = dict(bodies.cheapest)
    everything |= {str(field.path[0]): change(None) for field, change in found if len(field.path) == 1}
    yield ["everything"], everything


def _in_lists(bodies: Bodies, found: list[tuple[Field, Change]]) -> Iterator[tuple[list[str], Json]]:
    """Bodies in which the first and the last element of a list are wrong."""
    for field, change in found:
        places = list(field.places())
        for params in bodies.samples.having(places[-1])[:1] if places else ():
            yield [written(places[0]), written(places[-1])], put(put(params, places[0], change), places[-1], change)


def _wrong(field: Field) -> Change | None:
    """A change that makes a field wrong by its type."""
    kind = {"string": 5, "number": "much", "integer": "five", "boolean": "yes", "object": "x", "array": "x"}
    wrong = kind.get(field.schema.get("type", ""))
    return None if wrong is None or not list(wrong_values("", field.schema)) else lambda _: wrong


def _both(bodies: Bodies, one: tuple[Field, Change], other: tuple[Field, Change]) -> Json | None:
    """A body in which two fields of different parameters are wrong."""
    first, second = one[0].path, other[0].path
    if first[0] == second[0]:
        return None
    start, addition = bodies.samples.having(first)[:1], bodies.samples.having(second)[:1]
    if not start or not addition:
        return None
    root = str(second[0])
    params = put({**addition[0], **start[0], root: addition[0][root]}, first, one[1])
    params = put(params, second, other[1])
    roots = {re.split(r"[.\[]", violation.path, maxsplit=1)[0] for violation in bodies.broken(params)}
    return params if len(roots) > 1 else None


def mentions(message: str, path: str) -> bool:
    """Whether a message names a parameter: each name on its path, and each place in a list."""
    return all(step in message for step in re.split(r"[.\[\]]+", path) if step)


def _tried(endpoint: Endpoint, params: Json, code: str, paths: list[str], shape: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.submit(endpoint, params, shape)
        asked = Asked(paths[0], f"and {len(paths) - 1} more are wrong")
        found = list(refusal_problems(endpoint, exchange, code, queue=shape == QUEUE))
        if found:
            yield from about(found, asked)
            return
        message = body_of(exchange)["error"][endpoint.errors.message_key]
        silent = [path for path in paths if not mentions(message, path)]
        if silent:
            says = f"the message does not name '{' and '.join(silent)}': {told(exchange)}"
            yield from about([Problem(says, exchange)], Asked(silent[0], f"is wrong, as {len(paths) - 1} others are"))

    return tried


def _kinds(endpoint: Endpoint, bodies: Bodies) -> Iterator[Case]:
    """Two kinds of mistake at once, where the model has a code for one of them."""
    if not endpoint.errors.by_mistake:
        return
    start = {**bodies.cheapest, "image": plain()}
    for number, (one, other) in enumerate(combinations(KINDS, 2)):
        fields_of = [KINDS[kind][0] for kind in (one, other)]
        if fields_of[0] == fields_of[1]:
            continue
        params = {**start, **dict(KINDS[kind] for kind in (one, other))}
        kept = {name: value for name, value in params.items() if value is not None}
        yield _case(
            endpoint, f"codes/{one} and {other}", FIRST, "first code",
            _tried(endpoint, kept, endpoint.errors.code_of(one), fields_of, SHAPES[number % len(SHAPES)]),
        )  # fmt: skip
    tails = {**start, "mode": "pro", "image": raw(png(300, 751)), "image_tail": "no image"}
    yield _case(
        endpoint, "codes/aspect ratio and the format of another", FIRST, "first code",
        _tried(endpoint, tails, endpoint.errors.code_of(Mistake.IMAGE_FORMAT), ["image", "image_tail"], SHAPES[0]),
    )  # fmt: skip
