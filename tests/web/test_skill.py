"""The models as ``seaart-sdk`` finds and reads them, below ``/model``."""

from __future__ import annotations

import json
import re

import httpx
import pytest

V15, T2V, MULTI = "kirin_v1_5_i2v", "kirin_v1_t2v", "kirin_v1_6_multi_i2v"
V3, MASTER = "kirin_v3_i2v", "kirin_v2_master_i2v"
MODELS = [V15, T2V, MULTI, V3, MASTER]
IMAGES = {V15, MULTI, V3, MASTER}
SKILL = "/model/v1/models/skill"
COUNTS = {"processingTimeMs", "limit", "offset", "estimatedTotalHits", "totalHits", "totalPages", "page", "hitsPerPage"}


@pytest.fixture
def user(manual_server, fresh_key):
    headers = {"Authorization": f"Bearer {fresh_key()}", "Accept": "application/json"}
    with httpx.Client(base_url=manual_server.url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


def _found(user, **asked):
    answer = user.get(f"{SKILL}/search", params={"q": "", **asked})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"hits", "query", *COUNTS}
    return answer.json()


def _names(user, **asked):
    return {hit["name"] for hit in _found(user, **asked)["hits"]}


def test_a_search_for_nothing_finds_all_with_their_counts(user):
    found = _found(user)
    assert {hit["id"] for hit in found["hits"]} == set(MODELS)
    counts = {name: found[name] for name in COUNTS}
    assert counts == {
        "processingTimeMs": 0, "limit": 20, "offset": 0, "estimatedTotalHits": 5, "totalHits": 5, "totalPages": 1,
        "page": 1, "hitsPerPage": 20,
    }  # fmt: skip


def test_a_hit_says_what_goes_in_and_comes_out_and_brings_its_page(user):
    keys = "id name provider description input output media_type tags tags_abbr skill_content"
    for hit in _found(user)["hits"]:
        assert set(hit) == set(keys.split())
        assert hit["id"] == hit["name"]
        kind = ("image", "i2v") if hit["id"] in IMAGES else ("text", "t2v")
        assert (hit["input"], hit["tags_abbr"], hit["tags"]) == (*kind, [kind[1]])
        assert (hit["output"], hit["media_type"]) == ("video", "video")
        assert hit["skill_content"] == user.get(f"{SKILL}/{hit['name']}").text


@pytest.mark.parametrize(
    ("asked", "models"),
    [
        ({"q": "kling_v3"}, {V3}),
        ({"q": "Master KLING"}, {MASTER}),
        ({"q": "zeppelin"}, set()),
        ({"input": "Image"}, IMAGES),
        ({"input": "text"}, set(MODELS)),
        ({"input": "audio"}, set()),
        ({"output": "VIDEO"}, set(MODELS)),
        ({"output": "image"}, set()),
        ({"type": "i2v"}, IMAGES),
        ({"type": "T2V"}, {T2V}),
        ({"type": "video"}, set(MODELS)),
        ({"type": "llm"}, set()),
        ({"provider": "KUAISHOU"}, set(MODELS)),
        ({"provider": "alibaba"}, set()),
        ({"q": "v1", "type": "i2v", "input": "image", "provider": "kirin"}, {V15, MULTI}),
    ],
)
def test_a_search_finds_what_is_asked_for_in_any_case(user, asked, models):
    assert _names(user, **asked) == models


def test_a_search_shows_as_many_as_are_asked_for_and_says_how_many_there_are(user):
    shown = [_found(user, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [hit["name"] for page in shown for hit in page["hits"]] == [hit["name"] for hit in _found(user)["hits"]]
    assert [page["page"] for page in shown] == [1, 2, 3, 4]
    assert {(page["estimatedTotalHits"], page["totalPages"], page["limit"]) for page in shown} == {(5, 3, 2)}
    assert _found(user, limit=5000)["limit"] == 1000


@pytest.mark.parametrize(("name", "value"), [("limit", "0"), ("limit", "x"), ("offset", "-1"), ("offset", "9" * 30)])
def test_a_search_that_cannot_be_is_refused_by_name(user, name, value):
    answer = user.get(f"{SKILL}/search", params={name: value})
    assert (answer.status_code, answer.json()["status"]["error_code"]) == (400, 40001)
    assert name in answer.json()["status"]["message"]


def test_pages_and_search_need_a_key_and_a_page_needs_a_model(user):
    unknown = user.get(f"{SKILL}/kirin_v9")
    assert (unknown.status_code, unknown.json()["status"]["error_code"]) == (404, 40401)
    del user.headers["Authorization"]
    for path in ("search", T2V):
        assert user.get(f"{SKILL}/{path}").json()["status"]["error_code"] == 40101


@pytest.mark.parametrize("model", MODELS)
def test_a_page_tells_all_that_is_needed_for_a_video(user, model):
    answer = user.get(f"{SKILL}/{model}")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    page = answer.text
    assert page.startswith(f"# {model}\n")
    spec = user.get(f"/api/v1/skill/models/{model}/spec").json()["data"]
    assert all(f"| `{one['name']}` |" in page for one in spec["parameters"])
    assert all(rule.removeprefix("- ") in page for rule in spec["agent_prompt"].splitlines()[1:])
    body = json.loads(re.search(r"```json\n(.*?)\n```", page, re.DOTALL)[1])
    method, url = re.search(r"`(POST) (\S+)`", page).groups()
    assert user.request(method, url, json=body).status_code == 200
    lines = page.splitlines()
    for place, line in enumerate(lines):
        if set(line) == {"|", "-"}:
            assert lines[place - 1].replace("\\|", "").count("|") == line.count("|")
            assert lines[place + 1].replace("\\|", "").count("|") == line.count("|")


@pytest.mark.parametrize("model", MODELS)
def test_a_page_has_the_codes_of_its_document(user, model):
    page = user.get(f"{SKILL}/{model}").text
    refused = user.post(f"/model/v1/queue/{model}", json={"promt": "a"})
    code = re.search(r'"code":"(\w+)"', refused.text)[1]
    assert f"`{code}`" in page
    assert ("error.message" if model == MULTI else "error.error_message") in page


def test_a_page_is_found_under_the_other_name_of_its_model(user):
    assert user.get(f"{SKILL}/kling_v3_i2v").text == user.get(f"{SKILL}/{V3}").text
