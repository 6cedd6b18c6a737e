"""Connections of ``kirin.intercept()`` that outlive a call: kept open, given up, or still open at the end."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import pytest
import requests
import urllib3

from mock_server import MockServer
from mock_server.core.hosts import PLATFORM_HOSTS
from tests.support.intercepted import LIBRARIES

BASE = f"https://{PLATFORM_HOSTS[0]}"
KEY = {"Authorization": "Bearer sk-test"}
MODELS = "/api/v1/skill/models"
EVERY = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)


@pytest.fixture
def kirin(kirin_server):
    kirin_server.reset()
    return kirin_server


def _upload(size):
    files = {"file": ("a.png", b"x" * size, "image/png")}
    return httpx.post(f"{BASE}/api/v1/storage/files", files=files, headers=KEY).json()["data"]["url"]


@EVERY
def test_what_is_still_open_at_the_end_is_reset(kirin, library):
    with kirin.intercept():
        chunks = library.chunks(_upload(3_000_000))
        got = len(next(chunks))
    with pytest.raises(library.cut):
        got += sum(map(len, chunks))
    assert got < 3_000_000


@pytest.mark.parametrize("form", ["on a socket", "in memory"])
def test_the_server_hears_of_a_task_that_is_cancelled(form):
    async def given_up(send):
        call = asyncio.create_task(send())
        await asyncio.to_thread(kirin.clock.wait_for_calls, 1)
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call

    async def with_httpx():
        async with httpx.AsyncClient() as client:
            await client.get(f"{BASE}{MODELS}", headers=KEY)

    async def with_aiohttp():
        async with aiohttp.ClientSession() as session, session.get(f"{BASE}{MODELS}", headers=KEY):
            pass

    kirin = MockServer(speed="manual", max_wait=3600)
    slow = {"name": "slow", "match": {}, "faults": [{"fault": "latency", "on": "discovery", "seconds": 60}]}
    with kirin if form == "on a socket" else contextlib.nullcontext(), kirin.intercept():
        kirin.scenario(slow)
        for send in (with_httpx, with_aiohttp):
            asyncio.run(given_up(send))
            _wait_until_nobody_waits(kirin)


def _wait_until_nobody_waits(kirin):
    pause = threading.Event()
    for _ in range(2000):
        if not kirin.clock._sleeping():
            return
        pause.wait(0.005)
    raise AssertionError("the server still keeps the call waiting")


class _Real(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"real")

    def log_message(self, *args):
        pass


@pytest.fixture
def real(monkeypatch):
    """A real server under a name of its own; it keeps connections open."""
    look_up = socket.getaddrinfo
    with ThreadingHTTPServer(("127.0.0.1", 0), _Real) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *rest, **told: look_up(
                "127.0.0.1" if host in {"real.example", b"real.example"} else host, *rest, **told
            ),
        )
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield f"http://real.example:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def _kept_httpx(url):
    with httpx.Client() as client:
        yield lambda: client.get(f"{url}/openapi.json").content


@contextlib.contextmanager
def _kept_requests(url):
    with requests.Session() as session:
        yield lambda: session.get(f"{url}/openapi.json", timeout=60).content


@contextlib.contextmanager
def _kept_urllib3(url):
    with urllib3.PoolManager() as pool:
        yield lambda: pool.request("GET", f"{url}/openapi.json").data


@contextlib.contextmanager
def _kept_http_client(url):
    connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def get():
        try:
            connection.request("GET", "/openapi.json")
            return connection.getresponse().read()
        except OSError:
            connection.close()  # as http.client wants it after any error
            raise

    yield get
    connection.close()


@contextlib.contextmanager
def _kept_async(url, make, get):
    with asyncio.Runner() as runner:
        client = runner.run(make())
        yield lambda: runner.run(get(client))
        runner.run(client.aclose() if hasattr(client, "aclose") else client.close())


async def _aiohttp_session():
    return aiohttp.ClientSession()


async def _httpx_client():
    return httpx.AsyncClient()


def _kept_aiohttp(url):
    async def get(session):
        async with session.get(f"{url}/openapi.json") as answer:
            return await answer.read()

    return _kept_async(url, _aiohttp_session, get)


def _kept_httpx_async(url):
    async def get(client):
        return (await client.get(f"{url}/openapi.json")).content

    return _kept_async(url, _httpx_client, get)


KEPT = [_kept_httpx, _kept_httpx_async, _kept_requests, _kept_urllib3, _kept_aiohttp, _kept_http_client]


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.__name__)
def test_a_connection_kept_open_leads_nowhere_else_during_or_after(kirin, real, kept):
    with kept(real) as get:
        assert get() == b"real"
        with kirin.intercept("real.example"):
            assert b"kirin-mock serves real.example at port 443 (https) and 80 (http)" in get()
            assert b"kirin-mock serves real.example at port 443 (https) and 80 (http)" in get()
        with contextlib.suppress(ConnectionError):  # http.client by itself does not connect anew
            assert get() == b"real"
        assert get() == b"real"
