"""httpx and httpcore: a request for a claimed host goes to a pool of its own, whose network is a pipe."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpcore

from mock_server.testing.intercept.blocking_end import BlockingEnd
from mock_server.testing.intercept.claims import Claimant, NotCovered, claimant_of
from mock_server.testing.intercept.loop_end import LoopEnd
from mock_server.testing.intercept.patches import Patches


def install(patches: Patches) -> None:
    """Replace the entrance of both kinds of pool."""
    patches.replace(httpcore.ConnectionPool, "handle_request", _sync)
    patches.replace(httpcore.AsyncConnectionPool, "handle_async_request", _async)


@cache
def _ssl_context() -> ssl.SSLContext:
    """Encrypts nothing; its presence keeps httpcore from loading certificates for each call."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _sync(original: Callable[..., httpcore.Response]) -> Callable[..., httpcore.Response]:
    def handle_request(self: httpcore.ConnectionPool, request: httpcore.Request) -> httpcore.Response:
        claimant = claimant_of(request.url.host)
        if claimant is None:
            return original(self, request)
        backend = _Backend(claimant, secure=request.url.scheme in {b"https", b"wss"})
        pool = httpcore.ConnectionPool(_ssl_context(), max_keepalive_connections=0, network_backend=backend)
        return original(pool, request)

    return handle_request


def _async(original: Callable[..., Awaitable[httpcore.Response]]) -> Callable[..., Awaitable[httpcore.Response]]:
    async def handle_async_request(self: httpcore.AsyncConnectionPool, request: httpcore.Request) -> httpcore.Response:
        claimant = claimant_of(request.url.host)
        if claimant is None:
            return await original(self, request)
        backend = _AsyncBackend(claimant, secure=request.url.scheme in {b"https", b"wss"})
        pool = httpcore.AsyncConnectionPool(_ssl_context(), max_keepalive_connections=0, network_backend=backend)
        return await original(pool, request)

    return handle_async_request


@contextmanager
def _told(error: type[Exception], timeout: type[Exception]) -> Iterator[None]:
    """Errors of a connection in httpcore's words."""
    try:
        yield
    except TimeoutError as raised:
        raise timeout(str(raised) or "timed out") from raised
    except OSError as raised:
        raise error(str(raised)) from raised


class _Backend(httpcore.NetworkBackend):
    def __init__(self, claimant: Claimant, *, secure: bool) -> None:
        self._claimant = claimant
        self._secure = secure

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        with _told(httpcore.ConnectError, httpcore.ConnectTimeout):
            return _Stream(BlockingEnd(self._claimant.connect(host, port, secure=self._secure)))


class _Stream(httpcore.NetworkStream):
    def __init__(self, end: BlockingEnd) -> None:
        self._end = end

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._end.settimeout(timeout)
        with _told(httpcore.ReadError, httpcore.ReadTimeout):
            return self._end.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._end.settimeout(timeout)
        with _told(httpcore.WriteError, httpcore.WriteTimeout):
            self._end.sendall(buffer)

    def close(self) -> None:
        self._end.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return self

    def get_extra_info(self, info: str) -> Any:
        return self._end.readable if info == "is_readable" else None


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, claimant: Claimant, *, secure: bool) -> None:
        self._claimant = claimant
        self._secure = secure

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # trio has no loop of this kind
            raise NotCovered(host) from None
        with _told(httpcore.ConnectError, httpcore.ConnectTimeout):
            pipe = self._claimant.connect(host, port, secure=self._secure)
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        end = LoopEnd(loop, protocol, pipe.to_client, pipe.to_server, {"peername": pipe.peer})
        end.start()
        return _AsyncStream(reader, asyncio.StreamWriter(end, protocol, reader, loop))


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _told(httpcore.ReadError, httpcore.ReadTimeout):
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _told(httpcore.WriteError, httpcore.WriteTimeout):
            self._writer.write(buffer)
            async with asyncio.timeout(timeout):
                await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return self

    def get_extra_info(self, info: str) -> Any:
        return self._writer.is_closing() or self._reader.at_eof() if info == "is_readable" else None
