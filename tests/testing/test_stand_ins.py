"""Hosts that the server stands in for mean the same through the proxy and in process: one table, both ways."""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from mock_server import MockServer
from mock_server.core.errors import UsageError
from mock_server.core.hosts import PLATFORM_HOSTS
from mock_server.settings import of_keywords
from tests.support.tunnels import proxied

HOST, OTHER = PLATFORM_HOSTS[0], "cloud.vtrix.ai"
BASE = f"https://{HOST}"
KEY = {"Authorization": "Bearer sk-test"}
SUBMIT = f"{BASE}/model/v1/generation"
PUBLIC = {"public_url": "https://mock.example:8443/base"}


@dataclass(frozen=True)
class Way:
    """One way to reach a server under the platform's hosts."""

    client: httpx.Client
    own_url: str
    built: Any

    def call(self, method, url, **told):
        """The status and text of an answer; of the proxy's own one too, which refuses a tunnel."""
        try:
            answer = self.client.request(method, url, **{"headers": KEY, **told})
        except httpx.ProxyError as error:
            return int(str(error)[:3]), str(error)
        return answer.status_code, answer.text

    def json(self, method, url, **told):
        """The JSON of an answer that went well."""
        answer = self.client.request(method, url, **{"headers": KEY, **told})
        assert answer.is_success, answer.text
        return answer.json()


@contextlib.contextmanager
def _through_the_proxy(settings):
    with proxied(seed=3, **settings) as made:
        context = ssl.create_default_context(cafile=made.trusted)
        with httpx.Client(proxy=made.proxy.url, verify=context, timeout=30) as client:
            yield Way(client, made.proxy.changes.set["KIRIN_MOCK_URL"], made.built)


@contextlib.contextmanager
def _in_process(settings, form):
    kirin = MockServer(seed=3, speed="manual", **settings)
    with kirin if form == "on a socket" else contextlib.nullcontext(), kirin.intercept(), httpx.Client() as client:
        yield Way(client, kirin.reached_at, kirin.built)


WAYS: dict[str, Callable[[], Any]] = {
    "through the proxy": lambda: _through_the_proxy({}),
    "through the proxy with a public URL": lambda: _through_the_proxy(PUBLIC),
    "in process on a socket": lambda: _in_process({}, "on a socket"),
    "in process on a socket with a public URL": lambda: _in_process(PUBLIC, "on a socket"),
    "in process in memory": lambda: _in_process({}, "in memory"),
    "in process in memory with a public URL": lambda: _in_process(PUBLIC, "in memory"),
}


@pytest.fixture(scope="module", params=WAYS)
def opened(request):
    """Every way to the server, one after the other."""
    with WAYS[request.param]() as one:
        yield one


@pytest.fixture
def way(opened):
    opened.json("POST", f"{BASE}/_mock/reset")
    return opened


INBOX = "/_mock/inbox/ours"
CALLBACKS = {
    "as it is": f"https://{HOST}{INBOX}",
    "over http": f"http://{HOST}{INBOX}",
    "another host": f"https://{OTHER}{INBOX}",
    "in capitals": f"HTTPS://CLOUD.seaart.ai{INBOX}",
    "with the usual port": f"https://{HOST}:443{INBOX}",
    "with the dot of the root": f"https://{HOST}.{INBOX}",
    "with a user and a password": f"https://me:secret@{HOST}{INBOX}",
    "with a query": f"https://{HOST}{INBOX}?a=b",
}
NOT_OURS = {
    "another port": f"https://{HOST}:8443{INBOX}",
    "the port of the other scheme": f"http://{HOST}:443{INBOX}",
    "a host below": f"https://x.{HOST}{INBOX}",
    "a host above": f"https://{HOST.partition('.')[2]}{INBOX}",
    "a user of that name": f"https://{HOST}@callback.example{INBOX}",
}


def _attempt(way, callback_url):
    """The first attempt to make a callback."""
    body = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": callback_url}
    task = way.json("POST", SUBMIT, json=body)["id"]
    way.json("POST", f"{BASE}/_mock/clock/advance", json={"seconds": 1})
    return way.json("GET", f"{BASE}/_mock/tasks/{task}")["deliveries"][0]["attempts"][0]


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_to_an_intercepted_host_comes_to_the_server(way, name):
    assert _attempt(way, CALLBACKS[name])["status"] == 200
    (message,) = way.built.inboxes.open("ours").messages
    assert message.body["status"] == "in_progress"


def test_a_callback_may_name_no_path(way):
    assert _attempt(way, f"{BASE}?x")["status"] in {404, 405}


@pytest.mark.parametrize("name", NOT_OURS)
def test_a_callback_to_what_is_not_intercepted_is_not_sent(way, name):
    attempt = _attempt(way, NOT_OURS[name])
    assert attempt["status"] is None
    assert "is not known to be on this machine" in attempt["error"]


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}.", f"{HOST}:443", OTHER, f"me@{OTHER}"])
def test_an_image_at_an_intercepted_host_is_fetched_from_the_server(way, host):
    asked = {"model": "kirin_v1_5_i2v", "data": {"prompt": "a", "image": f"https://{host}/media/nothing/0.jpg"}}
    status, text = way.call("POST", SUBMIT, json=asked)
    assert (status, "answered 404" in text) == (400, True), text


def test_an_upload_is_an_image_under_every_intercepted_host(way):
    status, text = way.call("POST", f"{BASE}/api/v1/storage/files", files={"file": ("a.png", b"no image", "image/png")})
    assert status == 200, text
    uploaded = re.search(r'"url":\s*"([^"]+)"', text)[1]
    assert uploaded.startswith(f"{BASE}/")
    for url in (uploaded, uploaded.replace(HOST, OTHER)):
        asked = {"model": "kirin_v1_5_i2v", "data": {"prompt": "a", "image": url}}
        status, text = way.call("POST", SUBMIT, json=asked)
        assert status == 400
        assert "cannot be fetched" not in text, "it was found, and is no image"


SERVED = {
    "the control API": (f"{BASE}/_mock/clock", None, 200),
    "the control API over http": (f"http://{HOST}/_mock/clock", None, 200),
    "the control API of another host": (f"https://{OTHER}/_mock/clock", None, 200),
    "the usual port": (f"{BASE}:443/_mock/clock", None, 200),
    "the dot of the root": (
        f"http://{HOST}./_mock/clock",
        None,
        200,
    ),  # over https, Python asks for it in the certificate
    "capitals": ("https://CLOUD.seaart.ai/_mock/clock", None, 200),
    "another port": (f"{BASE}:8443/_mock/clock", None, 403),
    "another port over http": (f"http://{HOST}:8080/_mock/clock", None, 403),
    "the port of https over http": (f"http://{HOST}:443/_mock/clock", None, 403),
    "a Host header in capitals": (f"{BASE}/_mock/clock", "CLOUD.seaart.ai:443", 200),
    "a Host header of another": (f"{BASE}/_mock/clock", "evil.example", 421),
    "a Host header of this machine": (f"{BASE}/_mock/clock", "localhost", 421),
    "a Host header of another intercepted host": (f"{BASE}/_mock/clock", OTHER, 421),
    "a Host header with another port": (f"{BASE}/_mock/clock", f"{HOST}:8443", 421),
    "a Host header that is none": (f"{BASE}/_mock/clock", "a b", 400),
}


@pytest.mark.parametrize("name", SERVED)
def test_a_call_is_served_by_its_host_and_port(way, name):
    url, host, expected = SERVED[name]
    status, text = way.call("GET", url, headers={**KEY, **({"Host": host} if host else {})})
    assert status == expected, text


def test_urls_in_answers_name_the_host_that_was_called_whatever_else_the_call_says(way):
    said = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "X-Forwarded-Proto": "http"}
    for base in (BASE, f"https://{OTHER}", f"http://{HOST}"):
        spec = way.json("GET", f"{base}/api/v1/skill/models/kirin_v1_t2v/spec", headers={**KEY, **said})
        assert spec["data"]["api"]["endpoint"] == f"{base}/model/v1/generation"


def test_urls_of_the_queue_can_name_another_host_and_are_followed(way):
    made = way.json(
        "POST",
        f"{BASE}/model/v1/queue/kirin_v1_t2v",
        json={"prompt": "a"},
        headers={**KEY, "X-Mock-Scenario": "queue_urls=other_host"},
    )
    assert urlsplit(made["status_url"]).hostname in {*PLATFORM_HOSTS} - {HOST}
    assert way.json("GET", made["status_url"])["status"] == "IN_QUEUE"


def test_headers_for_a_proxy_are_not_kept(way):
    way.call("GET", f"{BASE}/api/v1/user/balance", headers={**KEY, "Proxy-Authorization": "Basic c2VjcmV0"})
    kept = way.client.get(f"{BASE}/_mock/requests", headers=KEY).text
    assert "/api/v1/user/balance" in kept
    assert "proxy-auth" not in kept.lower()


def test_the_servers_own_url_is_where_it_listens(way):
    assert urlsplit(way.own_url).hostname in {"127.0.0.1", "kirin.test", "mock.example"}
    if "127.0.0.1" in way.own_url:
        with httpx.Client(trust_env=False) as client:
            assert client.get(f"{way.own_url}/_mock/health").status_code == 200


NAMES = {
    "api.example": True, "API.example.": True, "a_b.example": True, "single": True, "xn--bcher-kva.example": True,
    "localhost": False, "a.localhost": False, "127.0.0.1": False, "10.0.0.1": False, "1.2.3": False, "0x7f.1": False,
    "[::1]": False, "::1": False, "": False, "a..b": False, "-a.example": False, "a b": False, "a/b": False,
    "ä.example": False, "a.example:443": False, "https://a.example": False, "me@a.example": False, "a.123": False,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_host_is_accepted_both_ways_or_neither(name):
    def proxy():
        of_keywords({"intercept": 0, "intercept_host": (name,)})

    for take in (proxy, lambda: MockServer(speed="manual").intercept(name)):
        with contextlib.nullcontext() if NAMES[name] else pytest.raises(UsageError):
            take()
