"""The public face of kirin-mock: the same names as in ``mock_server``, under the name that the project has.

``kirin_mock.adapter`` is the API of adapters for ``verify client``, ``kirin_mock.reference_clients`` has clients to
start from, and ``kirin_mock.adapters`` the ready adapters, which run as programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mock_server

if TYPE_CHECKING:
    from mock_server import (
        Condition,
        Effects,
        GatewayError,
        Intent,
        Kit,
        Match,
        MissingExtra,
        MockServer,
        NotCovered,
        Outcome,
        Scenario,
        ScenarioMistake,
        UsageError,
        __version__,
    )

__all__ = [
    "Condition",
    "Effects",
    "GatewayError",
    "Intent",
    "Kit",
    "Match",
    "MissingExtra",
    "MockServer",
    "NotCovered",
    "Outcome",
    "Scenario",
    "ScenarioMistake",
    "UsageError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """A public name of ``mock_server``. Raises AttributeError for any other."""
    if name in __all__:
        return getattr(mock_server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
