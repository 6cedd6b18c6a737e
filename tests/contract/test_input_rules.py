"""What a model contract says of rules between parameters, read as clients read it before they send anything."""

from __future__ import annotations

import httpx
import pytest

from tests.support.values import rows

V15, T2V, MULTI = "kirin_v1_5_i2v", "kirin_v1_t2v", "kirin_v1_6_multi_i2v"
V3, MASTER = "kirin_v3_i2v", "kirin_v2_master_i2v"
MODELS = [V15, T2V, MULTI, V3, MASTER]
URL = "https://pictures.example.com/a.png"
STROKE = [{"mask": URL, "trajectories": [{"x": 1, "y": 1}, {"x": 2, "y": 2}]}]
MOVE = {"type": "simple", "config": {"pan": 1}}
PRO = {"image": URL, "mode": "pro"}
SHOTS = {"image": URL, "multi_shot": True}

#: Bodies that clients can know to be wrong by themselves: the kind, and which parameters they have to name.
FORESEEN = [
    (V15, {"prompt": "a"}, "at_least_one", {"image", "image_tail"}),
    (V15, {"image": "", "image_tail": ""}, "at_least_one", {"image", "image_tail"}),
    (V3, {"prompt": "a"}, "at_least_one", {"image", "image_tail"}),
    (V15, {"image_tail": URL}, "mutually_exclusive", {"image_tail", "mode"}),
    (V15, {"image_tail": URL, "mode": "std"}, "mutually_exclusive", {"image_tail", "mode"}),
    (V15, {"image": URL, "static_mask": URL}, "mutually_exclusive", {"static_mask", "mode"}),
    (V15, {"image": URL, "dynamic_masks": STROKE}, "mutually_exclusive", {"dynamic_masks", "mode"}),
    (V15, {"image": URL, "camera_control": MOVE}, "mutually_exclusive", {"camera_control", "mode"}),
    (V15, PRO | {"duration": "10", "static_mask": URL}, "mutually_exclusive", {"static_mask", "duration"}),
    (V15, PRO | {"duration": "10", "dynamic_masks": STROKE}, "mutually_exclusive", {"dynamic_masks", "duration"}),
    (V15, PRO | {"duration": "10", "camera_control": MOVE}, "mutually_exclusive", {"camera_control", "duration"}),
    (V15, PRO | {"image_tail": URL, "static_mask": URL}, "mutually_exclusive", {"image_tail", "static_mask"}),
    (V15, PRO | {"image_tail": URL, "dynamic_masks": STROKE}, "mutually_exclusive", {"image_tail", "dynamic_masks"}),
    (V15, PRO | {"image_tail": URL, "camera_control": MOVE}, "mutually_exclusive", {"image_tail", "camera_control"}),
    (V15, PRO | {"static_mask": URL, "camera_control": MOVE}, "mutually_exclusive", {"static_mask", "camera_control"}),
    (V15, PRO | {"dynamic_masks": STROKE, "camera_control": MOVE}, "mutually_exclusive",
     {"dynamic_masks", "camera_control"}),
    (T2V, {"prompt": "a", "mode": "pro", "camera_control": MOVE}, "mutually_exclusive", {"camera_control", "mode"}),
    (T2V, {"prompt": "a", "duration": "10", "camera_control": MOVE}, "mutually_exclusive",
     {"camera_control", "duration"}),
    (V3, {"image": URL}, "requires", {"prompt", "multi_shot"}),
    (V3, SHOTS | {"multi_prompt": [{"index": 1, "prompt": "a", "duration": "5"}]}, "requires",
     {"shot_type", "multi_shot"}),
    (V3, SHOTS | {"shot_type": "customize"}, "requires", {"multi_prompt", "multi_shot"}),
]  # fmt: skip
#: What clients cannot know: parameters that a note speaks of, beside those of images.
NOTED = {
    V15: [{"camera_control.config"}] * 2,
    T2V: [{"camera_control.config"}] * 2,
    MULTI: [],
    V3: [{"prompt", "multi_shot"}, {"shot_type", "multi_shot"}, {"multi_prompt", "multi_shot"},
         {"multi_prompt", "duration"}],
    MASTER: [],
}  # fmt: skip


@pytest.fixture(scope="module")
def contracts(manual_server, fresh_key):
    headers = {"Authorization": f"Bearer {fresh_key()}"}
    with httpx.Client(base_url=manual_server.url, headers=headers, trust_env=False, timeout=30) as client:
        yield {model: client.get(f"/api/v1/skill/model-contracts/{model}").json()["data"] for model in MODELS}


def _broken(rules, params):
    """The rules that the public command-line client would hold against a body."""
    there = {name for name, value in params.items() if value not in (None, "", [], {})}

    def holds(rule):
        if any(name not in params or params[name] != value for name, value in rule.get("when", {}).items()):
            return True
        if rule["kind"] in {"one_of", "at_least_one"}:
            return bool(there.intersection(rule["fields"]))
        if rule["kind"] == "requires":
            return there.issuperset(rule["required"])
        return rule["kind"] != "mutually_exclusive" or len(there.intersection(rule["fields"])) <= 1

    return [rule for rule in rules if not holds(rule)]


def _filled(contract, params):
    """A body with the defaults that this client fills in."""
    properties = contract["input_schema"]["properties"]
    return {name: schema["default"] for name, schema in properties.items() if "default" in schema} | params


@pytest.mark.parametrize("model", MODELS)
def test_a_rule_has_the_shape_that_clients_read_and_a_sentence(contracts, model):
    names = set(contracts[model]["input_schema"]["properties"])
    for rule in contracts[model]["input_rules"]:
        assert set(rule) - {"when", "required"} == {"kind", "fields", "notes"}
        assert rule["kind"] in {"one_of", "at_least_one", "requires", "mutually_exclusive", "note"}
        assert ("required" in rule) == (rule["kind"] == "requires")
        assert {name.split(".")[0].split("[")[0] for name in rule["fields"]} <= names
        assert {*rule.get("when", {}), *rule.get("required", [])} <= set(rule["fields"])
        assert any(name in rule["notes"] for name in rule["fields"])


@pytest.mark.parametrize(("model", "params", "kind", "fields"), FORESEEN)
def test_a_client_finds_out_by_itself_what_the_server_would_refuse(contracts, model, params, kind, fields):
    found = _broken(contracts[model]["input_rules"], _filled(contracts[model], params))
    assert (kind, fields) in [(rule["kind"], set(rule["fields"])) for rule in found]


def test_every_rule_that_clients_understand_is_tried_above(contracts):
    said = {
        (model, rule["kind"], *sorted(rule["fields"]))
        for model in MODELS for rule in contracts[model]["input_rules"] if rule["kind"] != "note"
    }  # fmt: skip
    assert said == {(model, kind, *sorted(fields)) for model, _, kind, fields in FORESEEN}


@pytest.mark.parametrize("model", MODELS)
def test_what_clients_do_not_understand_is_a_note(contracts, model):
    notes = [set(rule["fields"]) for rule in contracts[model]["input_rules"] if rule["kind"] == "note"]
    assert notes[: len(NOTED[model])] == NOTED[model]
    rest = set().union(*notes[len(NOTED[model]) :])
    assert rest <= {"image", "image_tail", "static_mask", "dynamic_masks[].mask", "image_list[].image"}
    assert bool(rest) == (model != T2V)


@pytest.mark.parametrize("model", MODELS)
def test_no_rule_forbids_what_the_server_accepts(contracts, values, model):
    accepted = [values(row["params"]) for owner, row in rows("requests") if owner == model]
    accepted += [example["input"] for example in contracts[model]["examples"]]
    assert accepted
    for params in accepted:
        for sent in (params, _filled(contracts[model], params)):
            assert _broken(contracts[model]["input_rules"], sent) == []
