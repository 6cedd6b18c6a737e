"""The second witness of the queue protocol: every row transcribed from the documents, against the server."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from mock_server import MockServer
from mock_server.core.resources import resource
from tests.support.queue_client import GENERATION, MODELS, TIMING, QueueClient, escaped
from tests.support.shapes import fits
from tests.support.values import rows

SCHEMES = ["Key", "Bearer"]
SHARED = json.loads(resource("fixtures", "queue.json").read_text("utf-8"))
ENDED = {"completed", "failed", "cancelled"}


@pytest.fixture(scope="module")
def server_with():
    """Starts one server for each setting, with a clock that stands still."""
    with ExitStack() as stack:
        running = {}

        def start(settings):
            name = json.dumps(settings, sort_keys=True)
            if name not in running:
                running[name] = stack.enter_context(MockServer(speed="manual", **settings))
            return running[name]

        yield start


@pytest.fixture
def client_of(server_with, http, fresh_key):
    """Makes a client with a key that nobody has used, at the server with some settings."""

    def make(scheme="Key", **settings):
        return QueueClient(http, server_with(settings).url, fresh_key(), scheme)

    return make


def _ids(row):
    return f"{row[0]}:{row[1]['id']}"


QUEUE_ROWS = rows("queue")
OLDER = [row for row in QUEUE_ROWS if row[1]["form"] == "older"]


def test_every_model_has_rows_for_every_answer_of_both_forms():
    answers = {(row["form"], row["call"], row["state"], model) for model, row in QUEUE_ROWS}
    for model in MODELS:
        for form in ("documented", "older"):
            for call, state in (
                ("submit", "queued"),
                *(("status", state) for state in ("queued", "in_progress", *ENDED)),
                *(("response", state) for state in ("queued", "in_progress", "completed", "failed")),
                *(("cancel", state) for state in ("queued", "completed", "unknown")),
            ):
                assert (form, call, state, model) in answers


def test_ids_of_rows_are_unique():
    named = [(model, row["id"]) for model, row in QUEUE_ROWS] + [("all", row["id"]) for row in SHARED["rows"]]
    assert len(named) == len(set(named))
    assert all(
        row["source"] and row["why"].endswith(".") for _, row in [*QUEUE_ROWS, *(("", r) for r in SHARED["rows"])]
    )


def _reach(client, row, model, made):
    """Brings the only task of a client into the state of a row."""
    if row["state"] in {"in_progress", "completed", "failed"}:
        client.advance(5)
    if row["state"] == "failed":
        client.control("POST", f"/tasks/{client.only_task()}/fail", row["failure"])
    if row["state"] == "cancelled":
        assert client.cancel(model, made["request_id"]).status_code == 202
    if row["state"] in ENDED:
        client.advance(60)


def _answer(client, row, model, params):
    """The answer that a row is about, and what the submit answered before."""
    if row["state"] == "unknown":
        unknown = "mmsu_00000000000000000000000000000000"
        return getattr(client, row["call"])(model, unknown), {"request_id": unknown}
    submitted = client.submit(model, params)
    if row["call"] == "submit":
        return submitted, None
    assert submitted.status_code == 200, submitted.text
    made = submitted.json()
    _reach(client, row, model, made)
    return getattr(client, row["call"])(model, made["request_id"]), made


def _check(client, row, model, values):
    answer, made = _answer(client, row, model, values(row.get("params")))
    body = answer.json()
    assert answer.status_code == row["status"], body
    assert fits(body, row["shape"], submitted=made, at_least=row.get("open", False)), (body, row["shape"])
    if row.get("square"):
        assert all(item["width"] == item["height"] > 0 for item in body["outputs"])
    assert len(body.get("outputs", ())) == row.get("items", len(body.get("outputs", ())))
    for text in row.get("holds", ()):
        assert json.dumps(text) in json.dumps(body)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("case", [row for row in QUEUE_ROWS if row[1]["form"] == "documented"], ids=_ids)
def test_answers_have_the_documented_form(case, scheme, client_of, values):
    model, row = case
    client = client_of(scheme)
    client.rule(task=TIMING)
    _check(client, row, model, values)


def test_the_documented_form_is_the_default_and_has_a_name(client_of, values):
    client = client_of(queue_form="documented")
    for model in MODELS:
        row = next(row for name, row in QUEUE_ROWS if name == model and row["id"] == "submitted")
        _check(client, row, model, values)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("case", OLDER, ids=_ids)
def test_answers_have_the_older_form_by_setting(case, scheme, client_of, values):
    model, row = case
    client = client_of(scheme, queue_form="older")
    client.rule(task=TIMING)
    _check(client, row, model, values)


@pytest.mark.parametrize("case", [row for row in OLDER if row[1]["state"] != "unknown"], ids=_ids)
def test_answers_have_the_older_form_by_scenario(case, client_of, values):
    model, row = case
    client = client_of()
    client.rule(task={**TIMING, "queue_form": "older"})
    _check(client, row, model, values)


@pytest.mark.parametrize("case", rows("requests"), ids=_ids)
def test_documented_requests_are_accepted_as_bare_parameters(case, client_of, values):
    model, row = case
    client = client_of()
    made = client.made(model, values(row["params"]))
    client.advance(60)
    ended = client.status(model, made["request_id"]).json()
    assert ended["status"] == "COMPLETED"
    assert ended.get("provider_error", {}).get("code") == row.get("fails_later"), ended
    assert ("error" in ended) == ("error_type" in ended) == ("fails_later" in row), ended


BARE_MISTAKES = [row for row in rows("errors") if "params" in row[1] and row[1]["status"] == 400]


@pytest.mark.parametrize("case", BARE_MISTAKES, ids=_ids)
def test_documented_mistakes_get_their_error_object_and_the_same_sentence_as_detail(case, client_of, values):
    model, row = case
    answer = client_of().submit(model, values(row["params"]))
    body = answer.json()
    assert answer.status_code == 400, body
    key = "message" if model == "kirin_v1_6_multi_i2v" else "error_message"
    assert body["error"] == {"code": row["code"], key: body["detail"]}
    assert body.keys() <= {"error", "detail", "status"}, body
    for mentioned in row.get("mentions", ()):
        assert mentioned in body["detail"]


def _body_of(row, model, values):
    """What a shared row sends, and under which type."""
    params = values(SHARED["good"][model])
    params |= values(json.loads(json.dumps(row.get("add", {})).replace("{model}", model)))
    body = row.get("body", params)
    if row.get("wrap") == "input":
        body = {"input": [{"params": params}]}
    if row.get("wrap") == "data":
        body = {"data": params}
    return row["raw"].encode() if "raw" in row else json.dumps(body).encode()


def _prepare(row, model, client, other_client, values):
    """What must be so before the call of a shared row; the request that it is about."""
    if "faults" in row or "task" in row:
        client.rule(**{name: row[name] for name in ("faults", "task") if name in row})
    if "balance" in row:
        client.control("PUT", f"/account?key={client.key}", {"balance": row["balance"]})
    params = values(SHARED["good"][model])
    if row.get("generation_first"):
        assert client.generate(model, params | row["add"]).status_code == 200
    if row.get("request") not in {"made", "of another key"}:
        return row.get("request", "mmsu_nobody")
    maker = client if row["request"] == "made" else other_client
    if "faults" in row:
        answer = maker.generate(model, params)
        return answer.json()["id"] if answer.status_code == 200 else "mmsu_nobody"
    return maker.made(model, params)["request_id"]


def _call(row, model, client, request, values):
    places = {"model": model, "other": MODELS[MODELS.index(model) - 1], "alias": model.replace("kirin", "kling")}
    path = row["path"].format(**places, request=escaped(request))
    headers = {**client.headers, **row.get("headers", {})}
    if row["method"] != "GET":
        headers["Content-Type"] = row.get("content_type", "application/json")
    if "authorization" in row:
        headers["Authorization"] = row["authorization"]
        headers = {name: value for name, value in headers.items() if value is not None}
    content = _body_of(row, model, values) if row["method"] == "POST" else None
    query = row.get("query")
    return client.http.request(row["method"], client.url + path, content=content, headers=headers, params=query)


def _shared_cases():
    for row in SHARED["rows"]:
        for model in MODELS:
            for scheme in ["Key"] if "authorization" in row else SCHEMES:
                yield pytest.param(row, model, scheme, id=f"{row['id']}:{model}:{scheme}")


@pytest.mark.parametrize(("row", "model", "scheme"), list(_shared_cases()))
def test_calls_of_the_queue_side_get_what_all_models_share(row, model, scheme, client_of, values):
    client, other_client = client_of(scheme, **row.get("settings", {})), client_of(scheme)
    request = _prepare(row, model, client, other_client, values)
    answers = [_call(row, model, client, request, values) for _ in range(row.get("times", 1))]
    answer, body = answers[-1], answers[-1].json()
    expected = row["status"] if isinstance(row["status"], list) else [row["status"]]
    assert answer.status_code in expected, body
    assert all(earlier.status_code != answer.status_code for earlier in answers[:-1])
    assert fits(body, row["shape"], submitted={"request_id": request}, at_least=row.get("open", False)), body
    for name, shape in row.get("answer_headers", {}).items():
        assert fits(answer.headers.get(name), shape), answer.headers
    if row.get("same_sentence"):
        assert body["detail"] in body["error"].values()
    for mentioned in row.get("mentions", ()):
        assert mentioned in body["detail"]


@pytest.mark.parametrize("model", MODELS)
def test_a_refused_submit_makes_no_task(model, client_of, values):
    client = client_of()
    good = values(SHARED["good"][model]) | {"external_task_id": "still-free"}
    for params, query in (({"duration": 5}, {}), ({"webhook": "x"}, {}), ({}, {"webhook_url": "x"})):
        path = f"{client.url}/model/v1/queue/{model}"
        refused = client.http.post(path, json=good | params, params=query, headers=client.headers)
        assert refused.status_code == 400, refused.text
    assert client.http.post(f"{path}/sync", json=good, headers=client.headers).status_code == 404
    assert client.get(f"{GENERATION}/task/still-free").status_code == 404
    client.made(model, good)
    assert client.only_task()
