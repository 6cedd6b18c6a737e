"""Each client with one bug is caught for it, where it shows on the wire by its traffic alone; a good one never is."""

from __future__ import annotations

import contextlib
import functools

import pytest

from mock_server.conformance.checks import Observer
from mock_server.conformance.properties import PROPERTIES, Thresholds
from mock_server.contract.judge import Judge
from mock_server.models import discover
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.properties import ALL
from mock_server.verify.client.reference_clients.asynchronous import Asynchronous
from mock_server.verify.client.reference_clients.light import Light
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Reference
from mock_server.verify.client.run import Harness
from tests.support.client_mutants import ESCAPED, GROUPS, MUTANTS, client_of
from tests.support.client_mutants.callbacks import CALLBACKS
from tests.support.client_mutants.living import LIVING
from tests.support.client_mutants.networking import NETWORKING
from tests.support.client_mutants.queue import QUEUE
from tests.support.client_mutants.receiving import RECEIVING
from tests.support.depth import first

SCRIPTS = 300
OBSERVER = Observer({model: Judge(endpoint) for model, endpoint in discover().items()}, Thresholds())


class Watched(Harness):
    """Takes what the traffic alone shows beside what the harness says."""

    def __init__(self, session, seed=0):
        super().__init__(session, Thresholds(), seed)
        self.by_traffic = {}

    def run(self, case):
        ran, verdict = super().run(case)
        excused = {"W04"} if case.expected == "rejected" else set()  # the body is to break its document
        if ran.played.cancelled_at is not None:
            excused.add("W20")  # the video was not wanted any more
        if ran.played.killed:
            return ran, verdict  # that there were two lives is not in the traffic
        for fault in OBSERVER.judge(ran.traffic).faults:
            if fault.property.id not in excused:
                self.by_traffic.setdefault(fault.property.id, fault.says)
        return ran, verdict


@functools.cache
def verified(client, until=None, seed=0):
    """The violations of a client, and those that its traffic alone shows; each run is made once."""
    with contextlib.closing(InProcess(client if until is None else client_of(client))) as session:
        harness = Watched(session, seed)
        report = harness.verify(SCRIPTS, shrink=False, until=until)
    return {name: shown.fault.says for name, shown in report.shown.items()}, harness.by_traffic


#: The first bug of each property; the others are tried at greater depth.
CHOSEN = set({MUTANTS[bug][0]: bug for bug in reversed(MUTANTS)}.values())


def of(bugs):
    """These to parametrize with; all that are not chosen at greater depth only."""
    return [pytest.param(bug, marks=() if bug in CHOSEN else pytest.mark.deep) for bug in bugs]


@pytest.mark.parametrize("bug", of(MUTANTS))
def test_a_client_with_one_bug_is_caught_for_the_right_thing(bug):
    property_id, _ = MUTANTS[bug]
    shown, _ = verified(bug, property_id)
    assert property_id in shown, shown


@pytest.mark.parametrize("bug", ESCAPED)
def test_what_is_said_to_escape_does(bug):
    property_id, _ = ESCAPED[bug]
    shown, _ = verified(bug, property_id)
    assert property_id not in shown, "it is caught now: it belongs in MUTANTS"


def test_every_property_is_broken_by_some_client():
    assert len(MUTANTS) >= 100
    assert {property_id for property_id, _ in MUTANTS.values()} == set(ALL)
    assert not set(MUTANTS) & set(ESCAPED)
    assert len(QUEUE) >= 30


@pytest.mark.deep
def test_what_shows_on_the_wire_is_seen_in_recorded_traffic_alone():
    # what comes to a receiver, and how the network goes, only the case knows as well
    known = {bug: MUTANTS[bug][0] for bug in MUTANTS if bug not in {**CALLBACKS, **RECEIVING, **NETWORKING, **LIVING}}
    on_the_wire = {bug: property_id for bug, property_id in known.items() if property_id in PROPERTIES}
    # whether two orders that are alike come from one intent, only the case knows
    missed = {bug for bug, property_id in on_the_wire.items() if property_id not in verified(bug, property_id)[1]}
    # and that an id is somebody else's, or has a slash that is not encoded, too
    of_the_case = {"insists on a taken id", "an id quoted without its slashes"}
    # a case shows these before their traffic does, and the run ends there
    first_by_case = {
        "an id of the queue's cancel not quoted",
        "no external id",
        "another id after a 409",
    }
    assert missed == {"buys again when it takes long", *of_the_case, *first_by_case}
    assert len(on_the_wire) >= 35


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.deep)])
@pytest.mark.parametrize("client", first(2, [Light, Queued, Reference, Asynchronous]))
def test_recorded_traffic_of_a_good_client_gives_no_alarm(client, seed):
    assert verified(client, None, seed)[1] == {}


def test_no_two_clients_share_a_name():
    assert len(MUTANTS) == sum(map(len, GROUPS))
