"""Servers that do not answer, answer slowly or stop: the virtual time of a call, and streams of httpx."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from mock_server.verify.client.kit import Kit, Outcome, Reply
from mock_server.verify.client.reference_clients.asynchronous import Asynchronous
from mock_server.verify.client.reference_clients.light import Light, LightQueued
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Reference
from tests.support.one_case import case_of, played, violations

NEVER = 1e6
HANGS = (
    {"fault": "silence", "seconds": NEVER, "on": "submit", "times": 1},
    {"fault": "lost_answer", "how": "silence", "seconds": NEVER, "on": "submit", "times": 1},
    {"fault": "silence", "seconds": NEVER, "on": "poll", "times": 1},
    {"fault": "drip", "size": 100, "gap": NEVER, "on": "poll", "times": 1},
)
SLOW = (
    {"fault": "latency", "seconds": 3, "on": ["submit", "poll"]},
    {"fault": "latency", "seconds": 30, "on": ["submit", "poll"], "times": 1},
    {"fault": "drip", "size": 100, "gap": 2, "on": ["submit", "poll", "result"]},
)
GOOD = (Light, Reference, Asynchronous, Queued, LightQueued)


@pytest.mark.parametrize("client", GOOD)
def test_a_client_with_a_timeout_gets_over_servers_that_hang(client):
    cases = [case_of(fault) for fault in (*HANGS, *SLOW)]
    for ran, found in played(client, *cases):
        assert (ran.played.outcome.said, found) == ("completed", {}), ran.case


class Patient(Reference):
    """No timeout at all."""

    def __init__(self, kit):
        super().__init__(kit)
        self.http.timeout = None


class PatientReader(Reference):
    """A timeout for the connection alone."""

    def __init__(self, kit):
        super().__init__(kit)
        self.http.timeout = httpx.Timeout(None, connect=5)


class PatientAsynchronous(Asynchronous):
    """The same with asyncio."""

    def __init__(self, kit):
        super().__init__(kit)
        self.http.timeout = None


class TenMinutes(Reference):
    """A timeout longer than its deadline."""

    def __init__(self, kit):
        super().__init__(kit)
        self.http.timeout = 3600


@pytest.mark.parametrize("fault", HANGS)
@pytest.mark.parametrize("client", [Patient, PatientReader, PatientAsynchronous, TenMinutes])
def test_a_client_without_a_timeout_is_found_and_hangs_nobody(client, fault):
    ((ran, found),) = played(client, case_of(fault))
    assert set(found) == {"W14"}
    if client is not TenMinutes:
        assert "has no timeout" in found["W14"]
    assert ran.played.slow is False


class Streaming(Reference):
    """Reads answers as streams, in each of the ways that httpx has."""

    def poll(self):
        with self.http.stream("GET", self.poll_path(), headers=self.headers()) as answer:
            body = b"".join(answer.iter_raw(100))
        return httpx.Response(answer.status_code, content=body, headers={"retry-after": "1"})

    def fetched(self, url):
        with self.http.stream("GET", url) as answer:
            pieces = list(answer.iter_bytes(64))
        assert len(pieces) > 1
        return super().fetched(url)


def test_streams_of_httpx_are_whole_and_break_off_as_in_life():
    faults = [
        {"fault": "truncate", "on": "poll", "times": 1},
        {"fault": "reset", "when": "during", "on": "poll", "skip": 1, "times": 1},
        {"fault": "truncate", "on": "media", "times": 1},
    ]
    intent = case_of().intent
    wanted = type(intent)(intent.model, intent.params, download=True)
    assert violations(Streaming, case_of(*faults, intent=wanted), case_of(intent=wanted)) == set()


class _Small:
    """A platform that answers with so many bytes."""

    def __init__(self, reply):
        self.reply = reply
        self.timeouts = []

    def answer(self, method, target, headers, body, timeout=60.0):
        self.timeouts.append(timeout)
        return self.reply


def _kit(reply):
    return Kit("http://kirin.test", "sk", "http://127.0.0.1/callbacks", "whsec_", _Small(reply), lambda: "")


def test_raw_streams_can_be_read_by_sync_and_async_clients():
    kit = _kit(Reply(200, [(b"content-type", b"text/plain")], b"x" * 2000))

    async def read():
        async with (
            httpx.AsyncClient(transport=kit.transport) as client,
            client.stream("GET", "http://kirin.test/a") as answer,
        ):
            return [len(piece) async for piece in answer.aiter_raw()]

    with httpx.Client(transport=kit.transport) as client, client.stream("GET", "http://kirin.test/a") as answer:
        sizes = [len(piece) for piece in answer.iter_raw()]
        assert answer.http_version == "HTTP/1.1"
    assert sizes == asyncio.run(read()) == [512, 512, 512, 464]
    assert kit.platform.timeouts == [5.0, 5.0]


def test_a_stream_that_stops_is_a_read_timeout_and_one_that_is_cut_a_protocol_error():
    for reply, error in (
        (Reply(200, [], b"x" * 600, cut=True, stalled=True), httpx.ReadTimeout),
        (Reply(200, [], b"x" * 600, cut=True), httpx.RemoteProtocolError),
    ):
        client = httpx.Client(transport=_kit(reply).transport)
        with client.stream("GET", "http://kirin.test/a") as answer:
            pieces = answer.iter_raw()
            assert len(next(pieces)) == 512
            with pytest.raises(error):
                list(pieces)


def test_a_pause_of_less_than_nothing_is_the_error_of_time_sleep():
    with pytest.raises(ValueError, match="non-negative"):
        _kit(Reply(200, [], b"")).sleep(-1)


def test_a_client_that_polls_each_second_of_a_long_task_is_not_taken_for_one_that_never_ends():
    class Eager(Light):
        poll_gap = longest_gap = 1.0

        def run(self, intent, deadline):
            outcome = super().run(intent, deadline)
            assert isinstance(outcome, Outcome)
            return outcome

    assert violations(Eager, case_of(task={"running": 2700}, deadline=3600.0)) == set()
