"""Intents that break the document of their model, each with the code that the platform answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import Judge
from mock_server.core.errors import Mistake
from mock_server.verify.client.forms import camera_controls
from mock_server.verify.client.intents import mistake_of
from mock_server.verify.client.pictures import Pictures, wide

Params = dict[str, Any]
TOO_LONG = "\U0001f3ac" * 2501
#: What the values of some parameters are changed to. Each is of the right type: a client may have no other.
_CHANGED: Mapping[str, tuple[Any, ...]] = {
    "duration": ("7",),
    "mode": ("STD",),
    "prompt": (TOO_LONG,),
    "negative_prompt": (TOO_LONG,),
    "cfg_scale": (1.5,),
    "aspect_ratio": ("4:3",),
    "sound": ("On",),
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """Parameters that are refused, with which code, and what is wrong with them. Without parameters, right ones are
    refused all the same.
    """

    params: Params | None
    code: str
    kind: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of it in a report."""
        return self.kind, self.code


def wrong_intents(endpoint: Endpoint) -> list[Wrong]:
    """One for each code comes first."""
    judge = Judge(endpoint)
    found = [
        Wrong(params, code, kind)
        for kind, params in _broken(endpoint)
        if (code := mistake_of(judge, params)) is not None
    ] + _pictures(endpoint)
    found += _right_ones(endpoint)
    first = {wrong.code: place for place, wrong in reversed(list(enumerate(found)))}
    return sorted(found, key=lambda wrong: found[first[wrong.code]] is not wrong)


def _broken(endpoint: Endpoint) -> Iterator[tuple[str, Params]]:
    example = dict(endpoint.example)
    for left_out in example:
        yield "a parameter left out", {key: value for key, value in example.items() if key != left_out}
    for name, values in _CHANGED.items():
        if name in endpoint.by_name:
            yield from ((f"{name}={_shown(value)}", {**example, name: value}) for value in values)
    yield from _cameras(endpoint)
    yield from _lists(endpoint)


def _shown(value: Any) -> str:
    return "too long" if value == TOO_LONG else str(value)


def _cameras(endpoint: Endpoint) -> Iterator[tuple[str, Params]]:
    if "camera_control" not in endpoint.by_name:
        return
    alone = {name: value for name, value in endpoint.example.items() if name != "dynamic_masks"}
    control, _ = camera_controls(endpoint)[-1]
    right = {**alone, "camera_control": control}
    yield "a camera at 10 s", {**right, "duration": "10"}
    yield "an axis at 10.5", {**right, "camera_control": {"type": "simple", "config": {"pan": 10.5}}}
    yield "two axes", {**right, "camera_control": {"type": "simple", "config": {"pan": 1, "zoom": 1}}}
    if "image_tail" in endpoint.by_name:
        yield "a tail in std", {**alone, "mode": "std", "image_tail": Pictures()("image_tail")[1]}


def _lists(endpoint: Endpoint) -> Iterator[tuple[str, Params]]:
    """Lists with one element too many, and elements with a text too long."""
    example = endpoint.example
    for name, value in example.items():
        if isinstance(value, list):
            yield f"{name} too long", {**example, name: [value[at % len(value)] for at in range(7)]}
    if "multi_prompt" in example:
        first, *others = example["multi_prompt"]
        yield "a shot's prompt too long", {**example, "multi_prompt": [{**first, "prompt": "x" * 513}, *others]}
        yield "shots that do not add up", {**example, "duration": "6"}
    if "dynamic_masks" in example:
        stroke = example["dynamic_masks"][0]
        points = [{"x": at, "y": at} for at in range(78)]
        yield "78 points", {**example, "dynamic_masks": [{**stroke, "trajectories": points}]}


def _pictures(endpoint: Endpoint) -> list[Wrong]:
    """What only a look at the bytes can tell."""
    if "image" not in endpoint.by_name:
        return []
    plain = {name: value for name, value in endpoint.example.items() if name != "dynamic_masks"}
    pictures = Pictures()
    pictures.begin("")
    pictures.begin("")
    prefixed = f"data:image/png;base64,{pictures('image')[1]}"
    aspect, form = (endpoint.errors.code_of(one) for one in (Mistake.ASPECT_RATIO, Mistake.IMAGE_FORMAT))
    return [
        Wrong({**plain, "image": wide(1)}, aspect, "a picture too wide"),
        Wrong({**plain, "image": prefixed}, form, "a data: prefix"),
        Wrong({**plain, "image": "https://pictures.example.com/lake.gif"}, form, "a GIF"),
    ]


def _right_ones(endpoint: Endpoint) -> list[Wrong]:
    """Each documented code that says of a right body that it is refused for good."""
    errors = endpoint.errors
    apart = {errors.unauthenticated, errors.unavailable}
    return [Wrong(None, one.code, "a right body") for one in errors.codes if one.code not in apart]
