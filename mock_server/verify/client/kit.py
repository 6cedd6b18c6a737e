"""What a client under test is given: an intent, a clock, a way to send, and what it has to answer.

All times are virtual seconds; nothing waits for real.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import httpx

#: What a client may say of an intent: it is done, the task failed, the body was refused, time ran out, or it gave up.
Said = Literal["completed", "failed", "rejected", "timeout", "gave_up"]


@dataclass(frozen=True, slots=True)
class Intent:
    """What a user wants: ``params`` are the bare parameters of ``model``. ``callback_url`` is to be given to the
    platform where ``with_callbacks`` is true; callbacks then come to ``on_callback``.
    """

    model: str
    params: Mapping[str, Any]
    with_callbacks: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client tells its user. ``code`` is the platform's, for ``failed`` and ``rejected``; ``urls`` are all the
    videos, in order; ``cost`` is the text the platform gave.
    """

    said: Said
    task_id: str | None = None
    urls: Sequence[str] = ()
    code: str | None = None
    cost: str | None = None


class Adapter(Protocol):
    """A client under test. ``run`` may be a coroutine. ``on_callback`` is optional."""

    def run(self, intent: Intent, deadline: float) -> Any:
        """Carry out an intent within ``deadline`` seconds; an Outcome."""

    def on_callback(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take a callback; the status to answer it with."""


class Platform(Protocol):
    """The side a kit speaks to."""

    def answer(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> httpx.Response:
        """One call. Raises ConnectionResetError when the connection ends."""

    def now(self) -> float:
        """Virtual Unix seconds."""

    def sleep(self, seconds: float) -> None:
        """Let time pass, delivering what is due meanwhile."""


@dataclass(frozen=True, slots=True)
class Kit:
    """The means of one run. ``transport`` is for httpx, sync and async alike."""

    base_url: str
    api_key: str
    callback_url: str
    secret: str
    platform: Platform
    log: list[str] = field(default_factory=list)

    @property
    def transport(self) -> KitTransport:
        """For ``httpx.Client(transport=...)`` and ``httpx.AsyncClient(transport=...)``."""
        return KitTransport(self.platform)

    def now(self) -> float:
        """Virtual Unix seconds, to use in place of time.time and time.monotonic."""
        return self.platform.now()

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass, to use in place of time.sleep."""
        self.platform.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """The same for asyncio.sleep."""
        self.platform.sleep(seconds)


class KitTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carries the requests of httpx to the platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        request.read()
        return self._sent(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        await request.aread()
        return self._sent(request)

    def _sent(self, request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode("ascii")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        try:
            return self._platform.answer(request.method, target, headers, request.content)
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error), request=request) from None


MakeAdapter = Callable[[Kit], Adapter]
