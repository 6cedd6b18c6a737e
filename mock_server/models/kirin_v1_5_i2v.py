"""kirin_v1_5_i2v: image to video with a tail frame, a motion brush or camera control.

Quirk    The parameters live under ``data``. Tail, brush and camera need pro mode, the last two also 5 s, and rule each
         other out. A brush mask of the wrong shape is accepted, and the task fails.
Sources  the model's document, cited as "v1_5#<parameter>".
"""

from __future__ import annotations

from typing import Any

from mock_server.contract.endpoint import ClipFormat, Code, Endpoint, ErrorTable, ImageParameter, Pictures
from mock_server.contract.rules import Json, Rule
from mock_server.contract.schema import IMAGE, IMAGE_OR_EMPTY, Parameter, listing, record, text
from mock_server.core.errors import Mistake
from mock_server.core.images import same_aspect
from mock_server.lifecycle.timeline import Failure
from mock_server.models import _common as common

DOC = "v1_5"
CAMERA_TYPES = ("simple",)
POINT = record(
    {
        "x": {"type": "integer", "description": "Pixels from the left."},
        "y": {"type": "integer", "description": "Pixels from the bottom."},
    },
    ["x", "y"],
)
STROKE = record(
    {
        "mask": {**IMAGE, "description": "What moves, in the aspect ratio of image."},
        "trajectories": {
            **listing(POINT, min_items=2, max_items=77),
            "description": "The way it takes, from point to point.",
        },
    },
    ["mask", "trajectories"],
)


def _content(params: Json, task_id: str, url: str) -> dict[str, Any]:
    return {"type": "video", "url": url}


def _clip(params: Json, pictures: Pictures) -> ClipFormat:
    return common.image_clip(params, pictures, fps=30)


def _foresee(params: Json, pictures: Pictures) -> Failure | None:
    """Masks that do not fit fail the task, not the request."""
    masks = [path for path in pictures if path.endswith("mask")]
    image = pictures.get("image")
    for path in masks:
        if image is not None and not same_aspect(image, pictures[path]):
            return Failure("00200305", f"{path} does not have the aspect ratio of image")
    sizes = {(pictures[path].width, pictures[path].height) for path in masks}
    if len(sizes) > 1:
        return Failure("00200398", "static_mask and dynamic_masks[].mask do not have the same resolution")
    return None


def _brush_rules(trigger: str) -> tuple[Rule, ...]:
    return (
        common.needs(DOC, trigger, "mode", "pro", others=("std",), default=False),
        common.needs(DOC, trigger, "duration", "5", others=("10",), default=True),
    )


ENDPOINT = Endpoint(
    model="kirin_v1_5_i2v",
    short=DOC,
    title="Kirin V1.5, image to video",
    summary="A video between images, with a motion brush or camera control in pro mode.",
    shape="data",
    parameters=(
        Parameter("image", IMAGE_OR_EMPTY, "v1_5#image", "The image it starts on.", mistake=Mistake.IMAGE_FORMAT),
        Parameter(
            "image_tail", IMAGE_OR_EMPTY, "v1_5#image_tail", "The image it ends on.", mistake=Mistake.IMAGE_FORMAT
        ),
        Parameter(
            "prompt",
            text(max_length=common.MAX_PROMPT),
            "v1_5#prompt",
            "What happens in the video; up to 2500 characters.",
            mistake=Mistake.PROMPT,
        ),
        common.duration(DOC),
        common.cfg_scale(DOC),
        Parameter("seed", {"type": "integer"}, "v1_5#seed", "A number that makes the result repeatable."),
        common.negative_prompt(DOC),
        common.mode(DOC),
        Parameter(
            "static_mask",
            IMAGE,
            "v1_5#static_mask",
            "A mask of what stays still, in the aspect ratio of image.",
            mistake=Mistake.IMAGE_FORMAT,
        ),
        Parameter(
            "dynamic_masks",
            listing(STROKE, max_items=6),
            "v1_5#dynamic_masks",
            "Up to six masks of what moves, each with the 2 to 77 points of its way; y counts from the bottom.",
        ),
        common.camera_parameter(DOC, CAMERA_TYPES),
        *common.closing_parameters(DOC),
    ),
    rules=(
        common.image_or_tail(DOC),
        common.needs(DOC, "image_tail", "mode", "pro", others=("std",), default=False),
        common.excludes(DOC, "image_tail", "static_mask", "image_tail"),
        common.excludes(DOC, "image_tail", "dynamic_masks", "image_tail"),
        common.excludes(DOC, "image_tail", "camera_control", "image_tail"),
        *_brush_rules("static_mask"),
        common.excludes(DOC, "static_mask", "camera_control", "camera_control"),
        *_brush_rules("dynamic_masks"),
        common.excludes(DOC, "dynamic_masks", "camera_control", "camera_control"),
        *_brush_rules("camera_control"),
        *common.camera_rules(DOC),
    ),
    errors=ErrorTable(
        codes=(
            Code("00200301", "no image", "v1_5#error codes", error_type="REQUEST_INVALID"),
            Code("00200302", "an image is not usable", "v1_5#error codes", error_type="REQUEST_INVALID"),
            Code("00200303", "a prompt is not usable", "v1_5#error codes", error_type="REQUEST_INVALID"),
            Code("00200304", "the duration is not offered", "v1_5#error codes", error_type="REQUEST_INVALID"),
            Code("00200305", "the aspect ratio is not allowed", "v1_5#error codes", error_type="REQUEST_INVALID"),
            Code("00200306", "the key is missing or wrong", "v1_5#error codes", error_type="REQUEST_INVALID"),
            Code("00200398", "the generation failed", "v1_5#error codes"),
            Code("00200399", "the service is not available", "v1_5#error codes", error_type="INTERNAL_SERVER_ERROR"),
        ),
        other="40001",
        by_mistake={
            Mistake.IMAGE_MISSING: "00200301",
            Mistake.IMAGE_FORMAT: "00200302",
            Mistake.ASPECT_RATIO: "00200305",
            Mistake.PROMPT: "00200303",
            Mistake.DURATION: "00200304",
        },
        generation_failed="00200398",
        unauthenticated="00200306",
        unavailable="00200399",
    ),
    content=_content,
    content_schema={"type": {"const": "video"}, "url": {"type": "string", "format": "uri"}},
    clip=_clip,
    images=(
        ImageParameter(("image",), common.with_aspect(common.LESS_THAN_10MB)),
        ImageParameter(("image_tail",), common.any_aspect(common.LESS_THAN_10MB)),
        ImageParameter(("static_mask",), common.any_aspect(common.LESS_THAN_10MB)),
        ImageParameter(("dynamic_masks", "*", "mask"), common.any_aspect(common.LESS_THAN_10MB)),
    ),
    foresee=_foresee,
    foreseen=(
        ("00200305", "send a mask whose aspect ratio is not that of image"),
        ("00200398", "send masks of different resolutions"),
    ),
    example={
        "image": "https://pictures.example.com/lake.jpg",
        "prompt": "The balloon drifts to the left",
        "mode": "pro",
        "dynamic_masks": [
            {
                "mask": "https://pictures.example.com/balloon.png",
                "trajectories": [{"x": 840, "y": 520}, {"x": 300, "y": 560}],
            }
        ],
    },
    facts=(
        (
            "Videos have as many pixels as 1280x720, 30 fps, the aspect of image, else image_tail.",
            "v1_5#mode",
            "assumed",
        ),
        ("A mask must match the image's aspect ratio to the rounding of a pixel.", "v1_5#static_mask", "assumed"),
        (
            "A stroke of dynamic_masks needs mask and trajectories, a point needs x and y.",
            "v1_5#dynamic_masks",
            "assumed",
        ),
        ("An empty image or image_tail counts as missing, wherever it stands.", "v1_5#image", "assumed"),
        (
            "A mask whose aspect ratio is not that of image is accepted, and the task fails with 00200305.",
            "v1_5#static_mask",
            "documented",
        ),
        (
            "Masks of different resolutions are accepted, and the task fails with 00200398.",
            "v1_5#static_mask",
            "documented",
        ),
        ("Which codes those two failures have.", "wire#4", "assumed"),
        *common.camera_facts(DOC),
        (
            "Where a mask is bright it is painted, or where it is opaque if any of it is see-through.",
            "v1_5#dynamic_masks",
            "assumed",
        ),
    ),
)
