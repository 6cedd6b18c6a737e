"""kirin_v2_master_i2v: image to video, 720p at 24 fps.

Quirk    No mode: there is one quality. "Less than 10MB" leaves exactly 10 MiB out.
Sources  the model's document, cited as "master#<parameter>".
"""

from __future__ import annotations

from typing import Any

from mock_server.contract.endpoint import ClipFormat, Code, Endpoint, ErrorTable, ImageParameter, Pictures
from mock_server.contract.rules import Json
from mock_server.contract.schema import IMAGE, Parameter, text
from mock_server.core.errors import Mistake
from mock_server.models import _common as common

DOC = "master"


def _content(params: Json, task_id: str, url: str) -> dict[str, Any]:
    return {"type": "video", "url": url}


def _clip(params: Json, pictures: Pictures) -> ClipFormat:
    return common.image_clip(params, pictures, fps=24)


ENDPOINT = Endpoint(
    model="kirin_v2_master_i2v",
    short=DOC,
    title="Kirin V2 Master, image to video",
    summary="A video that starts on an image, 720p at 24 fps.",
    shape="flat",
    parameters=(
        Parameter(
            "image",
            IMAGE,
            "master#image",
            "The image it starts on.",
            required=True,
            mistake=Mistake.IMAGE_FORMAT,
        ),
        Parameter(
            "prompt",
            text(max_length=common.MAX_PROMPT),
            "master#prompt",
            "What happens in the video; up to 2500 characters.",
            mistake=Mistake.PROMPT,
        ),
        common.negative_prompt(DOC),
        common.duration(DOC),
        *common.closing_parameters(DOC),
    ),
    rules=(),
    errors=ErrorTable(
        codes=(
            Code("002015095", "internal generation error", "master#error codes"),
            Code("002015096", "the result could not be parsed", "master#error codes"),
            Code("002015097", "HTTP error response", "master#error codes", error_type="INTERNAL_SERVER_ERROR"),
            Code(
                "002015098", "the status could not be checked", "master#error codes", error_type="INTERNAL_SERVER_ERROR"
            ),
            Code("002015099", "the task could not be created", "master#error codes", error_type="REQUEST_INVALID"),
        ),
        other="002015099",
        by_mistake={},
        generation_failed="002015095",
    ),
    content=_content,
    content_schema={"type": {"const": "video"}, "url": {"type": "string", "format": "uri"}},
    clip=_clip,
    images=(ImageParameter(("image",), common.with_aspect(common.LESS_THAN_10MB)),),
    example={
        "image": "https://pictures.example.com/lake.jpg",
        "prompt": "The sun climbs over the hills",
        "duration": "10",
    },
    facts=(
        ("Videos are 720p at 24 fps.", "master#notes", "documented"),
        ("The video has the image's aspect ratio, at as many pixels as 1280x720.", "master#image", "assumed"),
    ),
)
