"""Puts the intercepting proxy together: socket, certificates, file of trust, and the environment of its clients."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mock_server.core.errors import UsageError
from mock_server.core.interception.environment import Changes, changes
from mock_server.core.interception.hosts import Hosts
from mock_server.core.interception.trust import CertificateAuthority, trust_file
from mock_server.core.outgoing import StandIn
from mock_server.settings import Settings
from mock_server.web.bounded_http import Patience
from mock_server.web.interception.listener import Interceptor


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that listens, what its clients' environment needs, and what its server has to know about it."""

    interceptor: Interceptor
    url: str
    changes: Changes
    stand_in: StandIn


@contextlib.contextmanager
def open_proxy(
    settings: Settings,
    own_url: str,
    environment: Mapping[str, str],
    flag: str = "--intercept-host",
    patience: Patience | None = None,
) -> Iterator[Proxy]:
    """A proxy for the server at ``own_url``. At the end nothing of it is left on disk. Raises UsageError."""
    hosts = Hosts(settings.intercept_host, flag)
    authority = CertificateAuthority()
    context = authority.context(hosts.names)
    with (
        trust_file(authority.certificate, environment) as trusted,
        _listen(settings.intercept or 0) as listening,
    ):
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield Proxy(
            Interceptor(listening, hosts, context, own_url, patience),
            url,
            changes(url, own_url, trusted, environment),
            StandIn(frozenset(hosts.names), own_url),
        )


def _listen(port: int) -> socket.socket:
    """A listening socket, on this machine whatever ``--host`` says: the clients need files of this machine too."""
    try:
        listening = socket.create_server(("127.0.0.1", port), backlog=512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"--intercept {port} is taken; name another port, or 0 for a free one") from None
        raise UsageError(f"--intercept {port} cannot be used: {error.strerror or error}") from None
    # Connections inherit it. asyncio without uvloop leaves it out, and what waits is lost to a reset.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
