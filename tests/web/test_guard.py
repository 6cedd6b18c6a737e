"""Who may use the control API: programs of this machine, and others that have the token; never a web page."""

from __future__ import annotations

import pytest

from mock_server import MockServer

CONTROL = [
    ("GET", "/_mock/clock"),
    ("PUT", "/_mock/clock"),
    ("POST", "/_mock/clock/advance"),
    ("GET", "/_mock/tasks"),
    ("GET", "/_mock/tasks/none"),
    ("POST", "/_mock/tasks/none/complete"),
    ("GET", "/_mock/requests"),
    ("GET", "/_mock/callbacks"),
    ("PUT", "/_mock/callbacks/secrets"),
    ("POST", "/_mock/callbacks/none/replay"),
    ("GET", "/_mock/account"),
    ("PUT", "/_mock/account"),
    ("POST", "/_mock/reset"),
    ("GET", "/_mock/inbox/a/messages"),
    ("GET", "/_mock/nothing"),
    ("DELETE", "/_mock/tasks"),
    ("OPTIONS", "/_mock/reset"),
]
#: What a browser says of a page of another origin, and of a name that was made to point here.
FOREIGN = [
    ({"Origin": "http://evil.example"}, "web pages of another origin"),
    ({"Origin": "null"}, "web pages of another origin"),
    ({"Origin": "http://localhost:1"}, "web pages of another origin"),
    ({"Origin": "http://127.0.0.1.evil.example"}, "web pages of another origin"),
    ({"Origin": "http://["}, "web pages of another origin"),
    ({"Sec-Fetch-Site": "cross-site"}, "web pages of another origin"),
    ({"Sec-Fetch-Site": "same-site"}, "web pages of another origin"),
    ({"Host": "evil.example"}, "Host: evil.example"),
    ({"Host": "127.0.0.1.evil.example:8787"}, "Host: 127.0.0.1.evil.example"),
    ({"Host": "evil.example", "Origin": "http://evil.example"}, "Host: evil.example"),
    ({"Host": "[::1"}, "Host: [::1"),
]


@pytest.fixture(scope="module")
def url():
    with MockServer(speed="manual") as server:
        yield server.url


@pytest.mark.parametrize(("method", "path"), CONTROL)
def test_no_web_page_and_no_foreign_name_reaches_it(url, http, method, path):
    for headers, why in FOREIGN:
        answer = http.request(method, url + path, headers=headers)
        assert (answer.status_code, answer.json()["status"]["error_code"]) == (403, 40301), headers
        assert why in answer.json()["status"]["message"]
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "a.localhost", "LOCALHOST", "[::1]"])
def test_local_programs_and_its_own_pages_reach_it(url, http, name):
    port = url.rpartition(":")[2]
    for headers in (
        {},
        {"Origin": f"http://{name}:{port}"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ):
        answer = http.get(f"{url}/_mock/tasks", headers={"Host": f"{name}:{port}", **headers})
        assert answer.status_code == 200, headers


def test_a_web_page_cannot_fill_an_inbox_either(url, http):
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert http.get(f"{url}/_mock/inbox/a", headers=headers).status_code == 403
        assert http.post(f"{url}/_mock/inbox/a", headers=headers).status_code == 403
        assert http.get(f"{url}/_mock/health", headers=headers).status_code == 403
    assert http.get(f"{url}/_mock/inbox/a/messages").json()["count"] == 0


@pytest.mark.parametrize(("method", "path"), CONTROL)
def test_with_a_token_nothing_goes_without_it(http, method, path):
    with MockServer(admin_token="sesame") as server:
        for headers in ({}, {"X-Admin-Token": "wrong"}, {"Authorization": "Bearer sesame"}):
            answer = http.request(method, server.url + path, headers=headers)
            assert answer.status_code == 403
            assert "X-Admin-Token" in answer.json()["status"]["message"]
        answer = http.request(method, server.url + path, headers={"X-Admin-Token": "sesame"})
        assert answer.status_code != 403
        answer = http.request(method, server.url + path, headers={"X-Admin-Token": "sesame", "Host": "mock.example"})
        assert answer.status_code != 403
        for headers, _ in FOREIGN[:7]:
            assert (
                http.request(method, server.url + path, headers={**headers, "X-Admin-Token": "sesame"}).status_code
                == 403
            )


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host"])
def test_what_comes_through_a_proxy_needs_a_token(url, http, name):
    answer = http.get(f"{url}/_mock/tasks", headers={name: "for=1.2.3.4"})
    assert answer.status_code == 403
    assert "--admin-token" in answer.json()["status"]["message"]


def test_a_public_name_needs_a_token_too(http):
    with MockServer(public_url="https://mock.example") as server:
        port = server.port
        answer = http.get(f"http://127.0.0.1:{port}/_mock/tasks", headers={"Host": "mock.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize("action", ["complete", "cancel", "hold"])
def test_a_callback_cannot_steer_the_server_it_comes_from(http, action):
    with MockServer(speed="manual") as server:
        alice, bob = ({"Authorization": f"Bearer {key}"} for key in ("alice", "bob"))
        body = {"model": "kirin_v1_t2v", "prompt": "a"}
        victim = http.post(f"{server.url}/model/v1/generation", json=body, headers=alice).json()["id"]
        hostile = {**body, "callback_url": f"{server.url}/_mock/tasks/{victim}/{action}"}
        task = http.post(f"{server.url}/model/v1/generation", json=hostile, headers=bob).json()["id"]
        before = http.get(f"{server.url}/_mock/tasks/{victim}", headers=alice).json()
        http.post(f"{server.url}/_mock/clock/advance", json={"seconds": 1}, headers=bob)
        told = http.get(f"{server.url}/_mock/callbacks", params={"task": task}).json()["callbacks"]
        assert [attempt["status"] for attempt in told[0]["attempts"]] == [403]
        assert "not open to callbacks" in told[0]["attempts"][0]["answer"]
        assert http.get(f"{server.url}/_mock/tasks/{victim}", headers=alice).json() == before


def test_looking_makes_no_tenants(url, http):
    before = len(http.get(f"{url}/_mock/account").json()["accounts"])
    for path in ("tasks", "requests", "callbacks", "account", "clock", "tasks/none"):
        http.get(f"{url}/_mock/{path}", params={"key": "nobody-ever"})
    assert len(http.get(f"{url}/_mock/account").json()["accounts"]) == before
