"""The pytest plugin as a client's own tests use it, and MockServer as an ASGI app."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import httpx
import pytest

from mock_server import MockServer

pytest_plugins = ["pytester"]

CLIENT_TESTS = """
import json
import urllib.request

def submit(kirin, **params):
    body = json.dumps({"model": "kirin_v1_t2v", "prompt": "a", **params}).encode()
    headers = {"Authorization": f"Bearer {kirin.api_key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(kirin.url + "/model/v1/generation", body, headers)) as answer:
        return json.load(answer)

def test_a_callback_arrives(kirin):
    inbox = kirin.inbox("news")
    submit(kirin, callback_url=inbox.url)
    assert [message.body["status"] for message in inbox.wait_for(2)] == ["in_progress", "completed"]

def test_time_can_be_stopped_and_moved(kirin):
    kirin.clock.manual()
    inbox = kirin.inbox("news")
    made = submit(kirin, callback_url=inbox.url)
    assert inbox.messages == []
    assert kirin.clock.advance(60) == 2
    assert kirin.task(made["id"]).at(kirin.clock.now()).status == "completed"

def test_each_test_starts_anew(kirin):
    assert kirin.inbox("news").messages == []
    assert submit(kirin)["id"] == submit_id

submit_id = "602ef500cbf5f284ef9e2bd8685095a4"
"""


def test_a_clients_own_tests_use_one_fixture(pytester):
    pytester.makepyfile(CLIENT_TESTS)
    result = pytester.runpytest_subprocess("-q", "-W", "error", "-p", "no:cacheprovider")
    assert result.parseoutcomes() == {"passed": 3}


def test_settings_can_be_changed(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="session")
        def kirin_settings():
            return {"speed": "manual", "seed": 9, "api_key": ["mine"]}

        def test_it(kirin):
            assert kirin.api_key == "mine"
            assert kirin.settings.seed == 9
        """
    )
    assert pytester.runpytest_subprocess("-q").parseoutcomes() == {"passed": 1}


def test_the_plugin_costs_nothing_until_it_is_used():
    code = "import sys; import mock_server.testing.plugin; print([m for m in sys.modules if m.startswith('uvicorn')])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "[]"


def test_an_asgi_app_needs_no_socket():
    async def work():
        server = MockServer(speed="manual")
        transport = httpx.ASGITransport(server.app)
        async with httpx.AsyncClient(transport=transport, base_url=server.url) as client:
            client.headers["Authorization"] = f"Bearer {server.api_key}"
            inbox = server.inbox()
            body = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": inbox.url}
            await client.post("/model/v1/generation", json=body)
            await client.post("/_mock/clock/advance", json={"seconds": 5})
            return inbox.bodies

    assert [body["status"] for body in asyncio.run(work())] == ["in_progress", "completed"]


def test_a_server_that_is_not_started_says_so():
    with pytest.raises(RuntimeError, match="not started"):
        MockServer().reset()


def test_two_servers_run_side_by_side(http):
    with MockServer() as one, MockServer() as other:
        assert one.url != other.url
        headers = {"Authorization": "Bearer k"}
        body = {"model": "kirin_v1_t2v", "prompt": "a"}
        made = http.post(one.url + "/model/v1/generation", json=body, headers=headers).json()
        path = f"/model/v1/generation/task/{made['id']}"
        assert http.get(one.url + path, headers=headers).status_code == 200
        assert http.get(other.url + path, headers=headers).status_code == 404
