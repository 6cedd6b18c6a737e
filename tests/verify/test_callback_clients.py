"""Callbacks in every form: each client with one bug in its receiver is caught, and careful ones have no finding."""

from __future__ import annotations

import base64
import json

import pytest

from mock_server.conformance.properties import Thresholds
from mock_server.core.resources import resource
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.forging import AFTERTHOUGHTS, UNASKED
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.kit import Intent
from mock_server.verify.client.reference_clients.light import Light, LightQueued
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Reference
from mock_server.verify.client.run import Harness
from mock_server.verify.repertoire.genuine import GENUINE
from tests.support.client_mutants import client_of
from tests.support.client_mutants.receiving import RECEIVING
from tests.support.depth import first

#: The first bug of each property; the others are tried at greater depth.
FIRST = {RECEIVING[bug][0]: bug for bug in reversed(RECEIVING)}.values()


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    "bug", [pytest.param(bug, marks=() if bug in FIRST else pytest.mark.deep) for bug in RECEIVING]
)
def test_a_client_with_one_bug_in_its_receiver_is_caught_for_that(bug, seed):
    report = Harness(InProcess(client_of(bug)), Thresholds(), seed).verify(300, shrink=False)
    property_id = RECEIVING[bug][0]
    assert set(report.shown) == {property_id}


class HintOnly(Light):
    """Verifies nothing, believes nothing, and asks the platform when something comes."""

    def on_callback(self, headers, body):
        return 200


class HintWhereUnsigned(Light):
    """Believes what is signed; what is not is a hint to ask the platform."""

    def on_callback(self, headers, body):
        return 202 if not headers.get("webhook-signature") else super().on_callback(headers, body)


class NoReceiver(Light):
    """Polls."""

    on_callback = None


class RefusesAfterthoughts(Light):
    """Says so where a callback contradicts the end that it knows."""

    def on_callback(self, headers, body):
        known = self.task
        status = super().on_callback(headers, body)
        if status == 200 and known is not None and headers["webhook-id"].endswith("_after"):
            return 409
        return status


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.soak)])
@pytest.mark.parametrize("client", first(2, [HintOnly, HintWhereUnsigned, NoReceiver, RefusesAfterthoughts]))
def test_a_careful_client_has_no_finding(client, seed):
    report = Harness(InProcess(client), Thresholds(), seed).verify(300, shrink=False)
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
    assert ("W31" in report.exercised) is (client is not NoReceiver)


def _case(**changes):
    intent = Intent("kirin_v1_t2v", {"prompt": "A red apple"}, with_callbacks=True)
    scenario = {"name": "script", "match": {}, "task": {"queued": 3, "running": 60}, "faults": []}
    return ClientCase(intent, "completed", None, scenario, **changes)


@pytest.mark.parametrize("client", [Light, LightQueued, Reference, Queued])
def test_every_callback_of_the_repertoire_is_taken_or_refused_by_a_right_client(client):
    harness = Harness(InProcess(client), Thresholds())
    cases = [_case(forge_after=4.0, forgeries=(name,)) for name in UNASKED]
    cases += [_case(form=form) for form in GENUINE] + [_case(afterthought=name) for name in AFTERTHOUGHTS]
    for case in cases:
        ran, verdict = harness.run(case)
        assert [fault.says for fault in verdict.faults] == []
        assert ran.played.outcome.said == "completed"
        assert ClientCase.of_json(json.loads(json.dumps(case.as_json()))).told() == case.told()


def test_an_earlier_finding_with_one_forgery_is_read():
    value = {**_case(forge_after=4.0).as_json(), "forgery": "bare"}
    del value["forgeries"]
    assert ClientCase.of_json(value).forgeries == ("bare",)


class BuysTwice(Reference):
    """Takes another id for each try."""

    def body(self, intent):
        self.order += "-again"
        return super().body(intent)


@pytest.mark.parametrize(("client", "violated"), [(Reference, set()), (Queued, set()), (BuysTwice, {"W05", "W06"})])
def test_what_is_bought_twice_with_a_picture_in_base64_is_seen(client, violated):
    picture = base64.b64encode(resource("fixtures", "images", "landscape.jpg").read_bytes()).decode()
    params = {"image": picture, "image_tail": picture, "mode": "pro", "negative_prompt": "\U0001f34e" * 2400}
    lost = {"fault": "lost_answer", "how": "reset", "on": "submit", "times": 1}
    scenario = {"name": "script", "match": {}, "task": {"queued": 1, "running": 20}, "faults": [lost]}
    case = ClientCase(Intent("kirin_v1_5_i2v", params), "completed", None, scenario)
    ran, verdict = Harness(InProcess(client), Thresholds()).run(case)
    assert max(len(call.body) for call in ran.traffic.calls) > 16 * 1024
    found = {fault.property.id for fault in verdict.faults}
    assert violated <= found
    assert bool(violated) is bool(found)
    assert verdict.exercised["W06"] >= 1
