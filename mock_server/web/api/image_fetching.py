"""Fetches the images that a body names by URL, as ``--image-fetch`` says; uploads are at hand in any case."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal
from urllib.parse import urlsplit

from mock_server.core.images import Limits, NotAnImage
from mock_server.core.outgoing import AddressPolicy, Outgoing, TargetBlocked, Unreachable
from mock_server.core.redaction import safe_text
from mock_server.platform.files import Files
from mock_server.platform.image_inspection import Fetch
from mock_server.web.control.guard import is_loopback
from mock_server.web.messages import Call

TIMEOUT = 10.0

ANYWHERE = AddressPolicy(("any",))
HINT = "--image-fetch always"


class ImageFetcher:
    """Makes, for one call, the function that fetches its images. ``own_hosts`` are names this server goes by,
    beside those that ``outgoing`` knows.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        files: Files,
        mode: Literal["never", "local", "always"],
        own_hosts: Collection[str] = (),
    ) -> None:
        self._outgoing = outgoing
        self._files = files
        self._mode = mode
        self._own_hosts = tuple(own_hosts)

    def __call__(self, call: Call, base_url: str) -> Fetch:
        """The fetch of a call that addressed this server as ``base_url``.

        The address the call came in on is this server's own, whatever its Host header says.
        """

        async def fetch(url: str, limits: Limits) -> bytes | None:
            uploaded = self._files.named_by(url, base_url)
            if uploaded is not None:
                return self._files.content(uploaded)
            if self._mode == "never" or (self._mode == "local" and not self._is_local(url, base_url)):
                return None
            return await self._fetch(url, limits, self._policy(call))

        return fetch

    def _is_local(self, url: str, base_url: str) -> bool:
        """Whether a URL points to this machine or to this server, by how it is written: no name is looked up for this,
        so that nothing waits for a network that is not there.
        """
        try:
            parts = urlsplit(url)
            means_us = self._outgoing.means_us(parts) is not None
        except ValueError:
            return False
        return means_us or is_loopback(parts.hostname or "") or f"{parts.scheme}://{parts.netloc}" == base_url

    def _policy(self, call: Call) -> AddressPolicy:
        server = call.scope.get("server")
        own = (*self._own_hosts, server[0]) if server else self._own_hosts
        return ANYWHERE if self._mode == "always" else AddressPolicy((), HINT, own)

    async def _fetch(self, url: str, limits: Limits, policy: AddressPolicy) -> bytes:
        try:
            target = await self._outgoing.target(url, policy)
            answer = await self._outgoing.send("GET", target, timeout=TIMEOUT, max_bytes=limits.max_bytes + 1)
        except (TargetBlocked, Unreachable) as error:
            raise NotAnImage(f"cannot be fetched from {safe_text(url[:1000])[:100]}: {error}") from None
        if answer.status != 200:
            raise NotAnImage(f"cannot be fetched: {target.host} answered {answer.status}")
        if answer.body is None:
            raise NotAnImage(f"cannot be fetched: the answer of {target.host} broke off")
        return answer.body
