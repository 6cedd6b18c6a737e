"""aiohttp: a request for a claimed host is connected by a connector of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from mock_server.testing.intercept.claims import Claimant, claimant_of
from mock_server.testing.intercept.loop_end import LoopEnd
from mock_server.testing.intercept.patches import Patches


def install(patches: Patches) -> None:
    """Replace the entrance of all connectors."""
    patches.replace(aiohttp.BaseConnector, "connect", _connect)


class _Connector(aiohttp.BaseConnector):
    """Connects to a pipe, once."""

    def __init__(self, claimant: Claimant) -> None:
        super().__init__(force_close=True, limit=0)
        self._claimant = claimant

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
        url = req.url
        try:
            pipe = self._claimant.connect(url.host, url.port, secure=url.scheme in {"https", "wss"})
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        protocol = self._factory()
        LoopEnd(self._loop, protocol, pipe.to_client, pipe.to_server, {"peername": pipe.peer}).start()
        return protocol


def _connect(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def connect(self: aiohttp.BaseConnector, req: Any, traces: Any, timeout: Any) -> Any:
        claimant = claimant_of(req.url.host)
        return await original(self if claimant is None else _Connector(claimant), req, traces, timeout)

    return connect
