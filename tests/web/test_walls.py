"""Secrets stay secret, and control calls say clearly whose tenant they are for."""

from __future__ import annotations

import pytest

from mock_server import MockServer
from mock_server.core.errors import UsageError

KEY = "sk-a-very-secret-key"
RULES = {
    "JSON": '{"name": "it", "match": {"tenant": ["%s", "sk-*"]}, "task": {"after": 1}}',
    "the earlier name": '{"name": "it", "match": {"world": "%s"}, "task": {"after": 1}}',
    "YAML": "- name: it\n  match:\n    tenant:\n    - %s\n    - sk-*\n  task: {after: 1}\n",
    "YAML in one line": "- name: it\n  match: {tenant: %s}\n  task: {after: 1}\n",
}


@pytest.mark.parametrize("form", RULES)
@pytest.mark.parametrize("path", ["history", "scenarios", "requests"])
def test_the_keys_that_a_rule_is_for_are_shown_nowhere(http, form, path):
    with MockServer(speed="manual") as server:
        posted = http.post(f"{server.url}/_mock/scenarios", content=RULES[form] % KEY)
        assert posted.status_code == 200, posted.text
        shown = http.get(f"{server.url}/_mock/{path}").text
    assert KEY not in shown
    assert path == "requests" or '"it"' in shown or "name: it" in shown


def test_a_server_behind_a_proxy_needs_a_token_for_its_control_api():
    with pytest.raises(UsageError, match="--trust-proxy serves calls of other machines; protect the control API"):
        MockServer(trust_proxy=True).start()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "account", {"balance": 1}),
        ("POST", "reset", {}),
        ("GET", "tasks", None),
        ("PUT", "clock", {"mode": "real"}),
    ],
)
def test_a_call_that_names_two_keys_is_refused(manual_server, http, fresh_key, method, path, body):
    one, other = fresh_key(), fresh_key()
    headers = {"Authorization": f"Bearer {one}"}
    answer = http.request(method, f"{manual_server.url}/_mock/{path}?key={other}", json=body, headers=headers)
    assert answer.status_code == 400
    assert "this call names two tenants" in answer.json()["status"]["message"]
    assert one not in answer.text
    same = http.request(method, f"{manual_server.url}/_mock/{path}?key={one}", json=body, headers=headers)
    assert same.status_code == 200


def test_no_clock_comes_to_a_year_that_has_five_digits(http):
    with MockServer(speed="manual") as server:
        advance = f"{server.url}/_mock/clock/advance"
        answers = [http.post(advance, json={"seconds": 1e9}).status_code for _ in range(253)]
        assert answers[-1] == 400
        assert set(answers) == {200, 400}
        refused = http.post(advance, json={"seconds": 1e9})
        assert "beyond the year 9999; at most " in refused.json()["status"]["message"]
        headers = {"Authorization": "Bearer k"}
        body = {"model": "kirin_v1_t2v", "prompt": "a kite"}
        assert http.post(f"{server.url}/model/v1/generation", json=body, headers=headers).status_code == 200
