"""seacloudai-sdk makes videos: ``run``, ``run_sync`` and their options, on all five models."""

from __future__ import annotations

import json

import pytest
from seacloud_sdk import NetworkError, SeaCloud, ValidationError
from virtual_time import drive
from wiring import ADMIN, CLOUD, KEY, MODELS, QUEUE, T2V, V15, assert_plays, example, request_url

ALIASES = [(model.replace("kirin_", "kling_"), model) for model in MODELS]


@pytest.mark.parametrize("model", MODELS)
def test_run_sync_gives_a_playable_video(client, wire, http, model):
    params = example(wire.server, http, model)
    made = drive(client.run_sync(model, params))
    task = made["id"]
    assert made["status"] == "completed"
    assert made["model"] == model
    assert made.keys() == {"id", "status", "model", "output"}
    assert task.startswith("mmsu_")
    [item] = made["output"]["raw"]["outputs"]
    assert made["output"]["urls"] == [item["url"]]
    assert_plays(http.get(item["url"]).content, item, params)
    assert wire.told == [
        ("GET", f"https://{ADMIN}/api/v1/skill/model-contracts/{model}"),
        ("POST", f"https://{CLOUD}{QUEUE}/{model}"),
        ("GET", request_url(model, task, "status")),
        ("GET", request_url(model, task, "response")),
    ]


@pytest.mark.parametrize("model", MODELS)
def test_run_sync_gives_a_playable_video_in_the_older_form(client, wire, http, model):
    wire.server.scenario({"name": "older", "match": {}, "task": {"queue_form": "older"}})
    params = example(wire.server, http, model)
    made = drive(client.run_sync(model, params))
    assert made["status"] == "completed"
    [url] = made["output"]["urls"]
    [group] = made["output"]["raw"]["output"]
    assert [item["url"] for item in group["content"]] == [url]
    assert http.get(url).content[4:8] == b"ftyp"
    assert wire.words("/status") == ["completed"]


@pytest.mark.parametrize("model", MODELS)
def test_run_gives_a_handle_and_does_not_wait(client, wire, http, model):
    task = drive(client.run(model, example(wire.server, http, model)))
    assert task == {
        "id": task["id"],
        "status": "queued",
        "model": model,
        "statusUrl": request_url(model, task["id"], "status"),
        "responseUrl": request_url(model, task["id"], "response"),
        "cancelUrl": request_url(model, task["id"], "cancel"),
        "queuePosition": 0,
    }
    assert [method for method, _ in wire.told] == ["GET", "POST"]


@pytest.mark.parametrize("model", MODELS)
def test_a_dry_run_shows_the_request_and_sends_nothing(client, wire, http, model):
    params = example(wire.server, http, model)
    for planned in (
        drive(client.run(model, params, dry_run=True)),
        drive(client.run_sync(model, params, {"dryRun": True})),
    ):
        headers = planned.pop("headers")
        assert planned == {
            "dryRun": True,
            "modelId": model,
            "protocol": "queue",
            "bodyMode": "raw_json",
            "method": "POST",
            "endpoint": f"https://{CLOUD}{QUEUE}/{model}",
            "request": params,
            "validation": {"ok": True, "issues": []},
        }
        assert headers["Authorization"] == "Bearer ***"
    assert [method for method, _ in wire.told] == ["GET"], "the contract is read once, then kept"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("contract", ["strict", "off"])
def test_run_sync_works_with_the_contract_and_without(client, wire, http, model, contract):
    params = example(wire.server, http, model)
    made = drive(client.run_sync(model, params, contract=contract))
    assert made["status"] == "completed"
    [item] = made["output"]["raw"]["outputs"]
    assert_plays(http.get(item["url"]).content, item, params)
    assert len([url for _, url in wire.told if "model-contracts" in url]) == (contract == "strict")


@pytest.mark.parametrize(("alias", "model"), ALIASES)
def test_the_names_that_people_know_mean_the_same_models(client, wire, http, alias, model):
    made = drive(client.run_sync(alias, example(wire.server, http, model)))
    assert (made["status"], made["model"]) == ("completed", model)
    assert ("POST", f"https://{CLOUD}{QUEUE}/{model}") in wire.told
    assert drive(client.models.get_spec(alias))["modelId"] == model


def test_the_camel_case_names_do_the_same(wire):
    client = SeaCloud({"apiKey": KEY, "fetch": wire})
    made = drive(client.runSync(T2V, {"prompt": "a paper boat"}))
    assert made["status"] == "completed"
    assert drive(client.models.getSpec(T2V))["modelId"] == T2V
    assert drive(client.tasks.getResponse(made["id"], {"endpoint": T2V})) == made


def test_parameters_reach_the_server_as_they_are(client, wire, http):
    params = {**example(wire.server, http, V15), "prompt": "Ein Schiffchen aus Papier, 紙船 🛶"}
    drive(client.run(V15, params))
    [sent] = [call for call in wire.calls if call.method == "POST"]
    assert json.loads(sent.options["body"]) == params
    assert sent.options["headers"]["Authorization"] == f"Bearer {KEY}"


def test_a_missing_parameter_is_found_before_anything_is_sent(client, wire):
    with pytest.raises(ValidationError, match='Missing required parameter "prompt"') as caught:
        drive(client.run_sync(T2V, {"duration": "5"}))
    assert (caught.value.parameter, caught.value.modelId) == ("prompt", T2V)
    assert [method for method, _ in wire.told] == ["GET"]


def test_without_the_contract_the_server_finds_the_missing_parameter(client, wire):
    with pytest.raises(NetworkError, match="prompt is required") as caught:
        drive(client.run_sync(T2V, {"duration": "5"}, contract="off"))
    assert caught.value.statusCode == 400


def test_without_a_readable_contract_auto_goes_on_and_strict_does_not(client, wire):
    wire.server.scenario(
        {"name": "broken", "match": {}, "faults": [{"fault": "error", "on": "discovery", "status": 500}]}
    )
    assert drive(client.run_sync(T2V, {"prompt": "a paper boat"}))["status"] == "completed"
    with pytest.raises(NetworkError) as caught:
        drive(client.run_sync(T2V, {"prompt": "a paper boat"}, contract="strict"))
    assert caught.value.statusCode == 500
    assert wire.told[-1] == ("GET", f"https://{ADMIN}/api/v1/skill/model-contracts/{T2V}")


def test_several_videos_come_in_order(client, wire, http):
    made = drive(client.run_sync(T2V, {"prompt": "a paper boat [[mock: output=3]]"}))
    items = made["output"]["raw"]["outputs"]
    assert made["output"]["urls"] == [item["url"] for item in items]
    assert len(set(made["output"]["urls"])) == 3
    for item in items:
        assert_plays(http.get(item["url"]).content, item, {})


@pytest.mark.parametrize("output", ["empty", "missing"])
def test_a_task_that_ends_well_without_a_video_is_no_error(client, output):
    made = drive(client.run_sync(T2V, {"prompt": f"a paper boat [[mock: output={output}]]"}))
    assert (made["status"], made["output"]["urls"]) == ("completed", [])


def test_urls_on_another_host_are_asked_for_where_the_sdk_is_at_home(client, wire):
    made = drive(client.run_sync(T2V, {"prompt": "a paper boat [[mock: queue_urls=other_host]]"}))
    assert made["status"] == "completed"
    [submitted] = [call.answer.json() for call in wire.calls if call.method == "POST"]
    assert submitted["status_url"].startswith("http://localhost:")
    assert wire.told[-2:] == [
        ("GET", request_url(T2V, made["id"], "status")),
        ("GET", request_url(T2V, made["id"], "response")),
    ]
