"""Which hosts are intercepted just now, and who answers for them."""

from __future__ import annotations

import asyncio
import threading
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol
from urllib.parse import urlsplit

from mock_server.core.interception.hosts import canonical
from mock_server.testing.intercept.patches import Patches
from mock_server.testing.intercept.pipe import Pipe

#: Modules of clients, and the hook that covers each. The sockets come last: importing a client may look at them.
_HOOKS = {
    "httpcore": "httpcore_hook",
    "urllib3": "urllib3_hook",
    "aiohttp": "aiohttp_hook",
    "http.client": "http_client_hook",
    "socket": "socket_guard",
}
COVERED = "httpx, httpcore, requests, urllib3, aiohttp, urllib.request and http.client"


class NotCovered(RuntimeError):
    """A client that ``intercept()`` does not cover tried to reach a host that is intercepted."""

    def __init__(self, host: str, who: str = "the client") -> None:
        super().__init__(
            f"{host} is intercepted by kirin.intercept(), and {who} that connects to it is not covered. "
            f"Covered are {COVERED}. "
            "Run the client with `kirin-mock run -- COMMAND` instead; that works for programs of any kind."
        )
        self.host = host


class Claimant(Protocol):
    """Who answers for hosts."""

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts, as ``canonical`` has them."""

    def connect(self, host: str, port: int, *, secure: bool) -> Pipe:
        """A new connection to a host. Raises ConnectionRefusedError when the server has stopped, and NotCovered in
        another process.
        """

    def runs_in(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a loop is the server's own."""


_lock = threading.RLock()
_claims: list[Claimant] = []
_patches = Patches()


def claim(claimant: Claimant) -> None:
    """From now on ``claimant`` answers for its hosts, before all that claimed them earlier."""
    with _lock:
        if not _claims:
            _install()
        _claims.append(claimant)


def unclaim(claimant: Claimant) -> None:
    """End a claim; with the last one, all libraries are as before."""
    with _lock:
        _claims.remove(claimant)
        if not _claims:
            _patches.restore()


def _install() -> None:
    try:
        for module, hook in _HOOKS.items():
            if find_spec(module) is not None:
                import_module(f"mock_server.testing.intercept.{hook}").install(_patches)
    except BaseException:
        _patches.restore()
        raise


def claimant_of(host: object) -> Claimant | None:
    """Who answers for a host, written as text or bytes, in any case; None for a host that is not intercepted."""
    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("latin-1")
    if not isinstance(host, str):
        return None
    name = canonical(host)
    with _lock:
        return next((one for one in reversed(_claims) if name in one.hosts), None)


def claimant_of_url(url: str) -> Claimant | None:
    """The same for the host of a URL, or of ``//host:port``."""
    try:
        return claimant_of(urlsplit(url).hostname)
    except ValueError:
        return None


def claimant_in(loop: asyncio.AbstractEventLoop | None) -> bool:
    """Whether a loop is that of a server which answers for hosts."""
    with _lock:
        return loop is not None and any(one.runs_in(loop) for one in _claims)
