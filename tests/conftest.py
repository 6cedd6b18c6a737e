"""What the tests share: a local web server of sample images, and clients."""

from __future__ import annotations

import functools
import itertools
import logging
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from mock_server import MockServer
from mock_server.core.resources import resource
from tests.support import signals
from tests.support.receiver import Receiver
from tests.support.values import Values

signals.keep_from_programs()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


#: Where a process keeps how many deep tests it left out.
_LEFT = pytest.StashKey[int]()


def pytest_deselected(items):
    left = sum(
        item.get_closest_marker("deep") is not None and item.get_closest_marker("soak") is None for item in items
    )
    if left:
        config = items[0].config
        config.stash[_LEFT] = config.stash.get(_LEFT, 0) + left


def pytest_sessionfinish(session):
    """Processes of pytest-xdist tell the one that reports; each has collected the same tests."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["deep_left"] = session.config.stash.get(_LEFT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[_LEFT] = getattr(node, "workeroutput", {}).get("deep_left", 0)


def pytest_terminal_summary(terminalreporter, config):
    if left := config.stash.get(_LEFT, 0):
        terminalreporter.section(f"{left} deep tests left to make test-all", yellow=True)


@pytest.fixture(autouse=True)
def _log_as_at_the_start():
    """No test sees the log level that a server of another test has set."""
    logging.getLogger("kirin-mock").setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def image_host():
    """The URL of a local server of the sample images."""
    handler = functools.partial(_Quiet, directory=str(resource("fixtures", "images")))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def values(image_host):
    """Expands the values that fixtures write as objects."""
    return Values(image_host)


@pytest.fixture(scope="session")
def manual_server():
    """A server whose clock stands still, and whose videos are small."""
    with MockServer(speed="manual", media="tiny") as server:
        yield server


_keys = itertools.count()


@pytest.fixture(scope="session")
def http():
    """An HTTP client that goes to this machine only."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def fresh_key():
    """Makes API keys that nobody has used."""
    return lambda: f"key-{next(_keys)}"


@pytest.fixture(scope="module")
def callback_url():
    """Where callbacks are received, and handed to the client at work."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/news"
        server.shutdown()
        thread.join()
