"""How a server that listens on no socket reaches itself: by calling its own app."""

from __future__ import annotations

import httpx
from starlette.types import ASGIApp


class OwnTransport(httpx.AsyncBaseTransport):
    """Requests for the app's own host go to the app, all others to the network."""

    def __init__(self) -> None:
        self._url: httpx.URL | None = None
        self._app: httpx.ASGITransport | None = None
        self._network = httpx.AsyncHTTPTransport()

    def serve(self, url: str, app: ASGIApp) -> None:
        """From now on ``url`` is ``app``."""
        self._url = httpx.URL(url)
        self._app = httpx.ASGITransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        own = self._url
        if self._app is not None and own is not None and (request.url.host, request.url.port) == (own.host, own.port):
            return await self._app.handle_async_request(request)
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the network side."""
        await self._network.aclose()
