"""kirin_v1_t2v: text to video, 720p at 30 fps in both modes.

Quirk    Camera control works only in std mode at 5 s; four named moves beside the simple ones.
Sources  the model's document, cited as "t2v#<parameter>".
"""

from __future__ import annotations

from typing import Any

from mock_server.contract.endpoint import ClipFormat, Code, Endpoint, ErrorTable, Pictures
from mock_server.contract.rules import Json
from mock_server.contract.schema import Parameter, text
from mock_server.core.errors import Mistake
from mock_server.models import _common as common

DOC = "t2v"
CAMERA_TYPES = ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")


def _content(params: Json, task_id: str, url: str) -> dict[str, Any]:
    return {"type": "video", "url": url}


def _clip(params: Json, pictures: Pictures) -> ClipFormat:
    width, height = common.BY_ASPECT[params.get("aspect_ratio", "16:9")]
    return ClipFormat(width, height, 30, int(params.get("duration", "5")), params["prompt"])


ENDPOINT = Endpoint(
    model="kirin_v1_t2v",
    short=DOC,
    title="Kirin V1, text to video",
    summary="A video from a prompt alone, 720p at 30 fps.",
    shape="flat",
    parameters=(
        Parameter(
            "prompt",
            text(min_length=1, max_length=common.MAX_PROMPT),
            "t2v#prompt",
            "What the video shows; 1 to 2500 characters.",
            required=True,
            mistake=Mistake.PROMPT,
        ),
        common.duration(DOC),
        common.aspect_ratio(DOC),
        common.negative_prompt(DOC),
        common.cfg_scale(DOC),
        common.mode(DOC),
        common.camera_parameter(DOC, CAMERA_TYPES),
        *common.closing_parameters(DOC),
    ),
    rules=(
        common.needs(DOC, "camera_control", "mode", "std", others=("pro",), default=True),
        common.needs(DOC, "camera_control", "duration", "5", others=("10",), default=True),
        *common.camera_rules(DOC),
    ),
    errors=ErrorTable(
        codes=(
            Code("002001095", "internal generation error", "t2v#error codes"),
            Code("002001096", "the result could not be parsed", "t2v#error codes"),
            Code("002001097", "HTTP error response", "t2v#error codes", error_type="INTERNAL_SERVER_ERROR"),
            Code("002001098", "the status could not be checked", "t2v#error codes", error_type="INTERNAL_SERVER_ERROR"),
            Code("002001099", "the task could not be created", "t2v#error codes", error_type="REQUEST_INVALID"),
        ),
        other="002001099",
        by_mistake={},
        generation_failed="002001095",
    ),
    content=_content,
    content_schema={"type": {"const": "video"}, "url": {"type": "string", "format": "uri"}},
    clip=_clip,
    example={
        "prompt": "A paper boat sets out at first light",
        "duration": "5",
        "aspect_ratio": "16:9",
        "camera_control": {"type": "simple", "config": {"pan": 6}},
    },
    facts=(
        ("Videos are 720p at 30 fps in both modes.", "t2v#notes", "documented"),
        ("720p is 1280x720 at 16:9, 720x1280 at 9:16 and 960x960 at 1:1.", "t2v#aspect_ratio", "assumed"),
        *common.camera_facts(DOC),
        ("A content item has no size: size belongs to images.", "wire#1", "assumed"),
    ),
)
