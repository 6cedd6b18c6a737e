"""The pytest plugin: the fixture ``kirin``, a server for a client's own tests.

Nothing of the server is imported until a test asks for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mock_server.testing.server import MockServer


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of ``pytest --pyargs mock_server.verify.server.pytest_suite``."""
    group = parser.getgroup("kirin-mock")
    with contextlib.suppress(ValueError):  # another plugin may bring it, with the same meaning
        group.addoption("--base-url", dest="verify_url", help="the server to verify; by default one of our own")
    group.addoption("--verify-key", default="sk-verify", help="the API key to verify it with")
    group.addoption("--verify-other-key", default="sk-verify-other", help="the API key of another user")
    group.addoption("--verify-secret", default="", help="whsec_... that it signs callbacks with")
    group.addoption("--verify-seed", default=0, type=int, help="what the bodies are drawn from")


@pytest.fixture(scope="session")
def kirin_settings() -> dict[str, Any]:
    """Settings of the server behind ``kirin``; define a fixture of this name to change them."""
    return {"timing": "fast", "speed": 20}


@pytest.fixture(scope="session")
def kirin_server(kirin_settings: dict[str, Any]) -> Iterator[MockServer]:
    """The server itself, one for the whole run."""
    from mock_server.testing.server import MockServer

    with MockServer(**kirin_settings) as server:
        yield server


@pytest.fixture
def kirin(kirin_server: MockServer) -> Iterator[MockServer]:
    """A server with nothing in it: ``url``, ``api_key``, ``clock``, ``inbox(name)``, ``reset()``.

    By default time runs twenty times as fast as outside, so that a task takes a tenth of a second;
    ``kirin.clock.manual()`` lets it stand until advanced. Every test starts with no tasks, empty inboxes and the clock
    as configured.
    """
    kirin_server.reset()
    yield kirin_server
    kirin_server.reset()


@pytest.fixture
def kirin_intercept(kirin: MockServer) -> Iterator[MockServer]:
    """``kirin``, and every call of this test to the platform's hosts goes to it: see ``MockServer.intercept``."""
    with kirin.intercept():
        yield kirin
