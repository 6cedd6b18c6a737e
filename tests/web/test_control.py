"""The control API, and MockServer, which does the same from Python."""

from __future__ import annotations

import threading

import pytest

from mock_server import MockServer
from mock_server.core.errors import GatewayError, UsageError

SUBMIT = "/model/v1/generation"


def _submit(http, server, key=None, **params):
    headers = {"Authorization": f"Bearer {key or server.api_key}"}
    body = {"model": "kirin_v1_t2v", "prompt": "A red apple", **params}
    return http.post(server.url + SUBMIT, json=body, headers=headers)


def _poll(http, server, task_id, key=None):
    headers = {"Authorization": f"Bearer {key or server.api_key}"}
    return http.get(f"{server.url}{SUBMIT}/task/{task_id}", headers=headers)


@pytest.fixture
def server(kirin):
    kirin.clock.manual()
    return kirin


def test_health_says_ok(server, http):
    answer = http.get(server.url + "/_mock/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


def test_the_clock_can_be_stopped_scaled_and_advanced(server, http):
    clock = server.url + "/_mock/clock"
    assert http.put(clock, json={"mode": "scaled", "speed": 60}).json()["mode"] == "scaled"
    stopped = http.put(clock, json={"mode": "manual"}).json()
    later = http.post(clock + "/advance", json={"seconds": 30}).json()
    assert later == {"now": round(stopped["now"] + 30, 6), "callbacks_attempted": 0}
    assert http.get(clock).json()["now"] == later["now"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"mode": "fast"}, "mode"),
        ({"mode": "scaled"}, "speed"),
        ({"mode": "scaled", "speed": 0}, "speed"),
        ({"mode": "manual", "speed": 2}, "speed"),
        ({"mode": "real", "sped": 2}, "sped"),
        ([], "object"),
    ],
)
def test_a_wrong_clock_is_refused_by_name(server, http, body, told):
    answer = http.put(server.url + "/_mock/clock", json=body)
    assert answer.status_code == 400
    assert told in answer.json()["status"]["message"]


@pytest.mark.parametrize("seconds", [-1, "5", None, 1e300])
def test_time_moves_forward_only(server, http, seconds):
    answer = http.post(server.url + "/_mock/clock/advance", json={"seconds": seconds})
    assert answer.status_code == 400


def test_a_task_is_shown_in_full(server, http):
    made = _submit(http, server, external_task_id="mine").json()
    shown = http.get(f"{server.url}/_mock/tasks/mine").json()
    assert shown["id"] == made["id"]
    assert shown["request"] == {"prompt": "A red apple", "external_task_id": "mine"}
    assert [frame["status"] for frame in shown["plan"]] == ["queued", "in_progress", "completed"]
    assert http.get(f"{server.url}/_mock/tasks").json()["tasks"] == [shown]


def test_a_finished_task_cannot_be_steered(server, http):
    made = _submit(http, server).json()
    assert server.complete(made["id"])
    answer = http.post(f"{server.url}/_mock/tasks/{made['id']}/fail")
    assert (answer.status_code, answer.json()["status"]["error_code"]) == (409, 40902)
    with pytest.raises(GatewayError, match="already completed"):
        server.hold(made["id"])


def test_failing_takes_the_given_code_or_the_models_own(server, http):
    first, second = (_submit(http, server).json()["id"] for _ in range(2))
    server.fail(first)
    http.post(f"{server.url}/_mock/tasks/{second}/fail", json={"code": "002001097", "message": "no answer"})
    assert _poll(http, server, first).json()["error"]["code"] == "002001095"
    assert _poll(http, server, second).json()["error"] == {"code": "002001097", "error_message": "no answer"}


def test_an_unknown_task_or_action_is_404(server, http):
    made = _submit(http, server).json()
    for path in ("/_mock/tasks/none", f"/_mock/tasks/{made['id']}/explode"):
        answer = http.post(server.url + path) if path.endswith("explode") else http.get(server.url + path)
        assert (answer.status_code, answer.json()["status"]["error_code"]) == (404, 40401)


def test_the_inbox_waits_for_messages(server, http):
    inbox = server.inbox("waiting")
    sender = threading.Thread(target=lambda: [http.post(inbox.url, json={"n": n}) for n in range(3)])
    sender.start()
    found = http.get(f"{inbox.url}/messages", params={"wait_for": 3, "timeout": 30}).json()
    sender.join()
    assert [message["body"] for message in found["messages"]] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert inbox.bodies == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_an_inbox_that_waits_in_vain_says_what_came(server, http):
    inbox = server.inbox("vain")
    http.post(inbox.url, content=b"not json")
    answer = http.get(f"{inbox.url}/messages", params={"wait_for": 2, "timeout": 0})
    assert answer.status_code == 408
    assert "1 of 2" in answer.json()["status"]["message"]
    assert answer.json()["data"]["messages"][0]["body"] == "not json"
    with pytest.raises(TimeoutError, match="1 of 2"):
        inbox.wait_for(2, timeout=0)


def test_reset_forgets_tasks_and_inboxes_and_time(server, http):
    started = server.clock.now()
    made = _submit(http, server).json()
    http.post(server.inbox("a").url, json={})
    assert http.post(server.url + "/_mock/reset").status_code == 200
    assert _poll(http, server, made["id"]).status_code == 404
    assert server.inbox("a").messages == []
    assert server.clock.now() >= started


def test_reset_of_one_key_leaves_the_others(server, http):
    mine, other = (_submit(http, server, key).json()["id"] for key in ("mine", "other"))
    http.post(server.url + "/_mock/reset", params={"key": "mine"})
    assert _poll(http, server, mine, "mine").status_code == 404
    assert _poll(http, server, other, "other").status_code == 200


def test_one_key_is_one_user(server, http):
    made = _submit(http, server, "one", external_task_id="same").json()
    assert _submit(http, server, "other", external_task_id="same").status_code == 200
    again = _submit(http, server, "one", external_task_id="same")
    assert (again.status_code, again.json()["status"]["error_code"]) == (409, 40901)
    assert _poll(http, server, made["id"], "other").status_code == 404
    assert _poll(http, server, "same", "one").json()["id"] == made["id"]


def test_keys_can_be_limited(http):
    with MockServer(api_key=["good"]) as server:
        assert _submit(http, server, "good").status_code == 200
        answer = _submit(http, server, "bad")
        assert (answer.status_code, answer.json()["status"]["error_code"]) == (401, 40101)
        body = {"model": "kirin_v1_5_i2v", "data": {}}
        answer = http.post(server.url + SUBMIT, json=body, headers={"Authorization": "Bearer bad"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "00200306")


def test_web_pages_and_foreign_names_cannot_use_the_control_api(server, http):
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}):
        answer = http.get(server.url + "/_mock/tasks", headers=headers)
        assert answer.status_code == 403, headers
        assert answer.json()["status"]["message"]
    assert http.get(server.url + "/_mock/tasks", headers={"Origin": server.url}).status_code == 200


def test_an_admin_token_is_asked_for_where_one_is_set(http):
    with MockServer(admin_token="sesame") as server:
        assert http.get(server.url + "/_mock/tasks").status_code == 403
        assert http.get(server.url + "/_mock/tasks", headers={"X-Admin-Token": "sesame"}).status_code == 200
        assert http.get(server.url + "/_mock/health").status_code == 200


def test_a_server_open_to_others_must_have_a_token():
    with pytest.raises(UsageError, match="--admin-token"):
        MockServer(host="0.0.0.0").start()


def test_urls_name_the_address_the_client_used(server, http):
    made = _submit(http, server).json()
    server.complete(made["id"])
    port = server.url.rpartition(":")[2]
    shown = http.get(f"http://localhost:{port}{SUBMIT}/task/{made['id']}", headers={"Authorization": "Bearer sk-test"})
    assert shown.json()["output"][0]["content"][0]["url"].startswith(f"http://localhost:{port}/media/")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "reset"), ("PUT", "account"), ("GET", "tasks"), ("PUT", "clock")]
)
def test_a_misspelt_key_touches_nobody(server, http, method, path):
    answer = http.request(
        method, f"{server.url}/_mock/{path}?kye=mine", json={"balance": "1"} if path == "account" else {}
    )
    assert answer.status_code == 400
    assert "did you mean key" in answer.json()["status"]["message"] or path == "clock"


def test_a_balance_may_be_a_number(server, http):
    for balance, shown in ((100, "100.00"), (0.5, "0.50"), ("12.34", "12.34")):
        answer = http.put(f"{server.url}/_mock/account?key=k", json={"balance": balance})
        assert answer.json()["accounts"][0]["balance"] == shown
