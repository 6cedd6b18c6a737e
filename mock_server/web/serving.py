"""Puts an app on a socket with uvicorn, and says when it serves."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import uvicorn

from mock_server.core.errors import UsageError
from mock_server.settings import Settings
from mock_server.web.app import Built
from mock_server.web.bounded_http import BoundedHttp, Patience, sweep
from mock_server.web.control.guard import is_loopback

if TYPE_CHECKING:
    from mock_server.web.interception.listener import Interceptor

GRACE = 2


def listen(settings: Settings) -> socket.socket:
    """A listening socket. Raises UsageError when the address cannot be had, or may not be served openly."""
    host, port = settings.host, settings.port
    if not is_loopback(host) and settings.admin_token is None:
        raise UsageError(f"--host {host} is open to other machines; protect the control API with --admin-token")
    if settings.trust_proxy and settings.admin_token is None:
        raise UsageError("--trust-proxy serves calls of other machines; protect the control API with --admin-token")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except UnicodeError:
        raise UsageError(f"--host {host[:80]!r} is not a host name") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"--port {port} is taken on {host}; name another, or 0 for a free one") from None
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(f"--host {host} is not an address of this machine") from None
        raise UsageError(f"--port {port} on {host} cannot be used: {error.strerror or error}") from None


def listening_url(listening: socket.socket) -> str:
    """Where a program on this machine reaches the server itself."""
    host, port = listening.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - recognised here, not bound
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def url_of(settings: Settings, listening: socket.socket) -> str:
    """How the server is called: by ``--public-url`` where there is one, whether it can be reached from here or not."""
    return settings.public_url or listening_url(listening)


class LiveServer(uvicorn.Server):
    """A uvicorn server that reports when it is ready, and knows its loop. With ``lifespan`` off the app stays usable
    afterwards. ``interceptor`` is a proxy to serve besides.
    """

    def __init__(
        self,
        built: Built,
        on_ready: Callable[[], None] = lambda: None,
        lifespan: Literal["on", "off"] = "on",
        interceptor: Interceptor | None = None,
    ) -> None:
        asked = built.settings
        patience = Patience(head=asked.header_timeout, idle=asked.idle_timeout)
        super().__init__(
            uvicorn.Config(
                built.app,
                log_config=None,
                access_log=False,
                ws="none",
                lifespan=lifespan,
                server_header=False,
                proxy_headers=False,  # --trust-proxy decides, not the peer's address
                timeout_graceful_shutdown=GRACE,
                timeout_keep_alive=patience.idle,
                http=partial(BoundedHttp, patience, asked.max_connections),  # type: ignore[arg-type]  # as a class is called
            )
        )
        self._built = built
        self._on_ready = on_ready
        self._interceptor = interceptor
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self._interceptor is not None:
            self.servers.append(await self._interceptor.start(self))
        self._on_ready()
        self.ready.set()

    def new_protocol(self, make: Callable[..., asyncio.Protocol] | None = None) -> asyncio.Protocol:
        """A protocol for one connection that came by another way than a socket, the usual one or what ``make`` makes of
        the same arguments. Call it in the server's loop.
        """
        usual: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = (make or usual)(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn: ten times a second."""
        sweep(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; who sleeps by the clock is let go first."""
        for tenant in self._built.service.tenants.values():
            tenant.clock.rouse()
        if self._interceptor is not None:
            self._interceptor.stop()
        await super().shutdown(sockets)
