"""``GET /_mock/tasks``: pages and filters."""

from __future__ import annotations

import pytest

from tests.support.scenario_users import PARAMS, TaskUser

MODELS = list(PARAMS)


@pytest.fixture
def user(manual_server, fresh_key):
    with TaskUser(manual_server, fresh_key()) as made:
        yield made


def _ids(user, **query):
    answer = user.get("/_mock/tasks", params=query)
    assert answer.status_code == 200, answer.text
    return [task["id"] for task in answer.json()["tasks"]], answer.json()["next"]


def test_pages_together_are_all_tasks_once_and_in_order(user):
    made = [user.submit(MODELS[number % 5]) for number in range(11)]
    assert _ids(user) == (made, None)
    seen, cursor, pages = [], {}, 0
    while cursor is not None:
        found, following = _ids(user, limit=4, **cursor)
        seen, pages = seen + found, pages + 1
        cursor = {"cursor": following} if following is not None else None
    assert (seen, pages) == (made, 3)
    assert _ids(user, limit=11) == (made, None)


def test_tasks_are_found_by_status_model_text_and_time(user):
    first = user.submit(prompt="a Red kite", external_task_id="Order-17")
    user.advance(100)
    second = user.submit("kirin_v3_i2v", prompt="a blue kite")
    now = user.get("/_mock/clock").json()["now"]
    assert _ids(user, model="kirin_v3_i2v") == ([second], None)
    assert _ids(user, text="red KITE") == _ids(user, text="order-17") == ([first], None)
    assert _ids(user, text="kite") == ([first, second], None)
    assert _ids(user, text=first) == _ids(user, text=f"mmsu_{first}") == ([first], None)
    assert _ids(user, since=now - 1) == ([second], None)
    assert _ids(user, until=now - 1) == ([first], None)
    assert _ids(user, status="completed") == ([first], None)
    assert _ids(user, status="queued", model="kirin_v1_t2v") == ([], None)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"status": "done"}, "status is one of queued, in_progress, completed, failed, cancelled, not 'done'"),
        ({"limit": 0}, "limit must be a number from 1 to 10000, not '0'"),
        ({"limit": "x"}, "limit must be a number from 1 to 10000, not 'x'"),
        ({"since": "soon"}, "since must be a number from 0"),
        ({"cursor": "none"}, "cursor names no task: 'none'"),
        ({"state": "failed"}, "state means nothing here; did you mean status?"),
    ],
)
def test_a_wrong_filter_is_refused_by_name(user, query, says):
    answer = user.get("/_mock/tasks", params=query)
    assert answer.status_code == 400
    assert says in answer.json()["status"]["message"]
