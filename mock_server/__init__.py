"""kirin-mock: a stateful fake of an AI video platform, and the harness that proves servers and clients against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mock_server.version import __version__

if TYPE_CHECKING:
    from mock_server.testing.server import MockServer

__all__ = ["MockServer", "__version__"]


def __getattr__(name: str) -> Any:
    """``MockServer`` is imported only when asked for: starting a server should not pay for it."""
    if name == "MockServer":
        from mock_server.testing.server import MockServer

        return MockServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
