"""How a call addressed this server, and so how URLs in its answer must begin."""

from __future__ import annotations

import ipaddress
import re

from mock_server.core.interception.hosts import PORTS, Authority
from mock_server.web.messages import Call

#: Where the state of a call has the Authority it came to, if that is a host this server stands in for.
INTERCEPTED = "kirin.intercepted"

_HOST = re.compile(r"(?:[A-Za-z0-9._~-]{1,255}|\[([0-9A-Fa-f:.]{2,45})\])(?::([0-9]{1,5}))?", re.ASCII)
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+/?", re.ASCII)
#: A longer Forwarded header is not read.
MAX_FORWARDED = 4096


class Address:
    """``public_url`` if there is one, else what a trusted proxy forwards, else the Host header. A call to a host that
    this server stands in for is answered under that host.
    """

    def __init__(self, public_url: str | None, *, trust_proxy: bool) -> None:
        self._public_url = public_url
        self._trust_proxy = trust_proxy

    def __call__(self, call: Call) -> str:
        """The base URL, without a slash at the end."""
        asked: Authority | None = call.scope.get("state", {}).get(INTERCEPTED)
        if asked is not None:
            scheme = call.scope["scheme"]
            return f"{scheme}://{asked.host if asked.port == PORTS[scheme] else asked}"
        if self._public_url is not None:
            return self._public_url
        host = _text(call, b"host")
        scheme, prefix = call.scope["scheme"], ""
        if self._trust_proxy:
            scheme, host, prefix = _forwarded(call, scheme, host)
        if not is_host(host):
            server = call.scope.get("server") or ("127.0.0.1", 80)
            host = f"[{server[0]}]:{server[1]}" if ":" in server[0] else f"{server[0]}:{server[1]}"
        return f"{scheme}://{host}{prefix}"


def is_host(text: str) -> bool:
    """Whether this is a host name or an address, with a port or without, that can stand in a URL."""
    found = _HOST.fullmatch(text)
    if found is None or (found[2] is not None and not 1 <= int(found[2]) <= 65535):
        return False
    if found[1] is None:
        return True
    try:
        ipaddress.IPv6Address(found[1])
    except ValueError:
        return False
    return True


def _pairs(forwarded: str) -> dict[str, str]:
    """The parameters of the first element of a Forwarded header, names in lower case; none of one that is too long."""
    if len(forwarded) > MAX_FORWARDED:
        return {}
    parts = (part.partition("=") for part in forwarded.partition(",")[0].split(";"))
    return {name.strip().lower(): value.strip().strip('"') for name, sign, value in parts if sign}


def _forwarded(call: Call, scheme: str, host: str) -> tuple[str, str, str]:
    """Scheme, host and path prefix as the nearest client saw them: ``Forwarded``, else ``X-Forwarded-*``."""
    pairs = _pairs(_text(call, b"forwarded"))
    forwarded_scheme = (pairs.get("proto") or _first(call, b"x-forwarded-proto")).lower()
    forwarded_host = pairs.get("host") or _first(call, b"x-forwarded-host")
    port = _first(call, b"x-forwarded-port")
    if forwarded_host and re.search(r":[0-9]+$", forwarded_host) is None and re.fullmatch(r"[0-9]{1,5}", port):
        usual = {"http": "80", "https": "443"}.get(forwarded_scheme or scheme)
        forwarded_host = forwarded_host if port == usual else f"{forwarded_host}:{port}"
    prefix = _first(call, b"x-forwarded-prefix")
    return (
        forwarded_scheme if forwarded_scheme in {"http", "https"} else scheme,
        forwarded_host if forwarded_host and is_host(forwarded_host) else host,
        prefix.rstrip("/") if _PREFIX.fullmatch(prefix) else "",
    )


def _text(call: Call, name: bytes) -> str:
    return (call.header(name) or b"").decode("latin-1")


def _first(call: Call, name: bytes) -> str:
    return _text(call, name).partition(",")[0].strip()
