"""The queue protocol as a developer outside would rely on it: black box, from the platform's pages alone."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from mock_server import MockServer
from mock_server.core.resources import resource
from tests.support.queue_client import GENERATION, MODELS, QUEUE, TIMING, QueueClient, escaped

GOOD = json.loads(resource("fixtures", "queue.json").read_text("utf-8"))["good"]
SCENARIO = "X-Mock-Scenario"
STEPS = f"queued={TIMING['queued']} running={TIMING['running']}"
STRANGE_IDS = [
    "plain-1",
    "a/b c?d#e%f&g=h+i",
    "x/status",
    "a/requests/b/response",
    "über 映画 🎬",
    "100%25",
    ";:@$,!*'()",
    '"quoted"\\',
    "mmsu_of_my_own",
]

pytestmark = pytest.mark.parametrize("model", MODELS)


@pytest.fixture(scope="module")
def servers():
    """Servers by name, each with a clock that stands still."""
    with ExitStack() as stack:
        started = {}

        def start(**settings):
            name = str(settings)
            if name not in started:
                started[name] = stack.enter_context(MockServer(**{"speed": "manual", **settings}))
            return started[name]

        yield start


@pytest.fixture
def client(servers, http, fresh_key):
    """A client with a key that nobody has used."""
    return QueueClient(http, servers().url, fresh_key())


@pytest.fixture
def params(model, values):
    """Good parameters of the model."""
    return values(GOOD[model])


def _seen(client, model, request):
    return client.status(model, request).json()


def test_a_request_goes_from_the_queue_to_work_to_its_end_and_never_back(client, model, params):
    request = client.made(model, params, **{SCENARIO: STEPS})["request_id"]
    seen = []
    for _ in range(30):
        answer = client.status(model, request)
        assert answer.status_code == 200
        seen.append(answer.json()["status"])
        client.advance(0.5)
    assert [word for at, word in enumerate(seen) if seen[at - 1 : at] != [word]] == [
        "IN_QUEUE",
        "IN_PROGRESS",
        "COMPLETED",
    ]


def test_by_default_it_waits_a_moment_and_works_for_about_two_seconds(client, model, params):
    request = client.made(model, params)["request_id"]
    seen = []
    for seconds in (1, 9, 0):
        seen.append(_seen(client, model, request)["status"])
        client.advance(seconds)
    assert seen == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]


def test_an_instant_request_is_over_at_once_and_its_submit_looks_like_any_other(
    servers, http, fresh_key, model, params
):
    client = QueueClient(http, servers(timing="instant").url, fresh_key())
    made = client.made(model, params)
    assert set(made) == {"request_id", "response_url", "status_url", "cancel_url", "queue_position"}
    assert made["queue_position"] == 0
    assert _seen(client, model, made["request_id"])["status"] == "COMPLETED"
    assert client.response(model, made["request_id"]).status_code == 200
    assert client.cancel(model, made["request_id"]).status_code == 400


def test_the_urls_are_absolute_and_are_those_of_the_table(client, model, params):
    made = client.made(model, params)
    below = f"{client.url}{QUEUE}/{model}/requests/{made['request_id']}"
    assert made["request_id"].startswith("mmsu_")
    assert escaped(made["request_id"]) == made["request_id"]
    assert [made[f"{name}_url"] for name in ("status", "response", "cancel")] == [
        f"{below}/status",
        f"{below}/response",
        f"{below}/cancel",
    ]


def test_the_urls_are_on_the_address_that_the_client_used(client, model, params):
    host = client.url.replace("http://127.0.0.1", "localhost")
    assert host.startswith("localhost:")
    made = client.made(model, params, Host=host)
    assert all(made[name].startswith(f"http://{host}{QUEUE}/") for name in ("status_url", "response_url", "cancel_url"))
    path = made["status_url"].removeprefix(f"http://{host}")
    seen = client.http.get(client.url + path, headers={**client.headers, "Host": host}).json()
    assert seen["response_url"] == made["response_url"]


def test_the_urls_are_on_the_public_address_where_one_is_set(servers, http, fresh_key, model, params):
    server = servers(public_url="https://mock.example")
    client = QueueClient(http, f"http://127.0.0.1:{server.port}", fresh_key())
    made = client.made(model, params)
    addresses = [made["status_url"], made["response_url"], made["cancel_url"]]
    addresses.append(_seen(client, model, made["request_id"])["response_url"])
    assert all(address.startswith(f"https://mock.example{QUEUE}/{model}/requests/") for address in addresses)


@pytest.mark.parametrize("scheme", ["Key", "Bearer"])
def test_urls_followed_as_given_lead_to_the_end(client, model, params, scheme):
    client.headers["Authorization"] = f"{scheme} {client.key}"
    made = client.made(model, params, **{SCENARIO: STEPS})
    assert client.get(made["status_url"]).json()["status"] == "IN_QUEUE"
    waiting = client.get(made["response_url"])
    assert (waiting.status_code, waiting.json()) == (202, client.get(made["status_url"]).json())
    client.advance(60)
    ended = client.get(made["status_url"]).json()
    assert ended["status"] == "COMPLETED"
    assert client.get(ended["response_url"]).json()["outputs"]
    late = client.http.put(made["cancel_url"], headers=client.headers)
    assert (late.status_code, late.json()["status"]) == (400, "ALREADY_COMPLETED")


def test_key_and_bearer_are_the_same_user(client, model, params):
    made = client.made(model, params)
    client.headers["Authorization"] = f"Bearer {client.key}"
    assert client.get(made["status_url"]).status_code == 200
    client.headers["Authorization"] = f"Key {client.key}x"
    assert client.get(made["status_url"]).status_code == 404


def test_the_time_at_work_is_told_in_seconds_and_is_no_longer_than_the_whole(client, model, params):
    made = client.made(model, params, **{SCENARIO: STEPS})
    client.advance(60)
    metrics = client.get(made["status_url"]).json()["metrics"]
    assert set(metrics) == {"inference_time"}
    assert 0 < metrics["inference_time"] <= sum(TIMING.values())


def _failed(client, model, params):
    made = client.made(model, params, **{SCENARIO: STEPS})
    client.advance(5)
    client.control("POST", f"/tasks/{client.only_task()}/fail", {"code": "00200398", "message": "It broke"})
    return made


def _cancelled(client, model, params):
    made = client.made(model, params, **{SCENARIO: STEPS})
    client.advance(5)
    answer = client.http.put(made["cancel_url"], headers=client.headers)
    assert (answer.status_code, answer.json()["status"]) == (202, "CANCELLATION_REQUESTED")
    client.advance(60)
    return made


def _cancelled_by_control(client, model, params):
    made = client.made(model, params, **{SCENARIO: STEPS})
    client.control("POST", f"/tasks/{client.only_task()}/cancel")
    client.advance(60)
    return made


ENDINGS = {"failed": _failed, "cancelled": _cancelled, "cancelled by control": _cancelled_by_control}


@pytest.mark.parametrize("ending", ENDINGS)
def test_completed_only_says_that_it_is_over(client, model, params, ending):
    made = ENDINGS[ending](client, model, params)
    seen = client.get(made["status_url"]).json()
    assert seen["status"] == "COMPLETED"
    assert isinstance(seen["error"], str)
    assert seen["error"]
    assert (seen["error_type"] == "CANCELED") == (ending != "failed")
    assert "metrics" not in seen
    result = client.get(made["response_url"])
    assert result.json() == seen
    assert "outputs" not in result.json()
    assert client.http.put(made["cancel_url"], headers=client.headers).status_code == 400


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_failed_or_was_cancelled_reads_as_failed_on_the_generation_side(client, model, params, ending):
    made = ENDINGS[ending](client, model, params)
    task = client.task(made["request_id"]).json()
    assert task["status"] == "failed"
    key = "message" if model == "kirin_v1_6_multi_i2v" else "error_message"
    assert set(task["error"]) == {"code", key}
    assert not task.keys() & {"output", "usage", "progress"}


def test_no_code_is_lost_and_the_sentence_is_the_same_everywhere(client, model, params):
    made = _failed(client, model, params)
    seen = client.get(made["status_url"]).json()
    assert seen["provider_error"] == {"code": "00200398", "message": "It broke"}
    assert seen["error"] == "It broke"
    assert set(client.task(made["request_id"]).json()["error"].values()) == {"00200398", "It broke"}
    assert all(set(line) == {"message", "timestamp"} for line in seen["logs"])


def test_a_cancellation_in_the_queue_ends_it_without_work(client, model, params):
    made = client.made(model, params, **{SCENARIO: STEPS})
    assert client.http.put(made["cancel_url"], headers=client.headers).status_code == 202
    client.advance(0.5)
    seen = set()
    for _ in range(20):
        seen.add(_seen(client, model, made["request_id"])["status"])
        client.advance(1)
    assert "IN_PROGRESS" not in seen
    assert _seen(client, model, made["request_id"])["error_type"] == "CANCELED"


def test_what_the_queue_made_is_read_on_the_generation_side_by_every_id(client, model, params):
    made = client.made(model, {**params, "external_task_id": "both-sides"}, **{SCENARIO: STEPS})
    by_request = client.task(made["request_id"]).json()
    assert by_request["status"] == "in_progress"
    assert by_request["model"] == model
    for name in (by_request["id"], "both-sides"):
        assert client.task(name).json() == by_request
        assert _seen(client, model, name)["response_url"] == made["response_url"]
    client.advance(60)
    task = client.task(made["request_id"]).json()
    videos = [item["url"] for output in task["output"] for item in output["content"]]
    assert [item["url"] for item in client.get(made["response_url"]).json()["outputs"]] == videos


def test_what_the_generation_side_made_is_read_on_the_queue_by_every_id(client, model, params):
    client.rule(task=TIMING)
    task = client.generate(model, {**params, "external_task_id": "both-sides"}).json()
    seen = [_seen(client, model, name) for name in (task["id"], "both-sides")]
    assert seen[0]["status"] == seen[1]["status"] == "IN_QUEUE"
    assert seen[0]["response_url"] == seen[1]["response_url"]
    again = _seen(client, model, seen[0]["request_id"])
    assert (again["status"], again["response_url"]) == ("IN_QUEUE", seen[0]["response_url"])
    client.advance(60)
    result = client.get(seen[0]["response_url"]).json()
    task = client.task(task["id"]).json()
    assert [item["url"] for item in result["outputs"]] == [task["output"][0]["content"][0]["url"]]
    assert result["usage"] == task["usage"]


@pytest.mark.parametrize("name", STRANGE_IDS)
@pytest.mark.parametrize("side", ["queue", "generation"])
def test_an_id_of_ones_own_works_on_both_sides_whatever_its_characters(client, model, params, name, side):
    client.rule(task=TIMING)
    asked = {**params, "external_task_id": name}
    made = client.made(model, asked) if side == "queue" else client.generate(model, asked).json()
    own = made["request_id" if side == "queue" else "id"]
    assert client.task(name).json()["external_task_id"] == name
    assert client.task(name).json()["id"] == client.task(own).json()["id"]
    assert _seen(client, model, name) == _seen(client, model, client.task(own).json()["id"]) | {
        "request_id": _seen(client, model, name)["request_id"]
    }
    assert client.response(model, name).status_code == 202
    assert client.cancel(model, name).status_code == 202
    client.advance(60)
    assert _seen(client, model, name)["error_type"] == "CANCELED"
    assert client.response(model, name).json()["error_type"] == "CANCELED"
    assert client.cancel(model, name).status_code == 400


def test_several_videos_are_several_items_in_order(client, model, params):
    made = client.made(model, params, **{SCENARIO: "output=3"})
    client.advance(60)
    urls = [item["url"] for item in client.get(made["response_url"]).json()["outputs"]]
    assert len(urls) == len(set(urls)) == 3
    task = client.task(made["request_id"]).json()
    assert urls == [item["url"] for output in task["output"] for item in output["content"]]


def test_an_item_says_what_the_video_is(servers, http, fresh_key, model, params):
    client = QueueClient(http, servers(media="tiny").url, fresh_key())
    made = client.made(model, {**params, "duration": "10"})
    client.advance(60)
    (item,) = client.get(made["response_url"]).json()["outputs"]
    video = http.get(item["url"])
    assert video.status_code == 200
    assert video.headers["content-type"].split(";")[0] == item["content_type"]
    assert item.get("file_size", len(video.content)) == len(video.content)
    assert item["duration"] == 10
    assert "/" not in item["file_name"]
    assert item["width"] > 0 < item["height"]


def test_a_callback_url_is_accepted_and_called_with_the_task_as_a_poll_shows_it(client, model, params):
    inbox = f"/_mock/inbox/queue-{model}"
    made = client.made(model, {**params, "callback_url": f"{client.url}{inbox}?key={client.key}"})
    client.advance(60)
    heard = client.get(f"{inbox}/messages", params={"wait_for": 2, "timeout": 5, "key": client.key}).json()
    bodies = [message["body"] for message in heard["messages"]]
    assert [body["status"] for body in bodies] == ["in_progress", "completed"]
    assert bodies[-1] == client.task(made["request_id"]).json()


def test_progress_is_told_while_the_task_is_in_progress_and_not_after(client, model, params):
    client.rule(task=TIMING)
    task = client.generate(model, params).json()
    assert task["progress"] == 0
    told = []
    for _ in range(10):
        told.append(client.task(task["id"]).json()["progress"])
        client.advance(1)
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] <= 1
    client.advance(60)
    assert "progress" not in client.task(task["id"]).json()


def test_metadata_has_the_moments_in_milliseconds_beside_what_the_client_sent(client, model, params):
    client.rule(task=TIMING)
    body = {"model": model, "input": [{"params": params}], "metadata": {"order": "o-1"}}
    made = client.http.post(client.url + GENERATION, json=body, headers=client.headers).json()
    running = client.task(made["id"]).json()
    assert running["metadata"]["order"] == "o-1"
    assert "completed_at" not in running["metadata"]
    queued_at = running["metadata"]["in_queue_at"]
    assert type(queued_at) is int
    assert 0 <= queued_at - made["created_at"] * 1000 < 1000
    client.advance(60)
    ended = client.task(made["id"]).json()["metadata"]
    assert ended["order"] == "o-1"
    assert ended["in_queue_at"] == queued_at
    assert type(ended["completed_at"]) is int
    assert ended["completed_at"] - queued_at == sum(TIMING.values()) * 1000


@pytest.mark.parametrize("ending", ENDINGS)
def test_metadata_has_the_end_of_what_did_not_end_well_too(client, model, params, ending):
    made = ENDINGS[ending](client, model, params)
    metadata = client.task(made["request_id"]).json()["metadata"]
    assert type(metadata["completed_at"]) is type(metadata["in_queue_at"]) is int
    assert metadata["in_queue_at"] < metadata["completed_at"] or ending == "cancelled by control"


def test_nobody_without_a_key_is_told_by_code_of_v1_5_on_the_queue_only(client, model, params):
    body = {"model": model, "data" if model == "kirin_v1_5_i2v" else "input": params}
    on_queue = client.http.post(f"{client.url}{QUEUE}/{model}", json=params)
    on_generation = client.http.post(client.url + GENERATION, json=body)
    assert on_queue.status_code == on_generation.status_code == 401
    assert on_queue.json()["error"]["code"] == "UNAUTHORIZED"
    assert ("00200306" in on_generation.text) == (model == "kirin_v1_5_i2v")


def test_a_key_is_good_with_both_schemes_on_every_path(servers, http, fresh_key, model, params):
    for scheme in ("Key", "Bearer"):
        client = QueueClient(http, servers(api_key=["sk-both"]).url, "sk-both", scheme)
        task = client.generate(model, params)
        assert task.status_code == 200
        assert client.task(task.json()["id"]).status_code == 200
        paths = ["/api/v1/skill/models", f"/api/v1/skill/models/{model}/spec", f"/api/v1/skill/model-contracts/{model}"]
        for path in [*paths, "/api/v1/user/balance"]:
            assert client.get(path).status_code == 200, path
        files = {"file": ("square.png", resource("fixtures", "images", "square.png").read_bytes(), "image/png")}
        sent = client.http.post(f"{client.url}/api/v1/storage/files", files=files, headers=client.headers)
        assert sent.status_code == 200


def test_the_control_api_knows_the_key_by_both_schemes(client, model, params):
    client.made(model, params)
    told = []
    for scheme in ("Key", "Bearer"):
        headers = {"Authorization": f"{scheme} {client.key}"}
        told.append(client.http.get(f"{client.url}/_mock/tasks", headers=headers).json()["tasks"])
    assert told[0] == told[1]
    assert len(told[0]) == 1
