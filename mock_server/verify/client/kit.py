"""What a client under test is given: an intent, a clock, a way to send, and what it has to answer.

All times are virtual seconds; nothing waits for real.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, get_args

import httpx

from mock_server.core.renamed import log_renamed

#: What a client may say of an intent: it is done, the task failed, the body was refused, time ran out, it gave up, or
#: its user did not want it any more.
OutcomeStatus = Literal["completed", "failed", "rejected", "timeout", "gave_up", "cancelled"]


@dataclass(frozen=True, slots=True)
class Intent:
    """What a user wants: ``params`` are the bare parameters of ``model``. ``callback_url`` is to be given to the
    platform where ``with_callbacks`` is true; callbacks then come to ``on_callback``. With ``download`` the videos are
    to be fetched as well.
    """

    model: str
    params: Mapping[str, Any]
    with_callbacks: bool = False
    download: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client tells its user. ``code`` and ``message`` are the platform's, for ``failed`` and ``rejected``;
    ``urls`` are all the videos, in order; ``cost`` is the text the platform gave; ``saved`` are the SHA-256 digests, in
    hexadecimal, of the videos as they were fetched, in order, None of a client that fetches none.
    """

    said: OutcomeStatus
    task_id: str | None = None
    urls: Sequence[str] = ()
    code: str | None = None
    cost: str | None = None
    message: str | None = None
    saved: Sequence[str] | None = None


class AdapterError(BaseException):
    """The adapter is wrong, not the client. A BaseException, so that no client catches it as its own."""


def checked(outcome: Any) -> Outcome:
    """What an adapter gave for an outcome, if it is one. Numbers may stand where the platform has text: a client that
    makes numbers of codes is to be judged for it. Raises AdapterError.
    """
    if not isinstance(outcome, Outcome):
        raise AdapterError(f"the adapter must return an Outcome, not {type(outcome).__name__}")
    if outcome.said not in get_args(OutcomeStatus):
        raise AdapterError(f"Outcome.said must be one of {', '.join(get_args(OutcomeStatus))}, not {outcome.said!r}")
    for name in ("task_id", "code", "cost", "message"):
        if not isinstance(getattr(outcome, name), str | int | float | None):
            raise AdapterError(f"Outcome.{name} must be a string or None, not {getattr(outcome, name)!r}")
    for name in ("urls", "saved"):
        given = getattr(outcome, name)
        if given is None and name == "saved":
            continue
        if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
            raise AdapterError(f"Outcome.{name} must be a list of strings, not {given!r}")
    return outcome


class Adapter(Protocol):
    """A client under test. ``run`` may be a coroutine. ``on_callback`` and ``cancel`` are optional."""

    def run(self, intent: Intent, deadline: float) -> Any:
        """Carry out an intent within ``deadline`` seconds; an Outcome."""

    def on_callback(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take a callback; the status to answer it with."""

    def cancel(self) -> None:
        """The user does not want it any more; called while ``run`` sleeps."""


#: How many virtual seconds a client is taken to wait for an answer where its own timeout is not known.
USUAL_TIMEOUT = 60.0


class Reply(NamedTuple):
    """An answer of the platform. ``cut`` says that the connection ended before all of the body had come, ``stalled``
    that nothing more of it came until the client's own timeout.
    """

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    cut: bool = False
    stalled: bool = False


class CallTimeout(ConnectionResetError):
    """The client hung up: nothing had come for as long as its own timeout says."""


class Platform(Protocol):
    """The side a kit speaks to."""

    def answer(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        timeout: float | None = USUAL_TIMEOUT,
    ) -> Reply:
        """One call, of a client that waits for ``timeout`` virtual seconds, or without end. Raises ConnectionResetError
        when the connection ends without an answer, CallTimeout when the client hangs up.
        """

    def now(self) -> float:
        """Virtual Unix seconds."""

    def sleep(self, seconds: float) -> None:
        """Let time pass, delivering what is due meanwhile."""


@dataclass(frozen=True, slots=True)
class Kit:
    """The means of one run. ``transport`` is for httpx, sync and async alike, and carries calls to ``base_url``;
    ``open_http_bridge`` gives a base URL on loopback for all other clients.
    """

    base_url: str
    api_key: str
    callback_url: str
    secret: str
    platform: Platform
    open_http_bridge: Callable[[], str]
    emitted: list[Outcome] = field(default_factory=list)

    @property
    def transport(self) -> KitTransport:
        """For ``httpx.Client(transport=...)`` and ``httpx.AsyncClient(transport=...)``."""
        return KitTransport(self.platform)

    @property
    def open_door(self) -> Callable[[], str]:
        """The earlier name of ``open_http_bridge``."""
        log_renamed("kit.open_door", "kit.open_http_bridge")
        return self.open_http_bridge

    def now(self) -> float:
        """Virtual Unix seconds, to use in place of time.time and time.monotonic."""
        return self.platform.now()

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass, to use in place of time.sleep. Raises ValueError as that does."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.platform.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """The same for asyncio.sleep."""
        self.platform.sleep(seconds)
        await asyncio.sleep(0)  # so that what was cancelled meanwhile ends here

    def emit(self, outcome: Outcome) -> None:
        """Say what the client hands to its user, each time that it does, also after ``run`` has returned."""
        self.emitted.append(checked(outcome))


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
        timeout = request.extensions.get("timeout", {}).get("read")
        try:
            reply = self._platform.answer(request.method, target, request.headers.raw, request.content, timeout)
        except CallTimeout as error:
            raise httpx.ReadTimeout(str(error), request=request) from None
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error), request=request) from None
        return httpx.Response(
            reply.status,
            headers=list(reply.headers),
            stream=KitStream(reply, request),
            extensions={"http_version": b"HTTP/1.1"},
        )


class KitStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of an answer, a piece at a time. It may break off."""

    PIECE = 512

    def __init__(self, reply: Reply, request: httpx.Request) -> None:
        self._reply = reply
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        body = self._reply.body
        for start in range(0, len(body), self.PIECE):
            yield body[start : start + self.PIECE]
        if self._reply.stalled:
            raise httpx.ReadTimeout("nothing more came", request=self._request)
        if self._reply.cut:
            said = "the connection ended before all of the body had come"
            raise httpx.RemoteProtocolError(said, request=self._request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


MakeAdapter = Callable[[Kit], Adapter]
