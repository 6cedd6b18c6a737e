"""The clip behind an output URL: how it is served; the same bytes for the same seed."""

from __future__ import annotations

import pytest

from mock_server import MockServer
from mock_server.core.resources import resource
from tests.support.clips import completed

#: One process renders for all of them.
pytestmark = pytest.mark.xdist_group("videos")

SUBMIT = "/model/v1/generation"
IMAGES = ("landscape.jpg", "portrait.jpg", "square.png", "tail.png")


@pytest.fixture(scope="module")
def renderer():
    """A server whose clips are kept for this file's tests."""
    with MockServer(speed="manual") as server:
        yield server


@pytest.fixture(scope="module")
def url(http, renderer):
    """The URL of a video there."""
    return completed(http, renderer, "kirin_v1_t2v", {"prompt": "a"})[1]


def test_the_index_is_in_front(http, url):
    content = http.get(url).content
    assert content[4:8] == b"ftyp"
    assert 0 < content.find(b"moov") < content.find(b"mdat")


def test_head_and_range(http, url):
    whole = http.get(url)
    head = http.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(whole.content)))
    part = http.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    beyond = http.get(url, headers={"Range": f"bytes={len(whole.content) + 5}-"})
    assert beyond.status_code == 416


def test_a_clip_is_there_only_once_the_task_is_completed(http, renderer):
    headers = {"Authorization": f"Bearer {renderer.api_key}"}
    made = http.post(renderer.url + SUBMIT, json={"model": "kirin_v1_t2v", "prompt": "a"}, headers=headers).json()
    for path in (f"/media/{made['id']}/0.mp4", f"/media/{made['id']}/1.mp4", "/media/none/0.mp4", "/media/x"):
        answer = http.get(renderer.url + path)
        assert (answer.status_code, answer.json()["status"]["error_code"]) == (404, 40401)


@pytest.mark.deep
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(http):
    found = []
    for seed in (7, 7, 8):
        with MockServer(seed=seed, speed="manual") as server:
            found.append(http.get(completed(http, server, "kirin_v1_t2v", {"prompt": "a"})[1]).content)
    assert found[0] == found[1] != found[2]


def test_clips_asked_for_at_once_are_rendered_once(http, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with MockServer(speed="manual", media_dir=str(tmp_path)) as server, ThreadPoolExecutor(8) as pool:
        _, url = completed(http, server, "kirin_v1_t2v", {"prompt": "a"})
        contents = list(pool.map(lambda _: http.get(url).content, range(8)))
    assert len(set(contents)) == 1
    assert len(list(tmp_path.glob("*.mp4"))) == 1


def test_pictures_that_do_not_fit_in_memory_are_kept_on_disk():
    from mock_server.core.blobs import Blobs

    kept = Blobs(max_bytes=200_000)
    contents = [resource("fixtures", "images", name).read_bytes() for name in IMAGES]
    for number, content in enumerate(contents):
        kept.keep(str(number), content)
    assert [kept.find(str(number)) for number in range(len(contents))] == contents
    folder = kept._folder
    assert list(folder.iterdir())
    kept.clear()
    assert not folder.exists()
    assert kept.find("0") is None


@pytest.mark.parametrize("asked", ["items=0-1", "bytes=abc", "bytes=-", "nonsense", f"bytes={'9' * 5000}-"])
def test_a_range_that_is_none_is_ignored(http, url, asked):
    answer = http.get(url, headers={"Range": asked})
    assert (answer.status_code, len(answer.content)) == (200, int(answer.headers["content-length"]))


def test_an_image_of_any_aspect_makes_a_video(tmp_path):
    from mock_server.models._common import within

    for width, height in ((300, 300_000), (300_000, 300), (301, 750), (16, 9)):
        made = within(1280 * 720, width, height)
        assert all(side % 2 == 0 and 500 < side < 1700 for side in made), made
