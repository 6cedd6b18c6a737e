"""One request cannot stop the others: what a body may cost is bounded before it is parsed, judged or kept."""

from __future__ import annotations

import gzip
import time
import zlib

import httpx
import pytest

from mock_server.core.errors import MOST_VIOLATIONS
from mock_server.core.json_bounds import MAX_VALUES, JsonScanner, JsonTooLarge, check_bounds
from mock_server.models import discover

SUBMIT = "/model/v1/generation"
JSON = {"content-type": "application/json"}
#: Seconds of CPU that a hostile call may take, client included. Where nothing bounds it, it takes 2 to 30 s.
QUICK = 2.0


def _packed(piece, count, begin=b"[", end=b"0]"):
    packing = zlib.compressobj(9, wbits=31)
    parts = [packing.compress(begin)]
    parts += [packing.compress(piece * 10_000) for _ in range(count // 10_000)]
    return b"".join([*parts, packing.compress(end), packing.flush()])


BOMBS = {
    "many small values": _packed(b"{},", 10 * 2**20),
    "very many of one letter": _packed(b"a", 100 * 2**20, b'{"prompt": "', b'"}'),
    "deep": _packed(b"[", 10 * 2**20),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("path", [SUBMIT, "/model/v1/queue/kirin_v1_t2v", "/_mock/tasks", "/_mock/scenarios"])
def test_a_small_body_that_unpacks_to_very_much_is_refused_at_once(manual_server, http, fresh_key, path, bomb):
    headers = {**JSON, "content-encoding": "gzip", "authorization": f"Bearer {fresh_key()}"}
    began = time.process_time()
    answer = http.post(manual_server.url + path, content=BOMBS[bomb], headers=headers, timeout=30)
    assert time.process_time() - began < QUICK
    assert answer.status_code in {400, 413}


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic abc"}])
@pytest.mark.parametrize("bomb", BOMBS)
def test_nothing_is_unpacked_for_a_caller_without_a_key(manual_server, http, headers, bomb):
    began = time.process_time()
    sent = {**JSON, "content-encoding": "gzip", **headers}
    answer = http.post(manual_server.url + SUBMIT, content=BOMBS[bomb], headers=sent, timeout=30)
    assert time.process_time() - began < QUICK
    assert answer.status_code == 401


@pytest.mark.parametrize("endpoint", discover().values(), ids=lambda endpoint: endpoint.short)
def test_the_model_of_a_call_without_a_key_is_found_without_parsing(manual_server, http, endpoint):
    code = endpoint.errors.unauthenticated
    for body in (
        f'{{"model": "{endpoint.model}", "a": [',
        f'{{"prompt":"\\"model\\":\\"kirin\\"","model" :\n"{endpoint.model}"',
    ):
        told = http.post(manual_server.url + SUBMIT, content=body, headers=JSON)
        assert told.status_code == 401
        assert ("error" in told.json()) == (code is not None)


@pytest.mark.parametrize("count", [50, 300_000])
def test_of_very_many_violations_the_first_are_reported_and_kept(manual_server, http, fresh_key, count):
    headers = {**JSON, "authorization": f"Bearer {fresh_key()}"}
    shots = ",".join(["{}"] * count)
    example = '"image": "https://pictures.example.com/a.png", "multi_shot": true, "shot_type": "customize"'
    body = f'{{"model": "kirin_v3_i2v", {example}, "multi_prompt": [{shots}]}}'
    began = time.process_time()
    answer = http.post(manual_server.url + SUBMIT, content=body, headers=headers, timeout=30)
    assert time.process_time() - began < QUICK
    assert answer.status_code == 400
    message = answer.json()["error"]["error_message"]
    assert message.startswith(f"multi_prompt must have at most 6 elements, not {count}; ")
    assert f"and {count - 21 + 64 - MOST_VIOLATIONS:,} more of this kind" in message
    assert len(answer.content) < 2_000
    (kept,) = http.get(f"{manual_server.url}/_mock/requests", headers=headers).json()["requests"]
    assert len(kept["violations"]) == MOST_VIOLATIONS


@pytest.mark.parametrize("depth", [60, 252, 253, 1_000, 100_000])
def test_a_message_of_any_depth_reads_back_from_its_inbox(manual_server, http, fresh_key, depth):
    body = "[" * depth + "]" * depth
    url = f"{manual_server.url}/_mock/inbox/{fresh_key()}"
    assert http.post(url, content=body, headers=JSON).status_code == 200
    (message,) = http.get(f"{url}/messages").json()["messages"]
    read = message["body"]
    assert read == body if depth > 64 else isinstance(read, list)


def test_a_packed_message_is_read_back_unpacked(manual_server, http, fresh_key):
    url = f"{manual_server.url}/_mock/inbox/{fresh_key()}"
    packed = gzip.compress(b'{"a": [1]}') + gzip.compress(b" ")
    assert http.post(url, content=packed, headers={"content-encoding": "gzip"}).status_code == 200
    assert http.get(f"{url}/messages").json()["messages"][0]["body"] == {"a": [1]}


TEXTS = {
    "values": (b"[" + b"0," * (MAX_VALUES + 1) + b"0]", f"more than {MAX_VALUES:,} values"),
    "objects": (b"[" + b"{}," * MAX_VALUES + b"0]", f"more than {MAX_VALUES:,} values"),
    "too deep": (b"[" * 65 + b"]" * 65, "deeper than 64"),
    "deep after much": (b'["' + b"a" * 200_000 + b'",' + b'{"a":' * 64 + b"1" + b"}" * 64 + b"]", "deeper than 64"),
    "deep enough": (b"[" * 64 + b"]" * 64, None),
    "brackets in a text": (b'["' + b'[{,\\"\\\\' * 200_000 + b'"]', None),
    "many texts": (b"[" + b'"],[",' * 90_000 + b"0]", None),
    "a text that does not end": (b'["' + b'\\\\\\"' * 200_000, None),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("size", [None, 1, 7])
def test_the_bounds_are_found_in_pieces_of_any_size_in_linear_time(name, size):
    text, wrong = TEXTS[name]
    if size is not None:
        text = text[:2_000] if name.endswith(("end", "text", "texts")) else text[-2_000:] if "deep" in name else b""
    scanner, found = JsonScanner(), None
    try:
        if size is None:
            check_bounds(text)
        for place in range(0, len(text), size or 10**9):
            scanner.feed(text[place : place + (size or 10**9)])
    except JsonTooLarge as error:
        found = str(error)
    if wrong is None or not text or (size is not None and name == "deep after much"):
        assert found is None
    else:
        assert wrong in found


def test_other_calls_are_answered_while_a_large_body_is_looked_at(manual_server, http, fresh_key):
    headers = {**JSON, "authorization": f"Bearer {fresh_key()}"}
    body = b'{"model": "kirin_v1_t2v", "prompt": "' + b'\\"' * 5_000_000 + b'"}'
    answer = http.post(manual_server.url + SUBMIT, content=body, headers=headers, timeout=30)
    assert answer.status_code == 400
    assert "prompt must be at most 2500 characters, not 5000000" in answer.text
    assert isinstance(answer, httpx.Response)
