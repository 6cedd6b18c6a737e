"""Tasks of every kind, and what their documents promise of the videos; "@name" stands for a sample image."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
from typing import NamedTuple

from PIL import Image, ImageDraw

from mock_server.core.resources import resource
from mock_server.media.clip import clip_of
from tests.models.test_fixtures import shapes

LANDSCAPE, PORTRAIT, SQUARE, TAIL = "@landscape.jpg", "@portrait.jpg", "@square.png", "@tail.png"
V15, T2V, MULTI, V3, MASTER = (
    *("kirin_v1_5_i2v", "kirin_v1_t2v", "kirin_v1_6_multi_i2v"),
    *("kirin_v3_i2v", "kirin_v2_master_i2v"),
)
SIZE = {"16:9": (1280, 720), "9:16": (720, 1280), "1:1": (960, 960)}


class Row(NamedTuple):
    """One task, and the seconds, width, height, frames per second and sound of its video."""

    model: str
    params: dict
    seconds: int
    width: int
    height: int
    fps: int
    sound: bool = False


def camera(axis, value):
    return {"type": "simple", "config": {axis: value}}


def mask(box, size=(1280, 720)):
    """A mask that is painted inside an ellipse."""
    image = Image.new("L", size, 0)
    ImageDraw.Draw(image).ellipse(box, fill=255)
    return encoded(image, "PNG")


def encoded(image, form, **options):
    written = io.BytesIO()
    image.save(written, form, **options)
    return base64.b64encode(written.getvalue()).decode()


def shots(*seconds):
    spoken = ("The light sweeps over the sea", "A wave breaks on the rocks", "A gull cries", "Fog", "Morning", "Calm")
    said = zip(seconds, spoken, strict=False)
    return [{"index": place, "prompt": words, "duration": str(each)} for place, (each, words) in enumerate(said, 1)]


def stroke(*points, box=(810, 95, 950, 300)):
    return {"mask": mask(box), "trajectories": [{"x": x, "y": y} for x, y in points]}


AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
CAMERAS = {f"{axis} {value:+d}": camera(axis, value) for axis in AXES for value in (10, 5, -10)}
NAMED = ("down_back", "forward_up", "right_turn_forward", "left_turn_forward")
PROMPT = "A paper boat sets out on a quiet sea at first light"


def _t2v(params, seconds=5, size=SIZE["16:9"]):
    return Row(T2V, {"prompt": PROMPT, **params}, seconds, *size, 30)


def _v15(params, seconds=5, size=SIZE["16:9"]):
    return Row(V15, {"image": LANDSCAPE, "mode": "pro", **params}, seconds, *size, 30)


def _multi(images, params, seconds=5, size=SIZE["16:9"]):
    listed = {"image_list": [{"image": image} for image in images], "prompt": "The boat drifts into the valley"}
    return Row(MULTI, {**listed, **params}, seconds, *size, 24)


def _v3(params, seconds=5, size=SIZE["16:9"]):
    asked = {"image": LANDSCAPE, "prompt": "Dawn", "duration": str(seconds), **params}
    return Row(V3, asked, seconds, *size, 24, asked.get("sound") == "on")


def _shots(seconds, params, size=SIZE["16:9"]):
    several = {"multi_shot": True, "shot_type": "customize", "multi_prompt": shots(*seconds)}
    return _v3({**several, **params}, sum(seconds), size)


ROWS = {
    "title card": _t2v({}),
    "portrait card": _t2v({"aspect_ratio": "9:16", "mode": "pro"}, size=SIZE["9:16"]),
    "square card, ten seconds": _t2v({"aspect_ratio": "1:1", "duration": "10"}, 10, SIZE["1:1"]),
    "what is not wanted": _t2v({"cfg_scale": 0.7, "negative_prompt": "blur, text, watermarks"}),
    "many scripts": _t2v({"prompt": "日本の夜明け 🍎 Привет, мир · مرحبا · καλημέρα"}),
    "a long prompt": _t2v({"prompt": "A boat, and then another boat. " * 80}),
    "a watermark": _t2v({"watermark_info": {"enabled": True}}),
    **{f"card, {kind}": _t2v({"camera_control": {"type": kind}}) for kind in NAMED},
    "card, pan": _t2v({"camera_control": camera("pan", 6)}),
    "from an image": Row(V15, {"image": LANDSCAPE, "prompt": "Dawn"}, 5, 1280, 720, 30),
    "with a seed": _v15({"seed": 7, "cfg_scale": 0.5, "prompt": "Dawn turns into dusk"}),
    "portrait": _v15({"image": PORTRAIT}, size=SIZE["9:16"]),
    "square": _v15({"image": SQUARE, "duration": "10"}, 10, SIZE["1:1"]),
    "image and tail": _v15({"image_tail": TAIL}),
    "tail of another aspect": _v15({"image_tail": SQUARE}),
    "tail alone": Row(V15, {"image_tail": TAIL, "mode": "pro"}, 5, 1280, 720, 30),
    "image that was not fetched": _v15({"image": "https://pictures.example.com/lake.jpg"}),
    **{f"camera {name}": _v15({"camera_control": control}) for name, control in CAMERAS.items()},
    "brush": _v15({"dynamic_masks": [stroke((880, 520), (500, 560), (300, 400))]}),
    "two strokes": _v15(
        {
            "dynamic_masks": [
                stroke((880, 520), (600, 560)),
                stroke((430, 370), (430, 600), box=(380, 280, 480, 360)),
            ]
        }
    ),
    "brush and static mask": _v15(
        {"dynamic_masks": [stroke((880, 520), (400, 350))], "static_mask": mask((300, 250, 560, 420))}
    ),
    "static mask": _v15({"static_mask": mask((300, 250, 560, 420))}),
    "one reference": _multi([SQUARE], {}),
    "two references": _multi([SQUARE, LANDSCAPE], {"aspect_ratio": "1:1", "mode": "pro"}, size=SIZE["1:1"]),
    "three references": _multi([SQUARE, LANDSCAPE, PORTRAIT], {}),
    "four references": _multi([SQUARE, LANDSCAPE, PORTRAIT, TAIL], {"aspect_ratio": "9:16"}, size=SIZE["9:16"]),
    "four references, ten seconds": _multi([SQUARE, LANDSCAPE, PORTRAIT, TAIL], {"duration": "10"}, 10),
    "references not fetched": _multi(["https://pictures.example.com/boat.png"], {}),
    "v3": _v3({}),
    "v3 in three seconds": _v3({}, 3),
    "v3 in fifteen seconds": _v3({"sound": "on"}, 15),
    "v3 with sound": _v3({"sound": "on"}),
    "v3 in pro": _v3({"mode": "pro"}, 3, (1920, 1080)),
    "v3 in pro, portrait": _v3({"mode": "pro", "image": PORTRAIT}, 3, (1080, 1920)),
    "v3 with elements": _v3({"element_list": [{"element_id": 829312}, {"element_id": 9007199254740993}]}),
    "v3 image and tail": _v3({"image_tail": TAIL}, 7),
    "v3 tail alone": _v3({"image": "", "image_tail": SQUARE}, 4, SIZE["1:1"]),
    "two shots": _shots((2, 3), {}),
    "three shots with sound": _shots((1, 2, 1), {"sound": "on"}),
    "six shots": _shots((1, 1, 1, 1, 1, 1), {"image": SQUARE}, SIZE["1:1"]),
    "two shots and a tail": _shots((2, 2), {"image_tail": TAIL, "mode": "pro"}, (1920, 1080)),
    "master": Row(MASTER, {"image": LANDSCAPE, "prompt": "The sun climbs over the hills"}, 5, 1280, 720, 24),
    "master, ten seconds": Row(MASTER, {"image": SQUARE, "duration": "10"}, 10, 960, 960, 24),
    "master, watermark": Row(MASTER, {"image": PORTRAIT, "watermark_info": {"enabled": True}}, 5, 720, 1280, 24),
}  # fmt: skip


def with_images(value):
    """Parameters with the sample images that "@" stands for."""
    if isinstance(value, dict):
        return {key: with_images(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_images(inner) for inner in value]
    if isinstance(value, str) and value.startswith("@"):
        return base64.b64encode(resource("fixtures", "images", value[1:]).read_bytes()).decode()
    return value


def completed(http, server, model, params):
    """The id and the URL of a video."""
    headers = {"Authorization": f"Bearer {server.api_key}"}
    body = shapes(model, with_images(params))["documented"]
    answer = http.post(f"{server.url}/model/v1/generation", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    server.complete(made["id"])
    shown = http.get(f"{server.url}/model/v1/generation/task/{made['id']}", headers=headers).json()
    return made["id"], shown["output"][0]["content"][0]["url"]


def planned(http, server, model, params):
    """The clip of a task, and its pictures by their digest."""
    task_id, _ = completed(http, server, model, params)
    clip = clip_of(server.built.service.judges[model].endpoint, server.task(task_id))
    return clip, dict(_contents(with_images(params)))


def _contents(value):
    """Every image among parameters, by its digest."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _contents(inner)
        if isinstance(inner, str) and len(inner) > 1000:
            with contextlib.suppress(ValueError):
                content = base64.b64decode(inner, validate=True)
                yield hashlib.blake2b(content, digest_size=20).hexdigest(), content
