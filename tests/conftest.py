"""What the tests share: a local web server of sample images, and clients."""

from __future__ import annotations

import functools
import itertools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from mock_server import MockServer
from mock_server.core.resources import resource
from tests.support.receiver import Receiver
from tests.support.values import Values


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


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
    """A server whose clock stands still."""
    with MockServer(speed="manual") as server:
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
