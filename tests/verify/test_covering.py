"""The covering set: all there is to a client, in the first 150 cases, the same for every seed."""

from __future__ import annotations

import json
import unicodedata
from typing import get_args, get_type_hints

import orjson
import pytest

from mock_server.conformance.properties import Thresholds
from mock_server.contract.judge import Judge
from mock_server.models import discover
from mock_server.scenarios.faults.every import CALL_FAULTS, CALLBACK_FAULTS
from mock_server.verify.client.covering import MOST, covering, goals, random_cases, shown_by
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.intents import MIXTURES, mistake_of, packed
from mock_server.verify.client.program_messages import line_of
from mock_server.verify.client.reference_clients.light import Light
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Reference
from mock_server.verify.client.run import Harness
from mock_server.verify.client.tables import TABLES
from mock_server.verify.client.values import TEXTS
from mock_server.verify.client.wrong import wrong_intents
from tests.support.depth import first

ENDPOINTS = discover()
OF_ANY_BODY = (
    "2500 characters beyond the BMP",
    "blanks at both ends",
    "line ends",
    "combining forms",
    "markup, URL characters, quotes and escapes",
    "a number with zeros",
    "one character beyond the BMP",
    "a blank",
)


def test_every_choice_of_every_table_is_in_the_covering_set():
    cases = covering(ENDPOINTS)
    assert len(cases) <= MOST == 150
    assert set(goals()) - {choice for one in cases for choice in shown_by(one)} == set()


@pytest.mark.parametrize("client", first(1, [Light, Reference, Queued]))
def test_a_client_reaches_the_covering_set_in_its_first_150_cases(client):
    report = Harness(InProcess(client), Thresholds()).verify(150)
    total, missing = report.met.covering()
    assert total >= 500
    if client is Queued:
        assert missing == {}
    else:
        assert all("does not use the queue protocol" in why for why in missing.values()), missing


def test_what_a_run_did_not_reach_has_its_name_and_the_reason():
    class Deaf(Light):
        on_callback = None
        cancel = None

    _, missing = Harness(InProcess(Deaf), Thresholds()).verify(150).met.covering()
    assert missing["cancel: 6.0"] == "the client has no cancel"
    assert missing["fault of a callback: reorder"] == "the client takes no callbacks"
    _, missing = Harness(InProcess(Light), Thresholds()).verify(3).met.covering()
    assert "no case of this run came to it" in missing.values()


def test_random_cases_follow_and_come_from_the_seed():
    one, same, other = (random_cases(ENDPOINTS, seed) for seed in (1, 1, 2))
    first = [next(one).case for _ in range(20)]
    assert first == [next(same).case for _ in range(20)]
    assert first != [next(other).case for _ in range(20)]


@pytest.mark.parametrize("model", ENDPOINTS)
def test_the_bodies_of_a_model_are_all_allowed_and_have_every_value(model):
    endpoint = ENDPOINTS[model]
    judge = Judge(endpoint)
    bodies = packed(endpoint)
    assert [body.labels for body in bodies if mistake_of(judge, body.params) is not None] == []
    labels = {label for body in bodies[:-MIXTURES] for label in body.labels}
    names = [one for one in ("prompt", "negative_prompt") if one in endpoint.by_name]
    assert {f"{name}: {label}" for name in names for label in OF_ANY_BODY} <= labels
    enums = {(name, value) for name, one in endpoint.by_name.items() for value in one.schema.get("enum", ())}
    assert enums <= {
        (name, value)
        for body in bodies[:-MIXTURES]
        for name, value in body.params.items()
        if name in endpoint.by_name and isinstance(value, str)
    }


def test_bounds_and_awkward_values_stand_at_every_place():
    bodies = {model: packed(endpoint)[:-MIXTURES] for model, endpoint in ENDPOINTS.items()}
    cameras = [
        body.params.get("camera_control", {}).get("config", {})
        for model in ("kirin_v1_5_i2v", "kirin_v1_t2v")
        for body in bodies[model]
    ]
    for axis in ("horizontal", "vertical", "pan", "tilt", "roll", "zoom"):
        moved = {config[axis] for config in cameras if axis in config}
        assert {-10, 10, 0} < moved
    fractions = {body.params.get("cfg_scale") for body in bodies["kirin_v1_t2v"]}
    assert {0, 1, 0.1 + 0.2, 1e-7, None} < fractions
    seeds = {body.params.get("seed") for body in bodies["kirin_v1_5_i2v"]}
    assert {0, 2**53 + 1, 2**63 - 1, -(2**63)} < seeds
    masks = [body.params.get("dynamic_masks", []) for body in bodies["kirin_v1_5_i2v"]]
    assert {1, 2, 6} < {len(one) for one in masks}
    assert {2, 77} < {len(stroke["trajectories"]) for one in masks for stroke in one}
    elements = [body.params.get("element_list", []) for body in bodies["kirin_v3_i2v"]]
    assert {one[-1]["element_id"] for one in elements if len(one) == 3} >= {0, 2**63 - 1, -(2**63)}
    shots = [body.params.get("multi_prompt", []) for body in bodies["kirin_v3_i2v"]]
    assert {1, 6} < {len(one) for one in shots}
    pictures = [body.params["image_list"] for body in bodies["kirin_v1_6_multi_i2v"]]
    assert {len(one) for one in pictures} == {1, 2, 3, 4}


@pytest.mark.parametrize("model", ENDPOINTS)
def test_pictures_are_urls_in_some_bodies_and_base64_in_others_never_both(model):
    kinds = set()
    for body in packed(ENDPOINTS[model]):
        pictures = [text for text in _texts(body.params) if text[:4] in {"http", "iVBO", "/9j/"}]
        assert len(set(pictures)) == len(pictures) or "image_list: one twice" in body.labels
        kinds.add(frozenset(text.startswith("http") for text in pictures))
    assert kinds == {frozenset()} if model == "kirin_v1_t2v" else {frozenset({True}), frozenset({False})}
    if model != "kirin_v1_t2v":
        assert any(len(text) > 16 * 1024 for body in packed(ENDPOINTS[model]) for text in _texts(body.params))


def _texts(value):
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]


def test_some_text_changes_under_every_normal_form():
    texts = [text for body in packed(ENDPOINTS["kirin_v1_t2v"]) for text in _texts(body.params)]
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert any(unicodedata.normalize(form, text) != text for text in texts)


def test_every_code_of_a_refused_body_is_there_once():
    for model, endpoint in ENDPOINTS.items():
        codes = {one.code for one in wrong_intents(endpoint)}
        elsewhere = {endpoint.errors.unauthenticated, endpoint.errors.unavailable}
        assert codes | elsewhere >= {one.code for one in endpoint.errors.codes}
        assert endpoint.errors.other in codes, model


def test_a_message_to_a_program_is_one_line_for_every_reader_of_lines():
    sent = {"type": "run", "params": {"prompt": dict(TEXTS)["line ends"] + "\v\f\x1c\x1d\x1e"}}
    line = line_of(sent)
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line) == sent


@pytest.mark.parametrize("model", ENDPOINTS)
def test_an_intent_fits_into_a_line_of_64_kb_and_into_an_argument_of_a_command(model):
    endpoint = ENDPOINTS[model]
    wanted = [*packed(endpoint), *wrong_intents(endpoint)]
    assert max(len(orjson.dumps(one.params)) for one in wanted if one.params) < 60_000
    assert max(len(json.dumps(one.params)) for one in wanted if one.params) < 120_000


#: Nothing in the answer says that the bytes of a video are others, so no client can notice.
UNSEEN = {"corrupt"}


def test_every_kind_of_fault_that_scenarios_have_is_in_a_table():
    covering(ENDPOINTS)
    drawn = {
        choice["fault"]
        for one in TABLES.values()
        for choice in one.choices
        if isinstance(choice, dict) and "fault" in choice
    }
    kinds = {get_args(get_type_hints(one)["fault"])[0] for one in (*CALL_FAULTS, *CALLBACK_FAULTS)}
    assert kinds - drawn == UNSEEN
