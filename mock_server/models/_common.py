"""What several models' documents have in common, each written once. ``doc`` is the short name used in sources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mock_server.contract.endpoint import ClipFormat, Pictures
from mock_server.contract.rules import Evidence, InputRule, Json, Rule
from mock_server.contract.schema import Parameter, choice, number, record, text
from mock_server.core.errors import Mistake
from mock_server.core.images import MIB, Limits

#: "Less than 10MB" leaves 10 MiB out; "max" and "must not exceed" let it in (wire#4).
LESS_THAN_10MB = 10 * MIB - 1
UP_TO_10MB = 10 * MIB

MAX_PROMPT = 2500
CAMERA_AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
_AXIS_MEANING = {
    "horizontal": "Moves along the x axis; negative is left.",
    "vertical": "Moves along the y axis; negative is down.",
    "pan": "Turns around the y axis; negative is left.",
    "tilt": "Turns around the x axis; negative is down.",
    "roll": "Turns around the z axis; negative is counter-clockwise.",
    "zoom": "Changes the focal length; negative narrows the field of view.",
}


def with_aspect(max_bytes: int) -> Limits:
    """An image whose aspect ratio counts as well."""
    return Limits(max_bytes, aspect=True)


def any_aspect(max_bytes: int) -> Limits:
    """An image of any aspect ratio."""
    return Limits(max_bytes, aspect=False)


def negative_prompt(doc: str) -> Parameter:
    """What should not be seen."""
    return Parameter(
        "negative_prompt",
        text(max_length=MAX_PROMPT),
        f"{doc}#negative_prompt",
        "What the video should not show; up to 2500 characters.",
        mistake=Mistake.PROMPT,
    )


def duration(doc: str, seconds: Iterable[int] = (5, 10)) -> Parameter:
    """Seconds, as a string."""
    return Parameter(
        "duration",
        choice(*(str(second) for second in seconds), default="5"),
        f"{doc}#duration",
        "Length of the video in seconds, written as a string.",
        mistake=Mistake.DURATION,
    )


def mode(doc: str) -> Parameter:
    """Standard or professional."""
    return Parameter(
        "mode", choice("std", "pro", default="std"), f"{doc}#mode", "std costs less, pro looks better and takes longer."
    )


def cfg_scale(doc: str) -> Parameter:
    """How closely to follow the prompt."""
    return Parameter(
        "cfg_scale", number(0, 1, 0.5), f"{doc}#cfg_scale", "How closely the prompt is followed, from 0 to 1."
    )


def aspect_ratio(doc: str) -> Parameter:
    """Width to height."""
    return Parameter(
        "aspect_ratio",
        choice("16:9", "9:16", "1:1", default="16:9"),
        f"{doc}#aspect_ratio",
        "Width to height of the video.",
    )


def closing_parameters(doc: str) -> tuple[Parameter, ...]:
    """The three that end every document."""
    return (
        Parameter(
            "watermark_info",
            record({"enabled": {"type": "boolean", "description": "true makes it."}}, ["enabled"]),
            f"{doc}#watermark_info",
            "Whether a watermarked version is made as well: an object with the boolean enabled.",
            evidence="documented" if doc == "multi" else "assumed",
        ),
        Parameter(
            "callback_url",
            {"type": "string", "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#]+[^\s]*$"},
            f"{doc}#callback_url",
            "Where events of the task are posted. That it is an http:// or https:// URL is assumed.",
        ),
        Parameter(
            "external_task_id",
            text(min_length=1),
            f"{doc}#external_task_id",
            "Your own id for the task; unique among your tasks, valid for polling. That it is not empty is assumed.",
        ),
    )


def camera_parameter(doc: str, types: tuple[str, ...]) -> Parameter:
    """Camera movement, one object."""
    axes = {axis: {"type": "number", "description": meaning} for axis, meaning in _AXIS_MEANING.items()}
    return Parameter(
        "camera_control",
        record(
            {
                "type": {**choice(*types), "description": "simple, which takes config, or one of the set moves."},
                "config": {**record(axes), "description": "For simple: one of the six, other than 0, from -10 to 10."},
            },
            ["type"],
        ),
        f"{doc}#camera_control",
        "How the camera moves; left out, the model decides. config is for type simple.",
    )


def camera_rules(doc: str) -> tuple[Rule, ...]:
    """Type simple wants a config within bounds in which exactly one axis moves; the other types ignore config."""
    only_one = [
        {
            "required": [axis],
            "properties": {other: {"not": {"const": 0}} if other == axis else {"const": 0} for other in CAMERA_AXES},
        }
        for axis in CAMERA_AXES
    ]
    within = {axis: {"minimum": -10, "maximum": 10} for axis in CAMERA_AXES}

    def rule(name: str, message: str, schema: Json, *, each: bool = False) -> Rule:
        return Rule(
            id=f"{doc}-camera-{name}",
            paths=("camera_control.config",),
            message=f"camera_control.config {message} when camera_control.type is simple",
            source=f"{doc}#camera_control.config",
            input_rules=(InputRule("note", ("camera_control.config",)),),
            owner="camera_control",
            trigger="type",
            schema=schema,
            unless={"properties": {"type": {"not": {"const": "simple"}}}},
            each=each,
        )

    return (
        rule(
            "one-axis",
            f"must move exactly one of {', '.join(CAMERA_AXES)} (a value other than 0)",
            {"required": ["config"], "properties": {"config": {"anyOf": only_one}}},
        ),
        rule("range", "has values from -10 to 10 only", {"properties": {"config": {"properties": within}}}, each=True),
    )


def camera_facts(doc: str) -> tuple[tuple[str, str, Evidence], ...]:
    """How a camera control is understood where a video shows it."""
    return (
        (
            "A camera control moves the camera, so that what it sees goes the other way, in proportion to the value.",
            f"{doc}#camera_control.config",
            "assumed",
        ),
    )


#: An empty ``image_tail`` counts as missing, so it sets nothing off.
NO_TAIL = {"properties": {"image_tail": {"maxLength": 0}}}


def _unless(trigger: str) -> Json | None:
    return NO_TAIL if trigger == "image_tail" else None


def needs(doc: str, trigger: str, name: str, value: str, *, others: tuple[str, ...], default: bool) -> Rule:
    """``trigger`` works only while ``name`` is ``value``, not one of its ``others``; ``default``: it is so when left
    out. The model contract cannot say that a value is needed, only with which values ``trigger`` is forbidden.
    """
    fragment: dict[str, Any] = {"properties": {name: {"const": value}}}
    if not default:
        fragment["required"] = [name]
    return Rule(
        id=f"{doc}-{trigger}-needs-{name}-{value}",
        paths=(trigger, name),
        message=f'{trigger} works only when {name} is "{value}"',
        source=f"{doc}#notes",
        input_rules=tuple(InputRule("mutually_exclusive", (trigger, name), when={name: other}) for other in others),
        trigger=trigger,
        schema=fragment,
        unless=_unless(trigger),
    )


def excludes(doc: str, trigger: str, other: str, source: str) -> Rule:
    """``trigger`` and ``other`` cannot be combined."""
    return Rule(
        id=f"{doc}-{trigger}-excludes-{other}",
        paths=(trigger, other),
        message=f"{trigger} cannot be combined with {other}",
        source=f"{doc}#{source}",
        input_rules=(InputRule("mutually_exclusive", (trigger, other)),),
        trigger=trigger,
        schema={"properties": {other: False}},
        unless=_unless(trigger),
    )


def image_or_tail(doc: str) -> Rule:
    """One of the two frames must be there."""
    return Rule(
        id=f"{doc}-image-or-tail",
        paths=("image", "image_tail"),
        message="image or image_tail is required",
        source=f"{doc}#image",
        input_rules=(InputRule("at_least_one", ("image", "image_tail")),),
        schema={
            "anyOf": [{"required": [name], "properties": {name: {"minLength": 1}}} for name in ("image", "image_tail")]
        },
        mistake=Mistake.IMAGE_MISSING,
    )


def within(pixels: int, width: float, height: float) -> tuple[int, int]:
    """Width and height of a video of about ``pixels`` in the aspect of ``width`` by ``height``, both even; never
    more drawn out than 1:2.5 or 2.5:1, as a tail frame may be.
    """
    width, height = max(width, height * 0.4), max(height, width * 0.4)
    scale = (pixels / (width * height)) ** 0.5
    return round(width * scale / 2) * 2, round(height * scale / 2) * 2


PIXELS_720P = 1280 * 720
PIXELS_1080P = 1920 * 1080
BY_ASPECT = {"16:9": (1280, 720), "9:16": (720, 1280), "1:1": (960, 960)}


def image_clip(params: Json, pictures: Pictures, *, fps: int, pixels: int = PIXELS_720P) -> ClipFormat:
    """A clip in the aspect of ``image``, else of ``image_tail``; 16:9 where they were URLs taken on trust."""
    path = next((path for path in ("image", "image_tail") if path in pictures), None)
    width, height = (16, 9) if path is None else (pictures[path].width, pictures[path].height)
    clip_width, clip_height = within(pixels, width, height)
    return ClipFormat(
        clip_width,
        clip_height,
        fps,
        int(params.get("duration", "5")),
        params.get("prompt") or "",
        first="image" if params.get("image") else None,
        last="image_tail" if params.get("image_tail") else None,
    )
