"""Discovery and upload: what a client learns without having read a document, and the pictures it hands over."""

from __future__ import annotations

import re
import shlex

import httpx
import jsonschema_rs
import pytest

from tests.support.values import image_bytes, rows

MODELS = [f"kirin_{name}" for name in ("v1_5_i2v", "v1_t2v", "v1_6_multi_i2v", "v3_i2v", "v2_master_i2v")]
V15, T2V, MULTI, V3, MASTER = MODELS
LIST, CONTRACTS, FILES = "/api/v1/skill/models", "/api/v1/skill/model-contracts", "/api/v1/storage/files"
REQUIRED = {V15: set(), T2V: {"prompt"}, MULTI: {"prompt", "image_list"}, V3: set(), MASTER: {"image"}}
# What the documents say of each parameter; a list shares its name with its elements.
TEXT, OBJECT, INTEGER, LIST_OF = ({"type": name} for name in ("string", "object", "integer", "array"))
IMAGE, MOVE, SWITCH = TEXT | {"format": "image"}, {"type": "number", "min": -10, "max": 10}, {"type": "boolean"}
LONG, SCALE = TEXT | {"max_length": 2500}, {"type": "number", "min": 0, "max": 1, "default": 0.5}
MODE, SIMPLE = TEXT | {"enum": ["std", "pro"], "default": "std"}, TEXT | {"enum": ["simple"]}
RATIO = TEXT | {"enum": ["16:9", "9:16", "1:1"], "default": "16:9"}
COMMON = {"prompt": LONG, "negative_prompt": LONG, "duration": TEXT | {"enum": ["5", "10"], "default": "5"}}
COMMON |= {"watermark_info": OBJECT, "watermark_info.enabled": SWITCH, "callback_url": TEXT, "external_task_id": TEXT}
CAMERA = COMMON | {"camera_control": OBJECT, "camera_control.config": OBJECT, "cfg_scale": SCALE, "mode": MODE}
CAMERA |= {f"camera_control.config.{name}": MOVE for name in ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")}
MOVES = TEXT | {"enum": ["simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"]}
PICTURES = {"image_list": LIST_OF | {"max_items": 4}, "image_list.image": IMAGE}
MASKS = {"static_mask": IMAGE, "dynamic_masks": LIST_OF | {"max_items": 6}, "dynamic_masks.mask": IMAGE}
MASKS |= {"dynamic_masks.trajectories": LIST_OF | {"max_items": 77}, "camera_control.type": SIMPLE, "seed": INTEGER}
MASKS |= {f"dynamic_masks.trajectories.{axis}": INTEGER for axis in "xy"}
SHOTS = {"multi_shot": SWITCH | {"default": False}, "shot_type": TEXT | {"enum": ["customize"]}, "mode": MODE}
SHOTS |= {"multi_prompt": LIST_OF | {"max_items": 6}, "multi_prompt.prompt": TEXT | {"max_length": 512}}
SHOTS |= {"multi_prompt.index": INTEGER, "multi_prompt.duration": TEXT, "element_list": LIST_OF | {"max_items": 3}}
SHOTS |= {"element_list.element_id": INTEGER, "sound": TEXT | {"enum": ["on", "off"], "default": "off"}}
SHOTS |= {"duration": TEXT | {"enum": [str(seconds) for seconds in range(3, 16)], "default": "5"}}
PARAMETERS = {
    V15: CAMERA | MASKS | {"image": IMAGE, "image_tail": IMAGE},
    T2V: CAMERA | {"prompt": LONG | {"min_length": 1}, "aspect_ratio": RATIO, "camera_control.type": MOVES},
    MULTI: COMMON | PICTURES | {"mode": MODE, "aspect_ratio": RATIO},
    V3: COMMON | SHOTS | {"image": IMAGE, "image_tail": IMAGE},
    MASTER: COMMON | {"image": IMAGE},
}
KEYWORDS = {"type": "type", "enum": "enum", "default": "default", "min": "minimum", "max": "maximum"}
KEYWORDS |= {"min_length": "minLength", "max_length": "maxLength", "max_items": "maxItems", "format": "format"}
OTHERS = {"required", "additionalProperties", "properties", "items", "minItems", "pattern", "description"}
# What another parameter can switch off is not measured then, and a plain schema cannot say "then"; the spec tells it.
UNMEASURED = {(V3, "prompt"), (V3, "multi_prompt"), (V3, "multi_prompt.prompt"), (V3, "shot_type")}
UNMEASURED |= {(model, path) for model in MODELS for path in CAMERA if path.startswith("camera_control.config.")}
BAD = {"slim.png": ("png", 299, 400), "wide.png": ("png", 751, 300)}
BAD |= {"x.gif": ("png", 640, 480), "x.png": ("gif", 640, 480)}


@pytest.fixture
def user(manual_server, fresh_key):
    headers = {"Authorization": f"Bearer {fresh_key()}"}
    with httpx.Client(base_url=manual_server.url, headers=headers, trust_env=False, timeout=60) as client:
        yield client


def _data(answer):
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"status": {"code": 200, "message": "ok"}, "data": answer.json()["data"]}
    return answer.json()["data"]


def _refusal(answer, status, code):
    assert answer.status_code == status, answer.text
    message = answer.json()["status"]["message"]
    assert answer.json() == {"status": {"code": status, "message": message, "error_code": code}, "data": None}
    return message


def _described(parameters, above=""):
    found = {above + one["name"]: one for one in parameters}
    for path, one in list(found.items()):
        found |= _described(one.get("children") or [], path + ".")
    return found


def _schemas(schema, path=""):
    inner = _schemas(schema["items"], path) if "items" in schema else []
    for name, value in schema.get("properties", {}).items():
        inner += _schemas(value, f"{path}.{name}".lstrip("."))
    return [(path, schema), *inner]


@pytest.mark.parametrize("path", [LIST, f"{LIST}/{V15}/spec", f"{CONTRACTS}/{V15}", FILES])
def test_discovery_and_upload_need_a_key(http, manual_server, path):
    sent = {"method": "POST", "files": {"file": ("a.png", b"x")}} if path == FILES else {"method": "GET"}
    _refusal(http.request(url=manual_server.url + path, **sent), 401, 40101)


def test_five_models_are_listed(user):
    found = _data(user.get(LIST))
    assert set(found) == {"models", "total", "page", "page_size", "total_pages"}
    assert sorted(model["model_id"] for model in found["models"]) == sorted(MODELS)
    keys = "id model_id name type provider description input_modalities output_modalities has_spec"
    keys += " source_collection original_model_id model_subtype"
    assert all(set(model) == set(keys.split()) for model in found["models"])
    assert {(model["type"], model["has_spec"]) for model in found["models"]} == {("video", True)}
    for model in found["models"]:
        assert model["id"] == model["model_id"] == model["original_model_id"]
        assert model["source_collection"] == "multi_models_new"
        takes = (["Text"], "t2v") if model["id"] == T2V else (["Text", "Image"], "i2v")
        assert (model["input_modalities"], model["model_subtype"], model["output_modalities"]) == (*takes, ["Video"])


@pytest.mark.parametrize("name", ["type", "provider", "keywords"])
def test_a_filter_finds_in_any_case_or_finds_nothing(user, name):
    models, field = _data(user.get(LIST))["models"], "model_id" if name == "keywords" else name
    for model in models:
        wanted = [one for one in models if one[field] == model[field]]
        for written in (model[field], model[field].swapcase()):
            assert _data(user.get(LIST, params={name: written}))["models"] == wanted
    nothing = _data(user.get(LIST, params={name: "zeppelin"}))
    assert (nothing["models"], nothing["total"]) == ([], 0)


@pytest.mark.parametrize("written", ["Kling", "kLING", "Kirin", "kuaishou", "KuaiShou"])
def test_the_provider_is_found_by_each_of_its_names(user, written):
    assert _data(user.get(LIST, params={"provider": written}))["total"] == 5
    assert _data(user.get(LIST, params={"keywords": written}))["total"] == 5


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_found_by_the_names_that_clients_show(user, model):
    alias = model.replace("kirin_", "kling_")
    for written in (alias, alias.upper(), f"Kling V{model.split('_')[1][1:]}", f"kling {model.rpartition('_')[2]}"):
        found = _data(user.get(LIST, params={"keywords": written, "type": "Video", "page_size": 500}))["models"]
        assert model in [one["id"] for one in found]
        assert alias != written or len(found) == 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("path", [f"{LIST}/{{}}/spec", f"{CONTRACTS}/{{}}"])
def test_a_model_has_the_same_facts_under_its_other_name(user, path, model):
    same = _data(user.get(path.format(model)))
    assert _data(user.get(path.format(model.replace("kirin_", "kling_")))) == same
    assert same["model_id"] == model


def test_a_call_in_one_line_is_shown_when_asked_for_and_makes_a_task(user, http):
    assert not any("curl" in model for model in _data(user.get(LIST, params={"include_curl": "false"}))["models"])
    for model in _data(user.get(LIST, params={"include_curl": "true", "page_size": 500}))["models"]:
        line = model["curl"]
        assert "\n" not in line
        command, _, method, url, *rest = shlex.split(line)
        assert (command, method) == ("curl", "POST")
        assert url == f"{user.base_url}/model/v1/queue/{model['id']}".replace("//model", "/model")
        assert rest[::2] == ["-H", "-H", "-d"]
        headers = dict(header.split(": ") for header in rest[1:-1:2])
        assert http.request(method, url, headers=headers, content=rest[-1]).status_code == 200


@pytest.mark.parametrize("value", ["yes", "1", ""])
def test_include_curl_is_true_or_false(user, value):
    assert "include_curl" in _refusal(user.get(LIST, params={"include_curl": value}), 400, 40001)


@pytest.mark.parametrize("size", ["500", "1000", "1001", "0999999", "9" * 5000])
def test_a_large_page_is_given_as_far_as_there_are_large_pages(user, size):
    found = _data(user.get(LIST, params={"page_size": size}))
    assert (found["total"], len(found["models"]), found["page_size"]) == (5, 5, 500 if size == "500" else 1000)


@pytest.mark.parametrize("size", range(1, 7))
def test_the_pages_together_are_the_list(user, size):
    pages = [_data(user.get(LIST, params={"page": page, "page_size": size})) for page in range(1, -(-5 // size) + 2)]
    assert [model for page in pages for model in page["models"]] == _data(user.get(LIST))["models"]
    assert pages[-1]["models"] == []
    counts = [[page[name] for name in ("page", "page_size", "total", "total_pages")] for page in pages]
    assert counts == [[number, size, 5, len(pages) - 1] for number in range(1, len(pages) + 1)]


@pytest.mark.parametrize("value", ["0", "-1", "x", "", "1.0", "+5", "\u0665"])
@pytest.mark.parametrize("name", ["page", "page_size"])
def test_a_page_that_cannot_be_is_refused_by_name(user, name, value):
    assert re.search(rf"\b{name}\b", _refusal(user.get(LIST, params={name: value}), 400, 40001))


@pytest.mark.parametrize("path", [f"{LIST}/kirin_v9/spec", f"{CONTRACTS}/kirin_v9"])
def test_an_unknown_model_is_not_found(user, path):
    _refusal(user.get(path), 404, 40401)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("model", MODELS)
def test_a_spec_says_what_the_document_says_and_the_address_in_use(user, model, host):
    address = f"http://{host}:{user.base_url.port}"
    spec = _data(user.get(f"{address}{LIST}/{model}/spec"))
    assert set(spec) == {"model_id", "name", "vendor", "type", "api", "parameters", "agent_prompt"}
    assert set(spec["api"]) == {"endpoint", "method", "headers"}
    assert (spec["api"]["endpoint"], spec["api"]["method"]) == (address + "/model/v1/generation", "POST")
    found = _described([one for one in spec["parameters"] if one["name"] != "model"])
    assert set(found) == set(PARAMETERS[model])
    for path, one in found.items():
        assert set(one) - {"constraints", "example", "children"} == {"name", "path", "type", "required", "description"}
        assert re.sub(r"\[.*?\]", "", one["path"]) == path
        stated = {**(one.get("constraints") or {}), "type": one["type"]}
        assert set(stated) <= set(KEYWORDS) - {"format"}
        facts = {name: fact for name, fact in PARAMETERS[model][path].items() if name != "format"}
        assert {name: stated.get(name) for name in facts} == facts, path
    assert {path for path, one in found.items() if one["required"] and "." not in path} == REQUIRED[model]
    assert all(found[path]["required"] for path in {"image_list.image", "camera_control.type"} & set(found))


@pytest.mark.parametrize("model", MODELS)
def test_a_contract_has_its_keys_and_constants_and_stays_as_it_is(user, model):
    first, second = (_data(user.get(f"{CONTRACTS}/{model}")) for _ in range(2))
    assert first == second
    assert first.pop("revision").strip()
    assert all(first.pop(name) for name in ("display_name", "family", "input_schema", "examples"))
    calls = [("submit", "POST", ""), ("status", "GET", "/requests/{request_id}/status")]
    calls += [("result", "GET", "/requests/{request_id}/response"), ("cancel", "PUT", "/requests/{request_id}/cancel")]
    ends = {name: {"method": method, "path": f"/model/v1/queue/{model}{path}"} for name, method, path in calls}
    constants = {"schema_version": "model-contract.v1", "kind": "multimodal", "protocol": "queue", "model_id": model}
    assert first == constants | {"body_mode": "raw_json", "endpoints": ends, "input_rules": second["input_rules"]}


@pytest.mark.parametrize("model", MODELS)
def test_an_input_schema_says_what_the_document_says_in_plain_words(user, model):
    schema = _data(user.get(f"{CONTRACTS}/{model}"))["input_schema"]
    assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema)
    found = _schemas(schema)
    assert {path for path, _ in found} == {"", *PARAMETERS[model]}
    assert set().union(*(inner for _, inner in found)) <= set(KEYWORDS.values()) | OTHERS
    assert set(schema.get("required", [])) == REQUIRED[model]
    assert [path for path, inner in found if inner.get("additionalProperties") is False] == [""]
    assert not any("additionalProperties" in inner for path, inner in found if path)
    for path, facts in PARAMETERS[model].items():
        words = {KEYWORDS[name]: facts[name] for name in facts if (model, path) not in UNMEASURED or name == "type"}
        inner = next(inner for where, inner in found if where == path)
        assert {name: inner.get(name) for name in words} == words, path
        assert (inner.get("format") == "image") == ("format" in facts), path


@pytest.mark.parametrize("model", MODELS)
def test_accepted_rows_and_examples_fit_the_input_schema(user, values, model):
    contract = _data(user.get(f"{CONTRACTS}/{model}"))
    fits = jsonschema_rs.Draft202012Validator(contract["input_schema"]).is_valid
    mine = [row for owner, row in rows("requests") if owner == model]
    assert [row["id"] for row in mine if not fits(values(row["params"]))] == []
    for example in contract["examples"]:
        assert set(example) == {"name", "input"}
        assert fits(example["input"])
        for wrong in ({"duration": 5}, {"duration": "99"}, {"negative_prompt": None}, {"promt": "a ship"}):
            assert not fits(example["input"] | wrong)
        assert user.post(contract["endpoints"]["submit"]["path"], json=example["input"]).status_code == 200


def test_a_client_that_knows_only_discovery_gets_five_videos(user, http):
    def call(step, **sent):
        method, path = (ends[step][name].replace("{request_id}", task) for name in ("method", "path"))
        return user.request(method, path, **sent).json()

    for listed in _data(user.get(LIST))["models"]:
        contract = _data(user.get(f"{CONTRACTS}/{listed['model_id']}"))
        ends, task = contract["endpoints"], ""
        task = call("submit", json=contract["examples"][0]["input"])["request_id"]
        assert call("status")["status"] == "IN_QUEUE"
        user.post("/_mock/clock/advance", json={"seconds": 10})
        ended = call("status")
        assert (ended["status"], "error" in ended) == ("COMPLETED", False)
        video = http.get(call("result")["outputs"][0]["url"], timeout=60)
        assert (video.status_code, b"ftyp" in video.content[:32]) == (200, True)


def _uploaded(user, name, content):
    return _data(user.post(FILES, files={"file": (name, content)}))["url"]


def _submit(user, model, url):
    image = {"image_list": [{"image": url}]} if model == MULTI else {"image": url}
    return user.post("/model/v1/generation", json={"model": model, "input": [{"params": {"prompt": "A boat"} | image}]})


@pytest.mark.parametrize("name", ["a.jpg", "a b.png", "шот 図.png", "a/b\\c.png", "../../x.png", "q\"'?#%2F.png"])
def test_an_uploaded_picture_is_served_to_all_and_taken_by_every_image_model(user, http, name):
    kind = "jpeg" if name == "a.jpg" else "png"
    content = image_bytes(kind, 640, 480)
    for url in (_uploaded(user, name, content), _uploaded(user, name, content)):
        served = http.get(url)
        assert (served.status_code, served.headers["content-type"], served.content) == (200, f"image/{kind}", content)
        assert [_submit(user, model, url).status_code for model in (V15, MULTI, V3, MASTER)] == [200] * 4


@pytest.mark.parametrize("name", [*BAD, "text.png"])
def test_an_uploaded_picture_is_checked_like_any_other(user, name):
    url = _uploaded(user, name, image_bytes(*BAD[name]) if name in BAD else b"only text")
    code = "00200305" if name == "wide.png" else "00200302"
    for model, expected in [(V15, code), (MULTI, "40001"), (V3, "006001099"), (MASTER, "002015099")]:
        answer = _submit(user, model, url)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, expected)


@pytest.mark.parametrize("part", ["", 'name="note"', 'name="upload"; filename="a.png"'])
def test_a_form_without_the_file_is_told_so(user, part):
    content = (f"--b\r\nContent-Disposition: form-data; {part}\r\n\r\nx\r\n" if part else "") + "--b--\r\n"
    answer = user.post(FILES, content=content, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert re.search(r"\bfile\b", _refusal(answer, 400, 40001))


@pytest.mark.parametrize("sent", [{"json": {"file": "x"}}, {"data": {"file": "x"}}, {"content": b"\x89PNG"}])
def test_an_upload_that_is_no_form_is_refused(user, sent):
    _refusal(user.post(FILES, **sent), 415, 41501)
