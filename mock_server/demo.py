"""``kirin-mock demo``: one real request per model, followed from submit to a video on disk."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from mock_server.clock import MANUAL, Pace, pause
from mock_server.errors import MissingExtra, UsageError
from mock_server.media.clip import clip_of
from mock_server.resources import resource
from mock_server.serve import require_folder
from mock_server.settings import load
from mock_server.testing.server import MockServer

try:
    import av
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
    from rich.table import Table
except ImportError:
    raise MissingExtra("kirin-mock demo", "video") from None

#: Real seconds between two polls of one task, and how long to wait for anything at all.
POLL_EVERY = 0.1
PATIENCE = 120.0


def _image(name: str) -> str:
    return base64.b64encode(resource("fixtures", "images", name).read_bytes()).decode()


def requests() -> dict[str, dict[str, Any]]:
    """One body per model, each showing what its model is for."""
    shots = [
        {"index": 1, "prompt": "The light sweeps over the sea", "duration": "2"},
        {"index": 2, "prompt": "A wave breaks on the rocks", "duration": "3"},
    ]
    pan = {"type": "simple", "config": {"pan": 6}}
    return {
        "kirin_v1_5_i2v": {
            "data": {
                "image": _image("landscape.jpg"),
                "image_tail": _image("tail.png"),
                "prompt": "Dawn turns into dusk",
                "mode": "pro",
            }
        },
        "kirin_v1_t2v": {
            "prompt": "A paper boat sets out on a quiet sea at first light",
            "aspect_ratio": "16:9",
            "camera_control": pan,
        },
        "kirin_v1_6_multi_i2v": {
            "image_list": [{"image": _image("square.png")}, {"image": _image("landscape.jpg")}],
            "prompt": "The boat drifts into the valley",
            "aspect_ratio": "1:1",
        },
        "kirin_v3_i2v": {
            "image": _image("portrait.jpg"),
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": shots,
            "mode": "pro",
        },
        "kirin_v2_master_i2v": {"image": _image("landscape.jpg"), "prompt": "The sun climbs over the hills"},
    }


@dataclass(frozen=True, slots=True)
class Video:
    """What a file on disk turned out to be, as read back."""

    model: str
    path: Path
    seconds: float
    width: int
    height: int
    fps: float
    callbacks: int


def probe(path: Path) -> tuple[float, int, int, float]:
    """Seconds, width, height and frames per second of a video, every frame decoded."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 0)
        frames = sum(1 for _ in container.decode(stream))
        return frames / fps, stream.width, stream.height, fps


class DemoFailed(Exception):
    """Something did not go as it should; the text says what."""


class Demo:
    """One client of one server."""

    def __init__(self, server: MockServer, out: Path, client: httpx.Client) -> None:
        self._server = server
        self._out = out
        self._client = client
        self._inbox = server.inbox("demo")

    def follow(self, model: str, body: dict[str, Any], show: Callable[[float, str], None]) -> Video:
        """Submit, poll until the end, wait for the callbacks, save the video."""
        parameters = body.get("data", body)
        parameters["callback_url"] = self._inbox.url
        made = self._call("POST", "/model/v1/generation", json={"model": model, **body}).json()
        task: dict[str, Any] = made
        for task in self._polls(made["id"]):
            show(task["progress"], task["status"])
        if task["status"] != "completed":
            raise DemoFailed(f"{model} {task['status']}: {task.get('error')}")
        news = self._news(made["id"])
        show(1.0, "rendering")
        path = self._out / f"{model}.mp4"
        path.write_bytes(self._client.get(task["output"][0]["content"][0]["url"]).raise_for_status().content)
        video = Video(model, path, *probe(path), callbacks=news)
        self._require_promised(made["id"], video)
        show(1.0, f"saved, {news} callbacks")
        return video

    def _require_promised(self, task_id: str, video: Video) -> None:
        """Raise DemoFailed unless the file is, as read back, what was promised for its task."""
        task = self._server.task(task_id)
        promised = clip_of(self._server.built.service.judges[task.model].endpoint, task)
        wanted = (promised.seconds, promised.width, promised.height, promised.fps)
        if (got := (video.seconds, video.width, video.height, video.fps)) != wanted:
            raise DemoFailed(f"{video.path} is {got} and not {wanted} (seconds, width, height, frames per second)")

    def _call(self, method: str, path: str, **content: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._server.api_key}"}
        answer = self._client.request(method, self._server.url + path, headers=headers, **content)
        if answer.status_code != httpx.codes.OK:
            raise DemoFailed(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer

    def _polls(self, task_id: str) -> Iterator[dict[str, Any]]:
        """The task as each poll shows it, until it has ended."""
        for _ in range(round(PATIENCE / POLL_EVERY)):
            task: dict[str, Any] = self._call("GET", f"/model/v1/generation/task/{task_id}").json()
            yield task
            if task["status"] != "in_progress":
                return
            pause(POLL_EVERY)
        raise DemoFailed(f"task {task_id} did not end within {PATIENCE:g} s")

    def _news(self, task_id: str) -> int:
        """How many callbacks came for a task, once the last one is there."""
        while True:
            arrived = self._inbox.bodies
            news = [body for body in arrived if body["id"] == task_id]
            if news and news[-1]["status"] == "completed":
                return len(news)
            self._inbox.wait_for(len(arrived) + 1, PATIENCE)


def demo(out: str, speed: str) -> int:
    """Run it, and show it. 1 when something did not go as it should."""
    settings = load({"speed": speed}, {})
    if settings.speed == MANUAL:
        raise UsageError("--speed manual would never end; give a number above 0")
    require_folder(out, "--out")
    console = Console()
    try:
        videos = _run(console, Path(out), settings.speed)
    except (DemoFailed, TimeoutError, httpx.HTTPError) as error:
        console.print(f"the demo failed: {error}", style="red", markup=False)
        return 1
    _print_table(console, videos)
    return 0


def _run(console: Console, out: Path, speed: Pace) -> list[Video]:
    columns = (
        TextColumn("{task.fields[model]:22}"),
        BarColumn(),
        TextColumn("{task.percentage:>4.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[state]}"),
    )
    bodies = requests()
    with (
        MockServer(speed=speed) as server,
        httpx.Client(trust_env=False, timeout=PATIENCE) as client,
        Progress(*columns, console=console) as progress,
        ThreadPoolExecutor() as pool,
    ):
        console.print(f"kirin-mock serves on {server.url}; submitting one task per model")
        session = Demo(server, out, client)
        bars = {model: progress.add_task("", total=1.0, model=model, state="submitting") for model in bodies}

        def run(model: str) -> Video:
            return session.follow(model, bodies[model], lambda done, state: _show(progress, bars[model], done, state))

        return list(pool.map(run, bodies))


def _show(progress: Progress, bar: TaskID, done: float, state: str) -> None:
    """A bar is full, and its time stands still, only once the video is saved."""
    progress.update(bar, completed=1.0 if state.startswith("saved") else min(done, 0.99), state=state)


def _print_table(console: Console, videos: list[Video]) -> None:
    table = Table("video", "seconds", "size", "fps", "callbacks", box=None, header_style="bold")
    for video in videos:
        size = f"{video.width}x{video.height}"
        table.add_row(video.path.name, f"{video.seconds:g}", size, f"{video.fps:g}", str(video.callbacks))
    console.print(table)
    console.print(f"{len(videos)} videos saved in {videos[0].path.parent.resolve()}; make serve keeps a server running")
