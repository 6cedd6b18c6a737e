"""Which faults hit a call: those of its header, of a marker in the task, or of a rule; and every fault in words."""

from __future__ import annotations

import pytest

from mock_server import MockServer
from tests.support.raw import FIN, MODEL, RST, Client

BOTH_POLLS = ["poll", "queue poll"]


@pytest.fixture(scope="module")
def kirin():
    with MockServer(speed="manual") as server:
        yield server


@pytest.fixture
def client(kirin, fresh_key):
    return Client(kirin, fresh_key())


def polled(client, task, polls):
    """A letter for each of so many polls: ``x`` where the connection was reset."""
    return "".join("x" if client.to("poll", task).end == RST else "." for _ in range(polls))


def test_a_header_on_a_call_hits_that_call_alone(client):
    task = client.submit()
    assert client.to("poll", task, X_Mock_Scenario="fault=reset on=poll").end == RST
    assert client.to("poll", task, X_Mock_Scenario="fault=reset on=result").status == 200
    assert client.to("result", task, X_Mock_Scenario="fault=reset on=poll,result").end == RST
    assert client.to("poll", task).status == 200


def test_a_header_on_a_call_takes_the_faults_of_a_named_scenario(client):
    task = client.submit()
    client.control("POST", "scenarios", {"name": "by-name", "faults": [{"fault": "reset", "on": "poll"}]})
    assert client.to("poll", task).status == 200
    assert client.to("poll", task, X_Mock_Scenario="by-name").end == RST


def test_a_header_on_a_submit_is_for_the_task_it_makes(client):
    made = client.to("submit", X_Mock_Scenario="fault=reset on=poll times=1 skip=1")
    assert polled(client, made.json["id"], 3) == ".x."
    assert polled(client, client.submit(), 3) == "..."


@pytest.mark.parametrize("place", ["prompt", "negative_prompt", "external_task_id"])
@pytest.mark.parametrize("call", BOTH_POLLS)
def test_a_marker_is_for_the_task_it_stands_in(client, place, call):
    task = client.submit(**{place: "an apple [[mock: fault=reset on=poll times=1]]"})
    assert [client.to(call, task).end for _ in range(2)] == [RST, FIN]
    assert client.to(call, client.submit()).end == FIN


def test_a_marker_hits_the_submit_itself(client):
    body = {"model": MODEL, "prompt": "an apple [[mock: fault=reset on=submit]]"}
    assert client.call("POST", "/model/v1/generation", body).end == RST
    assert client.tasks() == []


WORDS = """
fault=rate_limit on=poll retry_after=3 as_date=true code=42902
fault=error on=poll,result status=503 html=true message='no luck' retry_after=1
fault=latency on=poll seconds=2 skip=2 every=3 times=3 chance=20%
fault=reset on=poll when=during
fault=truncate on=poll share=10%
fault=malformed on=poll how=page
fault=content_type on=poll value=text/plain
fault=drip on=poll size=5 gap=2s
fault=silence on=poll seconds=10m
fault=lost_answer on=poll how=error status=503
fault=wrong_length by=-5
fault=corrupt count=3
fault=expired status=410
fault=drop events=completed,failed times=1 chance=0.5
fault=duplicate copies=3 gap=2
fault=late seconds=5
fault=stale_signature age=2h
"""


@pytest.mark.parametrize("words", WORDS.strip().split("\n"))
def test_every_fault_and_key_can_be_said_in_words(client, words):
    assert client.to("submit", X_Mock_Scenario=words).status == 200


def test_the_header_comes_before_the_marker_and_the_marker_before_rules(client):
    client.rule({"fault": "error", "status": 501, "on": "poll"})
    prompt = {"model": MODEL, "prompt": "an apple [[mock: fault=error status=502 on=poll]]"}
    ways = [(prompt, {"X_Mock_Scenario": "fault=error status=503 on=poll"}), (prompt, {})]
    made = [client.call("POST", "/model/v1/generation", body, **header).json["id"] for body, header in ways]
    assert [client.to("poll", task).status for task in [*made, client.submit()]] == [503, 502, 501]


def test_a_rule_about_calls_hits_tasks_made_earlier(client):
    task = client.submit()
    client.rule({"fault": "reset", "on": "poll", "times": 1})
    assert client.to("poll", task).end == RST
    assert client.to("poll", task).status == 200


def test_a_rule_that_says_something_about_the_task_as_well_leaves_tasks_made_earlier_alone(client):
    task = client.submit()
    client.rule({"fault": "reset", "on": "poll"}, task={"after": "5s"})
    assert client.to("poll", task).status == 200
