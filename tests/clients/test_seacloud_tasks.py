"""seacloudai-sdk waits for tasks and asks about them: before the end, after it, and when it is a bad one."""

from __future__ import annotations

import httpx
import pytest
import seacloud_sdk
from seacloud_sdk import NetworkError, SeaCloud, TaskTimeoutError, ValidationError
from virtual_time import drive, timed
from wiring import CODES, KEY, MODELS, T2V, V3, assert_plays, example, request_url, told_to_fail

BOAT = {"prompt": "a paper boat"}
AUTH = {"Authorization": f"Key {KEY}"}


@pytest.mark.parametrize("model", MODELS)
def test_run_sync_waits_through_the_queue_and_the_run(waiting_client, standing_wire, http, model):
    params = example(standing_wire.server, http, model)
    seconds = iter([0, 0.5, 0.5, 5, 0])

    def before(url):
        if url.endswith(("/status", "/response")):
            standing_wire.server.clock.advance(next(seconds))

    standing_wire.before = before
    made, slept = timed(waiting_client.run_sync(model, params))
    assert standing_wire.words("/status") == ["IN_QUEUE", "IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]
    assert made["status"] == "completed"
    [item] = made["output"]["raw"]["outputs"]
    assert_plays(http.get(item["url"]).content, item, params)
    assert 0.9 * (2 + 4 + 8) <= slept <= 1.1 * (2 + 4 + 8), "it polls after 2, 4 and 8 seconds, a tenth more or less"


@pytest.mark.parametrize("model", MODELS)
def test_get_and_get_response_of_a_task_that_went_well(client, wire, http, model):
    params = example(wire.server, http, model)
    task = drive(client.run(model, params))
    for where in ({"endpoint": model}, {"statusUrl": task["statusUrl"]}):
        assert drive(client.tasks.get(task["id"], where)) == {
            "id": task["id"],
            "status": "completed",
            "model": "",
            "urls": [],
            "responseUrl": task["responseUrl"],
        }
    for where in ({"endpoint": model}, {"responseUrl": task["responseUrl"]}):
        made = drive(client.tasks.get_response(task["id"], where))
        assert (made["id"], made["status"], made["model"]) == (task["id"], "completed", model)
        [item] = made["output"]["raw"]["outputs"]
        assert made["output"]["urls"] == [item["url"]]
        assert_plays(http.get(item["url"]).content, item, params)


def test_get_of_a_task_that_has_not_ended(waiting_client, standing_wire):
    task = drive(waiting_client.run(T2V, BOAT))
    queued = drive(waiting_client.tasks.get(task["id"], endpoint=T2V))
    assert (queued["status"], queued["queuePosition"], queued["urls"]) == ("in_queue", 0, [])
    standing_wire.server.clock.advance(1)
    running = drive(waiting_client.tasks.get(task["id"], endpoint=T2V))
    assert running["status"] == "in_progress"
    assert "queuePosition" not in running


def test_get_response_before_the_end_is_neither_a_result_nor_an_error(waiting_client, standing_wire):
    task = drive(waiting_client.run(T2V, BOAT))
    for seconds, word in ((0, "in_queue"), (1, "in_progress")):
        standing_wire.server.clock.advance(seconds)
        told = drive(waiting_client.tasks.get_response(task["id"], endpoint=T2V))
        assert standing_wire.calls[-1].answer.status_code == 202
        assert (told["status"], told["output"]["urls"]) == (word, [])
        assert "error" not in told


@pytest.mark.parametrize("model", MODELS)
def test_run_sync_of_a_failing_task_says_why_and_loses_the_code(client, wire, http, model):
    params = told_to_fail(example(wire.server, http, model), f"fail={CODES[model]} message='no luck today'")
    made = drive(client.run_sync(model, params))
    assert made == {
        "id": made["id"],
        "status": "failed",
        "model": model,
        "error": {"message": "no luck today", "raw": "no luck today"},
    }
    told = wire.calls[-1].answer.json()
    assert told["status"] == "COMPLETED"
    assert told["provider_error"] == {"code": CODES[model], "message": "no luck today"}


@pytest.mark.parametrize("model", MODELS)
def test_in_the_older_form_the_code_is_kept(client, wire, http, model):
    words = f"queue_form=older fail={CODES[model]} message='no luck today'"
    made = drive(client.run_sync(model, told_to_fail(example(wire.server, http, model), words)))
    assert made["status"] == "failed"
    assert (made["error"]["code"], made["error"]["message"]) == (CODES[model], "no luck today")
    assert not wire.words("/response"), "failed is a status of its own there, and needs no result"


def test_get_of_a_failed_task_says_completed_beside_the_error(client):
    task = drive(client.run(T2V, told_to_fail(BOAT, "fail=002001096 message='no luck today'")))
    told = drive(client.tasks.get(task["id"], endpoint=T2V))
    assert (told["status"], told["error"]) == ("completed", {"message": "no luck today"})
    result = drive(client.tasks.get_response(task["id"], endpoint=T2V))
    assert (result["status"], result["error"]["message"]) == ("failed", "no luck today")
    assert "output" not in result


@pytest.mark.parametrize("model", MODELS)
def test_a_task_that_is_cancelled_while_run_sync_waits_ends_as_failed(waiting_client, standing_wire, http, model):
    def before(url):
        if len(standing_wire.words("/status")) == 1:
            handle = next(call for call in standing_wire.calls if call.method == "POST").answer.json()
            assert http.put(handle["cancel_url"], headers=AUTH).status_code in {202, 400}

    standing_wire.before = before
    made = drive(waiting_client.run_sync(model, example(standing_wire.server, http, model)))
    told = standing_wire.calls[-1].answer.json()
    assert told["error_type"] == "CANCELED"
    assert (made["status"], made["error"]) == ("failed", {"message": told["error"], "raw": told["error"]})


def test_get_of_a_cancelled_task_says_completed_beside_the_error(waiting_client, standing_wire):
    task = drive(waiting_client.run(T2V, BOAT))
    standing_wire.server.cancel(task["id"])
    told = drive(waiting_client.tasks.get(task["id"], endpoint=T2V))
    assert told["status"] == "completed"
    assert told["error"]["message"]


def test_a_task_of_the_generation_side_can_be_asked_about(client, wire, http):
    url = f"{wire.server.url}/model/v1/generation"
    made = http.post(url, json={"model": V3, **example(wire.server, http, V3)}, headers=AUTH).json()
    result = drive(client.tasks.get_response(made["id"], endpoint=V3))
    assert result["status"] == "completed"
    assert http.get(result["output"]["urls"][0]).content[4:8] == b"ftyp"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("call", ["poll", "result"])
def test_a_short_trouble_is_waited_out(client, wire, call, status):
    made, slept = timed(client.run_sync(T2V, told_to_fail(BOAT, f"fault=error status={status} on={call} times=2")))
    assert made["status"] == "completed"
    assert wire.words("/status" if call == "poll" else "/response") == [str(status)] * 2 + ["COMPLETED"]
    assert slept == pytest.approx(2 + 4)


def test_an_internal_error_on_a_poll_ends_run_sync(client, wire):
    with pytest.raises(NetworkError, match="Runtime execution failed") as caught:
        drive(client.run_sync(T2V, told_to_fail(BOAT, "fault=error status=500 on=poll times=1")))
    assert caught.value.statusCode == 500
    assert caught.value.taskId is None, "the task goes on, and its id is not in the error"


@pytest.mark.parametrize("fault", ["reset", "empty", "truncate"])
def test_a_broken_connection_on_a_poll_is_waited_out(client, wire, fault):
    made, slept = timed(client.run_sync(T2V, told_to_fail(BOAT, f"fault={fault} on=poll times=2")))
    assert made["status"] == "completed"
    assert slept == pytest.approx(2 + 4)


def test_a_request_that_times_out_on_a_poll_ends_run_sync(client, wire):
    def before(url):
        if url.endswith("/status"):
            raise httpx.ReadTimeout("no answer")

    wire.before = before
    with pytest.raises(seacloud_sdk.TimeoutError) as caught:
        drive(client.run_sync(T2V, BOAT))
    assert caught.value.taskId is None


def test_an_answer_to_a_poll_that_is_no_json_is_taken_for_a_status(client, wire):
    made, slept = timed(client.run_sync(T2V, told_to_fail(BOAT, "fault=malformed on=poll times=1")))
    assert made["status"] == "completed"
    assert slept == pytest.approx(2, rel=0.1)


def test_an_answer_to_the_result_that_is_no_json_gives_a_queued_task_without_a_video(client):
    made = drive(client.run_sync(T2V, told_to_fail(BOAT, "fault=malformed on=result times=1")))
    assert (made["status"], made["output"]["urls"]) == ("queued", [])


def test_a_result_without_a_status_is_reported_as_queued_with_its_video(client, wire):
    """As the platform's pages write the result; so this server says ``status`` there too."""

    def change(url, answer):
        if not url.endswith("/response"):
            return answer
        body = answer.json()
        del body["status"]
        return {"status_code": 200, "body": body}

    wire.change = change
    made = drive(client.run_sync(T2V, BOAT))
    assert made["status"] == "queued"
    assert len(made["output"]["urls"]) == 1


def test_no_time_left_is_told_with_the_id_of_the_task(client, wire):
    with pytest.raises(TaskTimeoutError, match="timed out after 0ms") as caught:
        drive(client.run_sync(T2V, BOAT, timeout=0))
    [submitted] = [call.answer.json() for call in wire.calls if call.method == "POST"]
    assert caught.value.taskId == submitted["request_id"]
    assert drive(client.tasks.get(caught.value.taskId, endpoint=T2V))["status"] == "completed"


@pytest.mark.parametrize("what", ["get", "get_response"])
def test_an_unknown_task_and_one_of_another_model_are_not_found(client, what):
    task = drive(client.run(T2V, BOAT))["id"]
    for named, model in (("mmsu_0123456789abcdef0123456789abcdef", T2V), (task, V3)):
        with pytest.raises(NetworkError, match="Request not found") as caught:
            drive(getattr(client.tasks, what)(named, endpoint=model))
        assert caught.value.statusCode == 404


def test_a_task_of_another_key_is_not_found(kirin_server, wire):
    from mock_server import MockServer

    with MockServer(timing="instant", media="tiny") as server:
        wire.server = server
        task = drive(SeaCloud(api_key="sk-one", fetch=wire).run(T2V, BOAT))["id"]
        with pytest.raises(NetworkError, match="Request not found"):
            drive(SeaCloud(api_key="sk-two", fetch=wire).tasks.get(task, endpoint=T2V))


def test_where_to_ask_must_be_said(client, wire):
    for what in (client.tasks.get, client.tasks.get_response):
        with pytest.raises(ValidationError, match="endpoint or"):
            drive(what("mmsu_0123456789abcdef0123456789abcdef"))
    assert wire.calls == []


def test_the_urls_of_a_handle_are_those_of_the_server(client, wire):
    task = drive(client.run(T2V, BOAT))
    assert task["statusUrl"] == request_url(T2V, task["id"], "status")
    assert drive(client.tasks.get(task["id"], status_url=task["statusUrl"]))["status"] == "completed"
