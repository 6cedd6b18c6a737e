"""The renderer: has each clip rendered once, in processes of its own, at most one a core, and keeps the files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle  # noqa: S403 - it is written here, and read by our own worker
import subprocess  # noqa: S404 - our own worker
import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mock_server.core.images import MIB
from mock_server.media.clip import Clip

#: What was served so many real seconds before the latest is not removed, however full the folder is.
IN_USE = 120.0
#: After so many files that were made in no time there is a look at how many there are.
LOOK_AFTER = 200
_SUFFIXES = (".mp4", ".jpg", ".part")


class NotRendered(Exception):
    """A clip could not be rendered; the text says why."""


class Gone(NotRendered):
    """The process that was to render it has ended."""


class Worker:
    """One rendering process, started when it is first needed. Once it is killed or gone, it is no good any more."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.dead = False

    def do(self, job: bytes) -> None:
        """Have a job done, and wait for it. Raises NotRendered, and Gone also when it is killed meanwhile."""
        try:
            answer = self._answer(job)
        except (OSError, ValueError) as error:
            self.kill()
            raise Gone(f"the renderer is gone: {error}") from None
        if not answer:
            self.kill()
            raise Gone("the renderer ended")
        if answer != b"\n":
            raise NotRendered(answer.decode("utf-8", "replace").strip())

    def _answer(self, job: bytes) -> bytes:
        process = self._process
        if process is None:
            # -P: what lies in the folder that the server was started in is not for it to import
            command = [sys.executable, "-P", "-m", "mock_server.media.worker"]
            pipe = subprocess.PIPE
            process = self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)  # noqa: S603 - as above
        if self.dead or process.stdin is None or process.stdout is None:
            raise OSError("it was to end")
        process.stdin.write(len(job).to_bytes(8) + job)
        process.stdin.flush()
        return process.stdout.readline()

    def kill(self) -> None:
        """End it at once, and for good."""
        self.dead = True
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

    task: asyncio.Task[Path]
    waiting: int = 0


class Renderer:
    """Files of clips below ``folder``, at most ``most_bytes`` of them."""

    def __init__(self, folder: Path, most_bytes: int = 512 * MIB) -> None:
        self._folder = folder.absolute()
        self._most_bytes = most_bytes
        self._jobs: dict[str, _Job] = {}
        self._places: asyncio.Semaphore | None = None
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._made = 0
        self._closed = False
        weakref.finalize(self, _kill_all, self._workers)

    def close(self) -> None:
        """End all that is under way; nothing is rendered any more."""
        self._closed = True
        for job in self._jobs.values():
            job.task.cancel()
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
        if not _used(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_bytes(content())
            part.replace(path)
            self._made += 1
            if self._made % LOOK_AFTER == 0:
                self._make_room(path)
        return path

    def there(self, clip: Clip, suffix: str) -> Path | None:
        """The file of a clip, if it is rendered."""
        path = self.path(clip, suffix)
        return path if _used(path) else None

    async def rendered(self, clip: Clip, contents: Mapping[str, bytes], suffix: str) -> Path:
        """The file of a clip, rendered now if it is not there. When nobody waits for it any more, that ends. Raises
        NotRendered.
        """
        path = self.path(clip, suffix)
        if _used(path):
            return path
        job = self._jobs.get(path.name)
        if job is None:
            task = asyncio.get_running_loop().create_task(self._render(clip, contents, path))
            job = self._jobs[path.name] = _Job(task)
            task.add_done_callback(lambda _: self._forget(path.name, job))
        job.waiting += 1
        try:
            return await asyncio.shield(job.task)
        finally:
            job.waiting -= 1
            if not job.waiting:
                self._forget(path.name, job)  # who asks from now on gets one of its own
                job.task.cancel()

    def _forget(self, name: str, job: _Job) -> None:
        if self._jobs.get(name) is job:
            del self._jobs[name]

    async def _render(self, clip: Clip, contents: Mapping[str, bytes], path: Path) -> Path:
        if self._places is None:
            self._places = asyncio.Semaphore(os.cpu_count() or 1)
        self._folder.mkdir(parents=True, exist_ok=True)
        async with self._places:
            found = await self._tried(clip, contents, path)
        await asyncio.to_thread(self._make_room, found)
        return found

    async def _tried(self, clip: Clip, contents: Mapping[str, bytes], path: Path) -> Path:
        """Render it, once more if the renderer ended. If it is the pictures that cannot be rendered, a file that is not
        kept as that of the clip has cards in their place.
        """
        try:
            with contextlib.suppress(Gone):
                return await self._done(clip, contents, path)
            return await self._done(clip, contents, path)
        except NotRendered:
            if not contents or self._closed:
                raise
            return await self._done(clip, {}, path.with_name(f"without-pictures-{path.name}"))

    async def _done(self, clip: Clip, contents: Mapping[str, bytes], path: Path) -> Path:
        worker = self._hired()
        job = pickle.dumps((clip, dict(contents), str(path)))
        try:
            await asyncio.to_thread(worker.do, job)
        except asyncio.CancelledError:
            worker.kill()
            raise
        finally:
            if worker.dead:
                self._workers.discard(worker)
            else:
                self._idle.append(worker)
        return path

    def _hired(self) -> Worker:
        if self._closed:
            raise NotRendered("the server is about to stop")
        if self._idle:
            return self._idle.pop()
        worker = Worker()
        self._workers.add(worker)
        return worker

    def _make_room(self, kept: Path) -> None:
        """Remove what was used longest ago, while there is too much."""
        files = []
        for one in self._folder.iterdir():
            with contextlib.suppress(OSError):  # it went meanwhile
                if one.suffix in _SUFFIXES:
                    stat = one.stat()
                    files.append((stat.st_mtime, stat.st_size, one))
        size = sum(length for _, length, _ in files)
        files.sort()
        for used_at, length, path in files:
            if size <= self._most_bytes or used_at > files[-1][0] - IN_USE:
                return
            if path != kept:
                path.unlink(missing_ok=True)
                size -= length


def _used(path: Path) -> bool:
    """Whether a file is there; if so, it counts as used now."""
    try:
        os.utime(path)
    except OSError:
        return False
    return True


def _kill_all(workers: set[Worker]) -> None:
    for worker in list(workers):
        worker.kill()
    workers.clear()
