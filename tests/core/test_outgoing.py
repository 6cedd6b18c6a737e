"""Where this server's own requests may go: a corpus of URLs, and receivers that send it elsewhere."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

import httpx
import pytest

from mock_server import MockServer
from mock_server.core.blobs import Blobs
from mock_server.core.images import Limits, NotAnImage
from mock_server.core.outgoing import AddressPolicy, Outgoing, TargetBlocked, Unreachable
from mock_server.core.redaction import safe_text
from mock_server.core.resources import resource
from mock_server.platform.files import Files
from mock_server.web.api.image_fetching import ImageFetcher
from mock_server.web.messages import Call

ROWS = json.loads(resource("fixtures", "outgoing.json").read_bytes())["rows"]


class Network(httpx.AsyncBaseTransport):
    """Answers everything with 204, and remembers where it was asked."""

    def __init__(self):
        self.requests = []

    async def handle_async_request(self, request):
        self.requests.append(request)
        return httpx.Response(204, stream=httpx.ByteStream(b""))


class Names:
    """Stands in for the operating system's look-up; a list of lists gives another answer each time."""

    def __init__(self, resolves):
        self.resolves = {name: list(found) for name, found in resolves.items()}
        self.asked = []

    async def __call__(self, host, port):
        self.asked.append(host)
        found = self.resolves.get(host, [])
        return (found.pop(0) if len(found) > 1 else found[0]) if found and isinstance(found[0], list) else found


def _address(where):
    parts = urlsplit(f"//{where}")
    host = ipaddress.ip_address(parts.hostname)
    return getattr(host, "ipv4_mapped", None) or host, parts.port


async def _sent(row):
    """Where a request for a row's URL went, or None; what was looked up; and the request."""
    network, names = Network(), Names(row.get("resolves", {}))
    outgoing = Outgoing(network, resolver=names)
    try:
        target = await outgoing.target(row["url"], AddressPolicy(tuple(row["allow"])))
        await outgoing.send("POST", target, timeout=10, max_bytes=100, content=b"{}")
    except (TargetBlocked, Unreachable):
        pass
    finally:
        await outgoing.aclose()
    return network.requests, names.asked


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_request_goes_where_the_policy_lets_it_and_nowhere_else(row):
    requests, asked = asyncio.run(_sent(row))
    assert bool(requests) == (row["verdict"] == "allowed"), row["why"]
    assert bool(asked) == row["looked_up"], row["why"]
    if requests:
        url = requests[0].url
        usual = 443 if url.scheme == "https" else 80
        written = f"[{url.host}]" if ":" in url.host else url.host
        assert _address(f"{written}:{url.port or usual}") == _address(row["connects_to"]), row["why"]
        said = urlsplit(row["url"]).netloc.rpartition("@")[2]
        assert requests[0].headers["host"] == (said if said.isascii() else said.encode("idna").decode())


async def _fetched(row):
    """The requests that an image URL makes, with what its policy is called for images."""
    network = Network()
    outgoing = Outgoing(network, resolver=Names(row.get("resolves", {})))
    fetcher = ImageFetcher(outgoing, Files(Blobs()), "always" if row["allow"] else "local")
    fetch = fetcher(Call({"headers": [], "server": None}, None), "http://mock.example")
    try:
        await fetch(row["url"], Limits(1000, aspect=False))
    except NotAnImage:
        pass
    finally:
        await outgoing.aclose()
    return network.requests


@pytest.mark.parametrize("row", [row for row in ROWS if row["allow"] in ([], ["any"])], ids=lambda row: row["id"])
def test_images_are_fetched_by_the_same_policy(row):
    assert bool(asyncio.run(_fetched(row))) == (row["verdict"] == "allowed"), row["why"]


class Redirecting(BaseHTTPRequestHandler):
    """Sends everybody on to a metadata address, and counts who came."""

    came: ClassVar = []

    def do_GET(self):
        self.came.append(self.path)
        self.send_response(302)
        self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *args):
        pass


@pytest.fixture
def redirecting():
    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_redirects_are_never_followed(redirecting, http):
    with MockServer(speed="manual") as server:
        headers = {"Authorization": "Bearer k"}
        body = {"model": "kirin_v2_master_i2v", "image": f"{redirecting}/cat.png"}
        answer = http.post(f"{server.url}/model/v1/generation", json=body, headers=headers)
        assert answer.status_code == 400
        assert "answered 302" in answer.json()["error"]["error_message"]
        body = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": f"{redirecting}/hook"}
        made = http.post(f"{server.url}/model/v1/generation", json=body, headers=headers).json()
        http.post(f"{server.url}/_mock/clock/advance", json={"seconds": 1}, headers=headers)
        shown = http.get(f"{server.url}/_mock/tasks/{made['id']}", headers=headers).json()
    assert [attempt["status"] for attempt in shown["deliveries"][0]["attempts"]] == [302]
    assert Redirecting.came == ["/cat.png", "/hook"]


def test_a_password_in_a_callback_url_is_sent_as_such_and_shown_to_nobody():
    network = Network()

    async def sent():
        outgoing = Outgoing(network)
        target = await outgoing.target("http://me:p%40ss@127.0.0.1/hook", AddressPolicy())
        await outgoing.send("POST", target, timeout=10, max_bytes=10)
        await outgoing.aclose()

    asyncio.run(sent())
    assert network.requests[0].headers["authorization"] == "Basic bWU6cEBzcw=="
    assert (
        safe_text("http://me:p%40ss@127.0.0.1/hook?token=abcdef&a=1") == "http://…@127.0.0.1/hook?token=ab…20b183&a=1"
    )


def test_each_request_has_a_connection_of_its_own(redirecting):
    """One that is kept can be closed by the other side just as it is taken again."""

    async def work():
        outgoing = Outgoing()
        for _ in range(3):
            target = await outgoing.target(f"{redirecting}/x", AddressPolicy())
            assert (await outgoing.send("GET", target, timeout=10, max_bytes=10)).status == 302
            assert outgoing._ready()._transport._pool.connections == []
        await outgoing.aclose()

    asyncio.run(work())
