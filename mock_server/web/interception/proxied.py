"""HTTP on a connection to a host that the server stands in for, through the proxy or in memory.

It is uvicorn's protocol, with every head bounded and every request's host checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from mock_server.core.interception.hosts import PORTS, SCHEMES, Authority, canonical, shown
from mock_server.web.address import INTERCEPTED
from mock_server.web.bounded_http import BoundedHttp, Patience
from mock_server.web.interception.connect import Refusal, required_host

#: The connections of the server together, those to hosts it stands in for included.
MAX_CONNECTIONS = 2_000
_ABSOLUTE = re.compile(rb"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
#: Headers that are meant for the proxy, or that it sets itself.
_OURS = frozenset({b"host", b"proxy-authorization", b"proxy-connection"})


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


class ProxiedHttp(BoundedHttp):
    """Requests of one connection, inside of a ``tunnel`` or for URLs that they name in full."""

    def __init__(self, hosts: ServedHosts, tunnel: Tunnel | None, **parts: Any) -> None:
        super().__init__(hosts.patience, MAX_CONNECTIONS, **parts)
        self._hosts = hosts
        self._tunnel = tunnel

    def admit(self) -> None:
        """Check whom a request is for, and make it one that the app's own port could have got. Raises Refusal."""
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
