"""Every request this server makes by itself goes through here: to which addresses, and with what bounds.

A name is resolved once and the connection goes to that very address. Redirects are never followed, proxies never used.
Link-local addresses, where clouds keep their metadata, are refused whatever is allowed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Metadata services that do not live on link-local addresses.
METADATA = {ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")}


class TargetRefused(Exception):
    """The address may not be talked to; the text says why and what would allow it."""


class Unreachable(Exception):
    """The target was allowed, and no answer came."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: the URL with its host replaced by an address, and the host as it was written."""

    url: str
    host: str
    host_header: str


class AddressPolicy:
    """Which addresses may be talked to: loopback, and what ``allow`` names (hosts, addresses, CIDR blocks, any)."""

    def __init__(self, allow: Sequence[str] = (), hint: str = "--callback-allow HOST") -> None:
        self._any = "any" in allow
        self._hint = hint
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._names: set[str] = set()
        for entry in allow:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._names.add(entry.lower().rstrip("."))

    def check_name(self, host: str) -> None:
        """Raise TargetRefused for a name that no address could make allowed, so that it is never looked up."""
        name = host.lower().rstrip(".")
        local = name in {"localhost", socket.gethostname().lower()} or name.endswith(".localhost")
        if not (local or self._any or self._networks or name in self._names):
            hint = self._hint.replace("HOST", host)
            raise TargetRefused(f"{host} is not known to be on this machine; allow it with {hint}")

    def check(self, address: Address, host: str) -> None:
        """Raise TargetRefused unless ``address``, written as ``host``, may be talked to."""
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        if address.is_link_local or address in METADATA:
            raise TargetRefused(f"{host} is the link-local or metadata address {address}, which is never allowed")
        if address.is_loopback or self._any or host.lower().rstrip(".") in self._names:
            return
        if any(address in network for network in self._networks):
            return
        raise TargetRefused(
            f"{host} ({address}) is not on this machine; allow it with {self._hint.replace('HOST', host)}"
        )


async def resolve(url: str, policy: AddressPolicy) -> tuple[list[Address], Any]:
    """The addresses behind a URL's host and the URL's parts. Raises TargetRefused or Unreachable."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise TargetRefused(f"not a URL that can be called: {error}") from None
    if parts.scheme.lower() not in {"http", "https"} or not host:
        raise TargetRefused("not a URL that can be called; it must start with http:// or https://")
    try:
        return [ipaddress.ip_address(host)], parts
    except ValueError:
        policy.check_name(host)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port or 80, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(f"the name {host[:100]} cannot be resolved") from None
    return [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in found], parts


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

    ``transport`` carries them instead of the network, for a server that listens on no socket; ``own`` is then how that
    server is called in URLs (host and port), a name that nothing resolves.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None, own: str | None = None) -> None:
        self._transport = transport
        self._own = own
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _ready(self) -> httpx.AsyncClient:
        import httpx

        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            limits = httpx.Limits(max_connections=100, max_keepalive_connections=20)
            self._client = httpx.AsyncClient(
                transport=self._transport,
                trust_env=False,
                follow_redirects=False,
                limits=limits,
                timeout=None,  # noqa: S113 - every request is bounded as a whole, below
            )
            self._loop = loop
        return self._client

    async def target(self, url: str, policy: AddressPolicy) -> Target:
        """Resolve a URL once and pin it. All addresses of a name must be allowed.

        Raises TargetRefused or Unreachable.
        """
        if self._own is not None and url.partition("://")[2].partition("/")[0] == self._own:
            return Target(url, self._own, self._own)
        addresses, parts = await resolve(url, policy)
        for address in addresses:
            policy.check(address, parts.hostname)
        # A name often has both ::1 and 127.0.0.1, and most local programs listen on the latter only.
        address = next((one for one in addresses if one.version == 4), addresses[0])
        literal = f"[{address}]" if address.version == 6 else str(address)
        port = f":{parts.port}" if parts.port is not None else ""
        query = f"?{parts.query}" if parts.query else ""
        pinned = f"{parts.scheme.lower()}://{literal}{port}{parts.path or '/'}{query}"
        return Target(pinned, parts.hostname, parts.netloc.rpartition("@")[2])

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
                    headers={"accept-encoding": "identity", **(headers or {}), "host": target.host_header},
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
