"""Very many rules and tenants: a call pays for the rules that may concern it, and forgetting all is linear."""

from __future__ import annotations

import time

import httpx
import pytest

from mock_server import MockServer
from tests.support.depth import first
from tests.support.scenario_users import RuleUser

MANY = 10_000
#: Seconds of CPU for twenty calls, clients included; each took 0.3 s where every rule was tried.
QUICK = 2.0
KINDS = {
    "by external id": lambda number: {"external_task_id": f"order-{number}"},
    "by another model": lambda number: {"model": "kirin_v3_i2v", "params": {"seed": number}},
    "by tenant": lambda number: {"tenant": f"key-{number}"},
    "by prompt": lambda number: {"prompt": f"needle {number}."},
}


@pytest.fixture(scope="module", params=first(2, KINDS))
def rules(request):
    """A user of a server with very many rules of one kind, about faults and about tasks in turn."""
    made = [
        {
            "name": f"rule-{number}",
            "match": KINDS[request.param](number),
            **({"faults": [{"fault": "error", "status": 503, "on": "poll"}]} if number % 2 else {"task": {"after": 1}}),
        }
        for number in range(MANY)
    ]
    with MockServer(speed="manual") as server, RuleUser(server, "sk-one") as user:
        user.timeout = 120
        user.add(*made)
        yield user


def test_calls_are_quick_with_ten_thousand_rules_that_are_for_others(rules):
    began = time.process_time()
    tasks = [rules.submit().json()["id"] for _ in range(10)]
    assert [rules.get(f"/model/v1/generation/task/{task}").status_code for task in tasks] == [200] * 10
    assert time.process_time() - began < QUICK


def test_the_rule_among_ten_thousand_that_is_for_a_submit_is_found_and_explained(rules):
    model, params = "kirin_v1_t2v", {"prompt": "needle 9001. and more", "external_task_id": "order-9001"}
    explained = rules.explained((model, params))
    wanted = {rule["name"]: rule["match"] for rule in rules.rules()}["rule-9001"]
    if "prompt" in wanted or "external_task_id" in wanted:
        assert explained["scenario"] == "rule-9001"
        assert len(explained["tried"]) == 9002
        assert rules.get("/model/v1/generation/task/order-9001").status_code in {200, 503}
    else:
        assert explained["scenario"] is None
        assert len(explained["tried"]) == MANY


def test_a_full_reset_with_very_many_tenants_is_quick():
    with MockServer(speed="manual") as server:
        for number in range(20_000):
            server.built.service.tenant(f"sk-{number}")
        began = time.process_time()
        assert httpx.post(f"{server.url}/_mock/reset", timeout=60, trust_env=False).status_code == 200
        assert time.process_time() - began < 5
        assert server.built.service.tenants == {}
