"""Every documented error of every model is reached in every way that the published table says."""

from __future__ import annotations

import json

import httpx
import pytest

from mock_server import MockServer
from mock_server.contract.error_table import error_rows, page
from mock_server.contract.judge import documented_body
from mock_server.core.resources import resource
from mock_server.models import discover
from mock_server.scenarios.registry import library
from tests.support.driving import SUBMIT

ENDPOINTS = discover()
CAUSES = json.loads(resource("fixtures", "causes.json").read_text("utf-8"))["rows"]
TABLE = [(model, way) for model, endpoint in ENDPOINTS.items() for way in error_rows(endpoint)]
CELLS = [
    (model, way.code, verb, kind)
    for model, way in TABLE
    for verb in way.verbs
    for kind in ("rule", "name", "header", "marker", "queue")
]
STATUS = {
    "40101": 401,
    "40201": 402,
    "40401": 404,
    "40901": 409,
    "41301": 413,
    "41501": 415,
    "42901": 429,
    "42902": 429,
    "50301": 503,
}


@pytest.fixture(scope="module")
def server():
    with MockServer(speed="manual", image_fetch="never") as server:
        yield server


def _call(server, key, url, body, headers=None):
    given = {"Authorization": f"Bearer {key}", **(headers or {})}
    return httpx.post(f"{server.url}{url}", json=body, headers=given, timeout=30, trust_env=False)


def _code_in(answer):
    value = answer.json()
    if "error" in value:
        return value["error"]["code"]
    return str(value["status"]["error_code"])


#: What the queue side says in place of the gateway's codes; all others are a sentence.
QUEUE_CODES = {"40101": "UNAUTHORIZED", "42901": "RATE_LIMIT_EXCEEDED", "42902": "RATE_LIMIT_EXCEEDED"}


def _is_told_on_the_queue(answer, endpoint, code):
    """Whether a refusal is in the queue side's own shape."""
    value, table = answer.json(), endpoint.errors
    general = {table.unauthenticated: "40101", table.unavailable: "50301"}.get(code, code)
    if general in STATUS and (general != code or code not in {row.code for row in table.codes}):
        wanted = QUEUE_CODES.get(general)
        return value.keys() == ({"detail"} if wanted is None else {"error", "request_id"}) and (
            wanted is None or value["error"]["code"] == wanted
        )
    error = value["error"]
    return error["code"] == code and value["detail"] == error[table.message_key]


@pytest.mark.parametrize(("model", "code", "verb", "kind"), CELLS)
def test_every_error_is_reached_by_scenario_header_and_marker(server, fresh_key, model, code, verb, kind):
    endpoint, key = ENDPOINTS[model], fresh_key()
    params, headers, url = dict(endpoint.example), {}, SUBMIT
    if kind == "rule":
        rule = {"name": "all", "match": {}, "use": f"{verb}-{code}"}
        assert httpx.post(f"{server.url}/_mock/scenarios?key={key}", json=rule, trust_env=False).status_code == 200
    elif kind == "name":
        headers = {"X-Mock-Scenario": f"{verb}-{code}"}
    elif kind == "marker":
        params["external_task_id"] = f"[[mock: {verb}={code}]]"
    else:
        headers = {"X-Mock-Scenario": f"{verb}={code}"}
    body = documented_body(endpoint, params)
    if kind == "queue":
        url, body = f"/model/v1/queue/{model}", params
    answer = _call(server, key, url, body, headers)
    if verb == "refuse" and kind == "queue":
        assert answer.status_code == _status(endpoint, code)
        assert _is_told_on_the_queue(answer, endpoint, code), answer.text
        return
    if verb == "refuse":
        assert (answer.status_code, _code_in(answer)) == (_status(endpoint, code), code)
        return
    assert answer.status_code == 200, answer.text
    task_id = answer.json().get("id") or answer.json()["request_id"]
    httpx.post(f"{server.url}/_mock/clock/advance?key={key}", json={"seconds": 60}, trust_env=False)
    shown = httpx.get(
        f"{server.url}{SUBMIT}/task/{task_id}", headers={"Authorization": f"Bearer {key}"}, trust_env=False
    )
    assert shown.json()["status"] == "failed"
    assert shown.json()["error"]["code"] == code
    assert shown.json()["error"][endpoint.errors.message_key]


def _status(endpoint, code):
    if code == endpoint.errors.unauthenticated:
        return 401
    if code == endpoint.errors.unavailable:
        return 503
    return STATUS.get(code, 400)


@pytest.mark.parametrize(
    "row",
    [row for row in CAUSES if row.get("natural", True) is not None],
    ids=lambda row: f"{row['model']}-{row['code']}-{row['when']}",
)
def test_every_natural_cause_that_was_transcribed_has_its_code(row, values, fresh_key):
    model, setup = row["model"], row.get("setup")
    endpoint = ENDPOINTS[model]
    settings = {
        "balance_zero": {"balance": 0},
        "rate_limit": {"rate_limit": "1/min"},
        "max_running": {"max_running": 1},
    }.get(setup, {})
    body = documented_body(endpoint, values(row["params"] or {}))
    with MockServer(speed="manual", **settings) as server:
        headers = {} if row.get("without_key") else {"Authorization": "Bearer sk-test"}
        if setup in {"rate_limit", "max_running", "duplicate"}:
            first = httpx.post(f"{server.url}{SUBMIT}", json=body, headers=headers, timeout=30, trust_env=False)
            assert first.status_code == 200, first.text
        if setup == "unknown_model":
            body["model"] = "kirin_v9"
        if setup == "not_json_type":
            answer = httpx.post(
                f"{server.url}{SUBMIT}",
                content=json.dumps(body),
                headers={**headers, "content-type": "text/plain"},
                trust_env=False,
            )
        else:
            answer = httpx.post(f"{server.url}{SUBMIT}", json=body, headers=headers, timeout=30, trust_env=False)
        assert answer.status_code == row["status"], answer.text
        if row["when"] == "later":
            server.clock.advance(3600)
            answer = httpx.get(f"{server.url}{SUBMIT}/task/{answer.json()['id']}", headers=headers, trust_env=False)
            assert answer.json()["status"] == "failed"
        assert _code_in(answer) == row["code"]


def test_the_table_and_the_transcribed_causes_speak_of_the_same_errors():
    caused = {(row["model"], row["code"], row["when"]) for row in CAUSES if row.get("natural", True) is not None}
    told = {(model, way.code, "submit") for model, way in TABLE if way.at_submit is not None}
    told |= {(model, way.code, "later") for model, way in TABLE if way.later is not None}
    assert caused == told - {(model, "41301", "submit") for model in ENDPOINTS}  # 160 MiB are tried in test_http
    uncaused = {(row["model"], row["code"]) for row in CAUSES if row.get("natural", True) is None}
    assert {(model, way.code) for model, way in TABLE if way.reason is not None} == uncaused | {
        ("kirin_v1_5_i2v", "40101")
    }


def test_every_code_of_every_document_is_in_the_table_and_in_the_library():
    for model, endpoint in ENDPOINTS.items():
        found = {way.code: way for way in error_rows(endpoint)}
        assert {row.code for row in endpoint.errors.codes} <= set(found), model
        for way in found.values():
            assert set(way.scenarios) <= set(library())


def test_no_cell_of_the_published_table_is_empty_without_its_reason():
    rows = [line for line in page(ENDPOINTS).splitlines() if line.startswith("| `")]
    assert len(rows) == len(TABLE)
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 6
        assert all(cells), row
        assert not cells[2].startswith("none:") or len(cells[2]) > 20
