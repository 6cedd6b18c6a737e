"""The intercepting proxy: takes CONNECT, speaks TLS as the host that was asked for, and serves what comes by the same
HTTP protocol and app as the server's own port. There is no second hop.

A client may also send plain requests for an ``http://`` URL. Nothing is passed on to anywhere else.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import weakref
from typing import Any

import uvicorn

from mock_server.core.interception.hosts import SCHEMES, Authority, Hosts
from mock_server.web.bounded_http import Patience
from mock_server.web.interception.connect import ESTABLISHED, METHOD, Farewell, Refusal, head_end, read_connect
from mock_server.web.interception.proxied import ProxiedHttp, Tunnel

#: How many refused targets are remembered, and how many clients may be at their first words at once.
MAX_REFUSED = 100
MAX_WAITING = 512


class Interceptor:
    """The proxy on one listening socket. ``own_url`` is where the server itself is; ``refused`` counts the targets that
    were asked for and refused, ``reached`` the connections that came, and ``untrusted`` the TLS handshakes that failed.
    """

    def __init__(
        self,
        listening: socket.socket,
        hosts: Hosts,
        context: ssl.SSLContext,
        own_url: str,
        patience: Patience | None = None,
    ) -> None:
        self.hosts = hosts
        self.own_url = own_url
        self.patience = patience or Patience()
        self.refused: dict[str, int] = {}
        self.reached = 0
        self.untrusted = 0
        self.context = context
        self.waiting: set[ProxyConnection] = set()
        self._listening = listening
        self._server: uvicorn.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._named: weakref.WeakKeyDictionary[ssl.SSLObject, str] = weakref.WeakKeyDictionary()
        context.sni_callback = self._note_name

    async def start(self, server: uvicorn.Server) -> asyncio.Server:
        """Listen. Connections become those of ``server``."""
        self._server = server
        return await asyncio.get_running_loop().create_server(lambda: ProxyConnection(self), sock=self._listening)

    def stop(self) -> None:
        """End the connections that have not been handed to the server yet."""
        for task in self._tasks:
            task.cancel()
        for connection in list(self.waiting):
            connection.abort()

    def http(self, tunnel: Tunnel | None) -> ProxiedHttp:
        """The protocol of a connection that is ready for HTTP."""
        if self._server is None:
            raise RuntimeError("the proxy is not started")
        server = self._server
        return ProxiedHttp(
            self, tunnel, config=server.config, server_state=server.server_state, app_state=server.lifespan.state
        )

    def require_served(self, asked: Authority) -> None:
        """Raise Refusal for what is not intercepted, and count it."""
        refusal = self.hosts.refusal(asked)
        if refusal is None:
            return
        if str(asked) in self.refused or len(self.refused) < MAX_REFUSED:
            self.refused[str(asked)] = self.refused.get(str(asked), 0) + 1
        raise Refusal(403, refusal[1], refusal[0])

    def secure(self, connection: ProxyConnection, transport: asyncio.Transport, asked: Authority) -> None:
        """Begin TLS on a connection, and serve what comes."""
        task = asyncio.get_running_loop().create_task(self._secure(connection, transport, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _secure(self, connection: ProxyConnection, transport: asyncio.Transport, asked: Authority) -> None:
        early = _Early()
        try:
            secured: Any = await asyncio.get_running_loop().start_tls(
                transport,
                early,
                self.context,
                server_side=True,
                ssl_handshake_timeout=self.patience.handshake,
                ssl_shutdown_timeout=self.patience.goodbye,
            )
        except ssl.SSLError:
            self.untrusted += 1
            secured = None
        except (OSError, asyncio.CancelledError):  # too slow, gone, or we end
            secured = None
        finally:
            self.waiting.discard(connection)
        if secured is None or early.lost:
            transport.abort()
            return
        sni = self._named.get(secured.get_extra_info("ssl_object"))
        early.hand_over(secured, self.http(Tunnel(asked, sni)))

    def _note_name(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        """Remember the host that a client names in its handshake (SNI)."""
        if isinstance(connection, ssl.SSLObject) and name is not None:
            self._named[connection] = name


class ProxyConnection(asyncio.Protocol):
    """A client that has just come: waits for its first words, for so long and so much."""

    def __init__(self, interceptor: Interceptor) -> None:
        self._interceptor = interceptor
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._head = bytearray()
        self._decided = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait, unless too many do."""
        self._transport = transport
        self._interceptor.reached += 1
        if len(self._interceptor.waiting) >= MAX_WAITING:
            self.abort()
            return
        self._interceptor.waiting.add(self)
        self._timer = asyncio.get_running_loop().call_later(self._interceptor.patience.head, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._decide()
        self._interceptor.waiting.discard(self)

    def abort(self) -> None:
        """End it at once."""
        self._decide()
        self._transport.abort()

    def _decide(self) -> None:
        """Nothing more is read here."""
        self._decided = True
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Read until it is clear what the client wants."""
        if self._decided:
            return
        searched = len(self._head)
        self._head += data
        if not METHOD.startswith(self._head[: len(METHOD)]):
            self._serve(None, bytes(self._head))
            return
        try:
            end = head_end(self._head, searched)
            if end >= 0:
                self._connect(end)
        except Refusal as refusal:
            self._decide()
            Farewell(self._transport, self, refusal.raw(), self._interceptor.patience.goodbye)

    def _connect(self, end: int) -> None:
        if len(self._head) > end + 4:
            raise Refusal(400, "a client waits for the answer to CONNECT before it sends anything else")
        asked = read_connect(bytes(self._head[:end]))
        self._interceptor.require_served(asked)
        if SCHEMES[asked.port] == "http":
            self._transport.write(ESTABLISHED)
            self._serve(Tunnel(asked), b"")
            return
        self._decide()
        self._transport.pause_reading()  # what comes from now on is for TLS
        self._transport.write(ESTABLISHED)
        self._interceptor.secure(self, self._transport, asked)

    def _serve(self, tunnel: Tunnel | None, received: bytes) -> None:
        """Hand the connection to HTTP."""
        self._decide()
        self._interceptor.waiting.discard(self)
        http = self._interceptor.http(tunnel)
        self._transport.set_protocol(http)
        http.connection_made(self._transport)
        if received:
            http.data_received(received)


class _Early(asyncio.Protocol):
    """Keeps what comes between the end of a handshake and the moment at which its connection is handed over."""

    def __init__(self) -> None:
        self.lost = False
        self._received = bytearray()

    def data_received(self, data: bytes) -> None:
        """Keep it: one read at the most, as the connection is handed over in the next turn of the loop."""
        self._received += data

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody any more."""
        self.lost = True

    def hand_over(self, transport: asyncio.Transport, http: ProxiedHttp) -> None:
        """From now on it is HTTP's."""
        transport.set_protocol(http)
        http.connection_made(transport)
        if self._received:
            http.data_received(bytes(self._received))
