"""Interception: the hosts that one server answers for, from entering it to leaving it."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from mock_server.core.errors import UsageError
from mock_server.core.hosts import PLATFORM_HOSTS
from mock_server.core.interception.hosts import Authority, canonical, host_name
from mock_server.testing.intercept.claims import NotCovered, claim, claimant_of, unclaim
from mock_server.testing.intercept.connections import Use, refusal
from mock_server.testing.intercept.pipe import Pipe

if TYPE_CHECKING:
    from mock_server.testing.server import MockServer

Function = TypeVar("Function", bound=Callable[..., Any])


class Interception:
    """``server`` answers for ``hosts``, without any for PLATFORM_HOSTS: in a ``with`` or ``async with`` statement, or
    in a function that this decorates. One that does not run is run without a socket for that long, and answers for the
    host of its own URL too. Where several claim a host, the one entered last has it. Raises UsageError for a host that
    cannot be intercepted.
    """

    def __init__(self, server: MockServer, hosts: Sequence[str] = ()) -> None:
        self._server = server
        self._named = frozenset(_checked(host) for host in hosts or PLATFORM_HOSTS)
        self._process = 0
        self._use: Use | None = None

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts, and the server's own ones while it listens on no socket; none before it begins."""
        use = self._use
        return use.hosts if use is not None else frozenset()

    def connect(self, host: str, port: int, *, secure: bool) -> Pipe:
        """A new connection to the server; to the next that claims the host when this interception has just ended.
        Raises ConnectionRefusedError when the server has stopped, and NotCovered in a process that was forked from its.
        """
        use = self._use
        if use is not None and os.getpid() != self._process:
            raise NotCovered(host, "the forked process")
        asked = Authority(canonical(host), port)
        pipe = self._server.connections.connect(use, asked, secure=secure) if use is not None else None
        if pipe is not None:
            return pipe
        other = claimant_of(host)
        if other is None or other is self:
            raise refusal(host)
        return other.connect(host, port, secure=secure)

    def runs_in(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a loop is the server's own."""
        return self._server.connections.runs_in(loop)

    def __enter__(self) -> MockServer:
        """Begin. Raises RuntimeError when it has begun already."""
        if self._use is not None:
            raise RuntimeError("this interception has begun already; call intercept() again for another")
        self._process = os.getpid()
        self._use = self._server.connections.begin(self._named)
        try:
            claim(self)
        except BaseException:
            self._end()
            raise
        return self._server

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; connections that are still open are reset, but for those to hosts that other interceptions have too."""
        unclaim(self)
        self._end()

    def _end(self) -> None:
        use, self._use = self._use, None
        if use is not None:
            self._server.connections.end(use)

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
        return type(self)(self._server, tuple(self._named))

    def __call__(self, function: Function) -> Function:
        """Decorate a function or coroutine function: each call of it is intercepted by itself."""
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


def _yields_later(function: Callable[..., Any]) -> bool:
    return inspect.isasyncgenfunction(function)


def _checked(host: str) -> str:
    """A host as it is compared, by the rules of ``--intercept-host``. Raises UsageError."""
    try:
        return host_name(host if isinstance(host, str) else "")
    except ValueError as error:
        raise UsageError(f"intercept(): the host {str(host)[:80]!r} {error}") from None
