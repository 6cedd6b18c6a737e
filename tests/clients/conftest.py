"""Real clients of the platform, from PyPI, against this server. Without them these tests are left out, and it is said.

``make test-clients`` installs the clients into an environment of their own and runs the tests.
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

MISSING = [name for name in ("seacloud_sdk", "seaart_sdk") if find_spec(name) is None]
collect_ignore_glob = ["test_*.py"] if MISSING else []


def pytest_terminal_summary(terminalreporter):
    if MISSING:
        terminalreporter.section("real clients left out", yellow=True)
        terminalreporter.write_line(
            f"tests/clients needs {' and '.join(MISSING)}; make test-clients installs and runs it"
        )


@pytest.fixture(scope="session")
def kirin_settings():
    """Tasks are done at once, videos are small, and one API key is good."""
    return {"timing": "instant", "media": "tiny", "api_key": ("sk-test",)}


@pytest.fixture(scope="session")
def _standing_server():
    from mock_server import MockServer

    with MockServer(speed="manual", media="tiny", api_key=("sk-test",)) as server:
        yield server


@pytest.fixture
def standing(_standing_server):
    """A server whose clock stands still: a task is queued for 0.2 s and then runs for about 2 s once it moves."""
    _standing_server.reset()
    yield _standing_server
    _standing_server.reset()


@pytest.fixture
def wire(kirin, http):
    """The way from the SDK to the server, by the SDK's own option ``fetch=``."""
    from wiring import Connection

    return Connection(kirin, http)


@pytest.fixture
def client(wire):
    """The SDK, unchanged."""
    from seacloud_sdk import SeaCloud
    from wiring import KEY

    return SeaCloud(api_key=KEY, fetch=wire)


@pytest.fixture
def standing_wire(standing, http):
    """The same way to the server whose clock stands still."""
    from wiring import Connection

    return Connection(standing, http)


@pytest.fixture
def waiting_client(standing_wire):
    """The SDK before the server whose clock stands still."""
    from seacloud_sdk import SeaCloud
    from wiring import KEY

    return SeaCloud(api_key=KEY, fetch=standing_wire)


@pytest.fixture
def seaart(kirin):
    """seaart-sdk, unchanged, told where its gateway is."""
    import seaart_sdk
    from wiring import KEY

    return seaart_sdk.Client(seaart_sdk.ClientConfig(api_key=KEY, base_url=kirin.url))


@pytest.fixture
def seaart_stranger(kirin):
    """The same with a wrong key."""
    import seaart_sdk

    return seaart_sdk.Client(seaart_sdk.ClientConfig(api_key="sk-wrong", base_url=kirin.url))
