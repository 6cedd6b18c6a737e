"""``GET /media/{task_id}/{n}.mp4``: the clip of a completed task, with HEAD and Range."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from mock_server.blobs import Blobs
from mock_server.errors import GatewayError, MissingExtra, Trouble
from mock_server.media.clip import Clip, clip_of
from mock_server.media.studio import Studio
from mock_server.service import Service
from mock_server.timeline import Status
from mock_server.web.http import Answer, Call
from mock_server.web.stage import Stage

RANGE = re.compile(rb"bytes=(?!-(?:,|$))([0-9]{0,18})-([0-9]{0,18})(,.*)?", re.ASCII)
PATH = re.compile(r"/media/([0-9a-f]{1,64})/([0-9]{1,3})\.mp4", re.ASCII)


class FileAnswer(Answer):
    """An answer whose body is a file."""

    __slots__ = ("_path", "_response")

    def __init__(self, path: Path) -> None:
        super().__init__(200, b"", ())
        self._path = path
        self._response = FileResponse(path, media_type="video/mp4")
        self.headers = self._response.raw_headers

    async def content(self) -> bytes:
        """All of the file."""
        return await asyncio.to_thread(self._path.read_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or the part of it that Range asks for."""
        await self._response(scope, receive, send)


class Media:
    """Serves clips. The URL carries no key: whoever has it may watch."""

    def __init__(self, service: Service, stage: Stage, blobs: Blobs, studio: Studio) -> None:
        self._service = service
        self._stage = stage
        self._blobs = blobs
        self._studio = studio

    async def clip(self, call: Call) -> Answer:
        """One clip."""
        found = PATH.fullmatch(call.path)
        if found is None:
            raise GatewayError(Trouble.NOT_FOUND, "no such clip; its URL comes with the completed task")
        world, task = await self._service.find_anywhere(found[1])
        call.world, call.model, call.task_id = world, task.model, task.id
        call.at = call.arrived_at = world.clock.now()
        call.order = self._service.next_order()
        if int(found[2]) >= task.videos:
            raise GatewayError(Trouble.NOT_FOUND, f"task {task.id} has no clip {int(found[2])}: it makes {task.videos}")
        if task.at(call.at).status is not Status.COMPLETED:
            raise GatewayError(Trouble.NOT_FOUND, f"task {task.id} has no clip: it is not completed")
        await self._stage.enter(call, world, "media", task)
        clip = clip_of(self._service.judges[task.model].endpoint, task)
        content = self._blobs.find(clip.picture.digest) if clip.picture is not None else None
        return await self.answer(call, clip, content)

    async def answer(self, call: Call, clip: Clip, picture: bytes | None) -> Answer:
        """What a clip is sent as."""
        try:
            path = await self._studio.file(clip, picture)
        except MissingExtra as missing:
            raise GatewayError(Trouble.UNAVAILABLE, str(missing)) from None
        _drop_strange_range(call)
        size = path.stat().st_size
        if _beyond(call, size):
            raise GatewayError(Trouble.BAD_RANGE, f"the clip has {size} bytes, and the range starts after them")
        return FileAnswer(path)


def _drop_strange_range(call: Call) -> None:
    """A Range that is not one of bytes is ignored, as HTTP asks."""
    given = call.header(b"range")
    if given is None:
        return
    found = RANGE.fullmatch(given)
    backwards = found is not None and found[1] != b"" and found[2] != b"" and int(found[1]) > int(found[2])
    if found is None or backwards:
        call.scope["headers"] = [(name, value) for name, value in call.scope["headers"] if name != b"range"]


def _beyond(call: Call, size: int) -> bool:
    """Whether no part of the range asked for is there."""
    found = RANGE.fullmatch(call.header(b"range") or b"")
    return found is not None and found[1] != b"" and found[3] is None and int(found[1]) >= size
