"""The same server under another name."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit, urlunsplit

_LOOPBACK = {"localhost": "127.0.0.1", "127.0.0.1": "localhost", "::1": "localhost"}


def other_host(base_url: str, stands_in_for: Collection[str] = (), below: str = "queue") -> str:
    """The same server by another name: ``localhost`` for a loopback address and the reverse, another host that it
    stands in for, or a name below its own in the top-level domain ``test``, where apps without a socket answer to any
    name. A server that has no other name keeps its own.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    others = sorted(name for name in stands_in_for if name != host) if host in stands_in_for else []
    if host.endswith(".test"):
        others.append(f"{below}.{host}")
    other = _LOOPBACK.get(host) or (others[0] if others else None)
    if other is None:
        return base_url
    port = f":{parts.port}" if parts.port is not None else ""
    return urlunsplit((parts.scheme, other + port, parts.path, "", ""))
