"""The queue protocol beyond its documents: the choices of this server, and what scenarios make of its answers."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import httpx
import pytest

from mock_server import MockServer
from mock_server.core.other_host import other_host
from mock_server.models import discover
from tests.support.queue_client import MODELS, QUEUE, QueueClient
from tests.support.values import rows

V1_5, T2V = "kirin_v1_5_i2v", "kirin_v1_t2v"
SIMPLEST = {model: row["params"] for model, row in reversed(rows("requests"))}
VERBS = {"status": "GET", "response": "GET", "cancel": "PUT"}
OWN_IDS = ("shot-1", "film/scene 4//take 2", "a%2Fb?c=d&e=f#g+h;i", "scène-漁火-🎬", "x/status", "x/requests/y/cancel")

each_model = pytest.mark.parametrize("model", MODELS)


class User(QueueClient):
    """One user with parameters that every model accepts."""

    def __init__(self, server, http, key, values):
        super().__init__(http, server.url, key)
        self.values = values

    def request(self, model, scenario=None, **more):
        """Submits; gives the answer."""
        headers = {"X-Mock-Scenario": scenario} if scenario is not None else {}
        return self.submit(model, self.values(SIMPLEST[model]) | more, **headers)

    def make(self, model, scenario=None, **more):
        """Submits; gives the id of the request."""
        answer = self.request(model, scenario, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["request_id"]

    def call(self, method, path, **parts):
        return self.http.request(method, self.url + path, headers=self.headers, **parts)


@pytest.fixture
def new_user(manual_server, http, fresh_key, values):
    return lambda: User(manual_server, http, fresh_key(), values)


@pytest.fixture
def user(new_user):
    return new_user()


@pytest.mark.parametrize("own", OWN_IDS)
def test_the_slashes_of_an_id_need_no_encoding(user, own):
    request = user.make(T2V, external_task_id=own)
    answer = user.get(f"{QUEUE}/{T2V}/requests/{quote(own, safe='/')}/status")
    assert answer.json() == user.status(T2V, request).json()


@each_model
def test_a_request_id_that_another_task_took_as_its_own_id_stays_the_first_tasks(user, model):
    first = user.make(model)
    assert user.request(model, external_task_id=first).status_code == 409
    assert user.request(model, external_task_id=first.removeprefix("mmsu_")).status_code == 409
    second = user.make(model, external_task_id=f"{first}x")
    assert user.status(model, f"{first}x").json()["request_id"] == second


@each_model
def test_a_request_calls_back_with_the_task_of_the_generation_side(user, manual_server, model):
    inbox = manual_server.inbox(user.key)
    request = user.make(model, callback_url=inbox.url)
    user.advance(1)
    running = user.task(request).json()
    [first] = [message.body for message in inbox.wait_for(1)]
    assert first == {**running, "progress": first["progress"]}
    user.advance(10)
    assert [message.body for message in inbox.wait_for(2)] == [first, user.task(request).json()]


@each_model
@pytest.mark.parametrize(("seconds", "events"), [(0, ["failed"]), (1, ["in_progress", "failed"])])
def test_a_cancelled_request_calls_back_as_failed(user, manual_server, model, seconds, events):
    inbox = manual_server.inbox(user.key)
    request = user.make(model, callback_url=inbox.url)
    user.advance(seconds)
    assert user.cancel(model, request).status_code == 202
    user.advance(10)
    bodies = [message.body for message in inbox.wait_for(len(events))]
    assert [body["status"] for body in bodies] == events
    assert bodies[-1] == user.task(request).json()


@each_model
@pytest.mark.parametrize("verb", VERBS)
def test_a_request_is_found_under_its_own_model_and_by_its_own_user_only(user, new_user, model, verb):
    request = user.make(model, external_task_id="mine")
    stranger = new_user()
    for name in (request, "mine"):
        for other in set(MODELS) - {model}:
            assert user.call(VERBS[verb], f"{QUEUE}/{other}/requests/{name}/{verb}").status_code == 404
        assert stranger.call(VERBS[verb], f"{QUEUE}/{model}/requests/{name}/{verb}").status_code == 404
    assert user.status(model, request).json()["status"] == "IN_QUEUE"


@each_model
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_wrong_method_is_told_the_right_one(user, model, method):
    request = user.make(model)
    base = f"{QUEUE}/{model}"
    rights = {base: "POST"} | {f"{base}/requests/{request}/{verb}": right for verb, right in VERBS.items()}
    for path, right in rights.items():
        if right != method:
            answer = user.call(method, path)
            assert (answer.status_code, list(answer.json())) == (405, ["detail"])
            assert right in answer.headers["Allow"]
            assert method not in answer.headers["Allow"]
    assert user.status(model, request).json()["status"] == "IN_QUEUE"


@each_model
@pytest.mark.parametrize(
    ("asked", "error_type"),
    [
        ("fail=own error_type=CONTENT_BLOCKED", "CONTENT_BLOCKED"),
        ("fail=own error_type=INFERENCE_TIMEOUT", "INFERENCE_TIMEOUT"),
        ("fail=own", None),
        ("fail=40001", None),
    ],
)
def test_a_scenario_says_why_a_task_fails_else_its_code_does(user, model, asked, error_type):
    table = discover()[model].errors
    request = user.make(model, asked)
    user.advance(60)
    body = user.status(model, request).json()
    code = "40001" if "40001" in asked else table.generation_failed
    assert body["provider_error"]["code"] == code
    assert body["error_type"] == (error_type or table.error_type_of(code))
    assert user.response(model, request).json() == body
    assert user.task(request).json()["error"]["code"] == code


@each_model
def test_a_model_that_is_not_allowed_is_told_so(user, model):
    answer = user.request(model, "refuse=40301")
    assert (answer.status_code, answer.json()) == (403, {"detail": "Model not allowed for this user"})


@each_model
@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_error_by_its_status_alone_is_a_sentence(user, model, status):
    request = user.make(model)
    user.rule(faults=[{"fault": "error", "on": "poll", "status": status}])
    answer = user.status(model, request)
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])
    assert (answer.json()["detail"] == "Runtime execution failed") == (status < 503)


@each_model
def test_urls_may_name_this_server_by_another_name(user, model):
    made = user.request(model, "queue_urls=other_host").json()
    assert {urlsplit(made[name]).hostname for name in ("status_url", "response_url", "cancel_url")} == {"localhost"}
    assert urlsplit(made["status_url"]).port == urlsplit(user.url).port
    asked = user.status(model, made["request_id"]).json()
    assert asked["response_url"] == made["response_url"]


def test_other_hosts_keep_scheme_port_and_prefix():
    assert other_host("http://127.0.0.1:8787") == "http://localhost:8787"
    assert other_host("http://localhost:8787") == "http://127.0.0.1:8787"
    assert other_host("http://[::1]:1") == "http://localhost:1"
    assert other_host("https://kirin.test/mock") == "https://queue.kirin.test/mock"


@each_model
def test_the_request_id_of_a_refusal_is_that_of_the_call(user, model):
    for headers in ({}, {"X-Request-Id": "my-call-7"}):
        answer = httpx.get(f"{user.url}{QUEUE}/{model}/requests/x/status", headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("form", ["documented", "older"])
@each_model
def test_usage_has_its_optional_fields_only_when_asked(model, form, http, values):
    plain, optional = {"cost", "discount"}, {"quantity", "unit_price", "extra_info"}
    for asked, names in ((False, plain), (True, plain | optional)):
        with MockServer(timing="instant", usage_details=asked, queue_form=form) as server:
            user = User(server, http, "sk-usage", values)
            request = user.make(model)
            assert user.response(model, request).json()["usage"].keys() == names
            assert user.task(request).json()["usage"].keys() == names


@each_model
def test_the_size_of_a_file_is_that_of_the_file(model, http, values):
    with MockServer(timing="instant", media="tiny") as server:
        user = User(server, http, "sk-size", values)
        [item] = user.response(model, user.make(model)).json()["outputs"]
        assert item["file_size"] == len(user.get(item["url"]).content)


def test_a_body_without_a_mask_breaks_a_rule_and_a_wrong_mask_is_a_wrong_image(user):
    brush = {"mode": "pro", "dynamic_masks": [{"trajectories": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}]}
    assert user.request(V1_5, **brush).json()["error"]["code"] == "40001"
    stray = {"mode": "pro", "dynamic_masks": [{"mask": "", "trajectories": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}]}
    assert user.request(V1_5, **stray).json()["error"]["code"] == "00200302"
    stray["dynamic_masks"][0]["mask"] = "https://pictures.example.com/mask.png"
    assert user.request(V1_5, **stray).status_code == 200
    stray["dynamic_masks"][0]["trajectories"][0]["mask"] = "x"
    assert user.request(V1_5, **stray).json()["error"]["code"] == "40001"


@each_model
@pytest.mark.parametrize("host", ["h:99999", "h:0", "[1.2]", "[:::::]", "a b", "a/b"])
@pytest.mark.parametrize("words", [None, "queue_urls=other_host"])
def test_a_host_that_is_none_does_not_get_into_urls(user, model, host, words):
    headers = {"Host": host} | ({"X-Mock-Scenario": words} if words else {})
    answer = user.submit(model, user.values(SIMPLEST[model]), **headers)
    assert answer.status_code == 200, answer.text
    assert urlsplit(answer.json()["status_url"]).port == urlsplit(user.url).port


def test_a_server_without_another_name_keeps_its_own():
    assert other_host("http://192.168.1.5:8787") == "http://192.168.1.5:8787"
    assert other_host("https://cloud.seaart.ai", ("cloud.seaart.ai", "cloud.vtrix.ai")) == "https://cloud.vtrix.ai"
    assert other_host("https://cloud.seaart.ai", ("cloud.seaart.ai",)) == "https://cloud.seaart.ai"


@pytest.mark.parametrize(("code", "status"), [("00200306", 401), ("00200399", 503)])
def test_codes_of_v1_5_for_which_the_queue_has_words_stay_on_the_generation_side(user, code, status):
    refused = user.request(V1_5, f"refuse={code}")
    assert (refused.status_code, refused.json().keys()) == (
        status, {"error", "request_id"} if status == 401 else {"detail"}
    )  # fmt: skip


@each_model
def test_a_task_that_has_not_ended_shows_no_end_whatever_was_sent(user, model):
    sent = {"completed_at": "soon", "in_queue_at": 5, "mine": 1}
    body = {"model": model, "input": [{"params": user.values(SIMPLEST[model])}], "metadata": sent}
    made = user.call("POST", "/model/v1/generation", json=body).json()
    assert made["metadata"].keys() == {"in_queue_at", "mine"}
    user.advance(60)
    ended = user.task(made["id"]).json()["metadata"]
    assert (ended["mine"], ended["completed_at"] > ended["in_queue_at"] > 5) == (1, True)


@each_model
def test_control_lists_are_filtered_by_each_id_of_a_task(user, model):
    made = user.make(model, external_task_id="mine", callback_url=f"{user.url}/_mock/inbox/{user.key}")
    user.advance(60)
    for name in (made, made.removeprefix("mmsu_"), "mine"):
        assert user.control("GET", f"/requests?task={name}")["total"] == 1
        assert len(user.control("GET", f"/callbacks?task={name}")["callbacks"]) == 2


@pytest.mark.parametrize("path", [QUEUE, f"{QUEUE}/", f"{QUEUE}/{T2V}/", f"{QUEUE}/{T2V}/sync", f"{QUEUE}/{T2V}/x/y"])
def test_a_path_of_the_queue_that_is_not_there_is_told_in_its_words(user, path):
    answer = user.call("POST", path, json={})
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize("fault", ["content_type", "drip"])
@pytest.mark.parametrize(("code", "status"), [("42901", 429), ("40101", 401)])
def test_a_refusal_that_a_fault_changes_names_its_call_too(http, values, fault, code, status):
    with MockServer(speed=100) as server:
        user = User(server, http, "sk-changed", values)
        refused = user.request(T2V, f"fault={fault} refuse={code}")
        assert refused.status_code == status
        assert refused.json()["request_id"] == refused.headers["X-Request-Id"]


@each_model
def test_the_word_of_a_status_is_not_put_into_a_submit(user, model):
    made = user.request(model, "status_word=processing").json()
    assert "status" not in made
    assert user.status(model, made["request_id"]).json()["status"] == "processing"


@each_model
def test_own_is_a_code_of_the_model_at_submit_as_well(user, model):
    answer = user.request(model, "refuse=own")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, discover()[model].errors.other)
