"""Faults on calls, seen from a socket: what comes, how much of it, how it ends, and when."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import pytest

from mock_server import MockServer
from tests.support.raw import CALLS, FIN, MODEL, RST, Client

BOTH_POLLS = ["poll", "queue poll"]
BOTH_SUBMITS = ["submit", "queue submit"]
CALLS_ON = {
    "submit": BOTH_SUBMITS,
    "poll": BOTH_POLLS,
    "result": ["result"],
    "cancel": ["cancel"],
    "upload": ["upload"],
    "discovery": ["models", "spec", "model contract", "model search", "model page"],
    "balance": ["balance", "me"],
}


@pytest.fixture(scope="module")
def kirin():
    with MockServer(speed="manual") as server:
        yield server


@pytest.fixture
def client(kirin, fresh_key):
    return Client(kirin, fresh_key())


def _hit(client, task):
    """The calls that come to nothing but the fault 503."""
    return {call for call in CALLS if client.to(call, task).status == 503}


def _balance(client):
    return float(client.to("balance").json["data"]["balance"])


def _pattern(client, task, polls):
    return "".join("x" if client.to("poll", task).end == RST else "." for _ in range(polls))


@pytest.mark.parametrize("on", [*CALLS_ON, ["poll", "balance"], ["upload", "cancel"]], ids=str)
def test_a_fault_hits_the_calls_it_is_on_over_both_protocols_and_no_others(client, on):
    task = client.submit()
    client.rule({"fault": "error", "status": 503, "on": on})
    assert _hit(client, task) == {call for name in ([on] if isinstance(on, str) else on) for call in CALLS_ON[name]}


def test_any_is_all_calls(client):
    task = client.submit()
    client.rule({"fault": "error", "status": 503, "on": "any"})
    assert _hit(client, task) == {*CALLS}


def test_another_key_is_not_hit_by_a_rule_posted_for_one(kirin, client, fresh_key):
    client.rule({"fault": "reset", "on": "any"})
    assert Client(kirin, fresh_key()).to("balance").status == 200


@pytest.mark.parametrize(
    ("keys", "pattern"),
    [
        ({}, "xxxxxx"),
        ({"skip": 2}, "..xxxx"),
        ({"skip": 1, "times": 2}, ".xx..."),
        ({"chance": "100%"}, "xxxxxx"),
        ({"chance": 1.0, "skip": 3}, "...xxx"),
        ({"every": 3}, "..x..x"),
        ({"every": 2, "times": 2}, ".x.x.."),
        ({"every": 2, "skip": 1}, "..x.x."),
    ],
    ids=str,
)
def test_skip_every_and_times_choose_the_calls_that_are_hit(client, keys, pattern):
    client.rule({"fault": "reset", "on": "poll", **keys})
    assert _pattern(client, client.submit(), 6) == pattern


def _chances(seed):
    with MockServer(speed="manual", seed=seed) as server:
        client = Client(server, "sk-chance")
        client.rule({"fault": "reset", "on": "poll", "chance": "50%"})
        return _pattern(client, client.submit(), 40)


def test_chance_repeats_with_the_seed_and_differs_with_another():
    first, again, other = _chances(5), _chances(5), _chances(6)
    assert first == again != other
    assert {*first} == {"x", "."}


def test_polls_are_counted_for_each_task_and_over_both_protocols(client):
    client.rule({"fault": "reset", "on": "poll", "skip": 1, "times": 1})
    one, two = client.submit(), client.submit()
    assert [client.to(call, one).end for call in ("poll", "queue poll", "poll", "queue poll")] == [FIN, RST, FIN, FIN]
    assert [client.to("queue poll", two).end for _ in range(3)] == [FIN, RST, FIN]


def test_each_fault_of_a_scenario_counts_for_itself(client):
    client.rule({"fault": "empty", "on": "poll", "times": 1}, {"fault": "reset", "on": "poll", "skip": 2})
    task = client.submit()
    answers = [client.to("poll", task) for _ in range(4)]
    assert [(answer.raw == b"", answer.end) for answer in answers] == [(True, FIN), (False, FIN), *[(True, RST)] * 2]


def test_submits_are_counted_for_each_tenant(kirin, fresh_key):
    kirin.scenario("{name: quince, match: {prompt: quince}, faults: [{fault: empty, on: submit, times: 1}]}")
    body = {"model": MODEL, "prompt": "A quince"}
    for client in (Client(kirin, fresh_key()), Client(kirin, fresh_key())):
        ends = [client.call("POST", "/model/v1/generation", body).raw == b"" for _ in range(3)]
        assert ends == [True, False, False]


def test_a_fault_comes_before_a_body_is_refused(client):
    broken = {"model": MODEL}
    client.rule({"fault": "empty", "on": "submit", "times": 1})
    assert [client.call("POST", "/model/v1/generation", broken).raw == b"" for _ in range(2)] == [True, False]


@pytest.mark.parametrize("call", [*BOTH_SUBMITS, *BOTH_POLLS, "result", "balance"])
@pytest.mark.parametrize(
    ("fault", "end"),
    [({"fault": "reset"}, RST), ({"fault": "reset", "when": "before"}, RST), ({"fault": "empty"}, FIN)],
)
def test_reset_and_empty_send_no_byte_and_end_as_they_say(client, call, fault, end):
    task = client.submit()
    client.rule({**fault, "on": "any"})
    answer = client.to(call, task)
    assert (answer.raw, answer.end) == (b"", end)


@pytest.mark.parametrize(("fault", "end"), [("reset", RST), ("empty", FIN), ("truncate", FIN), ("lost_answer", RST)])
def test_the_connection_ends_though_the_client_would_keep_it(client, fault, end):
    client.rule({"fault": fault, "on": "any"} | ({"how": "reset"} if fault == "lost_answer" else {}))
    assert client.to("submit", Connection="keep-alive").end == end


@pytest.mark.parametrize("call", BOTH_POLLS)
def test_reset_during_sends_a_part_of_the_whole_it_promised(client, call):
    task = client.submit()
    whole = client.to(call, task).body
    client.rule({"fault": "reset", "when": "during", "on": "poll"})
    answer = client.to(call, task)
    assert (answer.status, answer.promised, answer.end) == (200, len(whole), RST)
    assert whole.startswith(answer.body)
    assert 0 < len(answer.body) < len(whole)


def _of_size(client, size):
    """A task whose poll is so many bytes long."""
    least = len(client.to("poll", client.submit(external_task_id="x")).body)
    return client.submit(external_task_id="y" * (size - least + 1))


@pytest.mark.parametrize(("share", "count"), [(None, 100), ("50%", 100), ("10%", 20), (0.75, 150), ("1%", 2)])
def test_truncate_promises_the_whole_and_sends_its_share(client, share, count):
    task = _of_size(client, 200)
    whole = client.to("poll", task).body
    client.rule({"fault": "truncate", "on": "poll"} | ({"share": share} if share else {}))
    answer = client.to("poll", task)
    assert (len(whole), answer.status, answer.promised, answer.end) == (200, 200, 200, FIN)
    assert answer.body == whole[:count]


@pytest.mark.parametrize("call", [*BOTH_SUBMITS, *BOTH_POLLS, "balance"])
@pytest.mark.parametrize(
    ("how", "begins"), [({}, b"{"), ({"how": "cut"}, b"{"), ({"how": "page"}, b"<!-- ")], ids=["", "cut", "page"]
)
def test_malformed_is_whole_by_its_length_and_no_json(client, call, how, begins):
    task = client.submit()
    client.rule({"fault": "malformed", "on": "any", **how})
    answer = client.to(call, task)
    assert (answer.status, answer.promised, answer.end) == (200, len(answer.body), FIN)
    assert answer.body.startswith(begins)
    with pytest.raises(json.JSONDecodeError):
        _ = answer.json


@pytest.mark.parametrize("call", [*BOTH_POLLS, "balance", "models"])
@pytest.mark.parametrize("value", [None, "text/plain", "application/octet-stream"])
def test_content_type_is_the_right_body_under_another_type(client, call, value):
    task = client.submit()
    right = client.to(call, task)
    client.rule({"fault": "content_type", "on": "any"} | ({"value": value} if value else {}))
    answer = client.to(call, task)
    assert right.headers["content-type"] == "application/json"
    assert answer.headers["content-type"] == (value or "text/html")
    assert (answer.status, answer.body, answer.promised) == (200, right.body, len(right.body))


@pytest.mark.parametrize("call", [*BOTH_SUBMITS, *BOTH_POLLS, "result", "cancel", "balance", "models"])
@pytest.mark.parametrize(
    ("keys", "after", "code"),
    [({}, "1", 42901), ({"retry_after": 17}, "17", 42901), ({"code": 42902, "retry_after": 3}, "3", 42902)],
    ids=str,
)
def test_rate_limit_is_a_429_that_says_when_to_try_again(client, call, keys, after, code):
    task = client.submit()
    client.rule({"fault": "rate_limit", "on": "any", **keys})
    answer = client.to(call, task)
    if "queue" in call or call in {"result", "cancel"}:
        assert (answer.status, answer.json["error"]["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    else:
        assert (answer.status, answer.json["status"]["code"], answer.code) == (429, 429, code)
    assert answer.headers["retry-after"] == after


def test_rate_limit_with_no_time_has_no_retry_after(client):
    task = client.submit()
    client.rule({"fault": "rate_limit", "on": "poll", "retry_after": None})
    answer = client.to("poll", task)
    assert (answer.status, answer.headers.get("retry-after")) == (429, None)


def test_rate_limit_as_a_date_says_it_by_the_servers_clock(client):
    task = client.submit()
    client.rule({"fault": "rate_limit", "on": "poll", "as_date": True, "retry_after": 90})
    value = client.to("poll", task).headers["retry-after"]
    date = parsedate_to_datetime(value)
    assert value.endswith(" GMT")
    assert date.timestamp() == int(client.control("GET", "clock")["now"]) + 90


@pytest.mark.parametrize("call", [*BOTH_SUBMITS, *BOTH_POLLS, "balance"])
@pytest.mark.parametrize(
    ("keys", "status", "message", "after"),
    [
        ({}, 500, None, None),
        ({"status": 502}, 502, None, None),
        ({"status": 503, "code": 50301, "message": "down for now", "retry_after": 5}, 503, "down for now", "5"),
        ({"status": 418, "message": "a teapot"}, 418, "a teapot", None),
    ],
    ids=str,
)
def test_an_error_takes_the_place_of_the_answer(client, call, keys, status, message, after):
    task = client.submit()
    client.rule({"fault": "error", "on": "any", **keys})
    answer = client.to(call, task)
    assert (answer.status, answer.headers.get("retry-after")) == (status, after)
    if "queue" in call:
        sentence = message or "Runtime execution failed"
        assert answer.json == {"detail": sentence}
        return
    said = answer.json["status"]
    assert said["code"] == status
    assert message in {None, said["message"]}
    assert keys.get("code", answer.code) == answer.code


def test_an_error_as_html_is_a_page(client):
    task = client.submit()
    client.rule({"fault": "error", "on": "poll", "status": 502, "html": True, "message": "no upstream"})
    answer = client.to("poll", task)
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (502, "text/html")
    assert answer.promised == len(answer.body)
    assert answer.body.startswith(b"<")
    assert b"no upstream" in answer.body


@pytest.mark.parametrize("call", BOTH_SUBMITS)
@pytest.mark.parametrize("fault", ["reset", "empty", "error", "rate_limit"])
def test_a_submit_that_is_lost_on_its_way_makes_no_task(client, call, fault):
    balance = _balance(client)
    client.rule({"fault": fault, "on": "submit", "times": 1})
    client.to(call)
    assert (client.tasks(), _balance(client)) == ([], balance)
    assert client.to(call).status == 200


@pytest.mark.parametrize("call", BOTH_SUBMITS)
@pytest.mark.parametrize(
    ("keys", "status", "end"),
    [
        ({"how": "reset"}, None, RST),
        ({"how": "close"}, None, FIN),
        ({"how": "error"}, 500, FIN),
        ({"how": "error", "status": 504}, 504, FIN),
    ],
    ids=str,
)
def test_lost_answer_makes_and_bills_the_task_and_loses_the_answer(client, call, keys, status, end):
    balance = _balance(client)
    client.rule({"fault": "lost_answer", "on": "submit", "times": 1, **keys})
    answer = client.to(call)
    assert (answer.status if answer.raw else None, answer.end) == (status, end)
    (task,) = client.tasks()
    assert client.to("poll", task["id"]).status == 200
    assert _balance(client) < balance


def test_the_journal_names_the_scenario_and_the_fault(client):
    task = client.submit()
    client.rule({"fault": "reset", "on": "poll", "times": 1}, {"fault": "drip", "on": "balance"})
    client.to("poll", task)
    client.to("poll", task)
    client.to("submit", X_Mock_Scenario="fault=empty")
    assert client.journal()[:3] == [None, "bad: reset", None]
    assert client.journal()[3].endswith(": empty")


def test_scenarios_count_what_they_matched_chose_and_fired(client):
    faults = [{"fault": "reset", "on": "poll", "skip": 1}, {"fault": "empty", "on": "result"}]
    client.rule(*faults, match={"prompt": "pear"})
    for prompt in ("an apple", "a pear", "another pear"):
        task = client.submit(prompt=prompt)
        _pattern(client, task, 3)
    client.to("result", task)
    assert client.counts() == (2, 2, {"faults[0]": 4, "faults[1]": 1})


def test_a_fault_that_another_one_forestalls_has_not_happened(client):
    task = client.submit()
    client.rule({"fault": "error", "on": "poll"}, {"fault": "reset", "on": "poll"})
    assert client.to("poll", task).status == 500
    assert client.journal() == [None, "bad: error"]
    assert client.counts()[2] == {"faults[0]": 1}
