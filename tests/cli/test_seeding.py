"""Sample tenants: the same seed makes the same believable tasks, and the server takes all of them."""

from __future__ import annotations

import httpx
import pytest

from mock_server import MockServer
from mock_server.cli.main import main


def _seeded(*arguments, **settings):
    with MockServer(speed="manual", **settings) as server:
        assert main(["seed", server.url, *arguments]) == 0
        tasks = httpx.get(f"{server.url}/_mock/tasks", trust_env=False).json()["tasks"]
        account = httpx.get(f"{server.url}/_mock/account", trust_env=False).json()["accounts"][0]
        return tasks, account


def test_two_hundred_tasks_of_all_models_have_gone_every_way(capsys):
    tasks, account = _seeded("--tasks", "200", "--seed", "7")
    assert "200 tasks" in capsys.readouterr().out
    assert len(tasks) == 200
    assert len({task["model"] for task in tasks}) == 5
    assert len({task["request"]["prompt"] for task in tasks}) > 150
    assert {task["status"] for task in tasks} >= {"completed", "failed", "in_progress"}
    failed = [task for task in tasks if task["status"] == "failed"]
    assert 10 <= len(failed) <= 45
    assert all(task["failure"]["code"] for task in failed)
    moments = [task["created_at"] for task in tasks]
    assert moments == sorted(moments)
    assert moments[-1] - moments[0] > 3 * 86_400
    assert account["tasks"] == 200
    assert float(account["refunded"]) > 0


def test_the_same_seed_makes_the_same_tasks_and_another_makes_others():
    def made(seed):
        tasks, _ = _seeded("--tasks", "30", "--seed", seed)
        return [{name: task[name] for name in ("id", "request", "created_at", "plan", "failure")} for task in tasks]

    first = made("7")
    assert made("7") == first
    assert [task["request"] for task in made("8")] != [task["request"] for task in first]


def test_a_server_that_is_not_there_is_told_in_one_line(capsys):
    assert main(["seed", "http://127.0.0.1:9"]) == 2
    assert "http://127.0.0.1:9 does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "model: field required"),
        ({"model": "kirin_v9", "params": {}}, "is not served here"),
        ({"model": "kirin_v1_t2v", "params": {}}, "prompt is required"),
        ({"model": "kirin_v1_t2v", "params": {"prompt": "x"}, "ago": -1}, "ago"),
        ({"model": "kirin_v1_t2v", "params": {"prompt": "x"}, "scenario": "fial=3"}, "did you mean fail?"),
    ],
)
def test_a_task_that_cannot_be_made_is_refused_with_the_reason(manual_server, body, says):
    answer = httpx.post(f"{manual_server.url}/_mock/tasks?key=sk-made", json=body, trust_env=False)
    assert answer.status_code in {400, 404}
    assert says in answer.json()["status"]["message"]


def test_a_task_is_made_for_a_key(manual_server):
    body = {"model": "kirin_v1_t2v", "params": {"prompt": "x"}}
    answer = httpx.post(f"{manual_server.url}/_mock/tasks", json=body, trust_env=False)
    assert answer.status_code == 400
    assert "key" in answer.json()["status"]["message"]
