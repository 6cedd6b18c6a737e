"""HTTP on a connection to a host that the server stands in for, through the proxy or in memory.

It is uvicorn's protocol, with every head bounded and every request's host checked.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mock_server.core.interception.hosts import PORTS, SCHEMES, Authority, canonical, shown
from mock_server.web.address import INTERCEPTED
from mock_server.web.interception.connect import Farewell, Refusal, required_host
from mock_server.web.messages import json_answer

if TYPE_CHECKING:
    from mock_server.web.interception.listener import Patience

#: The largest head of a request in bytes, trailers and the extensions of chunks counted likewise; the most headers.
MAX_HEAD = 65_536
MAX_HEADERS = 200

_ABSOLUTE = re.compile(rb"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
#: Headers that are meant for the proxy, or that it sets itself.
_OURS = frozenset({b"host", b"proxy-authorization", b"proxy-connection"})

_silent = logging.getLogger("kirin-mock.proxy")
_silent.disabled = True


class ServedHosts(Protocol):
    """The hosts that calls may be for, how patient their server is, and where it is itself."""

    @property
    def own_url(self) -> str:
        """The server's own URL."""

    @property
    def patience(self) -> Patience:
        """How long a client may take."""

    def require_served(self, asked: Authority) -> None:
        """Raise Refusal for what is not served."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """What a client asked to be connected to, in memory or by CONNECT, and the host that it named in its handshake, if
    it named one.
    """

    asked: Authority
    sni: str | None = None


class ProxiedHttp(HttpToolsProtocol):
    """Requests of one connection, inside of a ``tunnel`` or for URLs that they name in full."""

    def __init__(self, hosts: ServedHosts, tunnel: Tunnel | None, **parts: Any) -> None:
        super().__init__(**parts)
        self.logger = self.access_logger = _silent
        self.access_log = False
        self._hosts = hosts
        self._tunnel = tunnel
        self._served = self.app
        self._head_timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._unparsed = 0
        self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio. A client that then says nothing is not waited for."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, within bounds."""
        if self._ended or self.transport.is_closing():
            return
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > MAX_HEAD and not self._ended:
            self._end(Refusal(431, f"the head of a request has at most {MAX_HEAD} bytes"))

    def on_message_begin(self) -> None:
        """See httptools."""
        super().on_message_begin()
        self._in_head = True
        self._expect_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header; trailers, which come after the head, are left out."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Serve a request, or the answer that refuses it."""
        self._in_head, self._unparsed = False, 0
        self._stop_timer()
        self.app = self._served
        try:
            self._admit()
        except Refusal as refusal:
            answer = json_answer(refusal.body, refusal.status)
            answer.headers.append((b"connection", b"close"))
            self.app, self.url = answer, b"/"
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        self._unparsed = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._end(Refusal(400, "this is not HTTP/1.1 as it must be"))

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade is not done: the request was served as it is, and what came after it is not looked at."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def _expect_head(self) -> None:
        self._stop_timer()
        self._head_timer = self.loop.call_later(self._hosts.patience.head, self.transport.close)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end(self, refusal: Refusal) -> None:
        """Answer beneath any app, and close."""
        self._ended = True
        self._stop_timer()
        self._unset_keepalive_if_required()
        if self.pipeline:  # an earlier request is being answered
            self.transport.write(refusal.raw())
            self.transport.close()
            return
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        Farewell(self.transport, self, refusal.raw(), self._hosts.patience.goodbye)

    def _admit(self) -> None:
        """Check whom a request is for, and make it one that the app's own port could have got. Raises Refusal."""
        if len(self.headers) > MAX_HEADERS:
            raise Refusal(431, f"a request has at most {MAX_HEADERS} headers")
        hosts = [value for name, value in self.headers if name == b"host"]
        asked = self._admit_plain(hosts) if self._tunnel is None else self._admit_tunnelled(self._tunnel, hosts)
        kept = [header for header in self.headers if header[0] not in _OURS]
        self.headers[:] = [(b"host", asked.host.encode()), *kept]  # the scope has this very list
        self.scope["state"][INTERCEPTED] = asked

    def _admit_plain(self, hosts: list[bytes]) -> Authority:
        absolute = _ABSOLUTE.fullmatch(self.url)
        if self.parser.get_method() == b"CONNECT":
            raise Refusal(400, "CONNECT comes first on a connection, and on this one another request came before it")
        if absolute is None:
            own = self._hosts.own_url
            raise Refusal(400, f"this is a proxy, and requests to it name a whole URL; the server itself is {own}")
        scheme = absolute[1].decode().lower()
        required_host(hosts, PORTS[scheme], required=self._needs_host)  # which the URL overrules
        asked = _of_url(absolute, scheme)
        self._require_served(asked, scheme)
        self.scope["scheme"] = "https" if scheme == "https" else "http"
        self.url = _origin_form(absolute[3])
        return asked

    def _admit_tunnelled(self, tunnel: Tunnel, hosts: list[bytes]) -> Authority:
        asked = tunnel.asked
        self._require_served(asked, self.scope["scheme"])
        if tunnel.sni is not None and canonical(tunnel.sni) != asked.host:
            raise _misdirected(f"TLS names {shown(tunnel.sni)}", asked)
        named = required_host(hosts, asked.port, required=self._needs_host)
        if named not in {None, asked}:
            raise _misdirected(f"the Host header names {named}", asked)
        absolute = _ABSOLUTE.fullmatch(self.url)
        if absolute is not None:
            scheme = absolute[1].decode().lower()
            if scheme != SCHEMES[asked.port] or _of_url(absolute, scheme) != asked:
                raise _misdirected("the request is for another URL", asked)
            self.url = _origin_form(absolute[3])
        return asked

    def _require_served(self, asked: Authority, scheme: str) -> None:
        self._hosts.require_served(asked)
        if asked.port != PORTS[scheme]:
            raise Refusal(403, f"{scheme} is served at port {PORTS[scheme]} of {asked.host} only, not {asked.port}")

    @property
    def _needs_host(self) -> bool:
        return bool(self.parser.get_http_version() != "1.0")


def _of_url(absolute: re.Match[bytes], scheme: str) -> Authority:
    try:
        return Authority.parse(absolute[2].decode("latin-1"), PORTS[scheme])
    except ValueError as error:
        raise Refusal(400, f"the URL of this request: {error}") from None


def _origin_form(rest: bytes) -> bytes:
    return rest if rest.startswith(b"/") else b"/" + rest


def _misdirected(what: str, asked: Authority) -> Refusal:
    return Refusal(421, f"this tunnel is to {asked}, and {what}")
