"""Names of an earlier version are still accepted, in every form, each with one line of warning for each process."""

import asyncio
import json
import logging
import re

import httpx
import pytest

from mock_server import MockServer, UsageError
from mock_server.cli.main import main
from mock_server.conformance.properties import Thresholds
from mock_server.core import renamed
from mock_server.scenarios.reading import read_text, read_words
from mock_server.settings import load
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.findings import Client, Finding, keep, kept
from mock_server.verify.client.kit import Intent, Kit
from tests.support.driving import drive


@pytest.fixture(autouse=True)
def _nobody_was_warned(monkeypatch):
    monkeypatch.setattr(renamed, "_warned", set())


def test_old_environment_variables_are_read_with_one_warning(capsys):
    environment = {"KIRIN_MOCK_PROFILE": "instant", "KIRIN_MOCK_MAX_HOLD": "7"}
    for _ in range(2):
        settings = load({}, environment)
        assert (settings.timing, settings.max_wait) == ("instant", 7)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "KIRIN_MOCK_PROFILE is now KIRIN_MOCK_TIMING" in lines[0]
    assert "KIRIN_MOCK_MAX_HOLD is now KIRIN_MOCK_MAX_WAIT" in lines[1]


def test_a_new_name_wins_over_an_old_variable(capsys):
    assert load({}, {"KIRIN_MOCK_PROFILE": "instant", "KIRIN_MOCK_TIMING": "realistic"}).timing == "realistic"
    assert load({"timing": "fast"}, {"KIRIN_MOCK_PROFILE": "instant"}).timing == "fast"
    assert capsys.readouterr().err == ""


def test_a_wrong_value_is_named_by_the_variable_that_was_set():
    with pytest.raises(UsageError, match=r"^KIRIN_MOCK_PROFILE: .*'slow'"):
        load({}, {"KIRIN_MOCK_PROFILE": "slow"})


OLD_FLAGS = {
    "--profile": (["serve", "--profile", "slow"], "--timing"),
    "--max-hold": (["run", "--max-hold", "0", "--", "true"], "--max-wait"),
    "verify client --profile": (["verify", "client", "json:loads", "--profile", "lax"], "--strictness"),
    "verify client --scripts": (["verify", "client", "no.such:thing", "--scripts", "3"], "--cases"),
    "verify traffic --profile": (["verify", "traffic", "no-such-file", "--profile", "strict"], "--strictness"),
}


@pytest.mark.parametrize("name", OLD_FLAGS)
def test_an_old_flag_does_what_the_new_one_does_with_one_warning(name, capsys):
    arguments, new = OLD_FLAGS[name]
    old = name.rpartition(" ")[2]
    assert [main(arguments), main(arguments)] == [2, 2]
    lines = capsys.readouterr().err.splitlines()
    warnings = [line for line in lines if "warning" in line]
    told = f"{old} is now {new}; the old name is still accepted in this version"
    assert warnings == [f"kirin-mock: warning: {told}"]
    assert len(lines) == 3
    if name in {"--profile", "--max-hold", "verify client --profile"}:
        assert lines[1].startswith(f"kirin-mock: {new}")


@pytest.mark.parametrize("command", [["serve"], ["run"], ["verify", "client"], ["verify", "traffic"]])
def test_no_help_names_an_old_flag(command, capsys):
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    assert re.search(r"--(profile|max-hold|scripts)\b", capsys.readouterr().out) is None


def test_old_keywords_of_a_server_warn_where_they_are_given():
    with pytest.warns(DeprecationWarning, match="profile is now timing") as warned:
        server = MockServer(profile="instant")
    assert server.settings.timing == "instant"
    assert warned[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="max_hold is now max_wait"):
        assert MockServer(max_hold=7).settings.max_wait == 7
    with pytest.raises(UsageError, match="profile is the old name of timing"):
        MockServer(profile="instant", timing="fast")


def test_the_report_on_conformance_takes_its_old_query(http, manual_server, caplog):
    def shown(**query):
        return http.get(f"{manual_server.url}/_mock/conformance", params=query)

    for _ in range(2):
        assert shown(profile="strict").json() == shown(strictness="strict").json()
    assert "strictness is one of" in shown(profile="lax").json()["status"]["message"]
    assert [record.message for record in caplog.records] == [
        "GET /_mock/conformance?profile is now GET /_mock/conformance?strictness; "
        "the old name is still accepted in this version"
    ]


def test_a_task_is_paused_and_resumed_under_both_names(http, manual_server, fresh_key):
    url, headers = manual_server.url, {"Authorization": f"Bearer {fresh_key()}"}
    made = http.post(f"{url}/model/v1/generation", json={"model": "kirin_v1_t2v", "prompt": "A"}, headers=headers)
    task = f"{url}/_mock/tasks/{made.json()['id']}"
    for action, paused in (("pause", True), ("resume", False), ("hold", True), ("release", False)):
        assert http.post(f"{task}/{action}", headers=headers).json()["paused"] is paused
    refused = http.post(f"{task}/stop", headers=headers)
    assert (refused.status_code, "pause, resume" in refused.json()["status"]["message"]) == (404, True)


def test_a_server_in_a_test_pauses_and_resumes():
    with MockServer(speed="manual") as kirin, httpx.Client(base_url=kirin.url, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {kirin.api_key}"}
        made = client.post("/model/v1/generation", json={"model": "kirin_v1_t2v", "prompt": "A"}, headers=headers)
        task_id = made.json()["id"]
        for pause, resume in ((kirin.pause, kirin.resume), (kirin.hold, kirin.release)):
            assert pause(task_id).timeline.held
            assert not resume(task_id).timeline.held


OLD_RULE = """
- name: old
  match: {world: sk-*}
  faults:
  - {fault: drop, news: [completed]}
  - {fault: late, news: failed}
"""


def test_old_keys_of_scenarios_mean_the_same(caplog):
    new = OLD_RULE.replace("world", "tenant").replace("news", "events")
    assert read_text(OLD_RULE, "old.yaml") == read_text(new, "new.yaml")
    assert read_text(OLD_RULE, "old.yaml")
    assert [record.message.partition(";")[0] for record in caplog.records] == [
        "match.world is now match.tenant",
        "faults[].news is now faults[].events",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_old_words_of_a_header_mean_the_same():
    old, new = (read_words(f"fault=drop {key}=completed,failed", "the header") for key in ("news", "events"))
    assert old.faults == new.faults


@pytest.mark.parametrize(
    ("old", "mistake"),
    [
        ("match: {world: 7}", r"^old\.yaml, line 3 .*match\."),
        ("faults: [{fault: drop, news: [never]}]", r"^old\.yaml, line 3 .*faults\[0\]\."),
        ("match: {world: a, tenant: b}", r"^old\.yaml, line 3 .*match\.world is not known"),
    ],
)
def test_a_mistake_below_an_old_key_is_told_by_that_key(old, mistake):
    with pytest.raises(UsageError, match=mistake):
        read_text(f"\n- name: old\n  {old}\n", "old.yaml")


def _older(value):
    """A history as an earlier version wrote it."""
    names = {"tenants": "worlds", "tenant": "world", "occurred_at": "tells_of", "timing": "profile"}
    names |= {"max_wait": "max_hold"}
    older = {names.get(key, key): inner for key, inner in value.items()}
    older["settings"] = {names.get(key, key): inner for key, inner in value["settings"].items()}
    for part in ("worlds", "events", "callbacks"):
        older[part] = [{names.get(key, key): inner for key, inner in one.items()} for one in older[part]]
    text = json.dumps(older)
    return json.loads(text.replace('"events": ["completed"]', '"news": ["completed"]'))


async def _history():
    async with drive(timing="realistic", max_wait=9) as d:
        rule = {"name": "lost", "match": {"tenant": "sk-*"}, "faults": [{"fault": "drop", "events": ["completed"]}]}
        await d.call("POST", "/_mock/scenarios", json=rule)
        await d.submit(0)
        await d.submit(1)
        await d.call("POST", f"/_mock/tasks/{d.ids[0]}/hold")
        await d.call("POST", "/_mock/clock/advance", json={"seconds": 400})
        await d.poll(d.ids[1])
        return (await d.call("GET", "/_mock/history")).json()


def test_an_old_history_is_replayed_and_judged_as_a_new_one(tmp_path, capsys):
    new = asyncio.run(_history())
    old = _older(new)
    reports = []
    for name, history in (("new", new), ("old", old)):
        file, report = tmp_path / f"{name}.json", tmp_path / f"{name}-report.json"
        file.write_text(json.dumps(history))
        assert main(["replay", str(file)]) == 0
        assert main(["verify", "traffic", str(file), "--json", str(report)]) in {0, 1}
        reports.append(json.loads(report.read_text()))
        assert reports[-1].pop("about")["traffic"] == str(file)
    assert reports[0] == reports[1]
    assert any(one["exercised"] for one in reports[0]["properties"])
    assert {"worlds", "world", "tells_of"} <= {key for part in (old, *old["callbacks"]) for key in part}
    assert "replayed" not in capsys.readouterr().err


def test_only_the_fields_of_a_history_are_renamed_not_what_clients_sent():
    body = {"world": "a planet", "worlds": 2, "tells_of": "me", "profile": "side"}
    event = {"kind": "call", "world": "sk-…", "body": body, "answer": {"world": 1}}
    found = renamed.new_history({"worlds": [{"world": "sk-…"}], "events": [event], "callbacks": []})
    assert found["tenants"] == [{"tenant": "sk-…"}]
    assert found["events"] == [{"kind": "call", "tenant": "sk-…", "body": body, "answer": {"world": 1}}]


@pytest.mark.parametrize("value", [None, 3, [], {}, {"events": 3}, {"events": [3]}, {"settings": []}])
def test_what_is_no_history_stays_as_it_is(value):
    assert renamed.new_history(value) == value


def test_a_finding_of_an_earlier_version_is_read(tmp_path):
    case = ClientCase(Intent("kirin_v1_t2v", {"prompt": "A"}), "completed", None, {"name": "script", "faults": []})
    finding = Finding("A08", "it says nothing", Client("tests:x"), Thresholds(), 7, case)
    path = keep(finding, str(tmp_path))
    value = json.loads(path.read_text())
    value["script"] = value.pop("case")
    path.write_text(json.dumps(value))
    assert kept(finding.id, str(tmp_path)).case == case


def test_the_bridge_of_a_kit_goes_by_its_old_name_too(caplog):
    kit = Kit("http://a", "k", "http://c", "s", None, lambda: "http://127.0.0.1:1")
    assert kit.open_door() == kit.open_http_bridge() == "http://127.0.0.1:1"
    assert "kit.open_door is now kit.open_http_bridge" in caplog.text
