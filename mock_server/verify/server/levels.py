"""The values at which each parameter is combined with others: left out, each choice, and what else changes a rule."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.pictures import plain
from mock_server.verify.server.samples import ABSENT, HOOK, filled, value_of

Json = dict[str, Any]
AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")


def levels_of(endpoint: Endpoint) -> dict[str, list[Any]]:
    """For each parameter the values to combine, all right by themselves; ABSENT first where it may be left out."""
    schema = endpoint.params_schema
    required = schema.get("required", ())
    return {
        name: ([] if name in required else [ABSENT]) + _values(name, inner)
        for name, inner in schema["properties"].items()
    }


def _values(name: str, schema: Json) -> list[Any]:
    made: dict[str, Callable[[], list[Any]]] = {
        "camera_control": lambda: list(_camera(schema)),
        "multi_prompt": lambda: [shots(1), shots(2), shots(6)],
        "shot_type": lambda: ["customize"],
        "callback_url": lambda: [HOOK],
        "external_task_id": lambda: ["own"],
        "prompt": lambda: ["A kite", "é" * 2500],
        "negative_prompt": lambda: ["blur", "", "漁" * 2500],
    }
    if name in made:
        return made[name]()
    kind = schema["type"]
    if kind == "boolean":
        return [True, False]
    if kind == "object":
        return [{"enabled": True}, {"enabled": False}]
    if kind == "array":
        one = value_of({**schema, "minItems": 1})
        return [one, filled(one, schema, (schema["maxItems"] - 1,))]
    if kind == "string":
        return list(schema.get("enum") or [plain()])
    return [0, 0.5, 1] if kind == "number" else [0, 7]


def _camera(schema: Json) -> Iterator[Json]:
    """Each type; the simple one moves along each axis both ways."""
    for place, axis in enumerate(AXES):
        yield {"type": "simple", "config": {axis: (10, -10, 0.5, -0.5, 3, -7)[place]}}
    yield {"type": "simple", "config": {**dict.fromkeys(AXES, 0), "tilt": -4}}
    yield from ({"type": one} for one in schema["properties"]["type"]["enum"] if one != "simple")


def shots(count: int, total: int = 6) -> list[Json]:
    """So many shots that take ``total`` seconds together."""
    lengths = [total - count + 1] + [1] * (count - 1)
    return [
        {"index": place + 1, "prompt": f"Shot {place + 1}", "duration": str(length)}
        for place, length in enumerate(lengths)
    ]


def fitted(params: Json) -> Json:
    """The same with shots that take as long as the video: as many of them, or fewer where it is too short."""
    given = params.get("multi_prompt")
    if params.get("multi_shot") is not True or not isinstance(given, list) or not given:
        return params
    total = int(params.get("duration", "5"))
    kept = copy.deepcopy(given[: min(len(given), total)])
    for shot, fitting in zip(kept, shots(len(kept), total), strict=True):
        shot["duration"] = fitting["duration"]
    return {**params, "multi_prompt": kept}


def breaking_levels(endpoint: Endpoint) -> Mapping[str, list[Any]]:
    """Values that may break a rule between parameters, beside those that are always right."""
    found: dict[str, list[Any]] = {}
    for name in endpoint.by_name:
        if name in {"image", "image_tail", "prompt"}:
            found[name] = [""]
        elif name == "camera_control":
            found[name] = list(_wrong_cameras())
        elif name == "multi_prompt":
            found[name] = list(_wrong_shots())
    return found


def _wrong_cameras() -> Iterator[Json]:
    """Simple ones that do not move along exactly one axis."""
    yield {"type": "simple"}
    yield {"type": "simple", "config": {}}
    yield {"type": "simple", "config": dict.fromkeys(AXES, 0)}
    yield {"type": "simple", "config": {"pan": 0.0}}
    for one, other in combinations(AXES, 2):
        yield {"type": "simple", "config": {one: 5, other: -5}}
    yield {"type": "simple", "config": {**dict.fromkeys(AXES, 0), "pan": 1, "zoom": 0.001}}
    yield {"type": "simple", "config": dict.fromkeys(AXES, 10)}


def _wrong_shots() -> Iterator[list[Json]]:
    """Shots whose lengths are right by themselves, of several sums."""
    yield []
    for count in (1, 2, 3, 6):
        for total in (count, 4, 6, 11, 14, 15):
            if count <= total:
                yield shots(count, total)
