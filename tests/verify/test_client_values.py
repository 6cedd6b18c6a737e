"""Clients that change one kind of value are caught by the covering set, and for that alone."""

from __future__ import annotations

import contextlib
import json

import pytest

from mock_server.conformance.properties import Thresholds
from mock_server.verify.client.comparing import changes
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.reference_clients.light import Light
from mock_server.verify.client.reference_clients.reference import Reference
from mock_server.verify.client.run import Harness
from tests.support.client_mutants import client_of
from tests.support.client_mutants.sending import posted
from tests.support.client_mutants.values import BY_CLASS, VALUES

CHOSEN = [bug for bugs in BY_CLASS.values() for bug in list(bugs)[:3]]


def _shown(bug, seed, **options):
    with contextlib.closing(InProcess(client_of(bug))) as session:
        report = Harness(session, Thresholds(), seed).verify(150, shrink=False, **options)
    return {name: shown.fault.says for name, shown in report.shown.items()}


@pytest.mark.parametrize("bug", CHOSEN)
def test_three_of_each_class_are_caught(bug):
    property_id, _ = VALUES[bug]
    assert property_id in _shown(bug, 0, until=property_id)


@pytest.mark.deep
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2))])
@pytest.mark.parametrize("bug", VALUES)
def test_each_is_caught_and_one_cause_gives_one_finding(bug, seed):
    property_id, _ = VALUES[bug]
    assert set(_shown(bug, seed)) == {property_id}


@pytest.mark.parametrize("bug", ["strips the right end", "leaves out false inside", "keeps axes within their bounds"])
def test_one_cause_gives_one_finding(bug):
    assert set(_shown(bug, 0)) == {VALUES[bug][0]}


def test_each_class_has_three():
    assert len(BY_CLASS) >= 8
    assert all(len(bugs) >= 3 for bugs in BY_CLASS.values())


SAME = [(1, 1.0), (1.0, 1), (-0.0, 0), (True, True), ({"a": [1.0]}, {"a": [1]}), ("", ""), (2**63 - 1, 2**63 - 1)]
OTHER = [
    (5, "5"),
    ("5", 5),
    (True, 1),
    (1, True),
    (False, 0),
    (0, False),
    (None, 0),
    ("", None),
    ([], {}),
    ([1], [1, 1]),
    ({"a": 1}, {"a": True}),
    ({"a": 1}, {}),
    ({}, {"a": 0}),
    (0.3, 0.1 + 0.2),
    (float(2**53), 2**53 + 1),
    ("e\u0301", "\u00e9"),
    ([1, 2], [2, 1]),
]


@pytest.mark.parametrize(("sent", "wanted"), SAME)
def test_what_makes_no_difference_in_json_is_none(sent, wanted):
    assert changes({"x": sent}, {"x": wanted}) == []


@pytest.mark.parametrize(("sent", "wanted"), OTHER)
def test_everything_else_is_one_and_has_its_path(sent, wanted):
    told, *_ = changes({"x": [{"y": sent}]}, {"x": [{"y": wanted}]})
    assert told.startswith("x[0].y")


def test_a_difference_in_a_long_text_is_shown_where_it_is():
    assert changes({"prompt": "a" * 100}, {"prompt": "a" * 99 + "\u00e9"}) == [
        "prompt (from character 100 it is 'a', not '\\xe9')"
    ]
    many = changes({"x": [0] * 9}, {"x": [1] * 9})
    assert many[-1] == "6 more"


def _floats(value):
    """Numbers of the contract, which JSON does not tell from integers, as floats."""
    return {name: float(one) for name, one in value.items()}


class Sorted(Light):
    """Writes its keys in another order."""

    def body(self, intent):
        return json.loads(json.dumps(super().body(intent), sort_keys=True))


class WithFloats(Light):
    """Writes 1.0 for 1 where a number is wanted."""

    def body(self, intent):
        made = super().body(intent)
        sent = made["input"][0]["params"]
        if "cfg_scale" in sent:
            sent["cfg_scale"] = float(sent["cfg_scale"])
        if "config" in sent.get("camera_control", {}):
            sent["camera_control"] = {**sent["camera_control"], "config": _floats(sent["camera_control"]["config"])}
        return made


class Escaped(Reference):
    """Escapes all that is not ASCII, and puts blanks between."""

    submit = posted(lambda body: json.dumps(body, ensure_ascii=True, indent=3))["submit"]


@pytest.mark.parametrize("client", [Sorted, WithFloats, Escaped])
def test_a_lawful_way_to_write_the_same_is_no_finding(client):
    with contextlib.closing(InProcess(client)) as session:
        report = Harness(session, Thresholds()).verify(150, shrink=False)
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
