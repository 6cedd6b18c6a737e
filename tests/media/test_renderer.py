"""How videos come to those who fetch them: kinds, thumbnails, validators, expiry, and who waits for what."""

from __future__ import annotations

import asyncio
import io
import os
import pickle
import socket
import subprocess
import sys

import httpx
import pytest
from PIL import Image

from mock_server import MockServer
from mock_server.cli.demo import probe
from mock_server.core.clock import pause, stopwatch
from mock_server.media.camera import REST
from mock_server.media.clip import Clip, Shot, StaticFrame
from mock_server.media.renderer import Gone, NotRendered, Renderer, Worker
from tests.support.clips import LANDSCAPE, MASTER, T2V, TAIL, V3, V15, completed, planned
from tests.support.looking import decoded

PROMPT = {"prompt": "A red apple"}


@pytest.fixture(scope="module")
def tiny_server():
    with MockServer(speed="manual", media="tiny") as server:
        yield server


def test_tiny_clips_are_served_at_once_and_differ_by_task(http, tiny_server):
    found = []
    for model, params, seconds, sound in (
        (T2V, {**PROMPT, "duration": "10"}, 10, None),
        (V3, {"image": LANDSCAPE, "prompt": "a", "sound": "on", "mode": "pro"}, 5, 5.0),
    ):
        _, url = completed(http, tiny_server, model, params)
        answer = http.get(url)
        assert (answer.status_code, answer.headers["x-mock-media"]) == (200, "tiny")
        assert len(answer.content) < 15_000
        seen = decoded(answer.content, keep=())
        assert len(seen.frames) / seen.fps == seconds
        assert seen.sound_seconds == sound
        found.append(answer.content)
    assert found[0] != found[1]


def test_where_videos_are_off_there_is_one_for_all(http):
    with MockServer(speed="manual", media="off") as server:
        urls = [completed(http, server, T2V, {"prompt": word})[1] for word in ("a", "b")]
        answers = [http.get(url) for url in urls]
    assert answers[0].content == answers[1].content
    assert answers[0].headers["x-mock-media"] == "off"
    assert len(decoded(answers[0].content, keep=()).frames) == 150


def test_without_the_part_that_renders_clips_are_tiny_and_the_server_says_so(http, monkeypatch, capsys):
    monkeypatch.setattr("mock_server.web.api.media.can_render", lambda: False)
    with MockServer(speed="manual") as server:
        _, url = completed(http, server, T2V, PROMPT)
        assert http.get(url).headers["x-mock-media"] == "tiny"
        thumbnail = http.get(url.replace(".mp4", ".jpg"))
        assert thumbnail.status_code == 503
        assert "pip install 'kirin-mock[video]'" in thumbnail.json()["status"]["message"]


def test_a_thumbnail_is_the_first_frame(http, studio_server):
    _, url = completed(http, studio_server, MASTER, {"image": LANDSCAPE})
    answer = http.get(url.replace(".mp4", ".jpg"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("JPEG", (640, 360))


@pytest.fixture(scope="module")
def studio_server():
    with MockServer(speed="manual") as server:
        yield server


def test_a_clip_that_is_there_already_is_not_sent_again(http, tiny_server):
    _, url = completed(http, tiny_server, T2V, PROMPT)
    first = http.get(url)
    tag = first.headers["etag"]
    again = http.get(url, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert http.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    for known in (f'"other", W/{tag}', "*"):
        assert http.get(url, headers={"If-None-Match": known}).status_code == 304
    assert "content-length" not in again.headers


@pytest.mark.parametrize("asked", ["bytes=900000-", "bytes=-0"])
def test_a_range_that_begins_after_the_end_is_told_where_that_is(http, tiny_server, asked):
    _, url = completed(http, tiny_server, T2V, PROMPT)
    size = len(http.get(url).content)
    answer = http.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")


def test_a_broken_off_download_goes_on_only_if_the_clip_is_the_same(http, tiny_server):
    _, url = completed(http, tiny_server, T2V, PROMPT)
    whole = http.get(url)
    goes_on = http.get(url, headers={"Range": "bytes=100-", "If-Range": whole.headers["etag"]})
    assert (goes_on.status_code, goes_on.content) == (206, whole.content[100:])
    anew = http.get(url, headers={"Range": "bytes=100-", "If-Range": '"other"'})
    assert (anew.status_code, anew.content) == (200, whole.content)


def test_several_ranges_come_as_several_parts(http, tiny_server):
    _, url = completed(http, tiny_server, T2V, PROMPT)
    whole = http.get(url).content
    answer = http.get(url, headers={"Range": "bytes=0-9,100-109"})
    assert answer.status_code == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")
    assert whole[:10] in answer.content
    assert whole[100:110] in answer.content
    assert b"Content-Range: bytes 100-109/%d" % len(whole) in answer.content


def test_a_url_is_good_for_as_long_as_was_said(http):
    with MockServer(speed="manual", media="tiny", media_ttl=60) as server:
        _, url = completed(http, server, T2V, PROMPT)
        server.clock.advance(59)
        assert http.get(url).status_code == 200
        server.clock.advance(41)
        answer = http.get(url)
    assert answer.status_code == 403
    said = answer.json()["status"]
    assert said["message"] == "this URL was valid for 60 s after the task ended, and that was 100 s ago"


def test_a_rendering_ends_when_nobody_waits_for_it(http, tmp_path):
    with MockServer(speed="manual", media_dir=str(tmp_path)) as server:
        _, url = completed(http, server, V3, {"image": LANDSCAPE, "prompt": "a", "mode": "pro", "duration": "15"})
        renderer = server.built.media.renderer
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as hasty:
            hasty.sendall(f"GET /media{url.partition('/media')[2]} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            until = stopwatch() + 20
            while not (renderer.busy and list(tmp_path.glob("*.part"))):
                assert stopwatch() < until
                pause(0.02)
        until = stopwatch() + 10
        while renderer.busy:
            assert stopwatch() < until, "it goes on for nobody"
            pause(0.02)
        assert http.get(f"{server.url}/_mock/health").status_code == 200
        _, url = completed(http, server, T2V, PROMPT)
        assert http.get(url).status_code == 200, "the next one is rendered by a new process"


def _clip(name):
    shot = Shot(3, StaticFrame(words=name), (REST, REST))
    return Clip(320, 180, 3, 1, (shot,), name, "", (), palette=3)


def test_what_was_used_longest_ago_makes_room(tmp_path):
    async def work():
        renderer = Renderer(tmp_path, most_bytes=150_000)
        try:
            for age in range(4):
                old = tmp_path / f"old{age}.mp4"
                old.write_bytes(bytes(50_000))
                os.utime(old, (1000 + age, 1000 + age))
            return await renderer.rendered(_clip("a"), {}, ".mp4")
        finally:
            renderer.close()

    path = asyncio.run(work())
    assert probe(path) == (1, 320, 180, 3)
    assert sorted(one.name for one in tmp_path.glob("old*")) == ["old2.mp4", "old3.mp4"]


def test_pictures_that_the_renderer_cannot_take_are_left_out(tmp_path, monkeypatch):
    """As when a decoder takes its process with it."""
    done = []

    def do(self, job):
        done.append(pickle.loads(job)[1])  # noqa: S301 - it comes from here
        if done[-1]:
            raise NotRendered("the renderer ended")

    monkeypatch.setattr(Worker, "do", do)

    async def work():
        renderer = Renderer(tmp_path)
        return await renderer.rendered(_clip("a"), {"digest": b"hostile"}, ".mp4"), renderer.path(_clip("a"), ".mp4")

    found, its_own = asyncio.run(work())
    assert done == [{"digest": b"hostile"}, {}]
    assert found != its_own, "it is not kept as what it is not"


def test_a_renderer_that_has_just_ended_is_replaced_and_nothing_is_left_out(tmp_path, monkeypatch):
    done, do = [], Worker.do

    def first_gone(self, job):
        done.append(pickle.loads(job)[1])  # noqa: S301 - it comes from here
        if len(done) == 1:
            self.kill()
            raise Gone("the renderer ended")
        do(self, job)

    monkeypatch.setattr(Worker, "do", first_gone)

    async def work():
        renderer = Renderer(tmp_path)
        try:
            return await renderer.rendered(_clip("a"), {"digest": b"picture"}, ".mp4") == renderer.path(
                _clip("a"), ".mp4"
            )
        finally:
            renderer.close()

    assert asyncio.run(work())
    assert done == [{"digest": b"picture"}] * 2


def test_who_asks_while_a_rendering_is_given_up_gets_one_of_its_own(tmp_path):
    async def work():
        renderer = Renderer(tmp_path)
        try:
            first = asyncio.ensure_future(renderer.rendered(_clip("a"), {}, ".mp4"))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            return await renderer.rendered(_clip("a"), {}, ".mp4")
        finally:
            renderer.close()

    assert probe(asyncio.run(work())) == (1, 320, 180, 3)


def test_a_closed_studio_renders_nothing_more(tmp_path):
    async def work():
        renderer = Renderer(tmp_path)
        waiting = asyncio.ensure_future(renderer.rendered(_clip("a"), {"digest": b"picture"}, ".mp4"))
        await asyncio.sleep(0)
        renderer.close()
        (ended,) = await asyncio.gather(waiting, return_exceptions=True)
        with pytest.raises(NotRendered, match="about to stop"):
            await renderer.rendered(_clip("b"), {}, ".mp4")
        return ended

    assert isinstance(asyncio.run(work()), asyncio.CancelledError | NotRendered)
    assert not list(tmp_path.glob("*.mp4"))


def test_what_lies_in_the_folder_of_the_server_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "queue.py").write_text("raise SystemExit('not mine')")
    monkeypatch.chdir(tmp_path)
    worker = Worker()
    try:
        worker.do(pickle.dumps((_clip("a"), {}, str(tmp_path / "a.mp4"))))
    finally:
        worker.kill()
    assert probe(tmp_path / "a.mp4") == (1, 320, 180, 3)


def test_a_renderer_that_fails_is_told_of_and_the_next_works(tmp_path):
    worker = Worker()
    try:
        with pytest.raises(NotRendered, match="FileNotFoundError"):
            asyncio.run(_rendered_with(worker, tmp_path / "no" / "such" / "a.mp4"))
        asyncio.run(_rendered_with(worker, tmp_path / "a.mp4"))
        assert probe(tmp_path / "a.mp4") == (1, 320, 180, 3)
        asyncio.run(_rendered_with(worker, tmp_path / "b.mp4"))
        worker.kill()
        with pytest.raises(Gone):
            asyncio.run(_rendered_with(worker, tmp_path / "c.mp4"))
    finally:
        worker.kill()
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "a.mp4").read_bytes()


async def _rendered_with(worker, path):
    await asyncio.to_thread(worker.do, pickle.dumps((_clip("a"), {}, str(path))))


#: How many calls are made while a video is rendered, which takes some seconds.
MANY = 30


def test_other_calls_are_answered_while_a_video_is_rendered(http, tmp_path):
    """How quickly, ``make bench-video`` tells."""
    with MockServer(speed="manual", media_dir=str(tmp_path)) as server, httpx.Client(trust_env=False) as other:
        task_id, url = completed(http, server, V15, {"image": LANDSCAPE})
        poll = f"{server.url}/model/v1/generation/task/{task_id}"
        headers = {"Authorization": f"Bearer {server.api_key}"}

        async def work():
            async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
                video = asyncio.create_task(client.get(url))
                polls = 0
                while not video.done() and polls < MANY:
                    assert (await client.get(poll, headers=headers)).status_code == 200
                    polls += 1
                return polls, (await video).status_code

        polls, status = asyncio.run(work())
        assert other.get(poll, headers=headers).status_code == 200
    assert status == 200
    assert polls == MANY


#: The most memory of this program alone: on Linux getrusage has that of the parent too, elsewhere not.
TELLS_ITS_MEMORY = """
import pathlib, re, resource, sys
from mock_server.media.worker import main
main()
status = pathlib.Path("/proc/self/status")
if status.exists():
    most = int(re.search(r"VmHWM:\\s+([0-9]+)", status.read_text())[1])
else:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(most, file=sys.stderr)
"""


@pytest.mark.deep
@pytest.mark.parametrize("seconds", [5, 15])
def test_a_long_large_video_takes_a_bounded_amount_of_memory(http, tmp_path, seconds):
    """1080p: what is drawn ahead is all that is held, not the video, which has 3 MB in each frame."""
    with MockServer(speed="manual", media="off") as server:
        params = {"image": LANDSCAPE, "image_tail": TAIL, "prompt": "a", "mode": "pro", "sound": "on"}
        params["duration"] = str(seconds)
        clip, contents = planned(http, server, V3, params)
    job = pickle.dumps((clip, contents, str(tmp_path / "a.mp4")))
    sent = len(job).to_bytes(8) + job
    ended = subprocess.run([sys.executable, "-c", TELLS_ITS_MEMORY], input=sent, capture_output=True, check=True)
    assert ended.stdout == b"\n"
    assert probe(tmp_path / "a.mp4") == (seconds, 1920, 1080, 24)
    assert int(ended.stderr) < 400 * 1024
