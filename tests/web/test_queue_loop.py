"""The platform's example loop in bash, curl and jq, as a user would paste it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mock_server import MockServer
from mock_server.core.resources import resource
from tests.support.queue_client import MODELS

LOOP = Path(__file__).resolve().parents[1] / "clients" / "queue_loop.sh"
GOOD = json.loads(resource("fixtures", "queue.json").read_text("utf-8"))["good"]


@pytest.fixture(scope="module")
def server():
    """A server whose clock runs a hundred times as fast."""
    with MockServer(speed=100, media="tiny") as running:
        yield running


def _loop(server, key, model, params, *, url=None):
    for program in ("bash", "curl", "jq"):
        assert shutil.which(program), f"this test needs {program}; install it (apt-get install {program})"
    command = ["bash", str(LOOP), url or server.url, key, model, "-"]
    environment = {**os.environ, "POLL_SECONDS": "0", "MAX_POLLS": "2000"}
    return subprocess.run(
        command, input=json.dumps(params), env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def _marked(params, marker):
    return {**params, "prompt": f"{params['prompt']} [[mock: {marker}]]"}


@pytest.mark.parametrize("model", MODELS)
def test_the_loop_ends_with_the_url_of_a_video(server, http, fresh_key, values, model):
    ended = _loop(server, fresh_key(), model, values(GOOD[model]))
    assert (ended.returncode, ended.stderr) == (0, "")
    (url,) = ended.stdout.split()
    assert http.get(url).headers["content-type"] == "video/mp4"


@pytest.mark.parametrize("model", MODELS)
def test_the_loop_prints_all_videos(server, fresh_key, values, model):
    ended = _loop(server, fresh_key(), model, _marked(values(GOOD[model]), "output=2"))
    assert ended.returncode == 0, ended.stderr
    assert len(set(ended.stdout.split())) == 2


@pytest.mark.parametrize("model", MODELS)
def test_the_loop_ends_with_the_error_of_what_failed(server, fresh_key, values, model):
    ended = _loop(server, fresh_key(), model, _marked(values(GOOD[model]), "fail=own message='The frames were lost'"))
    assert (ended.returncode, ended.stderr) == (1, "")
    kind, message = ended.stdout.strip().split(": ")
    assert kind in {
        "INFERENCE_FAILURE",
        "INFERENCE_TIMEOUT",
        "REQUEST_INVALID",
        "CONTENT_BLOCKED",
        "INTERNAL_SERVER_ERROR",
    }
    assert message == "The frames were lost"


@pytest.mark.parametrize("model", MODELS)
def test_the_loop_prints_why_a_body_was_refused(server, fresh_key, values, model):
    ended = _loop(server, fresh_key(), model, values(GOOD[model]) | {"duration": 5})
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "duration" in ended.stdout


@pytest.mark.parametrize("model", MODELS)
def test_the_loop_prints_why_a_call_without_a_key_was_refused(server, values, model):
    ended = _loop(server, "", model, values(GOOD[model]))
    assert (ended.returncode, ended.stdout.strip()) == (1, "Authorization Bearer or Key token is required")


def test_the_loop_does_not_take_what_breaks_the_protocol(fresh_key):
    with MockServer(queue_form="older", speed=100) as older:
        ended = _loop(older, fresh_key(), "kirin_v1_t2v", GOOD["kirin_v1_t2v"])
    assert ended.returncode == 2
    assert ended.stderr


def test_the_loop_says_when_nobody_answers(server, fresh_key):
    ended = _loop(server, fresh_key(), "kirin_v1_t2v", GOOD["kirin_v1_t2v"], url="http://127.0.0.1:9")
    assert ended.returncode == 2
    assert "no answer" in ended.stderr
