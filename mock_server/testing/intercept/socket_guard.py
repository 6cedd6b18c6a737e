"""Every other client: looking up or connecting to a claimed host raises NotCovered.

Clients that resolve names in C, such as pycurl, do not come by here.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from mock_server.testing.intercept.claims import NotCovered, claimant_in, claimant_of
from mock_server.testing.intercept.patches import Patches


def install(patches: Patches) -> None:
    """Guard all ways by which Python resolves a name: ``socket.create_connection`` and asyncio's use these."""
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        patches.replace(socket, name, _looked_up)
    for name in ("connect", "connect_ex"):
        patches.replace(socket.socket, name, _connected)
    patches.replace(asyncio.BaseEventLoop, "getaddrinfo", _looked_up_in_loop)
    uvloop = sys.modules.get("uvloop")
    if uvloop is not None:
        patches.replace(uvloop.Loop, "getaddrinfo", _looked_up_in_loop)
        patches.replace(uvloop.Loop, "create_connection", _connected_in_loop)


def _check(host: object, loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Raise NotCovered for a claimed host; to a server that does the claiming, it is a name that nothing resolves."""
    if claimant_of(host) is None:
        return
    name = host.decode("latin-1") if isinstance(host, bytes) else str(host)
    if claimant_in(loop):
        raise socket.gaierror(socket.EAI_NONAME, f"{name} is intercepted by kirin.intercept()")
    raise NotCovered(name)


def _looked_up(original: Callable[..., Any]) -> Callable[..., Any]:
    def look_up(host: Any, *given: Any, **told: Any) -> Any:
        _check(host)
        return original(host, *given, **told)

    return look_up


def _connected(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and address:
            _check(address[0])
        return original(self, address)

    return connect


def _looked_up_in_loop(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def getaddrinfo(self: asyncio.AbstractEventLoop, host: Any, *given: Any, **told: Any) -> Any:
        _check(host, self)
        return await original(self, host, *given, **told)

    return getaddrinfo


def _connected_in_loop(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def create_connection(
        self: asyncio.AbstractEventLoop, protocol_factory: Any, host: Any = None, *given: Any, **told: Any
    ) -> Any:
        _check(host, self)
        return await original(self, protocol_factory, host, *given, **told)

    return create_connection
