"""http.client and so urllib.request: a connection to a claimed host is a pipe, and no proxy is asked about it."""

from __future__ import annotations

import http.client
import socket
import urllib.request
from collections.abc import Callable
from typing import Any

from mock_server.testing.intercept.blocking_end import BlockingEnd
from mock_server.testing.intercept.claims import claimant_of, claimant_of_url
from mock_server.testing.intercept.patches import Patches


def install(patches: Patches) -> None:
    """Replace how connections connect, and how they begin a request: one may be open already."""
    patches.replace(http.client.HTTPConnection, "connect", _connect)
    patches.replace(http.client.HTTPSConnection, "connect", _connect)
    patches.replace(http.client.HTTPConnection, "putrequest", _putrequest)
    patches.replace(urllib.request, "proxy_bypass", _proxy_bypass)


def _end_for(connection: Any) -> BlockingEnd | None:
    """A new connection in memory in place of a connection's own; None where its host is not claimed."""
    tunnel = connection._tunnel_host  # noqa: SLF001 - http.client keeps the host behind a proxy nowhere else
    claimant = claimant_of(tunnel or connection.host)
    if claimant is None:
        return None
    port = connection._tunnel_port if tunnel else connection.port  # noqa: SLF001 - as above
    secure = isinstance(connection, http.client.HTTPSConnection)
    given = connection.timeout
    timeout = given if given is None or isinstance(given, int | float) else socket.getdefaulttimeout()
    return BlockingEnd(claimant.connect(tunnel or connection.host, port, secure=secure), timeout)


def _connect(original: Callable[[Any], None]) -> Callable[[Any], None]:
    def connect(self: Any) -> None:
        end = _end_for(self)
        if end is None:
            original(self)
        else:
            self.sock = end

    return connect


def _putrequest(original: Callable[..., None]) -> Callable[..., None]:
    def putrequest(self: Any, *given: Any, **told: Any) -> None:
        if not isinstance(self.sock, BlockingEnd) and (end := _end_for(self)) is not None:
            if self.sock is not None:  # it leads to the real host
                self.close()
            self.sock = end
        original(self, *given, **told)

    return putrequest


def _proxy_bypass(original: Callable[..., Any]) -> Callable[..., Any]:
    def proxy_bypass(host: str, *given: Any, **told: Any) -> Any:
        return claimant_of_url(f"//{host}") is not None or original(host, *given, **told)

    return proxy_bypass
