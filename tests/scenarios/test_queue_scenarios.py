"""The scenarios of the queue protocol: a client that reads it wrongly comes to harm in each, a careful one does not."""

from __future__ import annotations

from types import SimpleNamespace

import httpx
import pytest
import yaml

from mock_server import MockServer
from mock_server.core.queue_words import ERROR_TYPES
from mock_server.core.resources import resource
from mock_server.models import discover
from mock_server.verify.client.kit import Intent
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Policy

ENDPOINTS = discover()
PATIENCE = 2_000
FOR_EVER = "would wait forever"


@pytest.fixture(scope="module")
def kirin():
    with MockServer(speed="manual", timing="fast", media="tiny") as server:
        yield server


class Careful(Queued):
    """The reference client, on a server."""

    def __init__(self, kirin):
        clock = kirin.clock
        kit = SimpleNamespace(api_key=kirin.api_key, now=clock.now, sleep=clock.advance, emit=lambda outcome: None)
        Policy.__init__(self, kit)
        self.http = httpx.Client(base_url=kirin.url, timeout=60, trust_env=False)


class Api:
    """The server as the naive clients use it."""

    def __init__(self, kirin, model):
        headers = {"Authorization": f"Key {kirin.api_key}"}
        self.http = httpx.Client(base_url=kirin.url, headers=headers, timeout=60, trust_env=False)
        self.path = f"/model/v1/queue/{model}"
        self.body = dict(ENDPOINTS[model].example)
        self._clock = kirin.clock
        self._until = self._clock.now() + PATIENCE

    def submit(self):
        return self.http.post(self.path, json=self.body).json()

    def wait(self):
        self._clock.advance(10)
        if self._clock.now() > self._until:
            raise TimeoutError

    def until(self, request, *words):
        """The first status that is one of these words."""
        while True:
            self.wait()
            status = self.http.get(request["status_url"]).json()
            if status["status"] in words:
                return status


def looks_at_the_word_alone(api):
    status = api.until(api.submit(), "COMPLETED")
    result = api.http.get(status["response_url"]).json()
    return f"done, {len(result.get('outputs', []))} videos"


def waits_for_lower_case(api):
    return api.until(api.submit(), "completed", "failed")["status"]


def waits_for_upper_case(api):
    return api.until(api.submit(), "COMPLETED")["status"]


def reads_outputs_alone(api):
    status = api.until(api.submit(), "completed")
    result = api.http.get(status["response_url"]).json()
    return f"done, {len(result.get('outputs', []))} videos"


def reads_the_first(api):
    status = api.until(api.submit(), "COMPLETED")
    outputs = api.http.get(status["response_url"]).json()["outputs"]
    return f"done, {len(outputs[:1])} of {len(outputs)} videos"


def reads_what_may_not_be_there(api):
    status = api.until(api.submit(), "COMPLETED")
    try:
        return api.http.get(status["response_url"]).json()["outputs"][0]["url"]
    except LookupError as error:
        return type(error).__name__


def takes_any_2xx(api):
    status = api.until(api.submit(), "COMPLETED")
    return f"done, {len(api.http.get(status['response_url']).raise_for_status().json().get('outputs', []))} videos"


def wants_a_200(api):
    status = api.until(api.submit(), "COMPLETED")
    answer = api.http.get(status["response_url"])
    return "done" if answer.status_code == 200 else f"failed with {answer.status_code}"


def follows_the_url(api):
    named = httpx.URL(api.submit()["status_url"])
    return "the key went to another host" if named.host != api.http.base_url.host else "done"


def waits_a_minute(api):
    request = api.submit()
    for _ in range(6):
        api.wait()
    return api.http.get(request["status_url"]).json()["status"]


def stops_at_a_word_that_it_does_not_know(api):
    request = api.submit()
    while True:
        api.wait()
        word = api.http.get(request["status_url"]).json()["status"]
        if word not in {"IN_QUEUE", "IN_PROGRESS"}:
            return "done" if word == "COMPLETED" else f"failed: {word}"


def cancels_once(api):
    request = api.submit()
    try:
        return api.http.put(request["cancel_url"]).json()["status"]
    except httpx.TransportError:
        return "it may go on"


def submits_until_it_works(api):
    refused = [answer for _ in range(3) if not (answer := api.http.post(api.path, json=api.body)).is_success]
    return f"refused {len(refused)} times"


NO_VIDEO = "done, 0 videos"
#: The naive client, what it says, and what a careful one says: the error_type or the number of videos.
ROWS = {
    "queue/completed-with-error": (looks_at_the_word_alone, NO_VIDEO, "INFERENCE_FAILURE"),
    "queue/inference-failure": (looks_at_the_word_alone, NO_VIDEO, "INFERENCE_FAILURE"),
    "queue/inference-timeout": (looks_at_the_word_alone, NO_VIDEO, "INFERENCE_TIMEOUT"),
    "queue/request-invalid": (looks_at_the_word_alone, NO_VIDEO, "REQUEST_INVALID"),
    "queue/content-blocked": (looks_at_the_word_alone, NO_VIDEO, "CONTENT_BLOCKED"),
    "queue/canceled": (looks_at_the_word_alone, NO_VIDEO, "CANCELED"),
    "queue/internal-server-error": (looks_at_the_word_alone, NO_VIDEO, "INTERNAL_SERVER_ERROR"),
    "queue/documented-form": (waits_for_lower_case, FOR_EVER, 1),
    "queue/older-form": (reads_outputs_alone, NO_VIDEO, 1),
    "queue/older-form-failed": (waits_for_upper_case, FOR_EVER, "failed"),
    "queue/result-not-ready": (takes_any_2xx, NO_VIDEO, 1),
    "queue/result-502-twice": (wants_a_200, "failed with 502", 1),
    "queue/several-outputs": (reads_the_first, "done, 1 of 3 videos", 3),
    "queue/empty-outputs": (reads_what_may_not_be_there, "IndexError", 0),
    "queue/without-outputs": (reads_what_may_not_be_there, "KeyError", 0),
    "queue/status-url-on-another-host": (follows_the_url, "the key went to another host", 1),
    "queue/long-wait": (waits_a_minute, "IN_QUEUE", 1),
    "queue/unknown-status": (stops_at_a_word_that_it_does_not_know, "failed: POSTPROCESSING", 1),
    "queue/cancel-answer-lost": (cancels_once, "it may go on", 1),
    "queue/model-not-allowed": (submits_until_it_works, "refused 3 times", "rejected"),
}


def _naively(kirin, model, client):
    api = Api(kirin, model)
    with api.http:
        try:
            return client(api)
        except TimeoutError:
            return FOR_EVER


def _carefully(kirin, model):
    """What the careful client says: the number of videos, or why there are none."""
    client = Careful(kirin)
    with client.http:
        outcome = client.run(Intent(model, ENDPOINTS[model].example), PATIENCE)
        if outcome.said == "completed":
            assert all(client.http.head(url).is_success for url in outcome.urls)
            return len(outcome.urls)
        status = client.http.get(client.poll_path(), headers=client.headers()).json()
        return status.get("error_type", outcome.said) if outcome.message else outcome


@pytest.mark.parametrize("model", ENDPOINTS)
@pytest.mark.parametrize("name", ROWS)
def test_a_naive_client_falls_into_it_and_the_careful_one_does_not(kirin, name, model):
    naive, harm, right = ROWS[name]
    kirin.reset()
    kirin.scenario(name)
    assert _naively(kirin, model, naive) == harm
    kirin.reset()
    kirin.scenario(name)
    assert _carefully(kirin, model) == right


@pytest.mark.parametrize("name", ROWS)
def test_where_nothing_goes_wrong_the_naive_client_comes_to_no_such_harm(kirin, name):
    naive, harm, _ = ROWS[name]
    quick = {"queued": 2, "running": 3, "queue_form": "older" if naive is waits_for_lower_case else "documented"}
    kirin.reset()
    kirin.scenario({"name": "quick", "match": {}, "task": quick})
    assert _naively(kirin, "kirin_v1_t2v", naive) != harm


def test_a_late_result_can_be_asked_for_in_words(kirin):
    kirin.reset()
    api = Api(kirin, "kirin_v1_t2v")
    with api.http:
        headers = {"X-Mock-Scenario": "queue_result_after=5s running=10s queued=0s"}
        request = api.http.post(api.path, json=api.body, headers=headers).json()
        kirin.clock.advance(10)
        status, early = api.http.get(request["status_url"]), api.http.get(request["response_url"])
        assert (status.json()["status"], early.status_code) == ("COMPLETED", 202)
        assert early.json()["status"] == "IN_PROGRESS"
        kirin.clock.advance(5)
        assert api.http.get(request["response_url"]).status_code == 200


def test_every_scenario_has_a_row_and_every_error_type_a_scenario():
    scenarios = yaml.safe_load(resource("fixtures", "scenarios", "queue.yaml").read_text())["scenarios"]
    assert [scenario["name"] for scenario in scenarios] == list(ROWS)
    assert {right for _, _, right in ROWS.values()} >= set(ERROR_TYPES)
    for scenario in scenarios:
        assert scenario["story"].endswith(".")
        assert scenario["source"].startswith("wire#")
        assert "match" not in scenario
