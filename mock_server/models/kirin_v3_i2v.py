"""kirin_v3_i2v: image to video with several shots and sound; 720p in std, 1080p in pro.

Quirk    ``prompt`` and the shots rule each other out by ``multi_shot``, and what is ruled out is ignored; content items
         carry a ``jobId`` and ``duration``, as a number, but on the queue side as a string.
Sources  the model's document, cited as "v3#<parameter>".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mock_server.contract.endpoint import ClipFormat, Code, Endpoint, ErrorTable, ImageParameter, Pictures, ShotFormat
from mock_server.contract.rules import InputRule, Json, Rule
from mock_server.contract.schema import IMAGE_OR_EMPTY, Parameter, choice, listing, record, text
from mock_server.core.errors import Mistake
from mock_server.models import _common as common

DOC = "v3"
SECONDS = tuple(range(3, 16))
SINGLE = {"properties": {"multi_shot": {"const": False}}}
MULTI = {"required": ["multi_shot"], "properties": {"multi_shot": {"const": True}}}
ELEMENT_ID = {
    "type": "integer",
    "format": "int64",
    "minimum": -(2**63),
    "maximum": 2**63 - 1,
    "description": "Its id in the subject library.",
}
SHOT = record(
    {
        "index": {"type": "integer", "description": "Its place among the shots."},
        "prompt": {**text(), "description": "What happens in this shot; up to 512 characters."},
        "duration": {**text(), "description": "Its length in whole seconds, as a string; at least 1."},
    },
    ["index", "prompt", "duration"],
)
SHOT_BOUNDS = {
    "properties": {"prompt": {"maxLength": 512}, "duration": {"enum": [str(second) for second in range(1, 16)]}}
}


def _lengths(params: Json) -> tuple[int, int]:
    """The seconds of all shots together, and of the video."""
    return sum(int(shot["duration"]) for shot in params["multi_prompt"]), int(params.get("duration", "5"))


def _shots_add_up(params: Json) -> bool:
    shots, video = _lengths(params) if params.get("multi_shot") is True else (0, 0)
    return shots == video


def _sums(params: Json) -> str:
    shots, video = _lengths(params)
    return f"the shots add up to {shots}, duration is {video}"


def _content(params: Json, task_id: str, url: str) -> dict[str, Any]:
    seconds = int(params.get("duration", "5"))
    return {"type": "video", "url": url, "duration": seconds, "jobId": f"job-{task_id[:16]}"}


def _queue_content(item: dict[str, Any]) -> dict[str, Any]:
    """The queue protocol gives ``duration`` as a string (wire#2)."""
    return {**item, "duration": str(item["duration"])}


def _clip(params: Json, pictures: Pictures) -> ClipFormat:
    pixels = common.PIXELS_1080P if params.get("mode") == "pro" else common.PIXELS_720P
    clip = replace(common.image_clip(params, pictures, fps=24, pixels=pixels), sound=params.get("sound") == "on")
    if not params.get("multi_shot"):
        return clip
    shots = sorted(params["multi_prompt"], key=lambda shot: int(shot["index"]))
    return replace(
        clip,
        title=shots[0]["prompt"],
        shots=tuple(ShotFormat(int(shot["duration"]), shot["prompt"], shot["index"]) for shot in shots),
    )


ENDPOINT = Endpoint(
    model="kirin_v3_i2v",
    short=DOC,
    title="Kirin V3, image to video",
    summary="A video between images, in one or several shots, with or without sound.",
    shape="flat",
    parameters=(
        Parameter("image", IMAGE_OR_EMPTY, "v3#image", "The image it starts on.", mistake=Mistake.IMAGE_FORMAT),
        Parameter("image_tail", IMAGE_OR_EMPTY, "v3#image_tail", "The image it ends on.", mistake=Mistake.IMAGE_FORMAT),
        Parameter(
            "multi_shot",
            {"type": "boolean", "default": False},
            "v3#multi_shot",
            "Several shots instead of one; prompt is ignored then.",
        ),
        Parameter("shot_type", text(), "v3#shot_type", "How the shots are given: customize."),
        Parameter(
            "prompt",
            text(),
            "v3#prompt",
            "What happens in the video; 1 to 2500 characters unless multi_shot is true.",
            mistake=Mistake.PROMPT,
        ),
        Parameter(
            "multi_prompt",
            listing(SHOT),
            "v3#multi_prompt",
            "One to six shots in order; their durations add up to duration.",
        ),
        common.negative_prompt(DOC),
        Parameter(
            "element_list",
            listing(record({"element_id": ELEMENT_ID}, ["element_id"]), max_items=3),
            "v3#element_list",
            "Up to three subjects of the subject library.",
        ),
        Parameter("sound", choice("on", "off", default="off"), "v3#sound", "Whether the video has sound."),
        common.mode(DOC),
        common.duration(DOC, SECONDS),
        *common.closing_parameters(DOC),
    ),
    rules=(
        common.image_or_tail(DOC),
        Rule(
            id="v3-single-needs-prompt",
            paths=("prompt", "multi_shot"),
            message="prompt is required and cannot be empty unless multi_shot is true",
            source="v3#prompt",
            input_rules=(
                InputRule("requires", ("prompt", "multi_shot"), when={"multi_shot": False}, required=("prompt",)),
            ),
            schema={"anyOf": [MULTI, {"required": ["prompt"], "properties": {"prompt": {"minLength": 1}}}]},
            mistake=Mistake.PROMPT,
        ),
        Rule(
            id="v3-prompt-length",
            paths=("prompt",),
            message="prompt must be at most 2500 characters unless multi_shot is true",
            source="v3#prompt",
            input_rules=(InputRule("note", ("prompt", "multi_shot")),),
            trigger="prompt",
            schema={"properties": {"prompt": {"maxLength": common.MAX_PROMPT}}},
            unless=MULTI,
            each=True,
            mistake=Mistake.PROMPT,
        ),
        Rule(
            id="v3-multi-needs-shot-type",
            paths=("shot_type",),
            message="shot_type is required when multi_shot is true",
            source="v3#shot_type",
            input_rules=(
                InputRule("requires", ("shot_type", "multi_shot"), when={"multi_shot": True}, required=("shot_type",)),
            ),
            trigger="multi_shot",
            schema={"required": ["shot_type"], "properties": {"shot_type": {}}},
            unless=SINGLE,
        ),
        Rule(
            id="v3-multi-needs-shots",
            paths=("multi_prompt",),
            message="multi_prompt is required when multi_shot is true",
            source="v3#multi_prompt",
            input_rules=(
                InputRule(
                    "requires", ("multi_prompt", "multi_shot"), when={"multi_shot": True}, required=("multi_prompt",)
                ),
            ),
            trigger="multi_shot",
            schema={"required": ["multi_prompt"], "properties": {"multi_prompt": {}}},
            unless=SINGLE,
        ),
        Rule(
            id="v3-shot-type",
            paths=("shot_type",),
            message='shot_type must be "customize" when multi_shot is true',
            source="v3#shot_type",
            input_rules=(InputRule("note", ("shot_type", "multi_shot")),),
            trigger="multi_shot",
            schema={"properties": {"shot_type": {"enum": ["customize"]}}},
            unless=SINGLE,
            each=True,
        ),
        Rule(
            id="v3-shots",
            paths=("multi_prompt",),
            message="multi_prompt must have 1 to 6 shots, each of at least 1 second and at most 512 characters",
            source="v3#multi_prompt",
            input_rules=(InputRule("note", ("multi_prompt", "multi_shot")),),
            trigger="multi_shot",
            schema={"properties": {"multi_prompt": {"minItems": 1, "maxItems": 6, "items": SHOT_BOUNDS}}},
            unless=SINGLE,
            each=True,
        ),
        Rule(
            id="v3-shots-add-up",
            paths=("multi_prompt", "duration"),
            message="multi_prompt: the durations of the shots must add up to duration",
            source="v3#multi_prompt",
            input_rules=(InputRule("note", ("multi_prompt", "duration")),),
            trigger="multi_prompt",
            predicate=_shots_add_up,
            explain=_sums,
        ),
    ),
    errors=ErrorTable(
        codes=(
            Code(
                "006001094", "not enough resources for the task", "v3#error codes", error_type="INTERNAL_SERVER_ERROR"
            ),
            Code("006001095", "the task answered with an error", "v3#error codes"),
            Code("006001099", "the task could not be created", "v3#error codes", error_type="REQUEST_INVALID"),
        ),
        other="006001099",
        by_mistake={},
        generation_failed="006001095",
    ),
    content=_content,
    content_schema={
        "type": {"const": "video"},
        "url": {"type": "string", "format": "uri"},
        "duration": {"type": "number"},
        "jobId": {"type": "string"},
    },
    clip=_clip,
    queue_content=_queue_content,
    images=(
        ImageParameter(("image",), common.with_aspect(common.UP_TO_10MB)),
        ImageParameter(("image_tail",), common.any_aspect(common.UP_TO_10MB)),
    ),
    example={
        "image": "https://pictures.example.com/lighthouse.jpg",
        "multi_shot": True,
        "shot_type": "customize",
        "multi_prompt": [
            {"index": 1, "prompt": "The light sweeps over the sea", "duration": "2"},
            {"index": 2, "prompt": "A wave breaks on the rocks", "duration": "3"},
        ],
        "mode": "pro",
    },
    facts=(
        ("In the older form of the queue protocol the `duration` of a content item is a string.", "wire#2", "observed"),
        ("Videos are 720p in std and 1080p in pro.", "v3#mode", "documented"),
        ("Videos are 24 fps in the aspect ratio of image, else of image_tail.", "v3#mode", "assumed"),
        ("Sound changes the price and the time a task takes.", "v3#sound", "assumed"),
        (
            "Shots follow each other by their index, those of the same index as they stand.",
            "v3#multi_prompt",
            "assumed",
        ),
        ("What multi_shot rules out is not judged: its length or number, only its type.", "v3#multi_shot", "assumed"),
        ("A shot needs index, prompt and duration; its index may be any integer.", "v3#multi_prompt", "assumed"),
    ),
)
