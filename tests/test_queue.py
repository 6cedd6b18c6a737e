"""The queue protocol: one endpoint per model, and the same tasks underneath as on the generation side."""

from __future__ import annotations

import json
from itertools import groupby
from urllib.parse import quote

import pytest

from tests.values import rows

V1_5, T2V, MULTI = "kirin_v1_5_i2v", "kirin_v1_t2v", "kirin_v1_6_multi_i2v"
V3, MASTER = "kirin_v3_i2v", "kirin_v2_master_i2v"
MODELS = (V1_5, T2V, MULTI, V3, MASTER)
CONTENT_KEYS = {model: {"type", "url"} for model in MODELS}
CONTENT_KEYS[MULTI] |= {"jobId"}
CONTENT_KEYS[V3] |= {"duration", "jobId"}
MESSAGE = dict.fromkeys(MODELS, "error_message") | {MULTI: "message"}
FAILURE_CODE = {V1_5: "00200398", T2V: "002001097", MULTI: "1301", V3: "006001094", MASTER: "002015098"}
MISSING_CODE = {V1_5: "00200301", T2V: "002001099", MULTI: "40001", V3: "006001099", MASTER: "002015099"}
VERBS = {"status": "GET", "response": "GET", "cancel": "PUT"}
ACCEPTED = rows("requests")
# The other refused rows are about the envelope and its ``model``, which the queue does not have.
REFUSED = [
    (model, row) for model, row in rows("errors") if row.keys() & {"params", "raw", "authorization", "content_type"}
]
SIMPLEST = {model: row["params"] for model, row in reversed(ACCEPTED)}
OWN_IDS = ("shot-1", "film/scene 4//take 2", "a%2Fb?c=d&e=f#g+h;i", "scène-漁火-🎬", "x/status", "x/requests/y/cancel")

each_model = pytest.mark.parametrize("model", MODELS)
each_protocol = pytest.mark.parametrize("protocol", ["queue", "generation"])
each_moment = pytest.mark.parametrize("seconds", [0, 1], ids=["queued", "running"])


def each(found):
    return pytest.mark.parametrize(("model", "row"), found, ids=[f"{model}-{row['id']}" for model, row in found])


class World:
    """One user's tasks, over both protocols and the control API."""

    def __init__(self, server, http, key, values):
        self.server, self.http, self.key, self.values = server, http, key, values

    def call(self, method, path, **parts):
        headers = {"Authorization": f"Bearer {self.key}"} | parts.pop("headers", {})
        return self.http.request(method, self.server.url + path, headers=headers, **parts)

    def submit(self, model, protocol="queue", **more):
        params = self.values(SIMPLEST[model]) | more
        if protocol == "queue":
            return self.call("POST", f"/model/v1/queue/{model}", json=params)
        body = {"data": params} if model == V1_5 else params
        return self.call("POST", "/model/v1/generation", json={"model": model, **body})

    def make(self, model, protocol="queue", **more):
        """Submits; gives the task's id."""
        answer = self.submit(model, protocol, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["request_id" if protocol == "queue" else "id"]

    def ask(self, model, request, verb):
        return self.call(VERBS[verb], f"/model/v1/queue/{model}/requests/{quote(request, safe='')}/{verb}")

    def tell(self, model, request, verb):
        """What the queue says, all being well."""
        answer = self.ask(model, request, verb)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def poll(self, task):
        answer = self.call("GET", f"/model/v1/generation/task/{quote(task, safe='')}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def advance(self, seconds):
        assert self.call("POST", "/_mock/clock/advance", json={"seconds": seconds}).status_code == 200

    def steer(self, task, how, **parts):
        assert self.call("POST", f"/_mock/tasks/{task}/{how}", **parts).status_code == 200


@pytest.fixture
def new_world(manual_server, http, fresh_key, values):
    return lambda: World(manual_server, http, fresh_key(), values)


@pytest.fixture
def world(new_world):
    return new_world()


def assert_gateway_error(answer, status, code):
    assert answer.status_code == status, answer.text
    message = answer.json()["status"]["message"]
    assert answer.json() == {"status": {"code": status, "message": message, "error_code": code}, "data": None}
    assert isinstance(message, str)
    assert message


def assert_task_failure(answer, status, model, code):
    """Checks the answer's shape; gives its message."""
    assert answer.status_code == status, answer.text
    message = answer.json()["error"][MESSAGE[model]]
    assert answer.json() == {"status": "failed", "error": {"code": code, MESSAGE[model]: message}}
    return message


# How a request goes


@each_model
def test_submit_answers_with_the_request_id_and_queued(world, model):
    answer = world.submit(model)
    assert answer.status_code == 200
    request = answer.json()["request_id"]
    assert answer.json() == {"request_id": request, "status": "queued"}
    assert isinstance(request, str)


@each_model
def test_a_request_is_queued_then_in_progress_then_completed(world, model):
    request = world.make(model)
    seen = [world.tell(model, request, "status")]
    for _ in range(40):
        world.advance(0.125)
        seen.append(world.tell(model, request, "status"))
    assert [status for status, _ in groupby(one["status"] for one in seen)] == ["queued", "in_progress", "completed"]
    assert seen[0] == {"request_id": request, "status": "queued", "progress": 0, "model": model}
    assert seen[-1] == {**seen[0], "status": "completed", "progress": 1}
    assert all(one.keys() == seen[0].keys() for one in seen)
    progress = [one["progress"] for one in seen]
    assert progress == sorted(progress)
    assert len(set(progress)) > 2


@each_model
@each_moment
def test_there_is_no_response_before_the_end(world, model, seconds):
    request = world.make(model)
    world.advance(seconds)
    assert_gateway_error(world.ask(model, request, "response"), 409, 40903)


@each_model
def test_the_response_of_a_completed_request_has_its_output_and_usage(world, model):
    request = world.make(model)
    world.advance(10)
    response = world.tell(model, request, "response")
    [item], usage = response["output"], response["usage"]
    [content] = item["content"]
    assert response == {
        "request_id": request,
        "status": "completed",
        "output": [{"content": [content]}],
        "usage": usage,
    }
    assert content.keys() == CONTENT_KEYS[model]
    assert content["type"] == "video"
    assert all(isinstance(value, str) for value in content.values())
    assert usage == {"cost": str(usage["cost"]), "discount": usage["discount"]}
    assert isinstance(usage["discount"], int | float)


@pytest.mark.parametrize("duration", ["3", "7", "15"])
def test_the_duration_of_v3_is_text_here_and_a_number_on_the_generation_side(world, duration):
    request = world.make(V3, duration=duration)
    world.advance(10)
    assert world.tell(V3, request, "response")["output"][0]["content"][0]["duration"] == duration
    assert world.poll(request)["output"][0]["content"][0]["duration"] == int(duration)


@each_model
def test_a_failed_request_says_why_in_the_words_of_its_model(world, model):
    request = world.make(model)
    world.advance(1)
    error = {"code": FAILURE_CODE[model], "message": "the reel is torn"}
    world.steer(request, "fail", json=error)
    told = {"code": error["code"], MESSAGE[model]: error["message"]}
    status = world.tell(model, request, "status")
    progress = status["progress"]
    assert status == {"request_id": request, "status": "failed", "progress": progress, "model": model, "error": told}
    assert world.tell(model, request, "response") == {"request_id": request, "status": "failed", "error": told}


@each_model
def test_a_request_fails_without_being_told_why(world, model):
    request = world.make(model)
    world.steer(request, "fail")
    response = world.tell(model, request, "response")
    assert response.keys() == {"request_id", "status", "error"}
    assert response["error"].keys() == {"code", MESSAGE[model]}
    assert all(isinstance(value, str) and value for value in response["error"].values())
    assert world.tell(model, request, "status")["error"] == response["error"]


# Cancelling


@each_model
@each_moment
def test_a_cancelled_request_stays_as_it_was_and_has_no_output(world, model, seconds):
    request = world.make(model)
    world.advance(seconds)
    before = world.tell(model, request, "status")
    assert world.tell(model, request, "cancel") == {"request_id": request, "status": "cancelled"}
    cancelled = world.tell(model, request, "status")
    assert cancelled == {**before, "status": "cancelled"}
    response = world.tell(model, request, "response")
    assert (response["request_id"], response["status"]) == (request, "cancelled")
    assert not response.keys() & {"output", "usage"}
    world.advance(10)
    assert world.tell(model, request, "status") == cancelled
    assert world.tell(model, request, "response") == response


@each_model
@each_protocol
@each_moment
def test_a_cancelled_task_reads_as_failed_on_the_generation_side(world, model, protocol, seconds):
    task = world.make(model, protocol)
    world.advance(seconds)
    before = world.poll(task)
    world.tell(model, task, "cancel")
    world.advance(10)
    after = world.poll(task)
    assert after == {**before, "status": "failed", "error": after["error"]}
    assert after["error"].keys() == {"code", MESSAGE[model]}
    assert all(isinstance(value, str) and value for value in after["error"].values())


@each_model
@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_a_request_that_has_ended_cannot_be_cancelled(world, model, end):
    request = world.make(model)
    if end == "cancelled":
        world.tell(model, request, "cancel")
    else:
        world.steer(request, {"completed": "complete", "failed": "fail"}[end])
    response = world.tell(model, request, "response")
    assert_gateway_error(world.ask(model, request, "cancel"), 409, 40902)
    assert world.tell(model, request, "status")["status"] == end
    assert world.tell(model, request, "response") == response


# Both protocols, one task


@each_model
@each_protocol
def test_each_protocol_reads_what_the_other_made(world, model, protocol):
    task = world.make(model, protocol)
    poll, status = world.poll(task), world.tell(model, task, "status")
    assert poll.keys() == {"id", "model", "status", "progress", "created_at", "metadata"}
    assert (poll["id"], poll["model"], poll["status"], poll["progress"]) == (task, model, "in_progress", 0)
    assert status == {"request_id": task, "status": "queued", "progress": 0, "model": model}
    world.advance(10)
    poll, status, response = world.poll(task), world.tell(model, task, "status"), world.tell(model, task, "response")
    assert poll["status"] == status["status"] == response["status"] == "completed"
    assert poll["usage"] == response["usage"]
    content = {key: str(value) for key, value in poll["output"][0]["content"][0].items()}
    assert response["output"] == [{"content": [content]}]


@each_model
@pytest.mark.parametrize("own", OWN_IDS)
def test_the_users_own_id_is_a_request_id_too(world, model, own):
    request = world.make(model, external_task_id=own)
    assert request != own
    assert world.tell(model, own, "status") == world.tell(model, request, "status")
    assert_gateway_error(world.ask(model, own, "response"), 409, 40903)
    assert world.poll(own)["external_task_id"] == own
    assert world.tell(model, own, "cancel") == {"request_id": request, "status": "cancelled"}
    assert world.tell(model, own, "response") == world.tell(model, request, "response")
    assert world.poll(own) == world.poll(request)


@pytest.mark.parametrize("own", OWN_IDS)
def test_the_slashes_of_an_id_need_no_encoding(world, own):
    request = world.make(T2V, external_task_id=own)
    answer = world.call("GET", f"/model/v1/queue/{T2V}/requests/{quote(own, safe='/')}/status")
    assert answer.json() == world.tell(T2V, request, "status")


@each_model
@each_protocol
def test_the_users_own_id_is_used_once_over_both_protocols(world, new_world, model, protocol):
    world.make(model, protocol, external_task_id="mine")
    for again in ("queue", "generation"):
        assert_gateway_error(world.submit(model, again, external_task_id="mine"), 409, 40901)
    new_world().make(model, protocol, external_task_id="mine")


# Callbacks


@each_model
def test_a_request_calls_back_with_the_task_of_the_generation_side(world, manual_server, model):
    inbox = manual_server.inbox(world.key)
    request = world.make(model, callback_url=inbox.url)
    world.advance(1)
    running = world.poll(request)
    [first] = [message.body for message in inbox.wait_for(1)]
    assert first == {**running, "progress": first["progress"]}
    world.advance(10)
    assert [message.body for message in inbox.wait_for(2)] == [first, world.poll(request)]
    assert world.poll(request)["status"] == "completed"


@each_model
@pytest.mark.parametrize(("seconds", "news"), [(0, ["failed"]), (1, ["in_progress", "failed"])])
def test_a_cancelled_request_calls_back_as_failed(world, manual_server, model, seconds, news):
    inbox = manual_server.inbox(world.key)
    request = world.make(model, callback_url=inbox.url)
    world.advance(seconds)
    world.tell(model, request, "cancel")
    world.advance(10)
    bodies = [message.body for message in inbox.wait_for(len(news))]
    assert [body["status"] for body in bodies] == news
    assert bodies[-1] == world.poll(request)


# What is refused


@each(ACCEPTED)
def test_what_the_generation_side_accepts_is_accepted(world, model, row):
    answer = world.call("POST", f"/model/v1/queue/{model}", json=world.values(row["params"]))
    assert answer.status_code == 200, answer.text
    request = answer.json()["request_id"]
    assert answer.json() == {"request_id": request, "status": "queued"}
    world.advance(10)
    assert world.tell(model, request, "response").get("error", {}).get("code") == row.get("fails_later")


@each(REFUSED)
def test_what_the_generation_side_refuses_is_refused(world, manual_server, http, values, model, row):
    authorization = row.get("authorization", f"Bearer {world.key}")
    headers = {"Content-Type": row.get("content_type", "application/json"), "Authorization": authorization}
    headers = {name: value for name, value in headers.items() if value is not None}
    params = {name: value for name, value in values(row.get("params", row.get("body", {}))).items() if name != "model"}
    content = row.get("raw", json.dumps(params))
    answer = http.post(f"{manual_server.url}/model/v1/queue/{model}", headers=headers, content=content)
    if row["kind"] == "gateway":
        assert_gateway_error(answer, row["status"], row["code"])
    else:
        message = assert_task_failure(answer, row["status"], model, row["code"])
        assert [part for part in row["mentions"] if part not in message] == []


@each_model
@pytest.mark.parametrize("raw", ["", "{", "no json", "[]", "null", "7", '"text"', '{"cfg_scale": NaN}'])
def test_a_body_that_is_no_json_object_is_refused(world, model, raw):
    answer = world.call("POST", f"/model/v1/queue/{model}", headers={"Content-Type": "application/json"}, content=raw)
    assert_gateway_error(answer, 400, 40001)


@each_model
def test_the_wrapper_of_the_generation_side_is_not_the_bare_params(world, model):
    body = {"input": [{"params": world.values(SIMPLEST[model])}]}
    answer = world.call("POST", f"/model/v1/queue/{model}", json=body)
    assert "input" in assert_task_failure(answer, 400, model, MISSING_CODE[model])


@each_model
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic dXNlcjpwYXNz"}], ids=["none", "basic"])
def test_every_call_needs_a_key(world, manual_server, http, model, headers):
    request = world.make(model)
    base = f"{manual_server.url}/model/v1/queue/{model}"
    calls = [("POST", base), *((method, f"{base}/requests/{request}/{verb}") for verb, method in VERBS.items())]
    for method, url in calls:
        body = {"json": world.values(SIMPLEST[model])} if method == "POST" else {}
        answer = http.request(method, url, headers=headers, **body)
        if model == V1_5:
            assert_task_failure(answer, 401, model, "00200306")
        else:
            assert_gateway_error(answer, 401, 40101)
    assert world.tell(model, request, "status")["status"] == "queued"


@each_model
@pytest.mark.parametrize("verb", VERBS)
def test_a_request_is_found_under_its_own_model_and_by_its_own_user_only(world, new_world, model, verb):
    request = world.make(model, external_task_id="mine")
    for name in (request, "mine"):
        for other in {*MODELS, "kirin_v9_i2v"} - {model}:
            assert_gateway_error(world.ask(other, name, verb), 404, 40401)
        assert_gateway_error(new_world().ask(model, name, verb), 404, 40401)
    assert_gateway_error(world.ask(model, "0" * 32, verb), 404, 40401)
    assert world.tell(model, request, "status")["status"] == "queued"


def test_an_unknown_model_takes_no_requests(world):
    assert_gateway_error(world.call("POST", "/model/v1/queue/kirin_v9_i2v", json={"prompt": "a"}), 404, 40401)


@each_model
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_wrong_method_is_told_the_right_one(world, model, method):
    request = world.make(model)
    base = f"/model/v1/queue/{model}"
    rights = {base: "POST"} | {f"{base}/requests/{request}/{verb}": right for verb, right in VERBS.items()}
    for path, right in rights.items():
        if right != method:
            answer = world.call(method, path)
            assert_gateway_error(answer, 405, 40501)
            assert right in answer.headers["Allow"]
            assert method not in answer.headers["Allow"]
    assert world.tell(model, request, "status")["status"] == "queued"
