"""What videos cost: rendering beside the encoder alone, memory, the first byte, and what other calls feel meanwhile.

make bench-video
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
from run import BODY, HEADERS, serving
from tests.media.test_studio import TELLS_ITS_MEMORY

from mock_server import MockServer
from mock_server.media.clip import Clip
from mock_server.media.frames import frame_of
from mock_server.media.render import _encode, all_frames, render
from mock_server.media.tiny import tiny
from tests.support.clips import ROWS, planned

MEASURED = (
    "title card",
    "from an image",
    "camera roll +10",
    "image and tail",
    "brush",
    "three references",
    "two shots",
)
POLLS = 3_000


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def beside_the_encoder(name: str, plan: tuple[Clip, dict[str, bytes]], folder: Path) -> None:
    """Rendering, and the encoder alone with the same frames, in turn; the best of three."""
    clip, contents = plan
    frames = [frame_of(image) for image in all_frames(clip, contents)]
    whole = min(seconds(lambda: render(clip, contents, folder / "a.mp4")) for _ in range(3))
    alone = min(seconds(lambda: _encode(clip, iter(frames), str(folder / "b.mp4"))) for _ in range(3))
    small = min(seconds(lambda: tiny(clip)) for _ in range(3))
    size = (folder / "a.mp4").stat().st_size // 1000
    print(
        f"{name:18}{clip.width}x{clip.height} {clip.frames:4} frames   render {whole:5.2f} s   encoder {alone:5.2f} s  "
        f" {whole / alone:.2f}x   {size} kB   tiny {small * 1000:.1f} ms, {len(tiny(clip)) / 1000:.1f} kB"
    )


def memory(plan: tuple[Clip, dict[str, bytes]], folder: Path) -> None:
    """The most memory that a renderer of its own takes for a clip."""
    clip, contents = plan
    job = pickle.dumps((clip, contents, str(folder / "c.mp4")))
    began = time.perf_counter()
    sent = len(job).to_bytes(8) + job
    ended = subprocess.run([sys.executable, "-c", TELLS_ITS_MEMORY], input=sent, capture_output=True, check=True)
    took, most = time.perf_counter() - began, int(ended.stderr) // 1024
    print(f"{clip.width}x{clip.height} {clip.seconds} s in a process of its own: {took:.1f} s, at most {most} MiB")


def polled(url: str) -> list[float]:
    """How long each of many polls takes, in order of length."""
    with httpx.Client(trust_env=False, headers=HEADERS) as client:
        times = [seconds(lambda: client.get(url)) for _ in range(POLLS)]
    return sorted(times)


def submitted(url: str) -> list[float]:
    """How long each of many submits takes, in order of length."""
    with httpx.Client(trust_env=False, headers=HEADERS) as client:
        times = [seconds(lambda: client.post(f"{url}/model/v1/generation", json=BODY)) for _ in range(POLLS // 2)]
    return sorted(times)


def first_byte(url: str) -> float:
    """Seconds until the first byte of a file comes, with what it takes to connect."""
    parts = urlsplit(url)
    began = time.perf_counter()
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        connection.recv(1)
        return time.perf_counter() - began


def under_rendering() -> None:
    """The slowest hundredth of polls and submits, with nothing else going on, and while every core renders."""
    command = [
        sys.executable,
        "-m",
        "mock_server",
        "serve",
        "--port",
        "{port}",
        "--timing",
        "instant",
        "--log-format",
        "off",
    ]
    with serving(command) as (url, _), httpx.Client(trust_env=False, headers=HEADERS, timeout=120) as client:
        made = client.post(f"{url}/model/v1/generation", json=BODY).json()
        poll = f"{url}/model/v1/generation/task/{made['id']}"
        polled(poll)
        quiet = polled(poll), submitted(url)
        longest = {**BODY, "duration": "10"}
        videos = [client.post(f"{url}/model/v1/generation", json=longest).json()["id"] for _ in range(40)]
        over = threading.Event()

        def fetch(mine: list[str]) -> None:
            for video in mine:
                if not over.is_set():
                    urllib.request.urlopen(f"{url}/media/{video}/0.mp4", timeout=120).read()  # noqa: S310 - our own server

        cores = os.cpu_count() or 1
        fetching = [threading.Thread(target=fetch, args=(videos[core::cores],)) for core in range(cores)]
        for one in fetching:
            one.start()
        busy = polled(poll), submitted(url)
        over.set()
        for one in fetching:
            one.join()
        for name, before, then in zip(("poll", "submit"), quiet, busy, strict=True):
            place = len(before) * 99 // 100
            ratio = then[place] / before[place]
            quick, slow = before[place] * 1000, then[place] * 1000
            print(f"p99 of a {name}: {quick:.2f} ms, under rendering {slow:.2f} ms   {ratio:.2f}x")
        cached = f"{url}/media/{videos[0]}/0.mp4"
        first = sorted(first_byte(cached) for _ in range(200))
        half, most = first[100] * 1000, first[198] * 1000
        print(f"first byte of a cached clip: half within {half:.2f} ms, 99 of 100 within {most:.2f} ms")


def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as name, httpx.Client(trust_env=False) as http:
        folder = Path(name)
        with MockServer(speed="manual", media="off") as server:
            plans = {row: planned(http, server, ROWS[row].model, ROWS[row].params) for row in MEASURED}
            longest = ROWS["v3 in fifteen seconds"]
            long = planned(http, server, longest.model, {**longest.params, "mode": "pro"})
        for row, plan in plans.items():
            beside_the_encoder(row, plan, folder)
        memory(long, folder)
    under_rendering()


if __name__ == "__main__":
    main()
