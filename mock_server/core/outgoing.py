"""Every request this server makes by itself goes through here: to which addresses, and with what bounds.

A name is resolved once and the connection goes to that very address. Redirects are never followed, proxies never used.
Link-local addresses, where clouds keep their metadata, are refused whatever is allowed.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

if TYPE_CHECKING:
    import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Metadata services that do not live on link-local addresses.
METADATA = {
    ipaddress.ip_address(address)
    for address in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
}


class TargetBlocked(Exception):
    """The address may not be talked to; the text says why and what would allow it."""


class Unreachable(Exception):
    """The target was allowed, and no answer came."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: the URL with its host replaced by an address, the host as it was written, and what the user
    and password before it amount to.
    """

    url: str
    host: str
    host_header: str
    authorization: str | None = None


_USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, eq=False)
class StandIn:
    """Hosts that mean this server, at their usual ports or at ``port``. Its own requests to them go to ``via``: scheme,
    host and port, without a slash at the end.
    """

    hosts: frozenset[str]
    via: str
    port: int | None = None

    @classmethod
    def of_url(cls, url: str) -> StandIn:
        """A server that is called by its own URL, and that no other name leads to."""
        parts = urlsplit(url)
        return cls(frozenset({_host_of(parts)}), f"{parts.scheme}://{parts.netloc}", parts.port)

    def is_for(self, parts: SplitResult) -> bool:
        """Whether a URL means this server. Raises ValueError for a port that is none."""
        usual = _USUAL_PORTS.get(parts.scheme.lower())
        return _host_of(parts) in self.hosts and (parts.port or usual) == (self.port or usual)

    def target(self, parts: SplitResult) -> Target:
        """Where a request for a URL of these hosts goes."""
        port = f":{self.port}" if self.port is not None else ""
        return _target(parts, self.via, _host_of(parts) + port)


def _host_of(parts: SplitResult) -> str:
    return (parts.hostname or "").removesuffix(".")


class AddressPolicy:
    """Which addresses may be talked to: loopback, the names this server goes by itself, and what ``allow`` names: hosts
    and addresses, CIDR blocks, any.
    """

    def __init__(
        self, allow: Sequence[str] = (), hint: str = "--callback-allow HOST", own_hosts: Collection[str] = ()
    ) -> None:
        self._any = "any" in allow
        self._hint = hint
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._names = {host.lower().rstrip(".") for host in own_hosts}
        for entry in allow:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._names.add(entry.lower().rstrip("."))

    def check_name(self, host: str) -> None:
        """Raise TargetBlocked for a name that no address could make allowed, so that it is never looked up."""
        name = host.lower().rstrip(".")
        if not (_is_local(host) or self._any or self._networks or name in self._names):
            hint = self._hint.replace("HOST", host)
            raise TargetBlocked(f"{host} is not known to be on this machine; allow it with {hint}")

    def check(self, address: Address, host: str) -> None:
        """Raise TargetBlocked unless ``address``, written as ``host``, may be talked to."""
        for meant in (address, *_embedded(address)):
            if meant.is_link_local or meant in METADATA:
                raise TargetBlocked(f"{host} is the link-local or metadata address {meant}, which is never allowed")
        address = getattr(address, "ipv4_mapped", None) or address
        name = host.lower().rstrip(".")
        if self._any or name in self._names or (address.is_loopback and _is_local(host)):
            return
        if any(address in network for network in self._networks):
            return
        raise TargetBlocked(
            f"{host} ({address}) is not on this machine; allow it with {self._hint.replace('HOST', host)}"
        )


def literal_address(host: str) -> Address:
    """The address that a host is, its zone left out. Raises ValueError for a name."""
    return ipaddress.ip_address(host.partition("%")[0] if ":" in host else host)


def _is_local(host: str) -> bool:
    """Whether a host, as written, means this machine if it means a loopback address."""
    name = host.lower().rstrip(".")
    if name in {"localhost", socket.gethostname().lower()} or name.endswith(".localhost"):
        return True
    try:
        return bool(literal_address(host))
    except ValueError:
        return False


def _embedded(address: Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for, by any of the ways to write one in the other."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    packed = address.packed
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if packed[:4] == b"\0d\xff\x9b" or packed[:12] == bytes(12) or packed[8:12] in {b"\0\0\x5e\xfe", b"\2\0\x5e\xfe"}:
        found.append(ipaddress.IPv4Address(packed[12:]))  # NAT64, IPv4-compatible, ISATAP
    if packed[:10] == b"\0\0\0\0\0\0\0\0\xff\xff":
        found.append(ipaddress.IPv4Address(packed[12:]))  # IPv4-translated
    return [one for one in found if one is not None]


#: The addresses of a host and port, as the operating system knows them. Raises OSError or UnicodeError.
Resolver = Callable[[str, int], Awaitable[list[str]]]


async def look_up(host: str, port: int) -> list[str]:
    """Ask the operating system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def split(url: str) -> SplitResult:
    """The parts of a URL that can be called. Raises TargetBlocked for one that different readers would read apart."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise TargetBlocked("not a URL that can be called: its host or port cannot be read") from None
    if parts.scheme.lower() not in {"http", "https"} or not host:
        raise TargetBlocked("not a URL that can be called; it must start with http:// or https://")
    after_bracket = parts.netloc.rpartition("@")[2].partition("]")[2]
    if "\\" in url or re.search(r"[\x00-\x20\x7f]", url) or (after_bracket and not after_bracket.startswith(":")):
        raise TargetBlocked("not a URL that can be called: it has characters that do not belong in one")
    return parts


async def resolve(parts: SplitResult, policy: AddressPolicy, resolver: Resolver = look_up) -> list[Address]:
    """The addresses behind a URL's host. Raises TargetBlocked or Unreachable."""
    host = parts.hostname or ""
    try:
        return [literal_address(host)]
    except ValueError:
        policy.check_name(host)
    try:
        found = await resolver(host, parts.port or _USUAL_PORTS[parts.scheme.lower()])
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise Unreachable(f"the name {host[:100]} cannot be resolved")
    return [ipaddress.ip_address(entry.split("%")[0]) for entry in found]


def _ascii(host: str) -> str:
    """A host and port as the Host header takes them."""
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise TargetBlocked("not a URL that can be called: its host is no name") from None


def _basic(userinfo: str) -> str | None:
    if not userinfo:
        return None
    return f"Basic {base64.b64encode(unquote(userinfo).encode()).decode()}"


def _own_headers(target: Target) -> dict[str, str]:
    authorization = {"authorization": target.authorization} if target.authorization is not None else {}
    return {**authorization, "host": target.host_header}


def _target(parts: SplitResult, base: str, host_header: str | None = None) -> Target:
    """What a URL names, at ``base``, its host as it was written or as ``host_header`` says."""
    query = f"?{parts.query}" if parts.query else ""
    userinfo, _, written = parts.netloc.rpartition("@")
    header = _ascii(written) if host_header is None else host_header
    return Target(f"{base}{parts.path or '/'}{query}", parts.hostname or "", header, _basic(userinfo))


@dataclass(frozen=True, slots=True)
class Received:
    """An answer to a request of ours; ``headers`` in lower case, ``body`` bounded, None when it broke off."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


async def _body(answer: httpx.Response, timeout: float, max_bytes: int) -> bytes | None:
    import httpx

    body = b""
    try:
        async with asyncio.timeout(timeout):
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) >= max_bytes:
                    break
    except (TimeoutError, httpx.HTTPError, OSError):
        return None
    finally:
        await answer.aclose()
    return body[:max_bytes]


class Outgoing:
    """Makes requests, one connection pool for each event loop. Times are real seconds.

    ``transport`` carries them instead of the network, for a server that listens on no socket; ``own`` is then that
    server's own URL, whose name nothing resolves. ``stand_in`` names hosts that mean this server for life; others may
    come and go. Requests for any of them come to the server itself, whatever the policy says.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        own: str | None = None,
        resolver: Resolver = look_up,
        stand_in: StandIn | None = None,
    ) -> None:
        self._transport = transport
        self._resolver = resolver
        self._own = () if own is None else (StandIn.of_url(own),)
        self._changing = threading.Lock()
        #: What this server stands in for just now. Replaced as a whole: threads read it while others change it.
        self.stand_ins: tuple[StandIn, ...] = () if stand_in is None else (stand_in,)
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _ready(self) -> httpx.AsyncClient:
        import httpx

        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            # A connection of its own for each: one that is kept may be closed just as the next callback takes it.
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
            self._client = httpx.AsyncClient(
                transport=self._transport,
                trust_env=False,
                follow_redirects=False,
                limits=limits,
                timeout=None,  # noqa: S113 - every request is bounded as a whole, below
            )
            self._loop = loop
        return self._client

    def add(self, stand_in: StandIn) -> None:
        """From now on these hosts mean this server too. From any thread."""
        with self._changing:
            self.stand_ins = (*self.stand_ins, stand_in)

    def remove(self, stand_in: StandIn) -> None:
        """The end of what ``add`` began."""
        with self._changing:
            self.stand_ins = tuple(one for one in self.stand_ins if one is not stand_in)

    def stood_in_for(self) -> frozenset[str]:
        """The hosts that this server stands in for just now."""
        return frozenset().union(*(one.hosts for one in self.stand_ins))

    def means_us(self, parts: SplitResult) -> StandIn | None:
        """Why a URL means this server; None for one that does not. Raises ValueError for a port that is none."""
        return next((one for one in (*self.stand_ins, *self._own) if one.is_for(parts)), None)

    async def target(self, url: str, policy: AddressPolicy) -> Target:
        """Resolve a URL once and pin it. All addresses of a name must be allowed.

        Raises TargetBlocked or Unreachable.
        """
        parts = split(url)
        host = parts.hostname or ""
        ours = self.means_us(parts)
        if ours is not None:
            return ours.target(parts)
        addresses = await resolve(parts, policy, self._resolver)
        for address in addresses:
            policy.check(address, host)
        # A name often has both ::1 and 127.0.0.1, and most local programs listen on the latter only.
        address = next((one for one in addresses if one.version == 4), addresses[0])
        literal = f"[{address}]" if address.version == 6 else str(address)
        port = f":{parts.port}" if parts.port is not None else ""
        return _target(parts, f"{parts.scheme.lower()}://{literal}{port}")

    async def send(
        self,
        method: str,
        target: Target,
        *,
        timeout: float,
        max_bytes: int,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Received:
        """One request, its answer begun and its body read within ``timeout`` each, at most ``max_bytes`` of it.

        Raises Unreachable.
        """
        import httpx

        client = self._ready()
        try:
            async with asyncio.timeout(timeout):
                request = client.build_request(
                    method,
                    target.url,
                    content=content,
                    headers={"accept-encoding": "identity", **(headers or {}), **_own_headers(target)},
                    extensions={"sni_hostname": target.host},
                )
                answer = await client.send(request, stream=True)
        except TimeoutError:
            raise Unreachable(f"no answer within {timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Unreachable(str(error) or type(error).__name__) from None
        return Received(answer.status_code, dict(answer.headers), await _body(answer, timeout, max_bytes))

    async def aclose(self) -> None:
        """Close the pool of the running loop."""
        if self._client is not None and self._loop is asyncio.get_running_loop():
            await self._client.aclose()
        self._client = None
