"""The clip behind an output URL: what the document promises, decoded back; the same bytes for the same seed."""

from __future__ import annotations

import base64
import io

import av
import numpy as np
import pytest

from mock_server import MockServer
from mock_server.demo import probe
from mock_server.media.clip import Clip, clip_of
from mock_server.media.render import render
from mock_server.resources import resource
from tests.test_fixtures import shapes

SUBMIT = "/model/v1/generation"
LANDSCAPE, PORTRAIT, SQUARE, TAIL = "landscape.jpg", "portrait.jpg", "square.png", "tail.png"

ONE = [{"image": "@square.png"}]

#: model, parameters ("@" marks a sample image), seconds, width, height, frames per second
PROMISED = [
    ("kirin_v1_t2v", {"prompt": "a"}, 5, 1280, 720, 30),
    ("kirin_v1_t2v", {"prompt": "a", "aspect_ratio": "9:16", "mode": "pro"}, 5, 720, 1280, 30),
    ("kirin_v1_t2v", {"prompt": "a", "aspect_ratio": "1:1", "duration": "10"}, 10, 960, 960, 30),
    ("kirin_v1_5_i2v", {"image": "@landscape.jpg"}, 5, 1280, 720, 30),
    ("kirin_v1_5_i2v", {"image_tail": "@square.png", "mode": "pro", "duration": "10"}, 10, 960, 960, 30),
    ("kirin_v1_6_multi_i2v", {"image_list": ONE, "prompt": "a"}, 5, 1280, 720, 24),
    ("kirin_v1_6_multi_i2v", {"image_list": ONE, "prompt": "a", "aspect_ratio": "9:16"}, 5, 720, 1280, 24),
    ("kirin_v3_i2v", {"image": "@portrait.jpg", "prompt": "a", "duration": "3"}, 3, 720, 1280, 24),
    ("kirin_v3_i2v", {"image": "@landscape.jpg", "prompt": "a", "mode": "pro"}, 5, 1920, 1080, 24),
    ("kirin_v3_i2v", {"image_tail": "@square.png", "prompt": "a", "duration": "15"}, 15, 960, 960, 24),
    ("kirin_v2_master_i2v", {"image": "@landscape.jpg"}, 5, 1280, 720, 24),
    ("kirin_v2_master_i2v", {"image": "https://pictures.example.com/a.png", "duration": "10"}, 10, 1280, 720, 24),
]  # fmt: skip


def _with_images(value):
    if isinstance(value, dict):
        return {key: _with_images(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_images(inner) for inner in value]
    if isinstance(value, str) and value.startswith("@"):
        return base64.b64encode(resource("fixtures", "images", value[1:]).read_bytes()).decode()
    return value


def _completed(http, server, model, params):
    headers = {"Authorization": f"Bearer {server.api_key}"}
    body = shapes(model, _with_images(params))["documented"]
    made = http.post(server.url + SUBMIT, json=body, headers=headers).json()
    server.complete(made["id"])
    shown = http.get(f"{server.url}{SUBMIT}/task/{made['id']}", headers=headers).json()
    return made["id"], shown["output"][0]["content"][0]["url"]


@pytest.fixture(scope="module")
def studio():
    """A server whose clips are kept for this file's tests."""
    with MockServer(speed="manual") as server:
        yield server


@pytest.mark.parametrize(("model", "params", "seconds", "width", "height", "fps"), PROMISED)
def test_the_plan_of_a_clip_is_what_the_document_promises(http, studio, model, params, seconds, width, height, fps):
    task_id, _ = _completed(http, studio, model, params)
    clip = clip_of(studio.built.service.judges[model].endpoint, studio.task(task_id))
    assert (clip.seconds, clip.width, clip.height, clip.fps) == (seconds, width, height, fps)


@pytest.mark.parametrize("row", [0, 3, 5, 7, 10], ids=lambda row: PROMISED[row][0])
def test_the_video_of_each_model_is_as_planned_when_decoded(http, studio, tmp_path, row):
    model, params, seconds, width, height, fps = PROMISED[row]
    _, url = _completed(http, studio, model, params)
    answer = http.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    path = tmp_path / "clip.mp4"
    path.write_bytes(answer.content)
    assert probe(path) == (seconds, width, height, fps)
    with av.open(io.BytesIO(answer.content)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(container.duration / av.time_base) == seconds


def test_the_index_is_in_front(http, studio):
    _, url = _completed(http, studio, "kirin_v1_t2v", {"prompt": "a"})
    content = http.get(url).content
    assert content[4:8] == b"ftyp"
    assert 0 < content.find(b"moov") < content.find(b"mdat")


def test_it_starts_on_the_reference_image_and_moves(http, studio):
    _, url = _completed(http, studio, "kirin_v2_master_i2v", {"image": "@landscape.jpg"})
    with av.open(io.BytesIO(http.get(url).content)) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    with av.open(str(resource("fixtures", "images", LANDSCAPE))) as picture:
        given = next(picture.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    caption = slice(0, 640)  # the words are at the bottom
    apart = [np.abs(frame[caption] - given[caption]).mean() for frame in (frames[0], frames[-1])]
    assert apart[0] < 3 < 10 < apart[1]


def test_head_and_range(http, studio):
    _, url = _completed(http, studio, "kirin_v1_t2v", {"prompt": "a"})
    whole = http.get(url)
    head = http.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(whole.content)))
    part = http.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    beyond = http.get(url, headers={"Range": f"bytes={len(whole.content) + 5}-"})
    assert beyond.status_code == 416


def test_a_clip_is_there_only_once_the_task_is_completed(http, studio):
    headers = {"Authorization": f"Bearer {studio.api_key}"}
    made = http.post(studio.url + SUBMIT, json={"model": "kirin_v1_t2v", "prompt": "a"}, headers=headers).json()
    for path in (f"/media/{made['id']}/0.mp4", f"/media/{made['id']}/1.mp4", "/media/none/0.mp4", "/media/x"):
        answer = http.get(studio.url + path)
        assert (answer.status_code, answer.json()["status"]["error_code"]) == (404, 40401)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(http):
    found = []
    for seed in (7, 7, 8):
        with MockServer(seed=seed, speed="manual") as server:
            found.append(http.get(_completed(http, server, "kirin_v1_t2v", {"prompt": "a"})[1]).content)
    assert found[0] == found[1] != found[2]


def test_clips_asked_for_at_once_are_rendered_once(http, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with MockServer(speed="manual", media_dir=str(tmp_path)) as server, ThreadPoolExecutor(8) as pool:
        _, url = _completed(http, server, "kirin_v1_t2v", {"prompt": "a"})
        contents = list(pool.map(lambda _: http.get(url).content, range(8)))
    assert len(set(contents)) == 1
    assert len(list(tmp_path.glob("*.mp4"))) == 1


def test_a_picture_that_cannot_be_decoded_becomes_a_card(tmp_path):
    picture = resource("fixtures", "images", LANDSCAPE).read_bytes()
    clip = Clip(320, 180, 24, 3, None, "a title", "a caption", 5, 1)
    render(clip, picture[:60] + b"\0" * 500, tmp_path / "broken.mp4")
    assert probe(tmp_path / "broken.mp4") == (3, 320, 180, 24)


def test_pictures_that_do_not_fit_in_memory_are_kept_on_disk():
    from mock_server.blobs import Blobs

    kept = Blobs(max_bytes=200_000)
    contents = [resource("fixtures", "images", name).read_bytes() for name in (LANDSCAPE, PORTRAIT, SQUARE, TAIL)]
    for number, content in enumerate(contents):
        kept.keep(str(number), content)
    assert [kept.find(str(number)) for number in range(len(contents))] == contents
    folder = kept._folder
    assert list(folder.iterdir())
    kept.clear()
    assert not folder.exists()
    assert kept.find("0") is None


@pytest.mark.parametrize("asked", ["items=0-1", "bytes=abc", "bytes=-", "nonsense", f"bytes={'9' * 5000}-"])
def test_a_range_that_is_none_is_ignored(http, studio, asked):
    _, url = _completed(http, studio, "kirin_v1_t2v", {"prompt": "a"})
    answer = http.get(url, headers={"Range": asked})
    assert (answer.status_code, len(answer.content)) == (200, int(answer.headers["content-length"]))


def test_an_image_of_any_aspect_makes_a_video(tmp_path):
    from mock_server.endpoints._common import within

    for width, height in ((300, 300_000), (300_000, 300), (301, 750), (16, 9)):
        made = within(1280 * 720, width, height)
        assert all(side % 2 == 0 and 500 < side < 1700 for side in made), made
