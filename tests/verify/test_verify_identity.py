"""Whose task is whose: ids of the user's own, taken ids, and several intents of one client."""

from __future__ import annotations

import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from mock_server.conformance.properties import Thresholds
from mock_server.models import discover
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.external import External
from mock_server.verify.client.identity_cases import AWKWARD_IDS, identity_cases
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.program_messages import Terms
from mock_server.verify.client.reference_clients.asynchronous import Asynchronous
from mock_server.verify.client.reference_clients.light import Light, LightQueued
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Reference
from mock_server.verify.client.run import Harness
from tests.support.client_mutants import client_of
from tests.support.client_mutants.identity import IDENTITY
from tests.support.client_mutants.restarting import RESTARTING
from tests.support.client_mutants.stopping import STOPPING

CASES = identity_cases(discover())
#: What these clients do wrong besides, for another reason than the one that they are here for.
BESIDE = {
    "no quoting of an id": {"A04"},
    "only blanks of an id quoted": {"A04"},
    "looks the id up before it submits": {"W12"},
    "polls to the end after a cancel": {"W11", "W13"},
    "buys though it was cancelled": {"A06", "W14"},
    "starts anew": {"A02"},
}
BUGS = {**IDENTITY, **STOPPING, **RESTARTING}
#: Threads that go on take a while to be found in each case; the first other bug of each property is quick.
SLOW = ("a heartbeat goes on", "a timer goes on")
FIRST = {BUGS[bug][0]: bug for bug in reversed(BUGS) if bug not in SLOW}.values()


def violated(session, seed=0):
    """The properties that a client violates in all cases about whose task is whose."""
    with contextlib.closing(session):
        harness = Harness(session, Thresholds(), seed)
        found = {}
        for case in CASES:
            for fault in harness.run(case)[1].faults:
                found.setdefault(fault.property.id, fault.says)
    return found


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2))])
@pytest.mark.parametrize("bug", [pytest.param(bug, marks=() if bug in FIRST else pytest.mark.deep) for bug in BUGS])
def test_a_client_that_mistakes_a_task_or_its_end_is_caught_for_that_and_nothing_else(bug, seed):
    found = violated(InProcess(client_of(bug)), seed)
    assert set(found) - BESIDE.get(bug, set()) == {BUGS[bug][0]}, found


def _looks_once_more(self):
    outcome = self.before_the_look()
    self.kit.sleep(5)
    with contextlib.suppress(httpx.TransportError):
        self.poll()
    return outcome


def _takes_what_is_there(self):
    self.cancelled = False
    with contextlib.suppress(httpx.TransportError):
        answer = self.poll()
        if answer.is_success and self.is_final(answer.json()):
            return self.ended(answer.json())
    return self.before_the_look()


def _with_a_pool(self, intent, deadline):
    self.pool = ThreadPoolExecutor(2)
    return self.pool.submit(Reference.run, self, intent, deadline).result()


def _with_a_thread(self, intent, deadline):
    stop = threading.Event()
    beat = threading.Thread(target=stop.wait)
    beat.start()
    try:
        return Reference.run(self, intent, deadline)
    finally:
        stop.set()
        beat.join()


def _asks_before_it_submits_again(self, intent):
    if self.unsure:
        found = self.tried(self.poll)
        if found is not None and found.is_success:
            return self.followed()
    return self.before_the_lookup(intent)


def _ends_with_what_is_stored(self, intent):
    if self.stored_outcome is None:
        outcome = self.before_the_lookup(intent)
        self.stored_outcome = outcome
        return outcome
    return self.stored_outcome


GOOD_LIVES = {
    "asks before it submits again": {"carried_out": _asks_before_it_submits_again},
    "stores its outcome as well": {"carried_out": _ends_with_what_is_stored, "stored_outcome": None},
}


@pytest.mark.parametrize("base", [Light, LightQueued])
@pytest.mark.parametrize("way", GOOD_LIVES)
def test_no_right_way_to_start_again_is_held_against_a_client(way, base):
    client = type("Good", (base,), {"before_the_lookup": base.carried_out, **GOOD_LIVES[way]})
    cases = [case for case in CASES if case.kill is not None]
    with contextlib.closing(InProcess(client)) as session:
        harness = Harness(session, Thresholds())
        assert [fault.says for case in cases for fault in harness.run(case)[1].faults] == []


class StoresNothing(Light):
    """Has no way to store anything."""

    save = None


def test_a_client_that_stores_nothing_is_not_killed():
    harness = Harness(InProcess(StoresNothing), Thresholds())
    ran, verdict = harness.run(next(case for case in CASES if case.kill is not None))
    assert ran.played.outcome is not None
    assert ran.played.outcome.said == "completed"
    assert not ran.played.killed
    assert "I05" not in verdict.exercised


GOOD_ENDS = {
    "looks once more": {"called_off": _looks_once_more},
    "takes what is there": {"called_off": _takes_what_is_there},
    "works in a pool of its own": {"run": _with_a_pool},
    "ends its thread": {"run": _with_a_thread},
}


@pytest.mark.parametrize("base", [Light, LightQueued])
@pytest.mark.parametrize("way", GOOD_ENDS)
def test_no_right_way_to_end_is_held_against_a_client(way, base):
    client = type("Good", (base,), {"before_the_look": base.called_off, **GOOD_ENDS[way]})
    assert violated(InProcess(client)) == {}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2))])
@pytest.mark.parametrize("client", [Light, Reference, Asynchronous, Queued, LightQueued])
def test_a_good_client_keeps_its_tasks_apart(client, seed):
    assert violated(InProcess(client), seed) == {}


@pytest.mark.parametrize(
    "client", ["Light", *(pytest.param(one, marks=pytest.mark.deep) for one in ("LightQueued", "Asynchronous"))]
)
def test_a_program_keeps_its_tasks_apart_as_well(client):
    adapter = "mock_server.verify.client.adapters.stdio"
    assert violated(External([sys.executable, "-m", adapter, f"kirin_mock.reference_clients:{client}"], Terms())) == {}


class OneIntent(Light):
    """Says that it carries out one intent only, and insists on it."""

    intents = "one"
    done = False

    def begin(self, intent, deadline):
        assert not self.done
        self.done = True
        super().begin(intent, deadline)


def test_a_client_for_one_intent_is_asked_for_one():
    assert violated(InProcess(OneIntent)) == {}
    harness = Harness(InProcess(OneIntent), Thresholds())
    assert "I02" not in harness.verify(60).exercised


def test_the_cases_are_kept_and_read_as_they_are():
    assert [ClientCase.of_json(case.as_json()).as_json() for case in CASES] == [case.as_json() for case in CASES]
    used = {str(case.intent.params.get("external_task_id")) for case in CASES}
    assert used >= set(AWKWARD_IDS)
    assert sum(len(case.parts) > 1 for case in CASES) >= 15
