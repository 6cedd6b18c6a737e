"""Messages: each mistake said once, with what was sent, what is right, and the name that was meant."""

from __future__ import annotations

import pytest

from mock_server.contract.judge import Judge
from mock_server.core.errors import TaskRejected
from mock_server.core.images import Limits, NotAnImage, decode
from mock_server.models import discover

JUDGES = {model: Judge(endpoint) for model, endpoint in discover().items()}
TAIL = {"image_tail": "https://pictures.example.com/a.png"}

TOLD = [
    ("kirin_v1_t2v", {"prompt": "a", "ratio": "16:9"},
     ["ratio is not a parameter of kirin_v1_t2v; did you mean aspect_ratio?"]),
    ("kirin_v1_t2v", {"prompt": "a", "duration": 5}, ['duration must be one of "5", "10", not a number (5)']),
    ("kirin_v1_t2v", {"prompt": "a", "mode": None}, ['mode must be one of "std", "pro", not null']),
    ("kirin_v1_t2v", {"prompt": "a", "camera_control": {"type": "zoom_in"}},
     ['camera_control.type must be one of "simple", "down_back", "forward_up", "right_turn_forward", '
      '"left_turn_forward", not "zoom_in"']),
    ("kirin_v1_t2v", {"prompt": "a", "camera_control": {"type": "simple", "config": {"pan": 11}}},
     ["camera_control.config.pan must be at most 10, not 11"]),
    ("kirin_v1_t2v", {"prompt": "a", "camera_control": {"type": "down_back", "config": {"pan": 50}}}, []),
    ("kirin_v1_t2v", {"prompt": "a", "": 1},
     ['"" is not a parameter of kirin_v1_t2v; known are prompt, duration, aspect_ratio, negative_prompt, cfg_scale, '
      'mode, camera_control, watermark_info, callback_url, external_task_id']),
    ("kirin_v3_i2v", {**TAIL, "multi_shot": True, "shot_type": "customize",
                      "multi_prompt": [{"index": 1, "prompt": "a", "duration": "7"}], "duration": "10"},
     ["multi_prompt: the durations of the shots must add up to duration; the shots add up to 7, duration is 10"]),
    ("kirin_v3_i2v", {**TAIL, "multi_shot": True, "shot_type": "auto",
                      "multi_prompt": [{"index": 1, "prompt": "a" * 513, "duration": "5"}]},
     ['shot_type must be one of "customize", not "auto"',
      "multi_prompt[0].prompt must be at most 512 characters, not 513"]),
    ("kirin_v3_i2v", {**TAIL, "prompt": "a", "shot_type": "auto",
                      "multi_prompt": [{"index": 1, "prompt": "a" * 513, "duration": "99"}]}, []),
    ("kirin_v3_i2v", {**TAIL, "multi_shot": "true", "prompt": ""},
     ['multi_shot must be a boolean, not a string ("true")']),
    ("kirin_v1_5_i2v", {**TAIL, "image": "", "mode": "pro"}, []),
    ("kirin_v1_5_i2v", {"image": "https://pictures.example.com/a.png", "image_tail": ""}, []),
    ("kirin_v1_5_i2v", {"image": "", "image_tail": ""}, ["image or image_tail is required"]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "params", "told"), TOLD)
def test_each_mistake_is_said_once_and_clearly(model, params, told):
    body = {"model": model, "input": [{"params": params}]}
    assert [violation.message for violation in JUDGES[model].read(body).violations] == told


SHAPES = [
    ("kirin_v1_t2v", {"data": {}}, "data is not how kirin_v1_t2v takes its parameters"),
    ("kirin_v1_5_i2v", {"prompt": "a"}, "data is required"),
    ("kirin_v1_5_i2v", {"data": None}, "data must be an object"),
    ("kirin_v1_5_i2v", {"data": {}, "prompt": "a"}, "prompt must stand inside data"),
]


@pytest.mark.parametrize(("model", "body", "told"), SHAPES)
def test_a_wrong_shape_is_told_with_the_right_one(model, body, told):
    with pytest.raises(TaskRejected) as rejected:
        JUDGES[model].read({"model": model, **body})
    assert told in rejected.value.message
    assert '{"model": "' + model in rejected.value.message


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("data:image/png;base64,AAAA", "data: prefix"),
        ("ftp://example.com/a.png", "another scheme"),
        ("not base64!", "neither raw base64 nor"),
        ("AAAA\nAAAA", "neither raw base64 nor"),
        ("A" * 15_000_000, "less than 10 MiB"),
    ],
)
def test_a_bad_image_is_told_for_what_it_is(value, told):
    with pytest.raises(NotAnImage, match=told):
        decode(value, Limits(10 * 1024 * 1024 - 1, aspect=True))
