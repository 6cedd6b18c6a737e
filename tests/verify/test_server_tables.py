"""What servers are asked: right bodies that are made, pairs of values, messages, and cases that are tried again."""

from __future__ import annotations

import itertools
import logging

import pytest

from mock_server import MockServer
from mock_server.cli.main import main
from mock_server.models import discover
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.checks.bounds import fields_of
from mock_server.verify.server.checks.messages import mentions
from mock_server.verify.server.checks.pairs import Pairs
from mock_server.verify.server.checks.specs import as_schema
from mock_server.verify.server.pictures import lawful_pictures, no_pictures, unlawful_files
from mock_server.verify.server.run import AGAIN, Plan, all_cases, groups, plan, repeated
from mock_server.verify.server.samples import is_there
from tests.support.broken import BrokenServer, Mutant

ENDPOINTS = discover()
T2V = "kirin_v1_t2v"


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level(logging.CRITICAL, "kirin-mock")


@pytest.mark.parametrize("model", ENDPOINTS)
def test_there_are_right_bodies_with_every_field(model):
    bodies = Bodies(ENDPOINTS[model], 0)
    for field in fields_of(ENDPOINTS[model]):
        for path in (field.path, *field.places()):
            made = bodies.samples.having(path)
            assert made, path
            assert all(is_there(params, path) and not bodies.broken(params) for params in made)


@pytest.mark.parametrize("model", ENDPOINTS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pairs_are_right_bodies_and_bodies_that_break_one_rule(model, seed):
    bodies = Bodies(ENDPOINTS[model], seed)
    table = Pairs(ENDPOINTS[model], bodies, seed)
    right = list(table.accepted())
    assert 10 <= len(right) <= 100
    assert not any(bodies.broken(params) for params in right)
    for _, params, _ in table.refused():
        assert len({one.rule for one in bodies.broken(params)}) == 1


def test_pictures_are_what_they_are_called():
    names = [name for name, _ in itertools.chain(lawful_pictures(), unlawful_files(), no_pictures())]
    assert len(set(names)) == len(names) > 50


def test_every_case_has_an_id_of_its_own():
    ids = [case.id for case in all_cases(ENDPOINTS, 0)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("message", "path", "told"),
    [
        ("image_list[2].image is a GIF", "image_list[2].image", True),
        ("image_list.2.image is a GIF", "image_list[2].image", True),
        ("image_list[0].image is a GIF", "image_list[2].image", False),
        ("prompt is required", "prompt", True),
        ("something is wrong", "prompt", False),
    ],
)
def test_a_message_tells_a_parameter_by_every_step_of_its_path(message, path, told):
    assert mentions(message, path) is told


def test_a_spec_that_cannot_be_read_is_an_empty_one():
    for odd in (None, 5, "x", {}, [None, 5, {"name": 1}, {}]):
        assert as_schema(odd)["properties"] == {}
    assert as_schema([{"name": "a", "children": 5, "constraints": []}])["properties"] == {"a": {"type": None}}


class BreaksLater:
    """Answers the submits from the n-th on with an error."""

    def __init__(self, after):
        self.left = after

    def __call__(self, method, path, status, value):
        if method != "POST" or path != "/model/v1/generation":
            return status, value
        self.left -= 1
        return (200, {**value, "id": "1"}) if self.left < 0 and status == 400 else (status, value)


SOAKED = ["verify", "server", "--models", T2V, "--only", "t2v/past/mode is"]


def test_a_bug_that_needs_history_is_found_by_trying_again(capsys):
    count = len(plan(all_cases({T2V: ENDPOINTS[T2V]}, 0), only="t2v/past/mode is").cases)
    for times, found in ((1, False), (3, True)):
        with BrokenServer(Mutant("breaks later", T2V, "", edit=BreaksLater(count))) as server:
            assert main([*SOAKED, "--repeat", str(times), server.url]) == int(found)
    again = capsys.readouterr().out.partition("verify replay '")[2].partition("'")[0]
    assert AGAIN in again
    with MockServer() as server:
        assert main(["verify", "replay", again, server.url]) == 0


def test_each_time_has_another_order_and_the_same_one_for_a_seed():
    once = plan(all_cases({T2V: ENDPOINTS[T2V]}, 0), only="past")
    many = repeated(once, 3, 0)
    assert [case.id for case in many.cases] == [case.id for case in repeated(once, 3, 0).cases]
    rounds = [[case.id.partition(AGAIN)[0] for case in many.cases[place :: 1]][: len(once.cases)]
              for place in (0, len(once.cases), 2 * len(once.cases))]  # fmt: skip
    assert sorted(rounds[0]) == sorted(rounds[1]) == sorted(rounds[2])
    assert rounds[0] != rounds[1] != rounds[2]
    assert repeated(Plan([], []), 5, 0).cases == []


def test_a_mistake_of_few_fields_is_told_of_each_and_one_of_many_once():
    from mock_server.verify.server.case import Case, Finding, Problem

    def finding(field):
        case = Case(f"id/{field}", "p", "m", ("fact",), "r", 1, 0.0, lambda _: iter(()))
        return Finding(case, Problem(f"'{field} is 5': it is accepted", None, field))

    assert len(list(groups([finding("a"), finding("b")]))) == 2
    assert len(list(groups([finding(name) for name in "abcdefgh"]))) == 1
