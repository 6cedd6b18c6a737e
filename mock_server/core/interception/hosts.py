"""Names of hosts and ports, strictly read, and the set of hosts that the proxy stands in for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mock_server.core.hosts import PLATFORM_HOSTS

#: The ports that the proxy serves, and what is spoken there.
SCHEMES = {443: "https", 80: "http"}
PORTS = {scheme: port for port, scheme in SCHEMES.items()}

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?", re.ASCII)
_AUTHORITY = re.compile(r"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?", re.ASCII)


def canonical(host: str) -> str:
    """A host's name in lower case, without the dot of the root."""
    return host.lower().removesuffix(".")


def host_name(value: str) -> str:
    """The name of a host to stand in for. Raises ValueError for what cannot be one."""
    name = canonical(value)
    if len(name) > 253 or _NAME.fullmatch(value) is None or re.search(r"[a-z]", name.rpartition(".")[2]) is None:
        raise ValueError("must be a host name such as api.example.com, without a scheme, a port or a path")
    if name == "localhost" or name.endswith(".localhost"):
        raise ValueError("must not be a name of this machine, which programs reach without a proxy")
    return name


@dataclass(frozen=True, slots=True)
class Authority:
    """A host, canonical, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, written: str, default_port: int | None = None) -> Authority:
        """Read ``host:port``; no user, no password. Raises ValueError."""
        found = _AUTHORITY.fullmatch(written)
        port = None if found is None else int(found[2]) if found[2] is not None else default_port
        if found is None or port is None or not 0 < port <= 65535:
            raise ValueError(f"{shown(written)} is not a host and port such as {PLATFORM_HOSTS[0]}:443")
        return cls(canonical(found[1]), port)


def shown(written: str) -> str:
    """Foreign text, short and printable."""
    return repr(written[:100]) if written.isascii() else ascii(written[:100])


class Hosts:
    """The hosts that the proxy stands in for: those of the platform and ``more``. ``flag`` is what adds one."""

    def __init__(self, more: Iterable[str] = (), flag: str = "--intercept-host") -> None:
        self.names = tuple(dict.fromkeys((*PLATFORM_HOSTS, *map(canonical, more))))
        self._known = frozenset(self.names)
        self._flag = flag

    def __contains__(self, host: object) -> bool:
        return host in self._known

    def refusal(self, asked: Authority) -> tuple[str, str] | None:
        """Why a host and port are not served, in short and in full; None when they are."""
        if asked.host not in self._known:
            short = f"{asked.host} is not intercepted by kirin-mock; {self._advice(asked.host)}"
            return short, f"{short}. Intercepted are {', '.join(self.names)}; nothing else is reached from here"
        if asked.port not in SCHEMES:
            short = f"kirin-mock serves {asked.host} at port 443 (https) and 80 (http), not {asked.port}"
            return short, short
        return None

    def _advice(self, host: str) -> str:
        try:
            host_name(host)
        except ValueError:
            return "only names of other machines can be, not addresses"
        return f"{self._flag} {host} adds it"
