"""``auth login`` of the public command-line client: a code, a poll, a key, and whose key it is."""

from __future__ import annotations

import httpx
import pytest

from mock_server import MockServer

CODE, TOKEN, ME = "/api/v1/cli/device/code", "/api/v1/cli/token", "/api/v1/auth/me"
BALANCE, SUBMIT = "/api/v1/user/balance", "/model/v1/generation"
CLIENT = {"client_id": "seacloud-cli", "client_public_key": "b3BlbnNlc2FtZQ"}
APPLE = {"model": "kirin_v1_t2v", "prompt": "An apple"}


@pytest.fixture
def server():
    with MockServer(speed="manual") as one:
        yield one


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as one:
        yield one


def _data(answer):
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == {"code": 200, "message": "ok"}
    return answer.json()["data"]


def _refusal(answer, status, code):
    assert answer.status_code == status, answer.text
    message = answer.json()["status"]["message"]
    assert answer.json() == {"status": {"code": status, "message": message, "error_code": code}, "data": None}
    return message


def _begun(client):
    return _data(client.post(CODE, json=CLIENT))


def _poll(client, code):
    proof = {"timestamp": "1750000000", "nonce": "6d3b", "proof": "c2lnbmVk"}
    return client.post(TOKEN, json={"device_code": code, **proof})


def _bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_a_login_gives_a_key_that_opens_everything(client):
    begun = _begun(client)
    page = f"{client.base_url}".rstrip("/") + "/device"
    user_code = begun["user_code"]
    assert begun == {
        "device_code": begun["device_code"], "user_code": user_code, "interval": 1, "expires_in": 1800,
        "verification_uri": page, "verification_uri_complete": f"{page}?code={user_code}",
    }  # fmt: skip
    given = _data(_poll(client, begun["device_code"]))
    assert set(given) == {"status", "access_token", "refresh_token", "api_key"}
    assert given["status"] == "authorized"
    user = _data(client.get(ME, headers=_bearer(given["access_token"])))["user"]
    assert set(user) == {"id", "email", "account", "name", "role"}
    assert all(user.values())
    mine = _bearer(given["api_key"])
    task = client.post(SUBMIT, json=APPLE, headers=mine).json()["id"]
    balance = _data(client.get(BALANCE, headers=_bearer(given["access_token"])))
    assert balance["user_id"] == user["id"]
    assert balance["available_balance"] != balance["total_recharged"]
    assert client.get(f"{SUBMIT}/task/{task}", headers=mine).status_code == 200
    other = _data(_poll(client, _begun(client)["device_code"]))
    assert client.get(f"{SUBMIT}/task/{task}", headers=_bearer(other["api_key"])).status_code == 404


def test_a_poll_that_is_repeated_gives_the_same_key(client):
    code = _begun(client)["device_code"]
    assert (
        _data(_poll(client, code))
        == _data(_poll(client, code))
        == _data(client.post(TOKEN, json={"device_code": code}))
    )


def test_logins_are_drawn_from_the_seed():
    def drawn(seed):
        with MockServer(speed="manual", seed=seed) as server, httpx.Client(base_url=server.url, trust_env=False) as one:
            begun = [_begun(one) for _ in range(2)]
            return [(each["device_code"], each["user_code"], _poll(one, each["device_code"]).text) for each in begun]

    first, again, other = (drawn(seed) for seed in (1, 1, 2))
    assert first == again
    everything = [value for run in (first, other) for login in run for value in login]
    assert len(set(everything)) == len(everything)


def test_a_code_expires_by_the_clock_of_the_server(server, client):
    code = _begun(client)["device_code"]
    client.post("/_mock/clock/advance", json={"seconds": 1799})
    assert _data(_poll(client, code))["status"] == "authorized"
    client.post("/_mock/clock/advance", json={"seconds": 1})
    assert _data(_poll(client, code)) == {"status": "expired"}


def test_how_long_a_code_lasts_is_told_in_the_seconds_of_the_client():
    with MockServer(speed=60) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        assert _begun(client)["expires_in"] == 30


def test_of_very_many_logins_the_oldest_is_forgotten(client):
    codes = [_begun(client)["device_code"] for _ in range(1001)]
    assert "device_code" in _refusal(_poll(client, codes[0]), 404, 40401)
    assert [_data(_poll(client, code))["status"] for code in (codes[1], codes[-1])] == ["authorized"] * 2


def test_a_reset_of_everything_forgets_logins_and_one_of_a_key_does_not(client):
    code = _begun(client)["device_code"]
    client.post("/_mock/reset", headers=_bearer("somebody"))
    key = _data(_poll(client, code))["api_key"]
    client.post("/_mock/reset")
    _refusal(_poll(client, code), 404, 40401)
    assert _begun(client)["device_code"] == code
    assert _data(_poll(client, code))["api_key"] == key


def test_a_code_that_nobody_was_given_is_not_found(client):
    for code in ("", "x", "0" * 5000, "ключ"):
        assert "device_code" in _refusal(_poll(client, code), 404, 40401)


@pytest.mark.parametrize("path", [CODE, TOKEN])
def test_a_login_that_is_no_json_object_is_refused(client, path):
    json_type = {"Content-Type": "application/json"}
    for content in (b"", b"{", b"[]", b'"x"', b"null"):
        _refusal(client.post(path, content=content, headers=json_type), 400, 40001)
    _refusal(client.post(path, data={"device_code": "x"}), 415, 41501)
    assert client.get(path).status_code == 405


@pytest.mark.parametrize(("path", "name"), [(CODE, "client_id"), (CODE, "client_public_key"), (TOKEN, "device_code"),
                                            (TOKEN, "timestamp"), (TOKEN, "proof")])  # fmt: skip
@pytest.mark.parametrize("value", [5, None, [], {}])
def test_a_wrong_value_is_refused_by_name(client, path, name, value):
    assert name in _refusal(client.post(path, json={"device_code": "x", name: value}), 400, 40001)


def test_a_poll_without_a_code_is_told_so(client):
    assert "device_code" in _refusal(client.post(TOKEN, json={}), 400, 40001)


def test_a_server_with_keys_of_its_own_gives_none_away():
    with (
        MockServer(speed="manual", api_key=["first", "second"]) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        told = _refusal(client.post(CODE, json=CLIENT), 409, 40904)
        assert "key" in told
        assert "first" not in told
        _refusal(_poll(client, "x"), 404, 40401)
        _refusal(client.get(ME, headers=_bearer("third")), 401, 40101)
        assert _data(client.get(ME, headers=_bearer("first")))["user"]["id"]


def test_who_a_key_belongs_to_is_told_to_who_has_it(client):
    _refusal(client.get(ME), 401, 40101)
    first, second = (_data(client.get(ME, headers=_bearer(key)))["user"] for key in ("one", "two"))
    assert first["id"] != second["id"]
    assert first == _data(client.get(ME, headers=_bearer("one")))["user"]


def test_the_page_that_a_browser_is_sent_to_is_there_and_repeats_nothing(client):
    page = client.get("/device", params={"code": "<b>BCDF-GHJK"})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "BCDF" not in page.text


def test_neither_journal_nor_verdict_minds_a_login(client):
    key = _data(_poll(client, _begun(client)["device_code"]))["api_key"]
    assert client.get(ME, headers=_bearer(key)).status_code == 200
    assert key not in client.get("/_mock/requests").text
    assert [
        one["violations"] for one in client.get("/_mock/conformance").json()["properties"] if one["violations"]
    ] == []
