"""urllib3 and what is built on it, requests and botocore: a call for a claimed host goes to a pool of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import parse_url

from mock_server.testing.intercept.blocking_end import BlockingEnd
from mock_server.testing.intercept.claims import Claimant, claimant_of
from mock_server.testing.intercept.patches import Patches


def install(patches: Patches) -> None:
    """Replace the entrance of all pools."""
    patches.replace(urllib3.HTTPConnectionPool, "urlopen", _urlopen)


class _Connection(HTTPConnection):
    """Connects to a pipe."""

    def __init__(self, claimant: Claimant, *, secure: bool, **given: Any) -> None:
        super().__init__(**given)
        self._claimant = claimant
        self._secure = secure
        self.is_verified = True  # there is no certificate to look at, and nothing to warn of

    def connect(self) -> None:
        """Make a connection in memory."""
        pipe = self._claimant.connect(self.host, self.port, secure=self._secure)
        self.sock = BlockingEnd(pipe)

    @property
    def is_connected(self) -> bool:
        """Whether the connection can serve another call."""
        end: Any = self.sock
        return end is not None and end.idle


class _SecureConnection(_Connection, HTTPSConnection):
    """The same for https; only its default port differs."""


def _urlopen(original: Callable[..., Any]) -> Callable[..., Any]:
    def urlopen(self: urllib3.HTTPConnectionPool, method: str, url: str, *rest: Any, **told: Any) -> Any:
        # A proxy that forwards is called with the whole URL, by a pool named after the proxy.
        parts = parse_url(url) if self.proxy is not None and "://" in url else None
        scheme, host, port = (parts.scheme, parts.host, parts.port) if parts else (self.scheme, self.host, self.port)
        claimant = claimant_of(host)
        if claimant is None or host is None:
            return original(self, method, url, *rest, **told)
        path = parts.request_uri if parts else url
        return original(_pool(self, claimant, scheme, host, port), method, path, *rest, **told)

    return urlopen


def _pool(
    given: urllib3.HTTPConnectionPool, claimant: Claimant, scheme: str | None, host: str, port: int | None
) -> urllib3.HTTPConnectionPool:
    """A pool for one call, with the ways of the one it was given to."""
    secure = scheme == "https"
    kind = urllib3.HTTPSConnectionPool if secure else urllib3.HTTPConnectionPool
    pool = kind(host, port, timeout=given.timeout, retries=given.retries, headers=given.headers)
    pool.ConnectionCls = partial(  # type: ignore[assignment]  # a function that makes connections does as well
        _SecureConnection if secure else _Connection, claimant, secure=secure
    )
    return pool
