"""seacloudai-sdk is refused: what its errors say, and what of the server's answer is lost in them."""

from __future__ import annotations

import pytest
from seacloud_sdk import AuthError, BalanceError, ModelNotFoundError, NetworkError, SeaCloud, ValidationError
from virtual_time import drive
from wiring import ADMIN, CLOUD, MODELS, QUEUE, T2V, V15, example, told_to_fail

BOAT = {"prompt": "a paper boat"}


@pytest.mark.parametrize("model", MODELS)
def test_a_body_that_breaks_its_document_is_refused_in_the_servers_words(client, wire, http, model):
    params = {**example(wire.server, http, model), "durations": "5"}
    with pytest.raises(NetworkError, match="durations") as caught:
        drive(client.run_sync(model, params))
    answer = wire.calls[-1].answer
    body = answer.json()
    assert str(caught.value) == body["detail"]
    assert caught.value.statusCode == answer.status_code == 400
    assert caught.value.requestId == answer.headers["x-request-id"]
    assert body["error"]["code"], "the server says the code of the document"
    assert caught.value.code is None, "and the SDK does not"


def test_a_picture_that_is_none_is_refused(client, wire):
    with pytest.raises(NetworkError, match="image") as caught:
        drive(client.run_sync(V15, {"image": "no picture", "prompt": "a paper boat"}))
    assert caught.value.statusCode == 400
    assert wire.calls[-1].answer.json()["error"]["code"] == "00200302"


@pytest.mark.parametrize("model", MODELS)
def test_without_money_a_task_is_not_made(client, wire, http, model):
    with pytest.raises(BalanceError) as caught:
        drive(client.run_sync(model, told_to_fail(example(wire.server, http, model), "refuse=40201")))
    assert caught.value.statusCode == 402


def test_money_that_is_used_up_is_told_as_such(http, wire):
    from mock_server import MockServer

    with MockServer(timing="instant", media="tiny", balance="0.20") as server:
        wire.server = server
        client = SeaCloud(api_key="sk-poor", fetch=wire)
        assert drive(client.run_sync(T2V, BOAT))["status"] == "completed"
        with pytest.raises(BalanceError, match=r"^insufficient balance: .*0\.06 USD") as caught:
            drive(client.run_sync(T2V, BOAT))
    assert caught.value.statusCode == 402


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_the_key_may_not_use_is_an_auth_error(client, wire, http, model):
    with pytest.raises(AuthError, match="Model not allowed for this user") as caught:
        drive(client.run_sync(model, told_to_fail(example(wire.server, http, model), "refuse=40301")))
    assert caught.value.statusCode == 403
    assert caught.value.hint == "Pass a non-empty apiKey when constructing SeaCloud."


@pytest.mark.parametrize("model", MODELS)
def test_a_wrong_key_ends_at_the_contract_or_at_the_queue(wire, model):
    stranger = SeaCloud(api_key="sk-wrong", fetch=wire)
    with pytest.raises(AuthError) as caught:
        drive(stranger.run_sync(model, {"prompt": "a paper boat", "image": "x", "image_list": []}))
    assert caught.value.statusCode == 401
    assert wire.told == [("GET", f"https://{ADMIN}/api/v1/skill/model-contracts/{model}")]
    with pytest.raises(AuthError, match="Authorization Bearer or Key token is required") as caught:
        drive(stranger.run_sync(model, BOAT, contract="off"))
    assert caught.value.statusCode == 401
    assert wire.told[1:] == [("POST", f"https://{CLOUD}{QUEUE}/{model}")]


def test_a_wrong_key_reads_nothing(wire):
    stranger = SeaCloud(api_key="sk-wrong", fetch=wire)
    for call in (
        stranger.models.list,
        lambda: stranger.models.get_spec(T2V),
        lambda: stranger.tasks.get("mmsu_0", endpoint=T2V),
        lambda: stranger.tasks.get_response("mmsu_0", endpoint=T2V),
    ):
        with pytest.raises(AuthError) as caught:
            drive(call())
        assert caught.value.statusCode == 401


@pytest.mark.parametrize("key", ["", "  ", None])
def test_no_key_is_found_before_anything_is_sent(key, wire):
    with pytest.raises(AuthError, match="apiKey is required"):
        SeaCloud(api_key=key, fetch=wire)
    assert wire.calls == []


def test_an_unknown_model_is_not_found_by_the_contract(client, wire):
    with pytest.raises(ModelNotFoundError, match=r"Model not found: kirin_v9$") as caught:
        drive(client.run_sync("kirin_v9", BOAT, contract="strict"))
    assert (caught.value.modelId, caught.value.statusCode) == ("kirin_v9", 404)
    with pytest.raises(ModelNotFoundError, match=r"Model not found: kling_v9$"):
        drive(client.models.get_spec("kling_v9"))
    assert all(method == "GET" for method, _ in wire.told)


@pytest.mark.parametrize("contract", ["auto", "off"])
def test_an_unknown_model_of_the_queue_is_a_network_error(client, contract):
    with pytest.raises(NetworkError, match="App not found: kirin_v9") as caught:
        drive(client.run_sync("kirin_v9", BOAT, contract=contract))
    assert caught.value.statusCode == 404


def test_unless_its_name_contains_the_word_model(client):
    with pytest.raises(ModelNotFoundError) as caught:
        drive(client.run_sync("my_model", BOAT, contract="off"))
    assert caught.value.modelId == f"https://{CLOUD}{QUEUE}/my_model"


def test_too_many_submits_are_refused_and_not_tried_again(client, wire):
    with pytest.raises(NetworkError) as caught:
        drive(client.run_sync(T2V, told_to_fail(BOAT, "fault=rate_limit on=submit times=1")))
    assert caught.value.statusCode == 429
    assert wire.calls[-1].answer.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert "retry-after" in wire.calls[-1].answer.headers
    assert [call.method for call in wire.calls].count("POST") == 1


@pytest.mark.parametrize("name", ["webhook_url", "webhook"])
def test_a_webhook_is_refused(client, name):
    with pytest.raises(NetworkError, match="webhook not supported") as caught:
        drive(client.run_sync(T2V, {**BOAT, name: "https://example.com/hook"}))
    assert caught.value.statusCode == 400


@pytest.mark.parametrize("params", [None, "prompt=x", [BOAT]])
def test_parameters_that_are_no_object_are_found_before_anything_is_sent(client, wire, params):
    with pytest.raises(ValidationError, match='Missing required parameter "params"'):
        drive(client.run_sync(T2V, params))
    assert wire.calls == []


def test_what_this_server_does_not_have_is_told_as_a_model_that_is_not_found(client):
    """The skill hub and chat: any 404 whose sentence has the word model in it reads so."""
    for call in (
        client.skills.list,
        lambda: client.skills.find("video"),
        lambda: client.chat.send("gpt-5.5", [{"role": "user", "content": "hello"}]),
    ):
        with pytest.raises(ModelNotFoundError) as caught:
            drive(call())
        assert caught.value.statusCode == 404
