"""The reference client without a library for HTTP: what it sends goes to the platform as it is, and quickly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from mock_server.verify.client.kit import Kit, Platform, Reply
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Policy, Reference

#: As long as httpx waits for the next bytes, in virtual seconds.
TIMEOUT = 5.0


class LightAnswer:
    """As much of httpx.Response as the reference client needs."""

    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self.content = reply.body
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json.loads(self.content)

    @property
    def is_success(self) -> bool:
        """2xx."""
        return 200 <= self.status_code < 300

    @property
    def is_client_error(self) -> bool:
        """4xx."""
        return 400 <= self.status_code < 500

    def raise_for_status(self) -> LightAnswer:
        """Raise httpx.RemoteProtocolError for anything but a 2xx."""
        if not self.is_success:
            raise httpx.RemoteProtocolError(f"{self.status_code} in place of a video")
        return self


class LightHttp:
    """As much of httpx.Client."""

    def __init__(self, platform: Platform, base_url: str) -> None:
        self._platform = platform
        self._host = urlsplit(base_url).netloc

    def get(self, url: str, headers: Mapping[str, str] = {}) -> LightAnswer:  # noqa: B006 - nothing is put into it
        """GET."""
        return self._sent("GET", url, headers, b"")

    def post(self, url: str, json: Any, headers: Mapping[str, str]) -> LightAnswer:  # noqa: A002, F811 - httpx's word
        """POST JSON."""
        return self._sent("POST", url, {"content-type": "application/json", **headers}, _dumped(json))

    def put(self, url: str, headers: Mapping[str, str]) -> LightAnswer:
        """PUT without a body."""
        return self._sent("PUT", url, headers, b"")

    def _sent(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> LightAnswer:
        host, path = self._host, url
        if not url.startswith("/"):
            host, path, query = urlsplit(url)[1:4]
            path = f"{path}?{query}" if query else path
        raw = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        raw += [(b"host", host.encode("ascii")), (b"content-length", b"%d" % len(body))]
        try:
            reply = self._platform.answer(method, path, raw, body, TIMEOUT)
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error)) from None
        if reply.cut:
            raise httpx.RemoteProtocolError("the connection ended before all of the body had come")
        return LightAnswer(reply)


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Light(Reference):
    """The reference client, as quick as a client can be here."""

    def __init__(self, kit: Kit) -> None:
        Policy.__init__(self, kit)
        self.http = cast("httpx.Client", LightHttp(kit.platform, kit.base_url))


class LightQueued(Queued):
    """The same for the queue protocol."""

    def __init__(self, kit: Kit) -> None:
        Policy.__init__(self, kit)
        self.http = cast("httpx.Client", LightHttp(kit.platform, kit.base_url))
