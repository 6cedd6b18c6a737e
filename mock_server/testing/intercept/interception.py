"""Interception: the hosts that one server answers for, from entering it to leaving it."""

from __future__ import annotations

import asyncio
import errno
import functools
import inspect
import os
import re
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from mock_server.core.errors import UsageError
from mock_server.core.hosts import PLATFORM_HOSTS
from mock_server.core.outgoing import Outgoing, literal_address
from mock_server.testing.intercept.claims import NotCovered, claim, unclaim
from mock_server.testing.intercept.loop_end import LoopEnd
from mock_server.testing.intercept.pipe import Pipe
from mock_server.web.address import INTERCEPTED
from mock_server.web.control.guard import is_loopback

if TYPE_CHECKING:
    from mock_server.testing.server import MockServer
    from mock_server.web.serving import LiveServer

Function = TypeVar("Function", bound=Callable[..., Any])
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?", re.ASCII)


class Interception:
    """``server`` answers for ``hosts``, without any for PLATFORM_HOSTS: in a ``with`` or ``async with`` statement, or
    in a function that this decorates. One that does not run is run without a socket for that long, and answers for the
    host of its own URL too. Where several claim a host, the one entered last has it. Raises UsageError for a host that
    cannot be intercepted.
    """

    def __init__(self, server: MockServer, hosts: Sequence[str] = ()) -> None:
        self._server = server
        self._named = tuple(hosts)
        self.hosts = frozenset(_checked(host) for host in hosts or PLATFORM_HOSTS)
        self._process = 0
        self._live: LiveServer | None = None
        self._outgoing: Outgoing | None = None
        self._pipes: weakref.WeakSet[Pipe] = weakref.WeakSet()

    def connect(self, host: str, port: int, *, secure: bool) -> Pipe:
        """A new connection to the server. Raises ConnectionRefusedError when it has stopped, and NotCovered in a
        process that was forked from the server's.
        """
        live = self._live
        if os.getpid() != self._process:
            raise NotCovered(host, "the forked process")
        if live is None or live.should_exit or live.loop is None:
            raise _refusal(host)
        loop = live.loop
        pipe = Pipe((host, port), secure)

        def accept() -> None:
            # The end holds the pipe for as long as the server knows the connection.
            extra = {"peername": ("127.0.0.1", 0), "sockname": pipe.peer, "sslcontext": secure, "pipe": pipe}
            LoopEnd(loop, live.new_protocol({INTERCEPTED: True}), pipe.to_server, pipe.to_client, extra).start()

        try:
            loop.call_soon_threadsafe(accept)
        except RuntimeError:
            raise _refusal(host) from None
        self._pipes.add(pipe)
        return pipe

    def runs_in(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a loop is the server's own."""
        return self._live is not None and self._live.loop is loop

    def __enter__(self) -> MockServer:
        """Begin. Raises RuntimeError when it has begun already."""
        if self._live is not None:
            raise RuntimeError("this interception has begun already; call intercept() again for another")
        self._process = os.getpid()
        self._live = self._server.hold_open()
        if not self._server.listens:
            self.hosts |= {urlsplit(self._server.url).hostname or ""}
        self._outgoing = self._server.built.outgoing
        self._outgoing.intercepted.append(self.hosts)
        try:
            claim(self)
        except BaseException:
            self._end()
            raise
        return self._server

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; connections that are still open are reset."""
        unclaim(self)
        self._end()

    def _end(self) -> None:
        for pipe in list(self._pipes):
            pipe.cut()
        self._pipes.clear()
        if self._outgoing is not None:
            self._outgoing.intercepted.remove(self.hosts)
        self._live = self._outgoing = None
        self._server.let_go()

    async def __aenter__(self) -> MockServer:
        """Begin."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, while the loop goes on: the server may be waiting for something in it."""
        unclaim(self)
        await asyncio.get_running_loop().run_in_executor(None, self._end)

    def _another(self) -> Self:
        return type(self)(self._server, self._named)

    def __call__(self, function: Function) -> Function:
        """Decorate a function or coroutine function: each call of it is intercepted anew."""
        if not inspect.isroutine(function) or inspect.isgeneratorfunction(function) or _yields_later(function):
            raise TypeError("intercept() decorates functions and coroutine functions; use it in a with statement here")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def later(*given: Any, **told: Any) -> Any:
                async with self._another():
                    return await function(*given, **told)

            return later  # type: ignore[return-value]  # of the same signature

        @functools.wraps(function)
        def now(*given: Any, **told: Any) -> Any:
            with self._another():
                return function(*given, **told)

        return now  # type: ignore[return-value]  # as above


def _refusal(host: str) -> ConnectionRefusedError:
    return ConnectionRefusedError(errno.ECONNREFUSED, f"the MockServer that stands in for {host} has stopped")


def _yields_later(function: Callable[..., Any]) -> bool:
    return inspect.isasyncgenfunction(function)


def _checked(host: str) -> str:
    """A host as it is compared. Raises UsageError."""
    if not isinstance(host, str) or _HOST.fullmatch(host) is None:
        raise UsageError(f"intercept() takes host names such as {PLATFORM_HOSTS[0]!r}, not {str(host)[:80]!r}")
    if is_loopback(host) or _is_address(host):
        raise UsageError(f"intercept() cannot stand in for {host}: name a host that is not an address of this machine")
    return host.lower().rstrip(".")


def _is_address(host: str) -> bool:
    try:
        return bool(literal_address(host))
    except ValueError:
        return False
