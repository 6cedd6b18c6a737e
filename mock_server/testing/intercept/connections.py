"""The connections in memory to one server, which all its interceptions share."""

from __future__ import annotations

import asyncio
import errno
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_server.core.interception.hosts import Authority, Hosts
from mock_server.core.outgoing import Outgoing, StandIn
from mock_server.testing.intercept.loop_end import LoopEnd
from mock_server.testing.intercept.pipe import Pipe
from mock_server.web.bounded_http import Patience
from mock_server.web.interception.connect import Refusal
from mock_server.web.interception.proxied import ProxiedHttp, Tunnel

if TYPE_CHECKING:
    from mock_server.testing.server import MockServer
    from mock_server.web.serving import LiveServer


#: A debugger may hold a client in this process between its connection and its request.
_PATIENCE = Patience(head=3600.0)


@dataclass(frozen=True, slots=True)
class _Served:
    """The hosts of the connections, for the HTTP that they speak; see ServedHosts."""

    hosts: Hosts
    own_url: str
    patience: Patience = _PATIENCE

    def require_served(self, asked: Authority) -> None:
        """Raise Refusal for a port that is not served."""
        refusal = self.hosts.refusal(asked)
        if refusal is not None:
            raise Refusal(403, refusal[1], refusal[0])


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """What one interception makes of a server. ``own_hosts`` are names of the server itself: calls to them are as calls
    to its own port.
    """

    stand_in: StandIn
    own_hosts: frozenset[str]
    outgoing: Outgoing

    @property
    def hosts(self) -> frozenset[str]:
        """All hosts whose connections come to the server."""
        return self.stand_in.hosts | self.own_hosts


class Connections:
    """The server runs from the first interception to the last, with or without a socket. A connection is cut when the
    last interception of its host ends. Everything may be called from any thread.
    """

    def __init__(self, server: MockServer) -> None:
        self._server = server
        self._pipes: weakref.WeakSet[Pipe] = weakref.WeakSet()
        self._uses: tuple[Use, ...] = ()
        self._beginning_or_ending = threading.Lock()
        self._lock = threading.Lock()

    def begin(self, hosts: frozenset[str]) -> Use:
        """An interception begins."""
        with self._beginning_or_ending:
            server = self._server
            server.hold_open()
            use = Use(StandIn(hosts, server.reached_at), server.own_hosts, server.built.outgoing)
            use.outgoing.add(use.stand_in)
            with self._lock:
                self._uses = (*self._uses, use)
        return use

    def end(self, use: Use) -> None:
        """An interception ends."""
        with self._beginning_or_ending:
            use.outgoing.remove(use.stand_in)
            with self._lock:
                self._uses = tuple(one for one in self._uses if one is not use)
                kept = frozenset[str]().union(*(one.hosts for one in self._uses))
                over = [pipe for pipe in self._pipes if pipe.host not in kept]
                self._pipes.difference_update(over)
            for pipe in over:
                pipe.cut()
            if not self._uses:
                self._server.let_go()

    def connect(self, use: Use, asked: Authority, *, secure: bool) -> Pipe | None:
        """A new connection; None when the interception has ended. Raises ConnectionRefusedError when the server has
        stopped.
        """
        with self._lock:
            if use not in self._uses:
                return None
            live = self._server.live
            if live is None or live.should_exit or live.loop is None:
                raise refusal(asked.host)
            pipe = Pipe((asked.host, asked.port), secure)
            served = None if asked.host not in use.stand_in.hosts else _Served(Hosts(use.hosts), use.stand_in.via)
            try:
                live.loop.call_soon_threadsafe(_accept, live, live.loop, pipe, served)
            except RuntimeError:
                raise refusal(asked.host) from None
            self._pipes.add(pipe)
            return pipe

    def runs_in(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a loop is the server's own."""
        live = self._server.live
        return live is not None and live.loop is loop


def _accept(live: LiveServer, loop: asyncio.AbstractEventLoop, pipe: Pipe, served: _Served | None) -> None:
    """Serve a connection as the proxy does, or as the server's own port does."""
    tunnel = Tunnel(Authority(*pipe.peer))
    protocol = live.new_protocol(None if served is None else lambda **parts: ProxiedHttp(served, tunnel, **parts))
    # The end holds the pipe for as long as the server knows the connection.
    extra = {"peername": ("127.0.0.1", 0), "sockname": pipe.peer, "sslcontext": pipe.secure, "pipe": pipe}
    LoopEnd(loop, protocol, pipe.to_server, pipe.to_client, extra).start()


def refusal(host: str) -> ConnectionRefusedError:
    """What a client gets whose server is not there."""
    return ConnectionRefusedError(errno.ECONNREFUSED, f"the MockServer that stands in for {host} has stopped")
