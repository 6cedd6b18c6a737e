"""The second witness: every row transcribed from the documents, against the server."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.support.shapes import fits
from tests.support.values import rows

DATA_SHAPED = {"kirin_v1_5_i2v"}
SUBMIT = "/model/v1/generation"
LEAST = {"requests": 20, "errors": 30, "answers": 4}


def _id(case):
    return f"{case[0]}:{case[1]['id']}"


def shapes(model, params):
    """The documented body and the wrapper."""
    documented = {"model": model, "data": params} if model in DATA_SHAPED else {"model": model, **params}
    return {"documented": documented, "wrapper": {"model": model, "input": [{"params": params}]}}


def _submit(http, server, body, key):
    return http.post(server.url + SUBMIT, json=body, headers={"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize("name", sorted(LEAST))
def test_every_model_has_enough_rows(name):
    counted = {}
    for model, _ in rows(name):
        counted[model] = counted.get(model, 0) + 1
    assert len(counted) == 5
    assert all(count >= LEAST[name] for count in counted.values()), counted


@pytest.mark.parametrize("shape", ["documented", "wrapper"])
@pytest.mark.parametrize("case", rows("requests"), ids=_id)
def test_documented_requests_are_accepted(case, shape, manual_server, http, values, fresh_key):
    model, row = case
    key = fresh_key()
    answer = _submit(http, manual_server, shapes(model, values(row["params"]))[shape], key)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made["model"] == model
    assert made["status"] == "in_progress"
    tenant = {"Authorization": f"Bearer {key}"}
    http.post(f"{manual_server.url}/_mock/clock/advance", json={"seconds": 10}, headers=tenant)
    named = quote(row["params"].get("external_task_id", made["id"]), safe="")
    ended = http.get(f"{manual_server.url}{SUBMIT}/task/{named}", headers=tenant).json()
    if "fails_later" in row:
        assert (ended["status"], ended["error"]["code"]) == ("failed", row["fails_later"])
    else:
        assert ended["status"] == "completed", ended


def _error_cases():
    for model, row in rows("errors"):
        for shape in ("documented", "wrapper") if "params" in row else ("as it is",):
            yield pytest.param(model, row, shape, id=f"{model}:{row['id']}:{shape}")


@pytest.mark.parametrize(("model", "row", "shape"), list(_error_cases()))
def test_documented_mistakes_get_their_status_and_code(model, row, shape, manual_server, http, values, fresh_key):
    if "params" in row:
        content = json.dumps(shapes(model, values(row["params"]))[shape]).encode()
    else:
        content = row["raw"].encode() if "raw" in row else json.dumps(values(row["body"])).encode()
    headers = {"Content-Type": row.get("content_type", "application/json")}
    authorization = row.get("authorization", f"Bearer {fresh_key()}")
    if authorization is not None:
        headers["Authorization"] = authorization
    answer = http.post(manual_server.url + SUBMIT, content=content, headers=headers)
    body = answer.json()
    assert answer.status_code == row["status"], body
    if row["kind"] == "task":
        message_key = "message" if model == "kirin_v1_6_multi_i2v" else "error_message"
        assert body == {"status": "failed", "error": {"code": row["code"], message_key: body["error"][message_key]}}
        message = body["error"][message_key]
    else:
        message = body["status"]["message"]
        told = {"code": row["status"], "message": message, "error_code": row["code"]}
        assert body == {"status": told, "data": None}
    for mentioned in row.get("mentions", ()):
        assert mentioned in message


@pytest.mark.parametrize("case", rows("answers"), ids=_id)
def test_answers_have_the_documented_shape(case, manual_server, http, values, fresh_key):
    model, row = case
    tenant = {"Authorization": f"Bearer {fresh_key()}"}
    key = tenant["Authorization"].removeprefix("Bearer ")
    made = _submit(http, manual_server, shapes(model, values(row["params"]))["documented"], key).json()
    shown = made
    if row["state"] != "submitted":
        control = manual_server.url + "/_mock"
        http.post(f"{control}/clock/advance", json={"seconds": 1}, headers=tenant)
        if row["state"] == "failed":
            http.post(f"{control}/tasks/{made['id']}/fail", headers=tenant)
        if row["state"] == "completed":
            http.post(f"{control}/clock/advance", json={"seconds": 10}, headers=tenant)
        shown = http.get(f"{manual_server.url}{SUBMIT}/task/{made['id']}", headers=tenant).json()
    assert fits(shown, row["shape"]), (shown, row["shape"])
