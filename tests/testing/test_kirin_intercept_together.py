"""Interceptions of one server that overlap: nested, in several threads, and in coroutines that end at other times."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import threading

import httpx
import pytest
import requests

from mock_server import MockServer
from mock_server.core.hosts import PLATFORM_HOSTS
from mock_server.testing.intercept import claims
from tests.support.intercepted import LIBRARIES

HOST = PLATFORM_HOSTS[0]
BASE = f"https://{HOST}"
KEY = {"Authorization": "Bearer sk-test"}
MODELS = "/api/v1/skill/models"
EVERY = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
SLOW = {"name": "slow", "match": {}, "faults": [{"fault": "latency", "on": "discovery", "seconds": 60}]}


@pytest.fixture(params=["on a socket", "in memory"])
def kirin(request):
    """Both forms of a server."""
    one = MockServer(speed="manual", max_wait=3600)
    with one if request.param == "on a socket" else contextlib.nullcontext():
        yield one


def _upload(size):
    files = {"file": ("a.png", b"x" * size, "image/png")}
    return httpx.post(f"{BASE}/api/v1/storage/files", files=files, headers=KEY).json()["data"]["url"]


@EVERY
def test_an_answer_of_an_inner_block_is_read_in_the_outer_one(kirin, library):
    with kirin.intercept():
        with kirin.intercept():
            chunks = library.chunks(_upload(3_000_000))
            got = len(next(chunks))
        assert got + sum(map(len, chunks)) == 3_000_000
    assert not claims._claims


def test_coroutines_of_different_length_do_not_cut_each_other(kirin):
    async def get(client):
        return (await client.get(f"{BASE}{MODELS}", headers=KEY)).status_code

    @kirin.intercept()
    async def long(ended):
        async with httpx.AsyncClient() as client:
            waiting = asyncio.create_task(get(client))
            await asyncio.to_thread(kirin.clock.wait_for_calls, 1)
            await ended.wait()
            await asyncio.to_thread(kirin.clock.advance, 60)
            return [await waiting, (await client.get(f"{BASE}/openapi.json")).status_code]

    @kirin.intercept()
    async def short():
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{BASE}/openapi.json")).status_code

    async def work():
        ended = asyncio.Event()
        first = asyncio.create_task(long(ended))
        await asyncio.to_thread(kirin.clock.wait_for_calls, 1)
        others = await asyncio.gather(*(short() for _ in range(5)))
        ended.set()
        return await first, others

    with kirin.intercept():
        kirin.scenario(SLOW)
        assert asyncio.run(work()) == ([200, 200], [200] * 5)


def test_threads_do_not_cut_each_other(kirin):
    failed, done = [], []

    def work():
        try:
            for _ in range(20):
                with kirin.intercept():
                    done.append(requests.get(f"{BASE}{MODELS}", headers=KEY, timeout=60).status_code)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (failed, done) == ([], [200] * 120)
    assert not kirin.built.outgoing.stand_ins
    assert not claims._claims


def test_a_server_in_memory_ends_with_its_last_interception():
    kirin = MockServer(speed="manual")
    with kirin.intercept("one.example"):
        with kirin.intercept("other.example"):
            live = kirin.live
        assert kirin.live is live
        assert httpx.get(f"https://one.example{MODELS}", headers=KEY).status_code == 200
    assert kirin.live is None


def test_a_connection_to_a_host_ends_with_the_last_interception_of_that_host(kirin):
    with kirin.intercept():
        connection = http.client.HTTPSConnection("other.example")
        with kirin.intercept("other.example"):
            connection.request("GET", "/openapi.json")
            assert connection.getresponse().read()
        assert connection.sock.readable
        with pytest.raises(ConnectionError):
            connection.sock.recv(1)
        connection.close()
        assert httpx.get(f"{BASE}{MODELS}", headers=KEY).status_code == 200


def test_a_connection_that_comes_as_its_interception_ends_is_made_by_the_next(kirin):
    before = kirin.intercept()
    other = MockServer(speed="manual")
    with before:
        pass
    with pytest.raises(ConnectionRefusedError):
        before.connect(HOST, 443, secure=True)
    with other.intercept():
        pipe = before.connect(HOST, 443, secure=True)
        assert pipe in other.connections._pipes


def test_hosts_of_interceptions_are_no_longer_the_servers_once_they_ended(kirin):
    def attempt(url):
        body = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": url}
        task = httpx.post(f"{BASE}/model/v1/generation", json=body, headers=KEY).json()["id"]
        kirin.clock.advance(1)
        return kirin.deliveries(task)[0].attempts[0].status

    with kirin.intercept():
        with kirin.intercept("other.example"):
            assert attempt("https://other.example/_mock/inbox/a") == 200
        assert attempt("https://other.example/_mock/inbox/a") is None
        assert attempt(f"{BASE}/_mock/inbox/a") == 200
