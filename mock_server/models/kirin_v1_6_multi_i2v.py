"""kirin_v1_6_multi_i2v: up to four reference images to video.

Quirk    Failures say ``message`` where the other models say ``error_message``, and the document has no codes; content
         items carry a ``jobId``.
Sources  the model's document, cited as "multi#<parameter>".
"""

from __future__ import annotations

from typing import Any

from mock_server.contract.endpoint import ClipFormat, Endpoint, ErrorTable, ImageParameter, Pictures
from mock_server.contract.rules import Json
from mock_server.contract.schema import IMAGE, Parameter, listing, record, text
from mock_server.core.errors import Mistake
from mock_server.models import _common as common

DOC = "multi"


def _content(params: Json, task_id: str, url: str) -> dict[str, Any]:
    return {"type": "video", "url": url, "jobId": f"job-{task_id[:16]}"}


def _clip(params: Json, pictures: Pictures) -> ClipFormat:
    width, height = common.BY_ASPECT[params.get("aspect_ratio", "16:9")]
    together = tuple(f"image_list[{place}].image" for place in range(len(params["image_list"])))
    return ClipFormat(width, height, 24, int(params.get("duration", "5")), params["prompt"], together=together)


ENDPOINT = Endpoint(
    model="kirin_v1_6_multi_i2v",
    short=DOC,
    title="Kirin V1.6, multiple images to video",
    summary="A video from up to four reference images and a prompt.",
    shape="flat",
    parameters=(
        Parameter(
            "image_list",
            listing(
                record({"image": {**IMAGE, "description": "A reference image."}}, ["image"]), min_items=1, max_items=4
            ),
            "multi#image_list",
            "One to four reference images, each an object with the key image.",
            required=True,
            mistake=Mistake.IMAGE_FORMAT,
        ),
        Parameter(
            "prompt",
            text(max_length=common.MAX_PROMPT),
            "multi#prompt",
            "What the video shows; up to 2500 characters.",
            required=True,
            mistake=Mistake.PROMPT,
        ),
        common.negative_prompt(DOC),
        common.mode(DOC),
        common.duration(DOC),
        common.aspect_ratio(DOC),
        *common.closing_parameters(DOC),
    ),
    rules=(),
    errors=ErrorTable(
        codes=(),
        other="40001",
        by_mistake={},
        generation_failed="50001",
        message_key="message",
    ),
    content=_content,
    content_schema={
        "type": {"const": "video"},
        "url": {"type": "string", "format": "uri"},
        "jobId": {"type": "string"},
    },
    clip=_clip,
    images=(ImageParameter(("image_list", "*", "image"), common.with_aspect(common.UP_TO_10MB)),),
    example={
        "image_list": [
            {"image": "https://pictures.example.com/boat.png"},
            {"image": "https://pictures.example.com/lake.jpg"},
        ],
        "prompt": "The boat drifts into the valley",
        "aspect_ratio": "1:1",
    },
    facts=(
        ("Videos are 720p at 24 fps: 1280x720 at 16:9, 720x1280 at 9:16, 960x960 at 1:1.", "multi#mode", "assumed"),
        ("image_list has at least one image.", "multi#image_list", "assumed"),
        ("A prompt may be empty: the document asks for one and bounds it only above.", "multi#prompt", "assumed"),
        ("A task that fails says 50001: the document has no codes.", "multi#error", "assumed"),
    ),
)
