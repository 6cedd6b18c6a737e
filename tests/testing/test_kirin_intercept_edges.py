"""Where ``kirin.intercept()`` begins and ends: what it replaces, who has a host, and what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.client
import inspect
import json
import os
import re
import smtplib
import socket
import subprocess
import sys
import urllib.request

import aiohttp
import httpcore
import httpx
import pytest
import requests
import urllib3
import uvloop

from mock_server import MockServer
from mock_server.core.errors import UsageError
from mock_server.core.hosts import PLATFORM_HOSTS
from mock_server.testing.intercept import NotCovered, claims, httpcore_hook
from tests.core.test_packaging import ROOT
from tests.support.intercepted import LIBRARIES

pytest_plugins = ["pytester"]

HOST = PLATFORM_HOSTS[0]
BASE = f"https://{HOST}"
KEY = {"Authorization": "Bearer sk-test"}
MODELS = "/api/v1/skill/models"
EVERY = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
OWNERS = [
    httpcore.ConnectionPool, httpcore.AsyncConnectionPool, httpcore.HTTPProxy, httpx.HTTPTransport, httpx.Client,
    requests.adapters.HTTPAdapter, requests.Session, urllib3.HTTPConnectionPool, urllib3.HTTPSConnectionPool,
    urllib3.connection.HTTPConnection, urllib3.connection.HTTPSConnection, aiohttp.BaseConnector,
    aiohttp.TCPConnector, aiohttp.ClientSession, http.client.HTTPConnection, http.client.HTTPSConnection,
    urllib.request, socket, socket.socket, asyncio.BaseEventLoop, uvloop.Loop,
]  # fmt: skip


@pytest.fixture
def kirin(kirin_server):
    kirin_server.reset()
    return kirin_server


def _attributes():
    return {(owner, name): value for owner in OWNERS for name, value in vars(owner).items()}


def _same(before, after):
    return before.keys() == after.keys() and all(before[key] is after[key] for key in before)


def test_afterwards_every_attribute_is_the_very_same_object_as_before(kirin):
    before = _attributes()
    with kirin.intercept():
        assert not _same(before, _attributes())
        with kirin.intercept("api.example"):
            httpx.get(f"{BASE}{MODELS}", headers=KEY)
        assert not _same(before, _attributes())
    assert _same(before, _attributes())


def test_an_exception_puts_everything_back_too(kirin):
    before = _attributes()
    with pytest.raises(ZeroDivisionError), kirin.intercept():
        _ = 1 / 0
    assert _same(before, _attributes())


def test_a_beginning_that_fails_puts_everything_back(kirin, monkeypatch):
    before = _attributes()
    monkeypatch.setitem(claims._HOOKS, "json", "no_such_hook")
    with pytest.raises(ModuleNotFoundError), kirin.intercept():
        raise AssertionError("it began")
    assert _same(before, _attributes())
    assert not kirin.built.outgoing.stand_ins


def test_what_somebody_else_replaced_meanwhile_stays_theirs(kirin, monkeypatch):
    with monkeypatch.context() as theirs:
        original = socket.gethostbyname
        with kirin.intercept():
            ours = socket.gethostbyname
            theirs.setattr(socket, "gethostbyname", mine := functools.partial(ours))
        assert socket.gethostbyname is mine
    assert socket.gethostbyname is ours  # which now does nothing but call the original
    assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
    socket.gethostbyname = original


async def _open_connection():
    await asyncio.open_connection(HOST, 443)


async def _look_up():
    await asyncio.get_running_loop().getaddrinfo(HOST, 443)


def _in_uvloop(work):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


def _connect(name):
    with socket.socket() as raw:
        getattr(raw, name)((HOST, 443))


STRANGERS = {
    "create_connection": lambda: socket.create_connection((HOST, 443)),
    "connect": lambda: _connect("connect"),
    "connect_ex": lambda: _connect("connect_ex"),
    "getaddrinfo": lambda: socket.getaddrinfo(HOST, 443),
    "getaddrinfo by keyword": lambda: socket.getaddrinfo(host=HOST, port=443),
    "getaddrinfo of bytes": lambda: socket.getaddrinfo(HOST.encode(), 443),
    "gethostbyname": lambda: socket.gethostbyname(HOST),
    "gethostbyname_ex": lambda: socket.gethostbyname_ex(HOST.upper() + "."),
    "open_connection": lambda: asyncio.run(_open_connection()),
    "loop.getaddrinfo": lambda: asyncio.run(_look_up()),
    "open_connection of uvloop": lambda: _in_uvloop(_open_connection),
    "loop.getaddrinfo of uvloop": lambda: _in_uvloop(_look_up),
    "smtplib": lambda: smtplib.SMTP(HOST),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_client_that_is_not_covered_is_told_so(kirin, stranger):
    with kirin.intercept(), pytest.raises(NotCovered) as told:
        STRANGERS[stranger]()
    said = str(told.value).lower()
    for part in (HOST, "kirin.intercept()", "not covered", "aiohttp", "kirin-mock run -- command"):
        assert part in said


def test_httpcore_in_another_kind_of_loop_is_told_so(kirin):
    with kirin.intercept() as entered, pytest.raises(NotCovered, match=HOST):
        # No loop of asyncio runs here, as none does under trio.
        httpcore_hook._AsyncBackend(entered.intercept(), secure=True).connect_tcp(HOST, 443).send(None)


@EVERY
def test_a_forked_process_is_told_that_it_is_not_covered(kirin, library, monkeypatch):
    with kirin.intercept(), monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        with pytest.raises(NotCovered, match="forked process"):
            library.get(f"{BASE}{MODELS}", KEY)


def test_other_hosts_are_looked_up_as_ever(kirin):
    with kirin.intercept():
        assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
        assert socket.getaddrinfo("127.0.0.1", 80)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            socket.create_connection(listening.getsockname()).close()


def _served_by(library, host):
    """The seed of the server that answers for a host, which its first task id tells."""
    body = json.dumps({"model": "kirin_v1_t2v", "prompt": "a"}).encode()
    headers = {**KEY, "Content-Type": "application/json"}
    answer = library.call("POST", f"https://{host}/model/v1/generation", headers, body, 60.0)
    return json.loads(answer.content)["id"]


@EVERY
def test_several_servers_have_their_hosts_and_the_last_to_come_has_it(library):
    one, other = MockServer(seed=1, speed="manual"), MockServer(seed=2, speed="manual")
    with one.intercept("one.example", "both.example"), other.intercept("other.example"):
        assert _served_by(library, "one.example") != _served_by(library, "other.example")
        one.reset()
        other.reset()
        first, second = _served_by(library, "one.example"), _served_by(library, "other.example")
        with other.intercept("both.example"):
            other.reset()
            assert _served_by(library, "both.example") == second
        one.reset()
        assert _served_by(library, "both.example") == first


def test_interceptions_may_end_in_any_order(kirin):
    before = _attributes()
    other = MockServer(speed="manual")
    early, late = kirin.intercept(), other.intercept()
    with contextlib.ExitStack() as stack:
        stack.callback(late.__exit__, None, None, None)
        early.__enter__()
        late.__enter__()
        early.__exit__(None, None, None)
        assert httpx.get(f"{BASE}{MODELS}", headers=KEY).status_code == 200
        assert other.built.service.tenants["sk-test"].journal.calls == 1
    assert _same(before, _attributes())


@EVERY
def test_a_server_without_a_socket_answers_to_its_own_url_as_well(library):
    with MockServer(speed="manual").intercept() as kirin:
        assert kirin.url == "http://kirin.test"
        assert library.get(f"{kirin.url}{MODELS}", KEY).status == 200


@EVERY
def test_a_server_without_a_socket_answers_to_the_other_host_of_its_queue(library):
    with MockServer(speed="manual").intercept() as kirin:
        headers = {**KEY, "Content-Type": "application/json", "X-Mock-Scenario": "queue_urls=other_host"}
        url = f"{kirin.url}/model/v1/queue/kirin_v1_t2v"
        made = json.loads(library.call("POST", url, headers, b'{"prompt": "a"}', 60.0).content)
        assert made["status_url"].startswith("http://queue.kirin.test/")
        assert library.get(made["status_url"], KEY).status == 200


def test_other_programs_of_this_machine_are_called_although_the_servers_url_names_it(image_host):
    with MockServer(public_url=image_host).intercept(), httpx.Client(trust_env=False) as client:
        assert "SimpleHTTP" in client.get(f"{image_host}/landscape.jpg").headers["server"]


def test_a_server_without_a_socket_keeps_its_tasks_from_one_interception_to_the_next():
    kirin = MockServer(speed="manual")
    submitted = functools.partial(_served_by, LIBRARIES[0], HOST)
    with kirin.intercept():
        task = submitted()
    assert kirin.task(task).model == "kirin_v1_t2v"
    with kirin.intercept(), kirin.intercept("more.example"):
        kirin.complete(task)
        polled = httpx.get(f"{BASE}/model/v1/generation/task/{task}", headers=KEY).json()
    assert polled["output"][0]["content"][0]["url"].startswith(f"{BASE}/media/")


@EVERY
def test_a_public_url_gives_way_to_the_host_that_was_called(library):
    with MockServer(public_url="https://mock.example", speed="manual").intercept() as kirin:
        inside = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nx\r\n--x--\r\n'
        headers = {**KEY, "Content-Type": "multipart/form-data; boundary=x"}
        answer = library.call("POST", f"{BASE}/api/v1/storage/files", headers, inside, 60.0)
        assert json.loads(answer.content)["data"]["url"].startswith(f"{BASE}/")
        assert kirin.url == "https://mock.example"


@pytest.mark.parametrize("form", ["on a socket", "in memory"])
def test_the_server_fetches_its_own_pictures_under_an_intercepted_host(form):
    kirin = MockServer(speed="manual", timing="instant")
    with kirin if form == "on a socket" else contextlib.nullcontext(), kirin.intercept():
        made = {"model": "kirin_v1_5_i2v", "data": {"prompt": "a", "image": f"{BASE}/media/nothing/0.jpg"}}
        answer = httpx.post(f"{BASE}/model/v1/generation", json=made, headers=KEY)
        assert "answered 404" in answer.text


def test_a_callback_to_the_servers_own_inbox_arrives_in_both_forms():
    for kirin in (MockServer(speed="manual"), MockServer(speed="manual").start()):
        with kirin.intercept():
            inbox = kirin.inbox()
            body = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": inbox.url}
            assert httpx.post(f"{BASE}/model/v1/generation", json=body, headers=KEY).status_code == 200
            kirin.clock.advance(60)
            assert [one["status"] for one in inbox.bodies] == ["in_progress", "completed"]
        kirin.stop()


def test_it_decorates_functions_and_coroutine_functions(kirin):
    @kirin.intercept()
    def now(path):
        return requests.get(f"{BASE}{path}", headers=KEY, timeout=60).status_code

    @kirin.intercept()
    async def later(path):
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{BASE}{path}", headers=KEY)).status_code

    assert [now(MODELS), now(MODELS), asyncio.run(later(MODELS))] == [200, 200, 200]
    assert list(inspect.signature(now).parameters) == ["path"]
    assert inspect.iscoroutinefunction(later)


def test_it_does_not_decorate_what_goes_on_after_its_call(kirin):
    def generator():
        yield 1

    async def later():
        yield 1

    for function in (generator, later, MockServer, 3):
        with pytest.raises(TypeError, match="with statement"):
            kirin.intercept()(function)


def test_async_with_works_as_with_does(kirin):
    async def work():
        async with kirin.intercept() as entered, httpx.AsyncClient() as client:
            assert entered is kirin
            return (await client.get(f"{BASE}{MODELS}", headers=KEY)).status_code

    before = _attributes()
    assert asyncio.run(work()) == 200
    assert _same(before, _attributes())


def test_one_interception_begins_once(kirin):
    one = kirin.intercept()
    with one, pytest.raises(RuntimeError, match="begun already"):
        one.__enter__()
    with one:
        assert httpx.get(f"{BASE}{MODELS}", headers=KEY).status_code == 200


@pytest.mark.parametrize("host", ["", "https://a.example", "a.example:443", "a b", "a/b", "ä.example", 3, "-a"])
def test_what_is_no_host_name_is_refused(kirin, host):
    with pytest.raises(UsageError, match="must be a host name such as"):
        kirin.intercept(host)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "10.0.0.1", "a.localhost"])
def test_addresses_are_refused(kirin, host):
    with pytest.raises(UsageError, match=r"must be a host name|must not be a name of this machine"):
        kirin.intercept(host)


@EVERY
def test_a_server_that_has_stopped_refuses_connections(library):
    kirin = MockServer(speed="manual").start()
    with kirin.intercept():
        kirin.stop()
        with pytest.raises(library.refused):
            library.get(f"{BASE}{MODELS}", KEY)


def test_a_test_has_it_by_one_fixture(pytester):
    pytester.makepyfile(
        """
        import urllib.request

        def test_it(kirin_intercept, kirin):
            assert kirin is kirin_intercept
            with urllib.request.urlopen("https://cloud.seaart.ai/openapi.json") as answer:
                assert answer.status == 200

        def test_it_is_over(kirin):
            import socket
            assert socket.getaddrinfo.__module__ == "socket"
        """
    )
    result = pytester.runpytest_subprocess("-q", "-W", "error", "-p", "no:cacheprovider")
    assert result.parseoutcomes() == {"passed": 2}


def test_nothing_of_it_is_imported_until_it_is_asked_for():
    code = (
        "import sys; import mock_server.testing.plugin, mock_server.testing.server as s; k = s.MockServer();"
        "late = ('aiohttp', 'requests', 'urllib3', 'trustme');"
        "print([m for m in sys.modules if 'testing.intercept' in m or m in late]);"
        "k.intercept().__enter__(); print('aiohttp' in sys.modules); k.stop()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.split("\n")[:2] == ["[]", "True"]


def test_the_examples_of_its_page_work(pytester):
    fixture, alone = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "intercept-in-tests.md").read_text(), re.DOTALL
    )
    pytester.makepyfile(fixture)
    result = pytester.runpytest_subprocess("-q", "-W", "error", "-p", "no:cacheprovider")
    assert result.parseoutcomes() == {"passed": 1}
    ended = subprocess.run([sys.executable, "-c", alone], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout == "200\n200\n"


def test_its_page_names_every_host():
    page = (ROOT / "docs" / "intercept-in-tests.md").read_text()
    assert all(f"`{host}`" in page for host in PLATFORM_HOSTS)
