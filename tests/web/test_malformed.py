"""Nothing a client sends makes the server stumble: always JSON, never a 5xx, never a traceback."""

from __future__ import annotations

import contextlib
import json
import socket
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server import MockServer

SUBMIT = "/model/v1/generation"
AUTHORIZED = {"Authorization": "Bearer k", "Content-Type": "application/json"}

BROKEN = {
    "empty": b"",
    "cut": b'{"model": "kirin_v1_t2v", "prompt": "a',
    "not json": b"model=kirin_v1_t2v",
    "nan": b'{"model": "kirin_v1_t2v", "prompt": "a", "cfg_scale": NaN}',
    "infinity": b'{"model": "kirin_v1_t2v", "prompt": "a", "cfg_scale": 1e999}',
    "deep": b'{"model":' + b"[" * 200_000,
    "deep and closed": b'{"model": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "utf-16": '{"model": "kirin_v1_t2v", "prompt": "a"}'.encode("utf-16"),
    "latin-1": '{"model": "kirin_v1_t2v", "prompt": "é"}'.encode("latin-1"),
    "byte order mark": b"\xef\xbb\xbf" + b'{"model": "kirin_v1_t2v", "prompt": "a"}',
    "lone surrogate": b'{"model": "kirin_v1_t2v", "prompt": "\\ud800"}',
    "null": b"null",
    "list": b"[]",
    "string": b'"kirin_v1_t2v"',
    "no model": b"{}",
    "model is a number": b'{"model": 5}',
    "model is null": b'{"model": null}',
}


def _told(answer):
    body = answer.json()
    assert "Traceback" not in answer.text
    return body["status"] if isinstance(body["status"], dict) else body["error"]


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_json_object_with_a_model_is_40001(manual_server, http, name):
    answer = http.post(manual_server.url + SUBMIT, content=BROKEN[name], headers=AUTHORIZED)
    assert answer.status_code == 400
    assert _told(answer)["error_code"] == 40001


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "application/jsonx",
        "application/json; charset=utf-16",
        "a;b;c",
    ],
)
def test_what_is_not_json_by_its_type_is_415(manual_server, http, content_type):
    headers = {**AUTHORIZED, "Content-Type": content_type}
    answer = http.post(manual_server.url + SUBMIT, content=b'{"model": "kirin_v1_t2v"}', headers=headers)
    assert (answer.status_code, _told(answer)["error_code"]) == (415, 41501)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", 'application/json;charset="UTF-8"']
)
def test_json_by_another_spelling_is_json(manual_server, http, content_type):
    body = json.dumps({"model": "kirin_v1_t2v", "prompt": "a"})
    headers = {**AUTHORIZED, "Content-Type": content_type}
    assert http.post(manual_server.url + SUBMIT, content=body, headers=headers).status_code == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(
    [
        "prompt",
        "image",
        "image_tail",
        "duration",
        "mode",
        "camera_control",
        "dynamic_masks",
        "image_list",
        "input",
        "data",
        "multi_prompt",
        "multi_shot",
        "callback_url",
        "external_task_id",
        "metadata",
        "element_list",
        "static_mask",
    ]
)
models = st.sampled_from(
    ["kirin_v1_5_i2v", "kirin_v1_t2v", "kirin_v1_6_multi_i2v", "kirin_v3_i2v", "kirin_v2_master_i2v", "none"]
)
bodies = st.builds(
    lambda model, params, shape: {
        "flat": {**params, "model": model},
        "data": {"model": model, "data": params},
        "wrapper": {"model": model, "input": [{"params": params}]},
    }[shape],
    models,
    st.dictionaries(names, json_values, max_size=6),
    st.sampled_from(["flat", "data", "wrapper"]),
)


@settings(max_examples=400, deadline=None)
@given(body=bodies)
def test_any_json_gets_an_answer_in_json(manual_server, http, body):
    content = json.dumps(body).encode("utf-8", "surrogatepass")
    answer = http.post(manual_server.url + SUBMIT, content=content, headers=AUTHORIZED)
    assert answer.status_code in {200, 400, 404, 409}, answer.text
    assert answer.json()


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_get_an_answer_in_json(manual_server, http, content):
    answer = http.post(manual_server.url + SUBMIT, content=content, headers=AUTHORIZED)
    assert answer.status_code == 400
    assert answer.json()


@settings(max_examples=200, deadline=None)
@given(name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_any_external_id_can_be_polled(manual_server, http, fresh_key, name):
    tenant = {"Authorization": f"Bearer {fresh_key()}"}
    body = {"model": "kirin_v1_t2v", "prompt": "a", "external_task_id": name}
    made = http.post(manual_server.url + SUBMIT, json=body, headers=tenant).json()
    # A client library may resolve dot segments before it sends, so these are sent as they are.
    escaped = quote(name, safe="").replace(".", "%2E")
    answer = http.get(f"{manual_server.url}{SUBMIT}/task/{escaped}", headers=tenant)
    assert answer.json() == {**made, "progress": answer.json()["progress"]}


def test_a_body_over_the_limit_is_refused_before_it_is_read(http):
    with MockServer(max_body=1, speed="manual") as server:
        exact = b'{"model": "kirin_v1_t2v", "prompt": "a"}'.ljust(1024 * 1024)
        assert http.post(server.url + SUBMIT, content=exact, headers=AUTHORIZED).status_code == 200
        answer = http.post(server.url + SUBMIT, content=exact + b" ", headers=AUTHORIZED)
        assert (answer.status_code, _told(answer)["error_code"]) == (413, 41301)
        head = f"POST {SUBMIT} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
        declared = _raw(server.url, f"{head}Content-Length: 99999999999\r\n\r\n".encode())
        assert declared.startswith(b"HTTP/1.1 413 ")
        chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 17
        assert _raw(server.url, chunked).startswith(b"HTTP/1.1 413 ")


def test_a_body_sent_by_half_harms_nobody(manual_server, http):
    head = f"POST {SUBMIT} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
    _raw(manual_server.url, f'{head}Content-Length: 500\r\n\r\n{{"model":'.encode(), answer=False)
    assert http.get(manual_server.url + "/_mock/health").status_code == 200


@pytest.mark.parametrize(
    "request_line", ["GET / HTTP/9.9", "BREW /model/v1/generation HTTP/1.1", "GET", "\x00\x01\x02"]
)
def test_what_is_no_http_gets_no_traceback(manual_server, http, request_line):
    assert b"Traceback" not in _raw(manual_server.url, f"{request_line}\r\nHost: a\r\n\r\n".encode())
    assert http.get(manual_server.url + "/_mock/health").status_code == 200


def test_an_unknown_path_or_method_is_told_in_json(manual_server, http):
    answer = http.get(manual_server.url + "/model/v2/generation")
    assert (answer.status_code, _told(answer)["error_code"]) == (404, 40401)
    answer = http.delete(manual_server.url + SUBMIT)
    assert (answer.status_code, _told(answer)["error_code"], answer.headers["allow"]) == (405, 40501, "OPTIONS, POST")


def _raw(url, content, *, answer=True):
    """Send bytes, and read what comes until the other side closes or has answered."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        # It may answer and hang up before all was sent.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(content)
        return connection.recv(65536) if answer else b""
