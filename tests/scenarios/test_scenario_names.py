"""Names in the library: each has a group, and every name of the library before the groups is still accepted."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import httpx
import pytest
import yaml

from mock_server import MockServer
from mock_server.cli.main import main
from mock_server.core.errors import ScenarioMistake
from mock_server.scenarios.aliases import AliasResolver, aliases
from mock_server.scenarios.registry import GROUPS, ScenarioRegistry, grouped, library
from tests.core.test_packaging import ROOT

#: What the library had before its names had groups.
EARLIER = Path(__file__).with_name("earlier_names.txt").read_text("utf-8").split()
T2V = {"prompt": "A red apple"}


@pytest.fixture(scope="module")
def server():
    with MockServer(speed="manual") as made:
        yield made


@pytest.fixture
def user(server):
    server.reset()
    headers = {"Authorization": "Bearer sk-test"}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


def _scenario_of(user, **said):
    """The scenario that a submit gets."""
    headers = {"X-Mock-Scenario": said["header"]} if "header" in said else {}
    prompt = said.get("prompt", T2V["prompt"])
    answer = user.post("/model/v1/generation", json={"model": "kirin_v1_t2v", "prompt": prompt}, headers=headers)
    assert answer.status_code == 200, answer.text
    return user.get("/_mock/scenarios/explain", params={"task": answer.json()["id"]}).json()["scenario"]


def test_there_are_146_earlier_names_and_all_of_them_are_aliases():
    assert len(EARLIER) == 146
    assert sorted(aliases()) == sorted(EARLIER)


@pytest.mark.parametrize("protocol", ["registry", "control API"])
def test_every_earlier_name_still_finds_its_scenario(user, protocol):
    if protocol == "registry":
        registry = ScenarioRegistry(AliasResolver(lambda _: None))
        found = {name: registry.named(name, None).name for name in EARLIER}
    else:
        found = {name: user.get(f"/_mock/scenarios/{name}").json()["name"] for name in EARLIER}
    assert found == dict(aliases())


def test_every_scenario_has_a_group_and_every_group_has_a_meaning():
    assert {name.partition("/")[0] for name in library()} == set(GROUPS)
    assert [one.name for scenarios in grouped().values() for one in scenarios] == sorted(
        library(), key=lambda name: list(GROUPS).index(name.partition("/")[0])
    )
    assert set(aliases().values()) <= set(library())  # newer ones have had no other name
    assert not set(aliases()) & set(library())


def test_no_two_scenarios_do_the_same_on_one_side():
    """Those of the queue side are for its own clients, and may do what others do."""
    said = [repr((one.task, one.faults)) for name, one in library().items() if not name.startswith("queue/")]
    assert len(said) == len(set(said))  # one that does the same gives two names to one problem


@pytest.mark.parametrize("path", ["task/slow", "task%2Fslow", "task%2fslow", "slow"])
def test_a_scenario_is_shown_by_its_name_with_a_plain_or_an_encoded_slash(user, path):
    answer = user.get(f"/_mock/scenarios/{path}")
    assert (answer.status_code, answer.json()["name"]) == (200, "task/slow")


@pytest.mark.parametrize("name", ["task/slow", "slow"])
def test_a_header_a_marker_and_a_rule_take_both_names(user, server, name):
    assert _scenario_of(user, header=name) == "task/slow"
    assert _scenario_of(user, prompt=f"A red apple [[mock: {name}]]") == "task/slow"
    assert _scenario_of(user, header=f"scenario={name}") == "task/slow"
    assert server.scenario(name) == ["task/slow"]
    assert _scenario_of(user) == "task/slow"
    rule = {"name": "mine/rule", "match": {"prompt": "apple"}, "use": name}
    assert user.post("/_mock/scenarios", json={"scenarios": [rule]}).status_code == 200
    assert _scenario_of(user) == "mine/rule"
    assert user.get("/_mock/scenarios/mine/rule").json()["task"] == {"running": 600.0}


@pytest.mark.parametrize("name", ["slow", "task/slow"])
def test_a_rule_may_have_either_name_of_the_scenario_that_it_uses(user, name):
    rule = {"name": name, "match": {}, "use": name}
    assert user.post("/_mock/scenarios", json={"scenarios": [rule]}).status_code == 200
    assert _scenario_of(user) == name
    assert user.get(f"/_mock/scenarios/{name}").json()["task"] == {"running": 600.0}


@pytest.mark.parametrize("path", ["task/slow", "task%2Fslow", "slow"])
def test_a_rule_is_removed_by_either_name(user, server, path):
    server.scenario("slow")
    answer = httpx.delete(f"{server.url}/_mock/scenarios/{path}", trust_env=False)  # it was added for all tenants
    assert answer.json() == {"removed": 1}
    assert user.get("/_mock/scenarios").json()["rules"] == []


def test_a_scenario_of_the_users_own_keeps_an_earlier_name_for_itself(user):
    own = {"name": "slow", "task": {"running": 7}}
    assert user.post("/_mock/scenarios", json=own).status_code == 200
    assert user.get("/_mock/scenarios/slow").json()["task"] == {"running": 7.0}
    assert _scenario_of(user, header="slow") == "slow"
    assert user.request("DELETE", "/_mock/scenarios/slow").json() == {"removed": 1}


def test_an_earlier_name_is_warned_about_once_in_the_log(caplog):
    with caplog.at_level(logging.WARNING, "kirin-mock"), MockServer(speed="manual") as server:
        for _ in range(3):
            server.scenario("forged-news")
        server.scenario("callback/signature-forged")
    said = [record.getMessage() for record in caplog.records if "deprecated" in record.getMessage()]
    assert said == ["the scenario name forged-news is deprecated; use callback/signature-forged"]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("told-threetimes", "callback/duplicated-three-times"),
        ("stuck-at-41", "task/stuck-at-40"),
        ("signature-forgd", "callback/signature-forged"),
        ("Task/Slow", "task/slow"),
        ("fail-00200398x", "task/fail-00200398"),
    ],
)
def test_hints_have_the_current_name(user, capsys, wrong, right):
    with pytest.raises(ScenarioMistake, match=rf"did you mean {right}\?"):
        ScenarioRegistry().named(wrong, None)
    assert f"did you mean {right}?" in user.get(f"/_mock/scenarios/{wrong}").text
    assert main(["scenarios", "show", wrong]) == 2
    assert f"did you mean {right}?" in capsys.readouterr().err


def test_scenarios_list_shows_the_current_names_by_groups(capsys):
    assert main(["scenarios", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line and line[0] != " "] == [f"{group}/" for group in GROUPS]
    assert sorted(line.split()[0] for line in lines if line.startswith("  ")) == sorted(library())


def test_scenarios_show_takes_an_earlier_name_and_says_the_current_one(capsys):
    assert main(["scenarios", "show", "told-three-times"]) == 0
    out, err = capsys.readouterr()
    assert yaml.safe_load(out)["scenarios"][0]["name"] == "callback/duplicated-three-times"
    assert err == "warning: the scenario name told-three-times is deprecated; use callback/duplicated-three-times\n"


def test_scenarios_check_warns_about_an_earlier_name(tmp_path, capsys):
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"name": "all", "match": {}, "use": "stuck-at-40"}))
    assert main(["scenarios", "check", str(path)]) == 0
    err = capsys.readouterr().err
    assert err.splitlines() == [
        f"{path}: warning: all: use: the scenario name stuck-at-40 is deprecated; use task/stuck-at-40"
    ]
    assert main(["scenarios", "check", "--strict", str(path)]) == 1


@pytest.mark.parametrize("name", ["/a", "a/", "a/b/c", "a//b", "a/.b", "/"])
def test_a_name_has_at_most_one_group(user, name):
    answer = user.post("/_mock/scenarios", json={"name": name, "task": {"running": 1}})
    assert answer.status_code == 400
    assert "at most one slash" in answer.text


def test_the_page_on_scenarios_names_only_scenarios_that_exist():
    page = (ROOT / "docs" / "scenarios.md").read_text("utf-8")
    named = re.findall(rf"\b(?:{'|'.join(GROUPS)})/[a-z0-9-]+", re.sub(r"https?://\S+|/_mock/\S+|/model/\S+", "", page))
    assert len(set(named)) >= 25
    assert set(named) <= set(library())


#: Words that a reader does not expect in technical English; ``refuse`` is a key, and part of names.
PRIVATE = re.compile(
    r"\b(told|tells of|news|held|strangers?|whoever|for ever|in vain|mend(s|ed)?|bears?|give[sn]? up|refuse[sd]|"
    r"good for|is good|thrice|in place of|rests on)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("name", library())
def test_a_story_is_in_plain_technical_english(name):
    scenario = library()[name]
    assert scenario.story.endswith(".")
    assert PRIVATE.findall(f"{name} {scenario.story} {scenario.task.message}") == []


PAGES = ["docs/scenarios.md", *sorted(f"docs/properties/{one.name}" for one in (ROOT / "docs/properties").iterdir())]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_in_plain_technical_english(page):
    text = (ROOT / page).read_text("utf-8").partition("## Earlier names")[0]
    assert PRIVATE.findall(re.sub(r"`[^`\n]+`", "", text)) == []
