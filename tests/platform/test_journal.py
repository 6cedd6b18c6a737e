"""The journal: every call, what it was about and which rules it violated, and no secret in it."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from mock_server import MockServer
from mock_server.core.errors import Mistake, Violation
from mock_server.core.redaction import masked, safe_headers, safe_json, safe_text
from mock_server.platform.journal import Exchange, Journal
from tests.support.driving import drive

SUBMIT = "/model/v1/generation"
SECRET = "sk-live-0123456789abcdef"
KEY = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture(scope="module")
def server():
    with MockServer(speed="manual", admin_token=None) as server:
        yield server


@pytest.fixture
def journal(server, http):
    """Reads the journal of an empty tenant."""
    http.post(f"{server.url}/_mock/reset")

    def read(**query):
        answer = http.get(f"{server.url}/_mock/requests", params=query, headers=KEY)
        assert answer.status_code == 200, answer.text
        return answer.json()["requests"]

    return read


def _submit(http, server, **params):
    body = {"model": "kirin_v1_t2v", "prompt": "A red apple", **params}
    return http.post(server.url + SUBMIT, json=body, headers=KEY).json()


def test_a_call_is_shown_with_what_became_of_it(server, http, journal):
    made = _submit(http, server)
    (call,) = journal()
    assert (call["number"], call["method"], call["path"], call["status"]) == (1, "POST", SUBMIT, 200)
    assert (call["task"], call["model"], call["verdict"]) == (made["id"], "kirin_v1_t2v", "accepted")
    assert call["body"] == {"model": "kirin_v1_t2v", "prompt": "A red apple"}
    assert call["answer"] == made
    assert call["headers"]["content-type"] == "application/json"
    assert call["at"] == made["created_at"]
    assert call["elapsed"] > 0


def test_a_refused_body_is_shown_with_every_rule_it_broke(server, http, journal):
    body = {"model": "kirin_v1_t2v", "prompt": "a", "duration": "7", "camera_control": {"type": "simple"}}
    http.post(server.url + SUBMIT, json=body, headers=KEY)
    (call,) = journal()
    assert (call["status"], call["verdict"], call["task"]) == (400, "refused", None)
    broken = {(one["path"], one["rule"]) for one in call["violations"]}
    assert broken == {("duration", "field"), ("camera_control.config", "t2v-camera-one-axis")}
    assert all(one["message"] for one in call["violations"])


def test_it_can_be_filtered(server, http, journal):
    made = _submit(http, server)
    http.get(f"{server.url}{SUBMIT}/task/{made['id']}", headers=KEY)
    http.get(f"{server.url}{SUBMIT}/task/none", headers=KEY)
    http.get(f"{server.url}/model/v1/queue/kirin_v1_t2v/requests/{made['id']}/status", headers=KEY)
    http.get(f"{server.url}/nowhere?a=1", headers=KEY)

    def numbers(**query):
        return [call["number"] for call in journal(**query)]

    assert numbers() == [1, 2, 3, 4, 5]
    assert numbers(status="404") == numbers(status="4xx") == [3, 5]
    assert numbers(status="2xx") == [1, 2, 4]
    assert numbers(path=SUBMIT) == [1, 2, 3]
    assert numbers(path="/model/v1/queue/*/status") == [4]
    assert numbers(task=made["id"]) == [1, 2, 4]
    assert numbers(method="post") == [1]
    assert numbers(model="kirin_v1_t2v") == [1, 2, 4]
    assert numbers(path=SUBMIT, status="4xx") == [3]
    assert numbers(limit=2) == [4, 5]


NO_FILTERS = [({"status": "okay"}, "status"), ({"limit": "0"}, "limit"), ({"stats": "1"}, "status")]


@pytest.mark.parametrize(("query", "told"), NO_FILTERS)
def test_a_filter_that_is_none_is_told(server, http, query, told):
    answer = http.get(f"{server.url}/_mock/requests", params=query)
    assert answer.status_code == 400
    assert told in answer.json()["status"]["message"]


def test_calls_of_nobody_are_shown_to_who_asks_for_all(server, http, journal):
    http.post(server.url + SUBMIT, json={})
    http.get(f"{server.url}/nowhere")
    assert journal() == []
    calls = http.get(f"{server.url}/_mock/requests").json()["requests"]
    assert [(call["tenant"], call["status"]) for call in calls] == [(None, 401), (None, 404)]


def test_no_secret_is_ever_shown_in_full(http, capfd):
    shown = []
    token, signing = "admin-token-0123456789", "whsec_c2VjcmV0LXNpZ25pbmcta2V5LTAxMjM0NTY3ODk="
    password = "hunter2hunter2"
    control = {"X-Admin-Token": token}
    with MockServer(speed="manual", log_format="text", admin_token=token, callback_secret=[signing]) as server:
        hook = f"http://me:{password}@127.0.0.1:1/hook?token={password}&a=1"
        bad = f"http://me:{password}@169.254.169.254/hook?api_key={password}"
        for url in (hook, bad):
            _submit(http, server, callback_url=url)
        _submit(http, server, callback_url=f"ftp://{password}@x/?token={password}")
        http.get(f"{server.url}/model/{SECRET[:3]}/x?api_key={SECRET}", headers=KEY)
        http.get(f"{server.url}{SUBMIT}/task/none", headers={**KEY, "Cookie": f"k={SECRET}", "X-Api-Key": SECRET})
        http.get(f"{server.url}/_mock/tasks", headers={"X-Admin-Token": "wrong"})
        for wrong in (
            {"secrets": signing},
            {"secrets": [signing, 1]},
            {"secret": [signing]},
            {"secrets": [signing[6:]]},
        ):
            answer = http.put(f"{server.url}/_mock/callbacks/secrets", json=wrong, headers=control)
            assert answer.status_code == 400
            shown.append(answer.text)
        http.post(f"{server.url}/_mock/clock/advance", json={"seconds": 5}, headers=control)
        for path in ("requests", "tasks", "callbacks", "account", "clock"):
            for headers in (control, {**control, **KEY}):
                answer = http.get(f"{server.url}/_mock/{path}", headers=headers)
                assert answer.status_code == 200
                shown.append(answer.text)
    told = "\n".join([*shown, *capfd.readouterr()])
    assert '"callbacks"' in told
    for secret in (SECRET, token, password, signing, signing.removeprefix("whsec_")):
        assert secret not in told


def _exchange(number, size=0):
    violation = Violation("a", "b", Mistake.OTHER, "c")
    return Exchange(
        number, number, 0.0, 0.0, 0.0, b"r", "GET", b"/", b"", b"", b"x" * size, size, 200, b"{}", 2, None, None,
        [violation], "", None, None, size + 100,
    )  # fmt: skip


def test_it_forgets_the_oldest_by_count_and_by_bytes():
    journal = Journal(max_count=3)
    for number in range(10):
        journal.add(_exchange(number))
    assert [exchange.number for exchange in journal] == [7, 8, 9]
    journal = Journal(max_count=1000, max_bytes=10_000)
    for number in range(100):
        journal.add(_exchange(number, size=1000))
    assert 1 <= len(journal) <= 10_000 // 1000
    assert list(journal)[-1].number == 99
    assert len(Journal(max_count=0)) == 0
    nothing = Journal(max_count=0)
    nothing.add(_exchange(1))
    assert list(nothing) == []


def test_a_download_is_kept_by_its_beginning_too(server, http, journal):
    picture = {"file": ("big.png", b"x" * 3_000_000, "image/png")}
    url = http.post(f"{server.url}/api/v1/storage/files", files=picture, headers=KEY).json()["data"]["url"]
    assert len(http.get(url).content) == 3_000_000
    upload, download = journal()
    assert (upload["size"] > 3_000_000, upload["status"], download["status"]) == (True, 200, 200)
    assert len(json.dumps(download)) < 10_000


def test_a_long_body_is_kept_with_digests_of_its_long_values():
    async def work():
        async with drive() as one:
            await one.call("POST", SUBMIT, json={"model": "kirin_v1_t2v", "prompt": "a" * 100_000})
            return await one.journal()

    (call,) = asyncio.run(work())
    assert call["size"] > 100_000
    assert len(json.dumps(call)) < 10_000
    assert call["body"]["model"] == "kirin_v1_t2v"
    assert len(call["body"]["prompt"]) < 600


def test_what_is_masked_can_still_be_told_apart():
    one, other = masked(SECRET), masked(SECRET[:-1] + "x")
    assert one.startswith("sk-l…")
    assert one != other
    assert masked("ab") != "ab"
    for text in ("http://u:hun'ter2@h/", "http://u:p/w@h/", 'http://u:p"w@h/', "x http://u@h y"):
        assert safe_text(text).count("@") == 1
        assert "://…@h" in safe_text(text)
    for text in ("http://h:80/a@b", "http://h/?a=b@c", "mail me@home", "a=b", "http://127.0.0.1:8787/media/x.mp4"):
        assert safe_text(text) == text
    assert safe_json({"api_key": "abcdefghi", "keywords": "a", "max_tokens": 5}) == {
        "api_key": masked("abcdefghi"),
        "keywords": "a",
        "max_tokens": 5,
    }
    assert safe_text("?api%5Fkey=abcdefghi") == f"?api%5Fkey={masked('abcdefghi')}"
    for header in (b"X-Auth-Token", b"apikey", b"X-Api-Key", b"Cookie", b"Proxy-Authorization"):
        assert "abcdefghi" not in str(safe_headers([(header, b"abcdefghi")]))
    assert safe_headers([(b"webhook-signature", b"v1,abc")]) == {"webhook-signature": "v1,abc"}
    assert safe_text("/a?key=abcdef&page=2") == f"/a?key={masked('abcdef')}&page=2"
    assert safe_text("http://[") == "http://["
    assert safe_headers([(b"Authorization", b"Bearer abcdefgh"), (b"Accept", b"a"), (b"Accept", b"b")]) == {
        "authorization": f"Bearer {masked('abcdefgh')}",
        "accept": "a, b",
    }
    assert safe_json({"a": ["http://u:p@h/", "u:p@h", 1]}) == {"a": ["http://…@h/", "u:p@h", 1]}


@pytest.mark.parametrize("text", ["?" + "key" * 200_000 + " =", "://a:b" * 100_000 + " =", "?a=" * 200_000])
def test_no_text_takes_long_to_make_safe(text):
    began = time.thread_time()
    safe_text(text)
    assert time.thread_time() - began < 5  # a quadratic search takes minutes


@pytest.mark.parametrize("piece", ["://", "://a:b", "@://", "://a:1/", " ://:", "://u:p/", ":", "/", "://u?:"])
def test_passwords_are_found_in_time_that_grows_with_the_text_alone(piece):
    text = piece * (500_000 // len(piece)) + "@"
    began = time.thread_time()
    safe_text(text)
    assert time.thread_time() - began < 5
