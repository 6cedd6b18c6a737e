"""Who may use the control API: local programs, not web pages; beyond loopback, programs that have the token."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from urllib.parse import SplitResult, urlsplit

from mock_server.core.errors import GatewayError, Trouble
from mock_server.core.outgoing import literal_address
from mock_server.platform.courier import MARK
from mock_server.web.messages import Call


def is_loopback(host: str) -> bool:
    """Whether a host, as written in a URL or a flag, is this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = literal_address(name)
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback
    except ValueError:
        return False


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


#: What a proxy adds to a call that came from somewhere else.
_FORWARDING = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host")


class Guard:
    """Checks calls below ``/_mock/``. ``hosts`` are names this server goes by beside loopback ones, and ``means_us``
    tells which URLs mean it besides; ``exposed`` is a server that others than this machine are meant to reach, under
    whatever name.
    """

    def __init__(
        self,
        token: str | None,
        hosts: Collection[str],
        means_us: Callable[[SplitResult], object] = lambda parts: None,
        *,
        exposed: bool,
    ) -> None:
        self._means_us = means_us
        self._token = token
        self._hosts = {host.lower() for host in hosts}
        self._exposed = exposed

    def check_open(self, call: Call) -> None:
        """Raise GatewayError for a call that a web page makes, even under a name that was made to point here."""
        self._check_origin(call)
        if not self._exposed:
            self._check_host(call)

    def check(self, call: Call) -> None:
        """Raise GatewayError, saying why, unless the call may control this server."""
        self._check_origin(call)
        if call.header(MARK.encode()) is not None:
            raise GatewayError(Trouble.FORBIDDEN, "the control API is not open to callbacks")
        if self._token is not None:
            given = call.header(b"x-admin-token") or b""
            if not hmac.compare_digest(given, self._token.encode()):
                raise GatewayError(Trouble.FORBIDDEN, "this control call needs the header X-Admin-Token")
            return
        self._check_host(call)
        if any(call.header(name) is not None for name in _FORWARDING):
            message = "this control call came through a proxy; that needs a server started with --admin-token"
            raise GatewayError(Trouble.FORBIDDEN, message)

    def _check_origin(self, call: Call) -> None:
        origin = call.header(b"origin")
        written = (call.header(b"host") or b"").decode("latin-1")
        foreign = origin is not None and _netloc(origin.decode("latin-1")) != written.lower()
        if foreign or call.header(b"sec-fetch-site") in {b"cross-site", b"same-site"}:
            raise GatewayError(Trouble.FORBIDDEN, "the control API is not open to web pages of another origin")

    def _check_host(self, call: Call) -> None:
        written = (call.header(b"host") or b"").decode("latin-1")
        try:
            parts = urlsplit(f"{call.scope['scheme']}://{written}")
            host = parts.hostname or ""
            ours = is_loopback(host) or host in self._hosts or self._means_us(parts)
        except ValueError:
            ours = False
        if not ours:
            message = f"the control API answers to loopback names only, and this call says Host: {written[:100]}"
            raise GatewayError(Trouble.FORBIDDEN, message)
