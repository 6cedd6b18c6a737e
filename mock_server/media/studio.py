"""The studio: has each clip rendered once, in processes of its own, at most one a core, and keeps the files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle  # noqa: S403 - it is written here, and read by our own worker
import subprocess  # noqa: S404 - our own worker
import sys
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mock_server.images import MIB
from mock_server.media.clip import Clip

#: What was served so many real seconds before the latest is not removed, however full the folder is.
IN_USE = 120.0
_SUFFIXES = (".mp4", ".jpg")


class NotRendered(Exception):
    """A clip could not be rendered; the text says why."""


class Worker:
    """One rendering process, started when it is first needed, and anew when it has ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def do(self, job: bytes) -> None:
        """Have a job done, and wait for it. Raises NotRendered, also when it is killed meanwhile."""
        process = self._running()
        if process.stdin is None or process.stdout is None:
            raise NotRendered("the renderer has no pipes")
        try:
            process.stdin.write(len(job).to_bytes(8) + job)
            process.stdin.flush()
            answer = process.stdout.readline()
        except (OSError, ValueError) as error:
            raise NotRendered(f"the renderer is gone: {error}") from None
        if answer != b"\n":
            if self._process is process:
                self.kill()
            raise NotRendered(answer.decode("utf-8", "replace").strip() or "the renderer ended")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.kill()
            command = [sys.executable, "-m", "mock_server.media.worker"]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)  # noqa: S603
        return self._process

    def kill(self) -> None:
        """End it at once."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):
                    stream.close()


@dataclass
class _Job:
    """A rendering that is under way, and how many wait for it."""

    task: asyncio.Task[None]
    waiting: int = 0


class Studio:
    """Files of clips below ``folder``, at most ``most_bytes`` of them."""

    def __init__(self, folder: Path, most_bytes: int = 512 * MIB) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._jobs: dict[str, _Job] = {}
        self._cores = os.cpu_count() or 1
        self._places: asyncio.Semaphore | None = None
        self._workers: list[Worker] = []
        self._idle: list[Worker] = []
        weakref.finalize(self, _kill_all, self._workers)

    def close(self) -> None:
        """End all that is under way."""
        _kill_all(self._workers)

    @property
    def busy(self) -> bool:
        """Whether anything is being rendered."""
        return bool(self._jobs)

    def path(self, clip: Clip, suffix: str) -> Path:
        """Where the file of a clip is, or will be."""
        return self._folder / f"{clip.name}{suffix}"

    def made(self, path: Path, content: Callable[[], bytes]) -> Path:
        """A file that is made in no time, and now if it is not there."""
        if not self._used(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content())
        return path

    def there(self, clip: Clip, suffix: str) -> Path | None:
        """The file of a clip, if it is rendered."""
        path = self.path(clip, suffix)
        return path if self._used(path) else None

    async def rendered(self, clip: Clip, contents: Mapping[str, bytes], suffix: str) -> Path:
        """The file of a clip, rendered now if it is not there. When nobody waits for it any more, that ends. Raises
        NotRendered.
        """
        path = self.path(clip, suffix)
        if self._used(path):
            return path
        job = self._jobs.get(path.name)
        if job is None:
            task = asyncio.get_running_loop().create_task(self._render(clip, contents, path))
            job = self._jobs[path.name] = _Job(task)
            task.add_done_callback(lambda _: self._jobs.pop(path.name, None))
        job.waiting += 1
        try:
            await asyncio.shield(job.task)
        finally:
            job.waiting -= 1
            if not job.waiting:
                job.task.cancel()
        return path

    async def _render(self, clip: Clip, contents: Mapping[str, bytes], path: Path) -> None:
        if self._places is None:
            self._places = asyncio.Semaphore(self._cores)
        async with self._places:
            worker = self._hired()
            try:
                await self._tried(worker, clip, contents, path)
            finally:
                self._idle.append(worker)
        await asyncio.to_thread(self._make_room, path)

    async def _tried(self, worker: Worker, clip: Clip, contents: Mapping[str, bytes], path: Path) -> None:
        """Render it; without its pictures, if those are what does not work."""
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            await _killed_if_cancelled(worker, asyncio.to_thread(worker.do, _job(clip, contents, path)))
        except NotRendered:
            if not contents:
                raise
            await _killed_if_cancelled(worker, asyncio.to_thread(worker.do, _job(clip, {}, path)))

    def _hired(self) -> Worker:
        if self._idle:
            return self._idle.pop()
        worker = Worker()
        self._workers.append(worker)
        return worker

    def _used(self, path: Path) -> bool:
        """Whether a file is there; if so, it counts as used now."""
        try:
            os.utime(path)
        except OSError:
            return False
        return True

    def _make_room(self, kept: Path) -> None:
        """Remove what was used longest ago, while there is too much."""
        files = [(one.stat(), one) for one in self._folder.iterdir() if one.suffix in _SUFFIXES]
        size = sum(stat.st_size for stat, _ in files)
        files.sort(key=lambda found: found[0].st_mtime)
        for stat, path in files:
            if size <= self._most_bytes or stat.st_mtime > files[-1][0].st_mtime - IN_USE:
                return
            if path != kept:
                path.unlink(missing_ok=True)
                size -= stat.st_size


def _job(clip: Clip, contents: Mapping[str, bytes], path: Path) -> bytes:
    return pickle.dumps((clip, dict(contents), str(path.absolute())))


async def _killed_if_cancelled(worker: Worker, work: Awaitable[None]) -> None:
    try:
        await work
    except asyncio.CancelledError:
        worker.kill()
        raise


def _kill_all(workers: list[Worker]) -> None:
    for worker in workers:
        worker.kill()
    workers.clear()
