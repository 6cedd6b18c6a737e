"""The check for breaking changes: it finds each kind, and passes what breaks nobody."""

from __future__ import annotations

import copy
import json

import pytest

from mock_server.cli.main import main
from mock_server.contract.openapi import document
from mock_server.contract.openapi.changes import breaking_changes
from mock_server.core.resources import resource
from mock_server.models import discover

CONTRACT = json.loads(json.dumps(document(discover())))
PARAMS = ("components", "schemas", "KirinV1T2vParams")
TASK = ("components", "schemas", "TaskInProgress")
POLL = ("paths", "/model/v1/generation/task/{task_id}", "get")


def _changed(path, change):
    """The contract with what is at a path changed in place."""
    changed = copy.deepcopy(CONTRACT)
    place = changed
    for step in path:
        place = place[step]
    change(place)
    return changed


BREAKING = [
    (("paths",), lambda v: v.pop("/api/v1/user/balance"), "GET /api/v1/user/balance is gone"),
    (POLL, lambda v: v.update(operationId="show"), "another operationId: show"),
    ((*POLL, "responses"), lambda v: v.pop("200"), "no longer answers 200"),
    ((*POLL, "responses"), lambda v: v.update({"418": {}}), "answers 418"),
    (POLL, lambda v: v.update(parameters=[{"name": "page", "required": True}]), "requires the parameter page"),
    ((*PARAMS, "properties"), lambda v: v.pop("mode"), "KirinV1T2vParams.mode is no longer taken"),
    (PARAMS, lambda v: v["required"].append("mode"), "mode is required"),
    ((*PARAMS, "properties", "duration"), lambda v: v["enum"].remove("10"), "no longer takes 10"),
    ((*PARAMS, "properties", "prompt"), lambda v: v.update(maxLength=100), "maxLength is 100, and was 2500"),
    ((*PARAMS, "properties", "cfg_scale"), lambda v: v.update(minimum=0.1), "minimum is 0.1"),
    ((*PARAMS, "properties", "negative_prompt"), lambda v: v.update(minLength=1), "minLength is 1, and was open"),
    ((*PARAMS, "properties", "mode"), lambda v: v.update(type="integer"), "type is integer"),
    ((*PARAMS, "x-rules"), lambda v: v.append({"id": "new", "says": "no"}), "a new rule: no"),
    (TASK, lambda v: v["required"].remove("id"), "TaskInProgress.id may be missing"),
    ((*TASK, "properties", "created_at"), lambda v: v.update(type="string"), "type is string, and was integer"),
    (("components", "schemas"), lambda v: v.pop("Usage"), "schema Usage is gone"),
]
HARMLESS = [
    (("paths",), lambda v: v.update({"/new": {"get": {}}})),
    ((*PARAMS, "properties"), lambda v: v.update(style={"type": "string"})),
    ((*PARAMS, "properties", "duration"), lambda v: v["enum"].append("15")),
    ((*PARAMS, "properties", "prompt"), lambda v: v.update(maxLength=5000)),
    (TASK, lambda v: v["properties"].update(extra={"type": "string"})),
    ((*POLL, "responses"), lambda v: v.pop("503")),
]


@pytest.mark.parametrize(("path", "change", "told"), BREAKING)
def test_what_breaks_a_client_is_found(path, change, told):
    found = list(breaking_changes(CONTRACT, _changed(path, change)))
    assert any(told in one for one in found), found


@pytest.mark.parametrize(("path", "change"), HARMLESS)
def test_what_breaks_nobody_passes(path, change):
    assert list(breaking_changes(CONTRACT, _changed(path, change))) == []


def test_the_contract_breaks_no_client_of_the_released_one():
    assert main(["contract", "--against", str(resource("contracts", "released", "openapi.json"))]) == 0


def test_a_file_that_is_no_contract_is_told(tmp_path, capsys):
    (tmp_path / "other.json").write_text("[]")
    for name in ("none.json", "other.json"):
        assert main(["contract", "--against", str(tmp_path / name)]) == 2
        assert "--against" in capsys.readouterr().err
