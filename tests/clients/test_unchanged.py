"""The SDKs as their users have them, with compiled-in hosts and nothing to steer them: two more ways than ``fetch=``.

In a test process ``kirin.intercept()`` stands in for the platform's hosts; ``kirin-mock run -- COMMAND`` does for any
program.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import seaart_sdk
from make_videos import main as make_videos
from seacloud_sdk import AuthError, SeaCloud
from wiring import CLOUD, CODES, KEY, MODELS, T2V, V3, assert_plays, example, told_to_fail

PROGRAM = Path(__file__).with_name("make_videos.py")
BOAT = {"prompt": "a paper boat"}


def assert_made(folder, model, params):
    """What the program left behind is a finished task and its video, which was on the platform's own host."""
    made = json.loads((folder / "made.json").read_text())[model]
    assert (made["status"], made["model"]) == ("completed", model)
    [item] = made["output"]["raw"]["outputs"]
    assert made["output"]["urls"] == [item["url"]]
    assert item["url"].startswith(f"https://{CLOUD}/")
    assert_plays((folder / f"{model}.mp4").read_bytes(), item, params)


@pytest.mark.parametrize("model", MODELS)
def test_run_sync_gives_a_playable_video_inside_intercept(kirin, http, tmp_path, monkeypatch, model):
    monkeypatch.setenv("SEACLOUD_API_KEY", KEY)
    params = example(kirin, http, model)
    (tmp_path / "asked.json").write_text(json.dumps({model: params}))
    with kirin.intercept():
        asyncio.run(make_videos(tmp_path))
    assert_made(tmp_path, model, params)


def test_inside_intercept_a_failing_task_is_a_failed_one(kirin):
    params = told_to_fail(BOAT, f"fail={CODES[T2V]} message='no luck today'")
    with kirin.intercept():
        made = asyncio.run(SeaCloud(api_key=KEY).run_sync(T2V, params))
    assert (made["status"], made["error"]["message"]) == ("failed", "no luck today")


def test_inside_intercept_a_wrong_key_is_refused_and_the_models_are_listed(kirin):
    with kirin.intercept():
        with pytest.raises(AuthError):
            asyncio.run(SeaCloud(api_key="sk-wrong").run_sync(T2V, BOAT))
        found = asyncio.run(SeaCloud(api_key=KEY).models.list())
    assert {model["modelId"] for model in found["models"]} == set(MODELS)


@pytest.mark.parametrize("model", [T2V, V3])
def test_seaart_sdk_works_inside_intercept(kirin, http, model):
    params = example(kirin, http, model)
    seaart = seaart_sdk.Client(seaart_sdk.ClientConfig(api_key=KEY, base_url=f"https://{CLOUD}"))
    with kirin.intercept():
        done = seaart.modal.create({"model": model, **params}).wait(seaart_sdk.WithPollInterval(0))
        [url] = done.urls()
        assert httpx.get(url).content[4:8] == b"ftyp"
    assert url.startswith(f"https://{CLOUD}/")


@pytest.fixture(scope="module")
def under_run(kirin_server, http, tmp_path_factory):
    """The folder of the program, run once by ``kirin-mock run``, what it was asked for, and how it ended."""
    folder = tmp_path_factory.mktemp("run")
    asked = {model: example(kirin_server, http, model) for model in MODELS}
    (folder / "asked.json").write_text(json.dumps(asked))
    mock = [sys.executable, "-m", "mock_server", "run", "--timing", "instant", "--media", "tiny", "--api-key", KEY]
    ended = subprocess.run(
        [*mock, "--", sys.executable, str(PROGRAM), str(folder)],
        cwd=folder,
        env={**os.environ, "SEACLOUD_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return folder, asked, ended


@pytest.mark.parametrize("model", MODELS)
def test_run_sync_gives_a_playable_video_under_kirin_mock_run(under_run, model):
    folder, asked, ended = under_run
    assert ended.returncode == 0, ended.stderr
    assert_made(folder, model, asked[model])
