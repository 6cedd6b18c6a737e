"""The complaints in the library of scenarios: a naive client falls into each, and a careful one does not."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import yaml

from mock_server import MockServer
from mock_server.core.resources import resource
from tests.support import clients
from tests.support.careful_client import Careful
from tests.support.clients import Api, Report
from tests.support.depth import first
from tests.support.receiver import Receiver

LOST = {"videos": 0, "spent": "0.14", "ended": ["completed"]}  # paid for, and nobody sees it
DONE = {"said": "done", "videos": 1, "ours": 1, "tasks": 1, "spent": "0.14", "polls_after_end": 1}


def makes_one(api: Api) -> Report:
    return Careful(api).make("order-1")


def makes_two(api: Api) -> Report:
    return Careful(api).make("order-1", "order-2")


def makes_three(api: Api) -> Report:
    return Careful(api).make("order-1", "order-2", "order-3")


def saves_one(api: Api) -> Report:
    return Careful(api).save("order-1")


def cancels_one(api: Api) -> Report:
    careful = Careful(api)
    careful.order("order-1")
    api.sleep(30)
    return careful.cancel("order-1")


@dataclass
class Row:
    """What a naive client makes of a scenario, and a careful one; of the facts those that matter here."""

    scenario: str | dict[str, Any]
    naive: Callable[[Api], Report]
    harm: dict[str, Any]
    right: dict[str, Any] = field(default_factory=lambda: DONE)
    careful: Callable[[Api], Report] = makes_one
    match: dict[str, Any] = field(default_factory=dict)
    timeout: float = 30.0


ENDS = {"completed", "failed", "cancelled"}
FOR_EVER = "would wait forever"
ROWS = [
    # The end of a task
    Row(
        "task/fails-moderation",
        clients.looks_only_for_urls,
        {"said": FOR_EVER, "polls_after_end": 719, "ended": ["failed"]},
        {"said": "failed: moderation rejected it", "polls_after_end": 1, "spent": "0.00"},
    ),
    Row(
        "task/output-empty",
        clients.waits_while_it_is_in_progress,
        {"said": "done", "videos": 0, "ended": ["completed"]},
        {"said": "failed: there is no video in it", "videos": 0, "tasks": 1},
    ),
    Row(
        "task/fails-with-reason",
        clients.reads_the_other_key,
        {"said": "crashed: KeyError"},
        {"said": "failed: a face could not be animated", "spent": "0.00"},
    ),
    Row("task/completed-mentions-failed", clients.searches_the_text, LOST | {"said": "failed"}),
    # Money
    Row(
        "submit/reset-after-accept",
        clients.submits_until_it_works,
        {"said": "done", "videos": 1, "tasks": 2, "spent": "0.28"},
    ),
    Row(
        "submit/502-twice-after-accept",
        clients.submits_until_it_works,
        {"said": "done", "videos": 1, "tasks": 3, "spent": "0.42"},
    ),
    Row(
        "submit/timeout-after-accept",
        clients.submits_until_it_works,
        {"said": "done", "videos": 1, "tasks": 2, "spent": "0.28"},
        timeout=0.5,
    ),
    Row(
        "queue/cancel-500",
        clients.cancels_and_forgets,
        LOST | {"said": "cancelled"},
        {"running": 0, "spent": "0.00", "tasks": 1, "ended": ["cancelled"]},
        cancels_one,
    ),
    Row(
        "submit/403-client-too-old",
        clients.submits_until_it_works,
        {"said": "the service is down, try later", "submits": 5},
        {"said": "refused: this version of the client is no longer served", "submits": 1},
    ),
    # Waiting
    Row(
        "task/takes-15-minutes",
        clients.advises_to_try_again,
        {"said": "done; if you see no video, try again", "videos": 0, "tasks": 2, "spent": "0.28"},
    ),
    Row("task/takes-12-minutes", clients.gives_up_after_ten_minutes, LOST | {"said": "crashed: TimeoutError"}),
    Row(
        "task/stuck-at-40",
        clients.waits_for_all_of_three,
        {"said": FOR_EVER, "running": 3, "spent": "0.42"},
        {"running": 0, "spent": "0.00", "ended": ["cancelled"] * 3},
        makes_three,
    ),
    Row("task/queued-20s-running-90s", clients.reads_after_one_poll, LOST | {"said": "crashed: KeyError"}),
    Row("task/progress-100-before-completed", clients.waits_for_the_number, LOST | {"said": "crashed: KeyError"}),
    # Polls that go wrong
    Row("poll/503-twice", clients.takes_a_bad_poll_for_the_end, LOST | {"said": "failed with 503, paging somebody"}),
    Row(
        "poll/wrong-content-type",
        clients.takes_a_bad_poll_for_the_end,
        LOST | {"said": "failed with 200, paging somebody"},
    ),
    Row(
        "poll/404-twice",
        clients.starts_over,
        {"said": "done", "videos": 1, "tasks": 2, "spent": "0.28"},
        match={"nth": 1},
    ),
    Row(
        "poll/401-once",
        clients.starts_over,
        {"said": "done", "videos": 1, "tasks": 2, "spent": "0.28"},
        match={"nth": 1},
    ),
    # Drift
    Row("task/new-field", clients.allows_no_other_field, LOST | {"said": "crashed: TypeError"}),
    Row(
        "task/status-processing",
        clients.waits_while_it_is_in_progress,
        {"said": "done", "videos": 0, "running": 1, "spent": "0.14"},
    ),
    Row("task/progress-as-text", clients.waits_for_the_number, LOST | {"said": "crashed: TypeError"}),
    # Callbacks
    Row(
        "callback/unknown-task",
        clients.delivers_on_every_callback,
        {"said": "done", "videos": 1, "ours": 0, "news_of_ours": 0},
        DONE | {"heard": [], "news_of_ours": 0},
    ),
    Row(
        "task/overtaken-by-later-task",
        clients.gives_the_first_video_to_the_first_customer,
        {"said": "done", "videos": 2, "ours": 2, "in_order": False},
        {"said": "done", "in_order": True, "videos": 2, "ours": 2, "spent": "0.28"},
        makes_two,
        {"nth": 1},
    ),
    Row(
        "callback/in-progress-first",
        clients.takes_the_first_callback_for_the_result,
        LOST | {"said": "crashed: KeyError"},
    ),
    Row(
        "callback/completed-lost",
        clients.waits_for_the_callback_alone,
        {"said": FOR_EVER, "videos": 0, "ended": ["completed"]},
    ),
    Row(
        "callback/duplicated-three-times",
        clients.delivers_on_every_callback,
        {"said": "done", "videos": 3, "tasks": 1},
        DONE | {"heard": ["in_progress", "completed"], "news_of_ours": 3},
    ),
    Row(
        "callback/out-of-order",
        clients.writes_down_the_latest,
        {"said": "your video is in_progress", "videos": 0, "ended": ["completed"]},
        DONE | {"heard": ["completed"]},
    ),
    Row("callback/completed-late", clients.delivers_after_poll_or_callback, {"said": "done", "videos": 2, "tasks": 1}),
    Row(
        "callback/completed-malformed-once",
        clients.waits_for_the_callback_alone,
        {"said": FOR_EVER, "videos": 0, "told_of_the_end": 1},
        DONE | {"heard": ["in_progress", "completed"], "told_of_the_end": 2},
    ),
    Row(
        "callback/signature-forged",
        clients.delivers_on_every_callback,
        {"videos": 1, "unproven_news_believed": 2},
        DONE | {"heard": [], "unproven_news_believed": 0},
    ),
    Row(
        "callback/signature-stale",
        clients.checks_the_signature_alone,
        {"videos": 1, "unproven_news_believed": 2},
        DONE | {"heard": [], "unproven_news_believed": 0},
    ),
    Row(
        "callback/before-submit-response",
        clients.knows_only_stored_ids,
        {"said": "done", "heard": ["completed"]},
        DONE | {"heard": ["in_progress", "completed"]},
    ),
    # The video
    Row(
        "media/url-expires-after-1h",
        clients.stores_the_link,
        {"said": "failed: 403 for the video", "spent": "0.14", "saved": None},
        DONE | {"saved": "whole"},
        saves_one,
    ),
    Row(
        "media/url-unreachable",
        clients.makes_it_again,
        {"said": "failed three times", "tasks": 3, "spent": "0.42"},
        {"said": "order-1 done, its video out of reach", "tasks": 1, "spent": "0.14"},
        saves_one,
    ),
    Row(
        "media/truncated-once",
        clients.looks_whether_the_file_is_there,
        {"said": "done", "saved": "a part"},
        DONE | {"saved": "whole"},
        saves_one,
    ),
]


@pytest.fixture(scope="module")
def kirin():
    """A server in realistic time, which stands still until a client sleeps."""
    with MockServer(timing="realistic", speed="manual", seed=7, callback_secret=[clients.SECRET]) as server:
        yield server


def play(kirin, callback_url, folder, row, client):
    """Let a client meet the scenario; what it tells its user, and what the server knows."""
    kirin.reset()
    kirin.scenario(row.scenario, **row.match)
    folder.mkdir()
    api = Api(kirin, callback_url, folder, row.timeout)
    events = []

    def on_news(headers, raw):
        status = api.on_news(headers, raw)
        recent = abs(api.now() - int(headers["webhook-timestamp"])) < 300
        events.append((status, recent and clients.is_signed(headers, raw), raw))
        return status

    Receiver.on_news = staticmethod(on_news)
    with contextlib.closing(api.http):
        try:
            report = client(api)
        except clients.WaitsForEver:
            report = Report(FOR_EVER)
        except (KeyError, TypeError, TimeoutError) as crash:
            report = Report(f"crashed: {type(crash).__name__}")
        facts = measured(api, report)
        facts["unproven_news_believed"] = sum(status == 200 and not proven for status, proven, _ in events)
        ids = [task["id"].encode() for task in listed(api, "tasks")]
        facts["news_of_ours"] = sum(raw.count(b'"id":"' + task_id) for _, _, raw in events for task_id in ids)
        kirin.clock.advance(86400)  # what becomes of the tasks when the client is gone
        facts["ended"] = [task["status"] for task in listed(api, "tasks")]
    return facts


def measured(api, report):
    """The facts about a client's work."""
    account, tasks, calls = listed(api, "accounts")[0], listed(api, "tasks"), listed(api, "requests")
    ids = [task["id"] for task in tasks]
    ends = {task["id"]: task["transitions"][-1]["at"] for task in tasks if task["status"] in ENDS}
    return {
        "said": report.said,
        "heard": report.heard,
        "videos": len(report.videos),
        "ours": sum(any(task_id in url for task_id in ids) for url in report.videos),
        "in_order": all(task_id in url for task_id, url in zip(ids, report.videos, strict=False)),
        "saved": saved(api, report),
        "tasks": len(tasks),
        "running": account["running"],
        "spent": account["spent"],
        "submits": sum(call["method"] == "POST" for call in calls),
        "polls_after_end": sum(
            "/generation/task/" in call["path"] and call["at"] >= ends.get(call["task"], 1e99) for call in calls
        ),
        "told_of_the_end": sum(len(events["attempts"]) for task in tasks for events in task["deliveries"][1:]),
    }


def saved(api, report):
    """How much of the video is on the disk."""
    file = api.folder / "clip.mp4"
    if not file.exists():
        return None
    return "whole" if file.read_bytes() == api.http.get(report.videos[0]).content else "a part"


def listed(api, what):
    """All of something that the server remembers, oldest first."""
    path = {"accounts": "account"}.get(what, what)
    return api.http.get(f"/_mock/{path}", params={"limit": 2000}).json()[what]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.scenario)
def test_the_naive_client_falls_into_it_and_the_careful_one_does_not(kirin, callback_url, tmp_path, row):
    naive = play(kirin, callback_url, tmp_path / "naive", row, row.naive)
    careful = play(kirin, callback_url, tmp_path / "careful", row, row.careful)
    assert {fact: naive[fact] for fact in row.harm} == row.harm
    assert {fact: careful[fact] for fact in row.right} == row.right


@pytest.mark.parametrize("row", first(8, ROWS), ids=lambda row: row.scenario)
def test_where_nothing_goes_wrong_the_naive_client_does_not_come_to_that_harm(kirin, callback_url, tmp_path, row):
    quick = replace(row, scenario={"name": "quick", "match": {}, "task": {"queued": 2, "running": 3}}, match={})
    naive = play(kirin, callback_url, tmp_path / "naive", quick, row.naive)
    assert {fact: naive[fact] for fact in row.harm} != row.harm


def test_every_scenario_has_a_row_a_story_and_a_source_and_every_row_a_scenario():
    scenarios = yaml.safe_load(resource("fixtures", "scenarios", "complaints.yaml").read_text())["scenarios"]
    assert [row.scenario for row in ROWS] == [scenario["name"] for scenario in scenarios]
    for scenario in scenarios:
        assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/(issues|pull)/\d+", scenario["source"])
        assert scenario["story"].endswith(".")
        assert "match" not in scenario
    assert len({scenario["source"] for scenario in scenarios}) >= 15
