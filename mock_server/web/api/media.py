"""``GET /media/{task_id}/{n}.mp4``: the clip of a completed task, with HEAD and Range; ``.jpg`` is its thumbnail."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Coroutine
from datetime import UTC, datetime
from email.utils import format_datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from mock_server.core.blobs import Blobs
from mock_server.core.errors import GatewayError, MissingExtra, Trouble
from mock_server.lifecycle.timeline import Status
from mock_server.media.clip import Clip, clip_of
from mock_server.media.renderer import NotRendered, Renderer
from mock_server.media.tiny import tiny
from mock_server.platform.service import Service
from mock_server.platform.task import Task
from mock_server.platform.variations import is_signed_for
from mock_server.settings import Kind, Settings
from mock_server.web.fault_injection import FaultInjector
from mock_server.web.messages import Answer, Call, ClientGone

RANGE = re.compile(rb"bytes=(?!-(?:,|$))([0-9]{0,18})-([0-9]{0,18})(,.*)?", re.ASCII)
PATH = re.compile(r"/media/([0-9a-f]{1,64})/([0-9]{1,3})\.(?:mp4|jpg)", re.ASCII)


class FileAnswer(Answer):
    """An answer whose body is a file."""

    __slots__ = ("_path", "_response")

    def __init__(self, path: Path, type_: str, headers: dict[str, str]) -> None:
        super().__init__(200, b"", ())
        self._path = path
        self._response = FileResponse(path, media_type=type_, headers=headers)
        self.headers = self._response.raw_headers

    async def content(self) -> bytes:
        """All of the file."""
        return await asyncio.to_thread(self._path.read_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or the part of it that Range asks for."""
        await self._response(scope, receive, send)


class Unchanged(Answer):
    """304: the client has it already. It says nothing of a length."""

    def __init__(self, tag: str) -> None:
        super().__init__(304, b"", ())
        self.headers = [(b"etag", tag.encode())]


def _is_known(call: Call, tag: str) -> bool:
    """Whether If-None-Match names it."""
    given = (call.header(b"if-none-match") or b"").decode("latin-1")
    return any(one.strip().removeprefix("W/") in {tag, "*"} for one in given.split(","))


class Media:
    """Serves clips and their thumbnails. The URL carries no key: anyone who has it may watch."""

    def __init__(
        self, service: Service, injector: FaultInjector, blobs: Blobs, renderer: Renderer, settings: Settings
    ) -> None:
        self._service = service
        self._injector = injector
        self._blobs = blobs
        self.renderer = renderer
        self._ttl = settings.media_ttl
        self._kind = kind_of(settings.media)

    def close(self) -> None:
        """End all rendering."""
        self.renderer.close()

    def file_size(self, task: Task, number: int) -> int | None:
        """The size of a clip in bytes. That of a rendered one is not known before it is fetched."""
        if self._kind == "full":
            return None
        clip = clip_of(self._service.judges[task.model].endpoint, task, number)
        return self._made(clip).stat().st_size

    async def clip(self, call: Call) -> Answer:
        """One clip, or its thumbnail."""
        found = PATH.fullmatch(call.path)
        if found is None:
            raise GatewayError(Trouble.NOT_FOUND, "no such clip; its URL comes with the completed task")
        tenant, task = await self._service.find_anywhere(found[1])
        call.tenant, call.model, call.task_id = tenant, task.model, task.id
        call.at = call.arrived_at = tenant.clock.now()
        call.order = self._service.next_order()
        if int(found[2]) >= task.videos:
            raise GatewayError(Trouble.NOT_FOUND, f"task {task.id} has no clip {int(found[2])}: it makes {task.videos}")
        if task.at(call.at).status is not Status.COMPLETED:
            raise GatewayError(Trouble.NOT_FOUND, f"task {task.id} has no clip: it is not completed")
        await self._injector.enter(call, tenant, "media", task)
        if not is_signed_for(task.scenario, call.scope["query_string"].decode("latin-1")):
            raise GatewayError(Trouble.NOT_FOUND, "the query is not the one that the URL in the output has")
        self._require_fresh(task, call.at)
        end = task.timeline.end
        clip = clip_of(self._service.judges[task.model].endpoint, task, int(found[2]))
        return await self.answer(call, clip, call.at if end is None else end.at)

    def _require_fresh(self, task: Task, now: float) -> None:
        end = task.timeline.end
        if self._ttl is None or end is None or now <= end.at + self._ttl:
            return
        text = f"this URL was valid for {self._ttl:g} s after the task ended, and that was {now - end.at:.0f} s ago"
        raise GatewayError(Trouble.FORBIDDEN, text)

    async def answer(self, call: Call, clip: Clip, ended_at: float) -> Answer:
        """What a clip is sent as; it has been the same since its task ended."""
        if call.path.endswith(".jpg"):
            path, type_ = await self._rendered(call, clip, ".jpg"), "image/jpeg"
        else:
            path, type_ = await self._file(call, clip), "video/mp4"
        tag = f'"{path.stem}"'
        if _is_known(call, tag):
            return Unchanged(tag)
        _drop_strange_range(call)
        size = path.stat().st_size
        if _beyond(call, size):
            text = f"the clip has {size} bytes, and the range starts after them"
            raise GatewayError(Trouble.BAD_RANGE, text, headers={"content-range": f"bytes */{size}"})
        since = format_datetime(datetime.fromtimestamp(ended_at, UTC), usegmt=True)
        return FileAnswer(path, type_, {"etag": tag, "last-modified": since, "x-mock-media": self._kind})

    async def _file(self, call: Call, clip: Clip) -> Path:
        return await self._rendered(call, clip, ".mp4") if self._kind == "full" else self._made(clip)

    def _made(self, clip: Clip) -> Path:
        """The file of a clip that is not rendered."""
        if self._kind == "off":
            return self.renderer.made(self.renderer.path(_ANY, ".mp4"), lambda: tiny(_ANY))
        return self.renderer.made(self.renderer.path(clip, ".tiny.mp4"), lambda: tiny(clip))

    async def _rendered(self, call: Call, clip: Clip, suffix: str) -> Path:
        if not can_render():
            raise GatewayError(Trouble.UNAVAILABLE, str(MissingExtra("a thumbnail", "video")))
        there = self.renderer.there(clip, suffix)
        if there is not None:
            return there
        found = {digest: self._blobs.find(digest) for digest in clip.pictures}
        contents = {digest: content for digest, content in found.items() if content is not None}
        try:
            return await _while_wanted(call, self.renderer.rendered(clip, contents, suffix))
        except NotRendered as error:
            raise GatewayError(Trouble.INTERNAL, f"the video could not be rendered: {error}") from None


@functools.cache
def can_render() -> bool:
    """Whether the extra that renders is installed."""
    return find_spec("av") is not None and find_spec("PIL") is not None


def kind_of(asked: Kind) -> Kind:
    """What kind of videos there are to be: without the extra that renders, tiny ones in place of full ones."""
    return "tiny" if asked == "full" and not can_render() else asked


#: The clip that is served for every task where videos are off.
_ANY = Clip(1280, 720, 30, 5, (), "kirin-mock", "videos are off", (), palette=140)


async def _while_wanted(call: Call, work: Coroutine[Any, Any, Path]) -> Path:
    """The result of some work, which ends when the client hangs up. Raises ClientGone then."""
    doing = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_hung_up(call))
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientGone
        return doing.result()
    finally:
        gone.cancel()
        doing.cancel()
        await asyncio.gather(doing, gone, return_exceptions=True)


async def _hung_up(call: Call) -> None:
    while (await call.receive())["type"] != "http.disconnect":
        pass


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
    if found is None or found[3] is not None:
        return False
    return int(found[1]) >= size if found[1] else int(found[2]) == 0
