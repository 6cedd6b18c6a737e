"""``kirin-mock demo``: one real request per model, followed from submit to a video on disk."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from mock_server.core.clock import MANUAL, Pace, pause
from mock_server.core.errors import MissingExtra, UsageError
from mock_server.core.folders import require_folder
from mock_server.core.resources import resource
from mock_server.media.clip import clip_of
from mock_server.settings import load
from mock_server.testing.server import MockServer

try:
    import av
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
    from rich.table import Table
except ImportError:
    raise MissingExtra("kirin-mock demo", "video") from None

#: These are submitted over the queue protocol, the others on the generation paths.
ON_THE_QUEUE = frozenset({"kirin_v1_t2v", "kirin_v3_i2v"})
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


#: Shows how far a task is, from 0 to 1, and in which state.
Show = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Video:
    """What a file on disk turned out to be, as read back."""

    model: str
    protocol: str
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

    def follow(self, model: str, body: dict[str, Any], show: Show) -> Video:
        """Submit, poll until the end, wait for the callbacks, save the video."""
        parameters = body.get("data", body)
        parameters["callback_url"] = self._inbox.url
        protocol = "queue" if model in ON_THE_QUEUE else "generation"
        if protocol == "queue":
            task_id, url = self._queued(model, parameters, show)
        else:
            task_id, url = self._generated(model, body, show)
        events = self._events(task_id)
        show(1.0, "rendering")
        path = self._out / f"{model}.mp4"
        path.write_bytes(self._client.get(url).raise_for_status().content)
        video = Video(model, protocol, path, *probe(path), callbacks=events)
        self._require_promised(task_id, video)
        show(1.0, f"saved, {events} callbacks")
        return video

    def _generated(self, model: str, body: dict[str, Any], show: Show) -> tuple[str, str]:
        """Follow a task on the generation paths; its id, and the URL of its video."""
        made = self._call("POST", "/model/v1/generation", json={"model": model, **body}).json()
        task: dict[str, Any] = made
        for task in self._polls(f"/model/v1/generation/task/{made['id']}"):
            show(task.get("progress", 1.0), task["status"])
            if task["status"] != "in_progress":
                break
        if task["status"] != "completed":
            raise DemoFailed(f"{model} {task['status']}: {task.get('error')}")
        return made["id"], task["output"][0]["content"][0]["url"]

    def _queued(self, model: str, parameters: dict[str, Any], show: Show) -> tuple[str, str]:
        """The same over the queue protocol, by the URLs of the submit's answer."""
        made = self._call("POST", f"/model/v1/queue/{model}", json=parameters).json()
        task_id = self._server.task(made["request_id"]).id
        for status in self._polls(made["status_url"]):
            show({"IN_QUEUE": 0.0, "IN_PROGRESS": 0.5}.get(status["status"], 1.0), status["status"])
            if status["status"] == "COMPLETED":
                break
        if "error" in status:
            raise DemoFailed(f"{model} {status['error_type']}: {status['error']}")
        return task_id, self._call("GET", made["response_url"]).json()["outputs"][0]["url"]

    def _require_promised(self, task_id: str, video: Video) -> None:
        """Raise DemoFailed unless the file is, as read back, what was promised for its task."""
        task = self._server.task(task_id)
        promised = clip_of(self._server.built.service.judges[task.model].endpoint, task)
        wanted = (promised.seconds, promised.width, promised.height, promised.fps)
        if (got := (video.seconds, video.width, video.height, video.fps)) != wanted:
            raise DemoFailed(f"{video.path} is {got} and not {wanted} (seconds, width, height, frames per second)")

    def _call(self, method: str, path: str, **content: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._server.api_key}"}
        url = path if "://" in path else self._server.url + path
        answer = self._client.request(method, url, headers=headers, **content)
        if answer.status_code != httpx.codes.OK:
            raise DemoFailed(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer

    def _polls(self, path: str) -> Iterator[dict[str, Any]]:
        """A task as each poll of a path or URL shows it. Raises DemoFailed when nobody ends it in time."""
        for _ in range(round(PATIENCE / POLL_EVERY)):
            yield self._call("GET", path).json()
            pause(POLL_EVERY)
        raise DemoFailed(f"{path} did not end within {PATIENCE:g} s")

    def _events(self, task_id: str) -> int:
        """How many callbacks came for a task, once the last one is there."""
        while True:
            arrived = self._inbox.bodies
            events = [body for body in arrived if body["id"] == task_id]
            if events and events[-1]["status"] == "completed":
                return len(events)
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
    table = Table("video", "protocol", "seconds", "size", "fps", "callbacks", box=None, header_style="bold")
    for video in videos:
        size = f"{video.width}x{video.height}"
        table.add_row(
            video.path.name, video.protocol, f"{video.seconds:g}", size, f"{video.fps:g}", str(video.callbacks)
        )
    console.print(table)
    console.print(f"{len(videos)} videos saved in {videos[0].path.parent.resolve()}; make serve keeps a server running")
