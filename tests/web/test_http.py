"""HTTP as it should be: methods, ids, packing, web pages, and the address in URLs, with proxies in between."""

from __future__ import annotations

import asyncio
import gzip
import json

import httpx
import pytest

from mock_server import MockServer
from tests.support.driving import drive

SUBMIT = "/model/v1/generation"
BODY = {"model": "kirin_v1_t2v", "prompt": "A red apple"}
KEY = {"Authorization": "Bearer web"}

#: Every path a client may call, with the methods that are served there.
PATHS = {
    SUBMIT: "OPTIONS, POST",
    f"{SUBMIT}/task/none": "GET, HEAD, OPTIONS",
    "/model/v1/queue/kirin_v1_t2v": "OPTIONS, POST",
    "/model/v1/queue/kirin_v1_t2v/requests/none/status": "GET, HEAD, OPTIONS",
    "/model/v1/queue/kirin_v1_t2v/requests/none/response": "GET, HEAD, OPTIONS",
    "/model/v1/queue/kirin_v1_t2v/requests/none/cancel": "OPTIONS, PUT",
    "/api/v1/skill/models": "GET, HEAD, OPTIONS",
    "/api/v1/skill/models/kirin_v1_t2v/spec": "GET, HEAD, OPTIONS",
    "/api/v1/skill/model-contracts/kirin_v1_t2v": "GET, HEAD, OPTIONS",
    "/model/v1/models/skill/search": "GET, HEAD, OPTIONS",
    "/model/v1/models/skill/kirin_v1_t2v": "GET, HEAD, OPTIONS",
    "/api/v1/cli/device/code": "OPTIONS, POST",
    "/api/v1/cli/token": "OPTIONS, POST",
    "/api/v1/auth/me": "GET, HEAD, OPTIONS",
    "/device": "GET, HEAD, OPTIONS",
    "/api/v1/storage/files": "OPTIONS, POST",
    "/api/v1/user/balance": "GET, HEAD, OPTIONS",
    "/media/none": "GET, HEAD, OPTIONS",
    "/files/none": "GET, HEAD, OPTIONS",
    "/openapi.json": "GET, HEAD, OPTIONS",
    "/openapi.yaml": "GET, HEAD, OPTIONS",
    "/docs": "GET, HEAD, OPTIONS",
    "/": "GET, HEAD, OPTIONS",
}


@pytest.fixture(scope="module")
def url():
    with MockServer(speed="manual") as server:
        yield server.url


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_is_not_served_is_405_and_says_which_are(url, http, path):
    answer = http.patch(url + path, headers=KEY)
    assert answer.status_code == 405
    assert ("queue" in path and list(answer.json()) == ["detail"]) or answer.json()["status"]["error_code"] == 40501
    assert answer.headers["allow"] == PATHS[path]


@pytest.mark.parametrize("path", PATHS)
def test_options_says_what_is_served(url, http, path):
    answer = http.options(url + path)
    assert (answer.status_code, answer.content, answer.headers["allow"]) == (204, b"", PATHS[path])
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("path", [path for path, allow in PATHS.items() if "HEAD" in allow])
def test_head_is_get_without_the_body(url, http, path):
    got, asked = (http.request(method, url + path, headers=KEY) for method in ("GET", "HEAD"))
    assert asked.status_code == got.status_code
    assert asked.content == b""
    assert asked.headers["content-length"] == got.headers["content-length"] == str(len(got.content))
    assert asked.headers.get("content-type") == got.headers.get("content-type")


def test_every_answer_has_a_request_id_the_callers_own_if_it_gave_one(url, http):
    ids = [http.get(f"{url}{path}").headers["x-request-id"] for path in [*PATHS, "/nowhere", "/_mock/health"]]
    assert len(set(ids)) == len(ids)
    given = http.get(f"{url}/api/v1/user/balance", headers={**KEY, "X-Request-Id": "mine-1"})
    assert given.headers["x-request-id"] == "mine-1"
    for odd in ("a b", "x" * 201, ""):
        echoed = http.get(f"{url}/api/v1/user/balance", headers={**KEY, "X-Request-Id": odd})
        assert echoed.headers["x-request-id"] not in {odd, odd.strip()}


def test_the_ids_of_two_runs_are_the_same():
    seen = []
    for _ in range(2):
        with MockServer(speed="manual") as server, httpx.Client(base_url=server.url, headers=KEY) as client:
            seen.append([client.get("/api/v1/user/balance").headers["x-request-id"] for _ in range(3)])
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 3


def _gzipped(url, http, content, **headers):
    packed = {**KEY, "Content-Type": "application/json", "Content-Encoding": "gzip", **headers}
    return http.post(url + SUBMIT, content=content, headers=packed)


def test_a_body_may_be_gzipped(url, http):
    content = json.dumps(BODY).encode()
    assert _gzipped(url, http, gzip.compress(content)).status_code == 200
    two_members = gzip.compress(content[:10]) + gzip.compress(content[10:])
    assert _gzipped(url, http, two_members).status_code == 200
    plain = http.post(url + SUBMIT, json=BODY, headers={**KEY, "Content-Encoding": "identity"})
    assert plain.status_code == 200


@pytest.mark.parametrize("content", [b"", b"{}", gzip.compress(json.dumps(BODY).encode(), mtime=0)[:-4], b"\x1f\x8b"])
def test_a_body_that_is_not_the_gzip_it_says_is_refused(url, http, content):
    answer = _gzipped(url, http, content)
    assert (answer.status_code, answer.json()["status"]["error_code"]) == (400, 40001)


def test_a_body_of_very_many_gzip_parts_is_refused(url, http):
    answer = _gzipped(url, http, gzip.compress(b"") * 100_000)
    assert (answer.status_code, answer.json()["status"]["error_code"]) == (400, 40001)
    assert "parts" in answer.json()["status"]["message"]


def test_a_body_that_unpacks_beyond_the_limit_is_413(http):
    with MockServer(max_body=1) as server:
        bomb = gzip.compress(b" " * 200 * 1024 * 1024)
        answer = _gzipped(server.url, http, bomb)
        assert (answer.status_code, answer.json()["status"]["error_code"]) == (413, 41301)


def test_another_packing_is_415(url, http):
    answer = _gzipped(url, http, b"x", **{"Content-Encoding": "br"})
    assert (answer.status_code, answer.json()["status"]["error_code"]) == (415, 41501)
    assert answer.headers["accept-encoding"] == "gzip"


LOCAL_PAGES = ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443", "http://a.localhost"]


@pytest.mark.parametrize("origin", LOCAL_PAGES)
def test_a_web_page_of_this_machine_may_call_the_api(url, http, origin):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization,content-type,x-mine"
    preflight = http.options(url + SUBMIT, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == "authorization,content-type,x-mine"
    for answer in (
        http.post(url + SUBMIT, json=BODY, headers={**KEY, "Origin": origin}),
        http.post(url + SUBMIT, json=BODY, headers={"Origin": origin}),
        http.get(f"{url}{SUBMIT}/task/none", headers={**KEY, "Origin": origin}),
        http.get(f"{url}/media/none", headers={"Origin": origin}),
    ):
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["vary"] == "Origin"
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost.evil.example", "file://", "http://["]
)
def test_a_web_page_from_elsewhere_is_given_nothing(url, http, origin):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for answer in (http.options(url + SUBMIT, headers=asked), http.get(url + "/docs", headers={"Origin": origin})):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def _url_in_answers(http, server, headers):
    made = http.post(server.url + SUBMIT, json=BODY, headers={**KEY, **headers}).json()
    admin = {"X-Admin-Token": "t"}
    http.post(f"{server.url}/_mock/clock/advance?key=web", json={"seconds": 10}, headers=admin)
    shown = http.get(f"{server.url}{SUBMIT}/task/{made['id']}", headers={**KEY, **headers}).json()
    spec = http.get(f"{server.url}/api/v1/skill/models/kirin_v1_t2v/spec", headers={**KEY, **headers}).json()
    clip = shown["output"][0]["content"][0]["url"]
    assert clip.endswith(f"/media/{made['id']}/0.mp4")
    endpoint = spec["data"]["api"]["endpoint"]
    assert endpoint == clip.partition("/media/")[0] + SUBMIT
    return clip.partition("/media/")[0]


FORWARDED = [
    ({"Host": "kirin:9000"}, "http://kirin:9000"),
    ({"Host": "kirin", "X-Forwarded-Proto": "https"}, "https://kirin"),
    ({"X-Forwarded-Host": "mock.example", "X-Forwarded-Proto": "https"}, "https://mock.example"),
    ({"X-Forwarded-Host": "mock.example, inner", "X-Forwarded-Proto": "https, http"}, "https://mock.example"),
    ({"X-Forwarded-Host": "mock.example", "X-Forwarded-Port": "8443", "X-Forwarded-Proto": "https"}, "https://mock.example:8443"),
    ({"X-Forwarded-Host": "mock.example", "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https"}, "https://mock.example"),
    ({"X-Forwarded-Host": "mock.example", "X-Forwarded-Prefix": "/kirin/"}, "http://mock.example/kirin"),
    ({"Forwarded": 'for=1.2.3.4;host="mock.example:81";proto=https, for=5.6.7.8'}, "https://mock.example:81"),
    ({"Host": "kirin", "X-Forwarded-Host": "a/b", "X-Forwarded-Proto": "gopher", "X-Forwarded-Prefix": "//x"}, "http://kirin"),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "base"), FORWARDED)
def test_behind_a_proxy_urls_name_what_the_client_used(http, headers, base):
    with MockServer(speed="manual", trust_proxy=True, admin_token="t") as server:
        assert _url_in_answers(http, server, headers) == base


@pytest.mark.parametrize("headers", [{}, *(headers for headers, _ in FORWARDED if "Host" not in headers)])
def test_what_a_proxy_forwards_is_trusted_only_when_told(http, headers):
    with MockServer(speed="manual") as server:
        assert _url_in_answers(http, server, headers) == server.url


def test_a_public_url_wins_over_all():
    async def work():
        async with drive(trust_proxy=True, public_url="https://mock.example/") as one:
            made = await one.submit(0, inbox=None)
            await one.advance(10)
            one.client.headers["X-Forwarded-Host"] = "other.example"
            return (await one.poll(made["id"]))["output"][0]["content"][0]["url"]

    assert asyncio.run(work()).startswith("https://mock.example/media/")


def test_a_connection_is_kept_for_the_next_call(url):
    with httpx.Client(base_url=url, headers=KEY, trust_env=False) as client:
        streams = {id(client.get("/api/v1/user/balance").extensions["network_stream"]) for _ in range(3)}
    assert len(streams) == 1
