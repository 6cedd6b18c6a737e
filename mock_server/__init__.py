"""kirin-mock: a stateful fake of an AI video platform, and the harness that proves servers and clients against it.

What this module exports is public, here and as ``kirin_mock``. Everything below it is private and may change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mock_server.core.version import __version__

if TYPE_CHECKING:
    from mock_server.core.errors import GatewayError, MissingExtra, ScenarioMistake, UsageError
    from mock_server.scenarios.model import Condition, Effects, Match, Scenario
    from mock_server.testing.intercept import NotCovered
    from mock_server.testing.server import MockServer
    from mock_server.verify.client.kit import Intent, Kit, Outcome

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

#: Where each public name is. A name is imported only when it is asked for: starting a server should not pay for it.
_PLACES = {
    "Condition": "scenarios.model",
    "Effects": "scenarios.model",
    "GatewayError": "core.errors",
    "Intent": "verify.client.kit",
    "Kit": "verify.client.kit",
    "Match": "scenarios.model",
    "MissingExtra": "core.errors",
    "MockServer": "testing.server",
    "NotCovered": "testing.intercept",
    "Outcome": "verify.client.kit",
    "Scenario": "scenarios.model",
    "ScenarioMistake": "core.errors",
    "UsageError": "core.errors",
}


def __getattr__(name: str) -> Any:
    """Import a public name. Raises AttributeError for any other."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"mock_server.{place}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
