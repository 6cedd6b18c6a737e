"""The studio: renders each clip once, off the event loop, one at a time per core, and keeps the files."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from mock_server.media.clip import Clip


class Studio:
    """Files of rendered clips below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(os.cpu_count() or 1)

    async def file(self, clip: Clip, picture: bytes | None) -> Path:
        """The file of a clip, rendered now if it never was. Raises MissingExtra without ``[video]``."""
        path = self._folder / f"{clip.name}.mp4"
        if path.exists():
            return path
        rendering = self._under_way.get(clip.name)
        if rendering is None:
            rendering = asyncio.get_running_loop().create_task(self._render(clip, picture, path))
            self._under_way[clip.name] = rendering
            rendering.add_done_callback(lambda _: self._under_way.pop(clip.name, None))
        await asyncio.shield(rendering)
        return path

    async def _render(self, clip: Clip, picture: bytes | None, path: Path) -> None:
        from mock_server.media.render import render

        async with self._places:
            self._folder.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(render, clip, picture, path)
