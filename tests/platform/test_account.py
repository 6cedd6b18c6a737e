"""Money and limits: what tasks cost, what is paid back, and what happens when there is no more of something."""

from __future__ import annotations

import functools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal

import httpx
import pytest

from mock_server import MockServer
from mock_server.core.errors import UsageError
from mock_server.core.resources import resource

SUBMIT, QUEUE, BALANCE = "/model/v1/generation", "/model/v1/queue/kirin_v1_t2v", "/api/v1/user/balance"
PRICES = json.loads(resource("fixtures", "prices.json").read_text("utf-8"))["models"]
APPLE = Decimal(PRICES["kirin_v1_t2v"]["per_second"]["std"]) * 5
PROMPT, IMAGE = {"prompt": "A red apple"}, {"image": "https://example.com/a.jpg", "prompt": "A red apple"}
V15, ENDINGS = "kirin_v1_5_i2v", ["complete", "fail", "cancel"]
TASKS = [("kirin_v1_t2v", PROMPT), ("kirin_v1_t2v", {**PROMPT, "mode": "pro", "duration": "10"})]
TASKS += [(V15, {**IMAGE, "mode": "pro"}), ("kirin_v2_master_i2v", {**IMAGE, "duration": "10"})]
TASKS += [("kirin_v1_6_multi_i2v", {**PROMPT, "image_list": [{"image": IMAGE["image"]}], "duration": "10"})]
TASKS += [("kirin_v3_i2v", {**IMAGE, "duration": "7"}), ("kirin_v3_i2v", {**IMAGE, "duration": "3", "sound": "on"})]
TASKS += [("kirin_v3_i2v", {**IMAGE, "mode": "pro", "duration": "15", "sound": "on"})]


@pytest.fixture(scope="module")
def user_with(fresh_key):
    """Makes a client with a key of its own, for the one server that has those settings."""
    with ExitStack() as stack:
        server_with = functools.cache(lambda **settings: stack.enter_context(MockServer(speed="manual", **settings)))

        def make(**settings):
            headers, url = {"Authorization": f"Bearer {fresh_key()}"}, server_with(**settings).url
            return stack.enter_context(httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30))

        yield make


def _submit(user, model="kirin_v1_t2v", params=PROMPT):
    return user.post(SUBMIT, json={"model": model, "input": [{"params": params}]})


def _started(user, *args):
    answer = _submit(user, *args)
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def _steer(user, task, how):
    if how == "cancel":
        return user.put(f"{QUEUE}/requests/{task}/cancel")
    if how == "time":
        return _advance(user, 10)
    body = {"code": "002001095", "message": "It broke"} if how == "fail" else None
    return user.post(f"/_mock/tasks/{task}/{how}", json=body)


def _advance(user, seconds):
    return user.post("/_mock/clock/advance", json={"seconds": seconds})


def _balance(user):
    return Decimal(user.get(BALANCE).json()["data"]["balance"])


def _account(user):
    (account,) = user.get("/_mock/account").json()["accounts"]
    return account


def _refused(answer, status, code):
    assert answer.status_code == status, answer.text
    message = answer.json()["status"]["message"]
    assert answer.json() == {"status": {"code": status, "message": message, "error_code": code}, "data": None}
    assert status != 429 or re.fullmatch(r"[1-9]\d*", answer.headers["retry-after"])


def test_the_balance_is_shown_in_full_to_who_has_a_key(user_with):
    user = user_with(balance="1.00")
    answer = user.get(BALANCE).json()
    assert answer["status"] == {"code": 200, "message": "ok"}
    money = {"balance", "total_recharged", "credit_limit", "arrears", "available_balance"}
    assert set(answer["data"]) == money | {"user_id", "currency", "billing_mode"}
    assert all(re.fullmatch(r"-?\d+(\.\d+)?", answer["data"][name]) for name in money)
    assert (answer["data"]["currency"], Decimal(answer["data"]["balance"])) == ("USD", 1)
    assert _balance(user_with()) == _balance(user_with()) > 0
    del user.headers["Authorization"]
    _refused(user.get(BALANCE), 401, 40101)


@pytest.mark.parametrize(("model", "params"), TASKS)
def test_a_task_costs_what_the_table_says_and_what_its_usage_shows(user_with, model, params):
    user, table = user_with(), PRICES[model]
    price = Decimal(table["per_second"][params.get("mode", "std")]) * int(params.get("duration", "5"))
    price *= Decimal(table["sound_times"]) if params.get("sound") == "on" else 1
    before = _balance(user)
    task = _started(user, model, params)
    assert before - _balance(user) == price
    _advance(user, 10)
    assert Decimal(user.get(f"{SUBMIT}/task/{task}").json()["usage"]["cost"]) == price
    assert before - _balance(user) == price


def test_a_task_that_cannot_be_paid_is_not_made(user_with):
    user = user_with(balance="1.00")
    tasks = [_started(user) for _ in range(7)]
    for answer in (_submit(user), _submit(user, V15, IMAGE)):
        _refused(answer, 402, 40201)
    unpaid = user.post(QUEUE, json=PROMPT)
    assert (unpaid.status_code, unpaid.json()["detail"][:22]) == (402, "insufficient balance: ")
    assert {task["id"] for task in user.get("/_mock/tasks").json()["tasks"]} == set(tasks)
    assert _balance(user) == 1 - 7 * APPLE
    _steer(user, tasks[0], "fail")
    assert [_submit(user).status_code for _ in range(2)] == [200, 402]


@pytest.mark.parametrize("how", ENDINGS)
def test_failed_and_cancelled_tasks_are_refunded_once_and_completed_ones_are_not(user_with, how):
    user = user_with(balance="1.00")
    task = _started(user)
    assert _steer(user, task, how).status_code == (202 if how == "cancel" else 200)
    after = 1 - APPLE if how == "complete" else 1
    assert _balance(user) == after
    for again in ENDINGS:
        _steer(user, task, again)
    _advance(user, 100)
    assert _balance(user) == after


def test_a_task_that_fails_by_itself_is_refunded(user_with, image_host):
    user = user_with(balance="1.00")
    images = {"image": f"{image_host}/landscape.jpg", "static_mask": f"{image_host}/mask_square.png"}
    task = _started(user, V15, {**images, "mode": "pro"})
    _advance(user, 10)
    assert user.get(f"{SUBMIT}/task/{task}").json()["status"] == "failed"
    assert _balance(user) == 1


def test_refused_and_repeated_requests_cost_nothing_and_take_no_place(user_with):
    user = user_with(max_running=2)
    before = _balance(user)
    assert [_submit(user, V15, PROMPT).status_code for _ in range(5)] == [400] * 5
    named = {**PROMPT, "external_task_id": "mine"}
    _started(user, "kirin_v1_t2v", named)
    _refused(_submit(user, "kirin_v1_t2v", named), 409, 40901)
    _started(user)
    _refused(_submit(user), 429, 42902)
    assert before - _balance(user) == 2 * APPLE


def test_each_key_has_its_own_money_and_places_and_a_reset_restores_them(user_with):
    user, other = user_with(max_running=2), user_with(max_running=2)
    before = _balance(user)
    assert user.put("/_mock/account", json={"balance": "5"}).status_code == 200
    tasks = {_started(user), _started(user), _started(other)}
    assert (len(tasks), _balance(user), _balance(other)) == (3, 5 - 2 * APPLE, before - APPLE)
    assert user.post("/_mock/reset").status_code == 200
    assert (_balance(user), _balance(other)) == (before, before - APPLE)
    assert (_account(user)["running"], _account(other)["running"]) == (0, 1)
    assert [_submit(user).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("how", [*ENDINGS, "time"])
def test_a_place_is_free_again_when_its_task_ends(user_with, how):
    user = user_with(max_running=2)
    first, second = _started(user), user.post(QUEUE, json=PROMPT).json()["request_id"]
    refused = user.post(QUEUE, json=PROMPT)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert re.fullmatch(r"[1-9]\d*", refused.headers["retry-after"])
    assert _steer(user, second, "hold").status_code == 200
    assert _steer(user, first, how).status_code == (202 if how == "cancel" else 200)
    assert [_submit(user).status_code for _ in range(2)] == [200, 429]


def test_a_held_task_keeps_its_place_until_it_is_released(user_with):
    user = user_with(max_running=2)
    tasks = [_started(user), _started(user)]
    assert [_steer(user, task, how).status_code for how in ("hold", "time") for task in tasks] == [200] * 4
    _refused(_submit(user), 429, 42902)
    assert _steer(user, tasks[0], "release").status_code == 200
    _advance(user, 10)
    assert [_submit(user).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(("settings", "refusal"), [({"balance": str(2 * APPLE)}, 402), ({"max_running": 2}, 429)])
def test_a_crowd_gets_exactly_what_there_is(user_with, settings, refusal):
    user = user_with(**settings)
    with ThreadPoolExecutor(10) as pool:
        answers = [answer.status_code for answer in pool.map(_submit, [user] * 20)]
    assert sorted(answers) == [200] * 2 + [refusal] * 18


def test_calls_beyond_the_rate_are_refused_until_time_has_passed(user_with):
    user, other = user_with(rate_limit="3/s"), user_with(rate_limit="3/s")
    for _ in range(2):
        answers = [_submit(user), user.get(BALANCE), user.get(f"{SUBMIT}/task/nothing")]
        assert [answer.status_code for answer in answers] == [200, 200, 404]
        shown = [(answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) for answer in answers]
        assert shown == [("3", "2"), ("3", "1"), ("3", "0")]
        assert all(answer.headers["ratelimit-reset"].isdigit() for answer in answers)
        _refused(user.get(BALANCE), 429, 42901)
        _advance(user, 1)
    assert other.get(BALANCE).headers["ratelimit-remaining"] == "2"


def test_polls_are_calls_and_control_calls_are_not(user_with):
    user = user_with(rate_limit="3/s")
    task = _started(user)
    for path in ("/_mock/clock", "/_mock/account", "/_mock/tasks"):
        assert [user.get(path).status_code for _ in range(4)] == [200] * 4
    answers = [user.get(f"{SUBMIT}/task/{task}") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    _advance(user, int(answers[-1].headers["retry-after"]))
    assert user.get(f"{SUBMIT}/task/{task}").status_code == 200


@pytest.mark.parametrize("value", ["-1", "abc", 0, "ten", "0/s", "10/fortnight"])
def test_a_wrong_setting_is_refused_by_name(value):
    name = {"-1": "balance", "abc": "balance", 0: "max_running"}.get(value, "rate_limit")
    with pytest.raises(UsageError, match=name.replace("_", "[-_ ]")), MockServer(**{name: value}):
        pass


def test_the_account_adds_up(user_with):
    user = user_with(balance="1.00")
    tasks = [_started(user) for _ in range(3)]
    assert _account(user)["running"] == 3
    _steer(user, tasks[0], "cancel")
    account, names = _account(user), ("balance", "charged", "refunded", "spent")
    assert all(re.fullmatch(r"\d+(\.\d+)?", account[name]) for name in names)
    assert [Decimal(account[name]) for name in names] == [1 - 2 * APPLE, 3 * APPLE, APPLE, 2 * APPLE]
    assert account["running"] == 2


def test_a_balance_can_be_set_and_spent_to_the_last_cent(user_with):
    user = user_with(balance="1.00")
    for balance, status in [("0.05", 402), (str(APPLE), 200)]:
        assert user.put("/_mock/account", json={"balance": balance}).status_code == 200
        assert (_balance(user), Decimal(_account(user)["balance"])) == (Decimal(balance), Decimal(balance))
        assert _submit(user).status_code == status
    assert _balance(user) == 0


@pytest.mark.parametrize("balance", ["abc", "", "NaN", "Infinity", "-1", None, []])
def test_a_nonsense_balance_is_refused_by_name_and_changes_nothing(user_with, balance):
    user = user_with(balance="1.00")
    answer = user.put("/_mock/account", json={"balance": balance})
    assert (answer.status_code, "balance" in answer.json()["status"]["message"]) == (400, True)
    assert _balance(user) == 1
