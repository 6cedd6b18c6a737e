"""How a server that listens on no socket reaches itself: by calling its own app."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
from starlette.types import ASGIApp


class OwnTransport(httpx.AsyncBaseTransport):
    """Requests for the app's own host go to the app, all others to the network."""

    def __init__(self) -> None:
        self._host = ""
        self._app: httpx.ASGITransport | None = None
        self._network = httpx.AsyncHTTPTransport()

    def serve(self, url: str, app: ASGIApp) -> None:
        """From now on ``url`` is ``app``."""
        self._host = urlsplit(url).netloc
        self._app = httpx.ASGITransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        if self._app is not None and request.headers.get("host") == self._host:
            return await self._app.handle_async_request(request)
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the network side."""
        await self._network.aclose()
