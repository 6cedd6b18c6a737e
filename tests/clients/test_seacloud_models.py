"""seacloudai-sdk looks for models: lists, filters and contracts."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from seacloud_sdk import SeaCloud, ValidationError, getSeaCloudDocs
from virtual_time import drive
from wiring import CLOUD, MODELS, QUEUE, T2V, V15


def ids(found):
    return {model["modelId"] for model in found["models"]}


def test_the_list_has_the_five_models(client):
    found = drive(client.models.list())
    assert ids(found) == set(MODELS)
    assert (found["total"], found["page"], found["pageSize"], found["totalPages"]) == (5, 1, 20, 1)


@pytest.mark.parametrize("model", MODELS)
def test_a_listed_model_says_what_it_takes_and_makes(client, model):
    [listed] = [one for one in drive(client.models.list())["models"] if one["modelId"] == model]
    assert listed["id"] == listed["model_id"] == model
    assert listed["type"] == "video"
    assert listed["hasSpec"] is True
    assert listed["inputModalities"] == (["Text"] if model == T2V else ["Text", "Image"])
    assert listed["outputModalities"] == ["Video"]
    assert listed["modelSubtype"] == ("t2v" if model == T2V else "i2v")
    assert listed["name"]
    assert listed["description"]


def test_the_list_comes_in_pages(client):
    pages = [drive(client.models.list(page=page, pageSize=2)) for page in (1, 2, 3, 4)]
    assert [len(found["models"]) for found in pages] == [2, 2, 1, 0]
    assert set().union(*map(ids, pages)) == set(MODELS)
    assert {found["totalPages"] for found in pages} == {3}


@pytest.mark.parametrize("size", [100, 500, 1000])
def test_the_list_comes_in_one_large_page(client, size):
    found = drive(client.models.list({"page_size": size}))
    assert ids(found) == set(MODELS)
    assert found["pageSize"] == size


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"keywords": "v1_t2v"}, {T2V}),
        ({"keywords": "kling_v1_t2v"}, {T2V}),
        ({"keywords": "V1.5"}, {V15}),
        ({"provider": "kirin"}, set(MODELS)),
        ({"provider": "KUAISHOU"}, set(MODELS)),
        ({"provider": "Kling"}, set(MODELS)),
        ({"provider": "somebody else"}, set()),
        ({"type": "video"}, set(MODELS)),
        ({"type": "Video"}, set(MODELS)),
        ({"type": "image"}, set()),
        ({"type": "video", "provider": "kling", "keywords": "master"}, {"kirin_v2_master_i2v"}),
    ],
)
def test_the_list_is_filtered(client, wanted, found):
    assert ids(drive(client.models.list(wanted))) == found


@pytest.mark.parametrize("wrong", [{"page": 0}, {"pageSize": 0}, {"page": "1"}])
def test_a_wrong_page_is_found_before_anything_is_sent(client, wire, wrong):
    with pytest.raises(ValidationError, match="must be a positive integer"):
        drive(client.models.list(wrong))
    assert wire.calls == []


@pytest.mark.parametrize("model", MODELS)
def test_the_contract_says_how_a_model_is_called(client, model):
    spec = drive(client.models.get_spec(model))
    below = f"{QUEUE}/{model}/requests/{{request_id}}"
    assert spec["modelId"] == model
    assert (spec["protocol"], spec["bodyMode"], spec["kind"]) == ("queue", "raw_json", "multimodal")
    assert spec["endpoints"] == {
        "submit": {"method": "POST", "path": f"{QUEUE}/{model}"},
        "status": {"method": "GET", "path": f"{below}/status"},
        "result": {"method": "GET", "path": f"{below}/response"},
        "cancel": {"method": "PUT", "path": f"{below}/cancel"},
    }
    assert spec["revision"]
    assert spec["name"]


@pytest.mark.parametrize("model", MODELS)
def test_the_contract_says_what_a_model_takes(client, wire, model):
    spec = drive(client.models.get_spec(model))
    schema = wire.calls[-1].answer.json()["data"]["input_schema"]
    assert spec["inputSchema"].get("required") == schema.get("required")
    assert spec["inputSchema"]["additionalProperties"] is False
    assert {one["name"] for one in spec["parameters"]} == set(schema["properties"])
    for one in spec["parameters"]:
        assert one["required"] == (one["name"] in schema.get("required", []))
        assert one["type"] == schema["properties"][one["name"]]["type"]
        assert one["description"]
    [duration] = [one for one in spec["parameters"] if one["name"] == "duration"]
    assert duration["constraints"]["default"] == "5"
    assert {"5", "10"} <= set(duration["constraints"]["enum"])


@pytest.mark.parametrize("model", MODELS)
def test_the_rules_between_parameters_are_kept(client, wire, model):
    spec = drive(client.models.get_spec(model))
    rules = wire.calls[-1].answer.json()["data"]["input_rules"]
    assert [rule["fields"] for rule in spec["inputRules"]] == [rule["fields"] for rule in rules]
    known = {"one_of", "at_least_one", "requires", "mutually_exclusive", "note"}
    assert {rule["kind"] for rule in spec["inputRules"]} <= known


def test_the_contract_is_read_anew_by_get_spec_and_kept_by_run(client, wire):
    for _ in range(2):
        drive(client.models.get_spec(T2V))
        drive(client.run(T2V, {"prompt": "a paper boat"}))
    assert len([url for _, url in wire.told if "model-contracts" in url]) == 3


def test_what_needs_no_server_asks_none(client, wire):
    assert client.version() == version("seacloudai-sdk")
    docs = getSeaCloudDocs()
    assert f"POST https://{CLOUD}{QUEUE}/{{modelId}}" in docs["operationManual"]["content"]
    assert SeaCloud(api_key="sk-any").public_resource_names() == ["chat", "models", "tasks", "skills"]
    assert wire.calls == []
