"""The published contract: valid, up to date, and the very thing the server judges by."""

from __future__ import annotations

import json
from typing import get_args

import jsonschema_rs
import openapi_spec_validator
import pytest
import yaml

from mock_server.cli.contract import generated, publish
from mock_server.contract.judge import Judge, component_name
from mock_server.contract.openapi import document
from mock_server.contract.rules import Evidence
from mock_server.core.resources import resource
from mock_server.models import discover
from tests.models.test_fixtures import shapes
from tests.support.values import rows

ENDPOINTS = discover()
CONTRACT = document(ENDPOINTS)


def test_it_is_valid_openapi_3_1():
    assert CONTRACT["openapi"].startswith("3.1.")
    openapi_spec_validator.validate(CONTRACT)


def test_what_is_committed_is_what_is_generated():
    for name, content in generated().items():
        assert resource("contracts", name).read_bytes() == content, "run: kirin-mock contract"


def test_drift_is_found(tmp_path, capsys):
    assert publish(str(tmp_path), check=False) == 0
    assert publish(str(tmp_path), check=True) == 0
    (tmp_path / "openapi.json").write_bytes(b"{}")
    assert publish(str(tmp_path), check=True) == 1
    assert "openapi.json" in capsys.readouterr().err


def _published(endpoint, shape):
    name = component_name(endpoint) + {"documented": "Request", "wrapper": "Wrapped"}[shape]
    root = {"$ref": f"#/components/schemas/{name}", "components": CONTRACT["components"]}
    return jsonschema_rs.Draft202012Validator(root)


@pytest.mark.parametrize("shape", ["documented", "wrapper"])
def test_the_published_schema_accepts_what_the_documents_accept(values, shape):
    for model, row in rows("requests"):
        body = shapes(model, values(row["params"]))[shape]
        assert _published(ENDPOINTS[model], shape).is_valid(body), row["id"]


@pytest.mark.parametrize("shape", ["documented", "wrapper"])
def test_the_judge_and_the_published_schema_never_disagree(values, shape):
    disagreed = 0
    for model, row in [*rows("errors"), *rows("requests")]:
        if "params" not in row:
            continue
        body = shapes(model, values(row["params"]))[shape]
        valid = _published(ENDPOINTS[model], shape).is_valid(body)
        found = Judge(ENDPOINTS[model]).read(body).violations
        in_code = {rule.id for rule in ENDPOINTS[model].rules if rule.schema is None}
        disagreed += valid != all(violation.rule in in_code for violation in found)
    assert disagreed == 0


RULES = [(endpoint, rule) for endpoint in ENDPOINTS.values() for rule in endpoint.rules]


@pytest.mark.parametrize(("endpoint", "rule"), RULES, ids=lambda part: getattr(part, "id", ""))
def test_every_rule_is_broken_by_some_row_and_kept_by_another(endpoint, rule, values):
    """A rule that no row breaks could be dropped unnoticed."""
    params = [row["params"] for kind in ("errors", "requests") for model, row in rows(kind)
              if model == endpoint.model and "params" in row]  # fmt: skip
    held = set()
    for one in params:
        try:
            held.add(rule.holds(values(one)))
        except (KeyError, TypeError, ValueError):
            continue  # a rule in code looks only at values that are right by themselves
    assert held == {True, False}


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda endpoint: endpoint.model)
def test_every_parameter_and_rule_carries_its_evidence(endpoint):
    params = CONTRACT["components"]["schemas"][component_name(endpoint) + "Params"]
    for schema in params["properties"].values():
        assert schema["x-evidence"] in get_args(Evidence)
        assert schema["x-source"].startswith(f"{endpoint.short}#")
        assert schema["description"]
    published = {rule["id"] for rule in params.get("x-rules", ())}
    assert published >= {rule.id for rule in endpoint.rules}
    assert bool(endpoint.images) == any(name.endswith("-image") for name in published)


def test_the_ledger_has_every_parameter_rule_and_code():
    ledger = generated()["ledger.md"].decode()
    for endpoint in ENDPOINTS.values():
        for parameter in endpoint.parameters:
            assert f"| {parameter.source} | {parameter.evidence} |" in ledger
        for code in endpoint.errors.codes:
            assert f"`{code.code}`" in ledger


def test_it_is_served_with_a_page_to_read(manual_server, http):
    assert http.get(manual_server.url + "/openapi.json").json() == json.loads(json.dumps(CONTRACT))
    in_yaml = http.get(manual_server.url + "/openapi.yaml")
    assert yaml.safe_load(in_yaml.text) == json.loads(json.dumps(CONTRACT))
    page = http.get(manual_server.url + "/", follow_redirects=True)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    wanted = [
        "dynamic_masks[].trajectories[].x",
        "camera_control.config.zoom",
        "multi_prompt[].index",
        "image_list[].image",
    ]
    for shown in [*ENDPOINTS, *wanted, "at least 300 pixels", "40001"]:
        assert shown in page.text, shown


def test_the_answers_of_the_server_fit_the_contract(manual_server, http, values, fresh_key):
    root = {"$ref": "#/components/schemas/Task", "components": CONTRACT["components"]}
    task_schema = jsonschema_rs.Draft202012Validator(root)
    for model, row in rows("answers"):
        tenant = {"Authorization": f"Bearer {fresh_key()}"}
        body = shapes(model, values(row["params"]))["documented"]
        made = http.post(f"{manual_server.url}/model/v1/generation", json=body, headers=tenant).json()
        assert task_schema.is_valid(made)
        control = f"{manual_server.url}/_mock"
        if row["state"] == "failed":
            http.post(f"{control}/tasks/{made['id']}/fail", headers=tenant)
        http.post(f"{control}/clock/advance", json={"seconds": 10}, headers=tenant)
        shown = http.get(f"{manual_server.url}/model/v1/generation/task/{made['id']}", headers=tenant).json()
        assert task_schema.is_valid(shown), shown
        assert not task_schema.is_valid({**shown, "surprise": 1})


def test_every_example_is_accepted_and_published(manual_server, http):
    published = CONTRACT["paths"]["/model/v1/generation"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ]
    assert published.keys() > ENDPOINTS.keys()
    headers = {"Authorization": "Bearer examples"}
    for example in published.values():
        answer = http.post(f"{manual_server.url}/model/v1/generation", json=example["value"], headers=headers)
        assert answer.status_code == 200, answer.text
    for model in ENDPOINTS:
        path = f"/model/v1/queue/{model}"
        shown = CONTRACT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        assert len(shown) > 1
        for example in shown.values():
            answer = http.post(manual_server.url + path, json=example["value"], headers=headers)
            assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda endpoint: endpoint.model)
def test_the_queue_takes_what_the_wrapper_takes(endpoint, values):
    name = f"{component_name(endpoint)}QueueBody"
    queue = jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": CONTRACT["components"]}
    )
    wrapper = _published(endpoint, "wrapper")
    found = [values(row["params"]) for kind in ("errors", "requests") for model, row in rows(kind)
             if model == endpoint.model and "params" in row]  # fmt: skip
    judged = [(queue.is_valid(params), wrapper.is_valid(shapes(endpoint.model, params)["wrapper"])) for params in found]
    assert set(judged) == {(True, True), (False, False)}
    assert not queue.is_valid({})
