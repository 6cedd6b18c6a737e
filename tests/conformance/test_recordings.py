"""HAR files in the style of each tool: they are read right, and what cannot be judged is said with its reason."""

from __future__ import annotations

import base64
import json

import pytest

from mock_server.cli.main import main
from mock_server.conformance import command

BODY = {"model": "kirin_v1_t2v", "prompt": "A pear", "external_task_id": "p-1"}
RUNNING, DONE = {"id": "t1", "status": "in_progress"}, {"id": "t1", "status": "completed", "output": []}
HOST = "https://api.example.com"
POLL = "/model/v1/generation/task/t1"
#: A client that submits, polls after 5 s, is told to wait 30 s, polls after 3 s instead, and polls on after the end.
CALLS = [
    (0, "POST", "/model/v1/generation", 200, RUNNING, BODY),
    (5, "GET", POLL, 429, {}, None),
    (8, "GET", POLL, 200, DONE, None),
    (20, "GET", POLL, 200, DONE, None),
]


def _headers(pairs):
    return [{"name": name, "value": value} for name, value in pairs]


def _chromium(at, method, path, status, answer, body):
    """Exported without sensitive data, as is its default; over HTTP/2."""
    text = json.dumps(answer)
    request = {
        "method": method,
        "url": HOST + path,
        "httpVersion": "http/2.0",
        "headers": _headers(
            [(":authority", "api.example.com"), (":method", method), (":path", path), (":scheme", "https")]
            + ([("content-type", "application/json")] if body else [])
        ),
        "queryString": [],
        "cookies": [],
        "headersSize": -1,
        "bodySize": len(json.dumps(body)) if body else 0,
    }
    if body:
        request["postData"] = {"mimeType": "application/json", "text": json.dumps(body)}
    headers = [("retry-after", "30")] if status == 429 else []
    return {
        "_initiator": {"type": "script"},
        "_priority": "High",
        "_resourceType": "fetch",
        "cache": {},
        "connection": "443",
        "request": request,
        "response": {
            "status": status,
            "statusText": "",
            "httpVersion": "http/2.0",
            "headers": _headers(headers),
            "cookies": [],
            "content": {"size": len(text), "mimeType": "application/json", "text": text},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
            "_transferSize": 300,
            "_error": None,
        },
        "serverIPAddress": "203.0.113.1",
        "startedDateTime": f"2026-01-01T00:00:{at:02}.123Z",
        "time": 20.5,
        "timings": {"blocked": 1, "dns": -1, "ssl": -1, "connect": -1, "send": 0.1, "wait": 19, "receive": 0.4},
    }


def _plain(at, method, path, status, answer, body, **changes):
    """What the others have in common: HTTP/1.1 and the key."""
    entry = _chromium(at, method, path, status, answer, body)
    for name in ("_initiator", "_priority", "_resourceType"):
        del entry[name]
    del entry["response"]["_error"], entry["response"]["_transferSize"]
    entry["request"]["httpVersion"] = "HTTP/1.1"
    entry["request"]["headers"] = _headers(
        [("Host", "api.example.com"), ("Authorization", "Bearer k")]
        + ([("Content-Type", "application/json")] if body else [])
    )
    return {**entry, **changes}


def _firefox(at, *call):
    entry = _plain(at, *call, startedDateTime=f"2026-01-01T01:00:{at:02}.123+01:00", comment="")
    entry["request"].setdefault("postData", {}).setdefault("params", [])
    entry["response"]["headers"].append({"name": "X-Request-Id", "value": "1"})
    return {**entry, "pageref": "page_1"}


def _playwright(at, *call):
    """In its minimal mode, with bodies in files of their own."""
    entry = _plain(at, *call, time=-1, timings={"send": -1, "wait": -1, "receive": -1})
    text = entry["response"]["content"].pop("text")
    entry["response"]["content"] |= {"size": -1, "_file": f"answer-{at}.json"}
    entry["request"] |= {"bodySize": -1, "headersSize": -1}
    return {**entry, "_monotonicTime": 7.5, "files": {f"answer-{at}.json": text}}


def _mitmproxy(at, *call):
    entry = _plain(at, *call, startedDateTime=f"2026-01-01T00:00:{at:02}.123456+00:00")
    content = entry["response"]["content"]
    content |= {"text": base64.b64encode(content["text"].encode()).decode(), "encoding": "base64", "compression": 0}
    return entry


def _charles(at, *call):
    entry = _plain(at, *call, startedDateTime=f"2025-12-31T19:00:{at:02}.123-0500", _charlesStatus="COMPLETE")
    entry["response"]["content"]["mimeType"] = "application/json; charset=utf-8"
    return entry


def _proxyman(at, *call):
    entry = _mitmproxy(at, *call)
    entry["timings"] = None
    entry["request"]["url"] = entry["request"]["url"].replace(HOST, "http://proxy.example.com:8443/kirin/gateway")
    return {**entry, "comment": None, "_isHTTPS": True}


def _insomnia(at, *call):
    entry = _plain(at, *call)
    for name in ("cookies", "queryString", "headersSize", "bodySize"):
        del entry["request"][name]
    return {**entry, "cache": {}, "comment": "Poll the task"}


TOOLS = {
    "Chromium": _chromium,
    "Firefox": _firefox,
    "Playwright": _playwright,
    "mitmproxy": _mitmproxy,
    "Charles": _charles,
    "Proxyman": _proxyman,
    "Insomnia": _insomnia,
}


def _verify(tmp_path, capsys, entries, encoding="utf-8"):
    """The violated properties, the notes, and the exit code."""
    for entry in entries:
        for name, text in entry.pop("files", {}).items() if entry else ():
            (tmp_path / name).write_text(text)
    file, report = tmp_path / "a.har", tmp_path / "report.json"
    har = {"log": {"version": "1.2", "creator": {"name": "tool", "version": "1"}, "pages": [], "entries": entries}}
    file.write_text(json.dumps(har), encoding)
    code = main(["verify", "traffic", str(file), "--json", str(report)])
    told = json.loads(report.read_text())
    for note in told["notes"]:
        assert note in capsys.readouterr().out
        break
    violated = {one["id"]: one["violations"] for one in told["properties"] if one["state"] == "violated"}
    states = {one["id"]: one["state"] for one in told["properties"]}
    return violated, told["notes"], code, states


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("tool", TOOLS)
def test_a_recording_of_each_tool_shows_what_the_client_did_wrong(tool, encoding, tmp_path, capsys):
    violated, notes, code, states = _verify(tmp_path, capsys, [TOOLS[tool](*call) for call in CALLS], encoding)
    assert set(violated) == {"W07", "W11"}
    assert "a poll comes 2.9" in violated["W07"][0]["says"] or "a poll comes 3 s" in violated["W07"][0]["says"]
    assert code == 1
    assert states["W02"] == states["W03"] == states["W04"] == "satisfied"
    assert states["W01"] == ("not exercised" if tool == "Chromium" else "satisfied")
    sanitised = "W01, W22 not judged: no call has an Authorization header, as in a HAR that was exported sanitised"
    assert notes == ([sanitised] if tool == "Chromium" else [])


@pytest.mark.parametrize("tool", TOOLS)
def test_a_recording_of_a_right_client_has_nothing_against_it(tool, tmp_path, capsys):
    calls = [CALLS[0], (5, "GET", POLL, 200, RUNNING, None), (11, "GET", POLL, 200, DONE, None)]
    violated, _, code, _ = _verify(tmp_path, capsys, [TOOLS[tool](*call) for call in calls])
    assert (violated, code) == ({}, 0)


@pytest.mark.parametrize("status", [0, -1, None, "", "0", "missing"])
@pytest.mark.parametrize("tool", TOOLS)
def test_a_call_without_an_answer_is_a_lost_one_however_the_tool_writes_it(tool, status, tmp_path, capsys):
    entries = [TOOLS[tool](*call) for call in [CALLS[0], (1, *CALLS[0][1:])]]
    lost = entries[0]["response"]
    lost |= {"status": status, "content": {"size": -1, "mimeType": "x-unknown"}, "_failureText": "net::ERR_FAILED"}
    if status == "missing":
        entries[0]["response"] = None
    entries[1]["request"]["postData"]["text"] = json.dumps({**BODY, "external_task_id": "p-2"})
    violated, _, _, _ = _verify(tmp_path, capsys, entries)
    assert set(violated) == {"W06"}


def _without_answers(entry):
    entry["response"]["content"] = {"size": 900, "mimeType": "application/json"}


def _with_answers_cut(entry):
    entry["response"]["content"]["text"] = entry["response"]["content"]["text"][:9]


def _with_answers_lost(entry):
    entry["response"]["content"] = {"size": 0, "mimeType": "x-unknown", "comment": "Response bodies are not included."}


def _without_bodies(entry):
    entry["request"].pop("postData", None)
    entry["request"]["bodySize"] = -1


def _without_moments(entry):
    entry["startedDateTime"] = None


def _with_keys_taken_out(entry):
    entry["request"]["headers"] = _headers(
        [("Authorization", "Bearer [REDACTED]"), ("content-type", "application/json")]
    )


def _as_web_sockets(entry):
    entry["_webSocketMessages"] = [{"type": "send", "time": 1, "opcode": 1, "data": "{}"}]


def _from_a_cache(entry):
    entry["_fromCache"] = "disk"


LEFT_OUT = {
    "answers": (_without_answers, "3 answers without a recorded body"),
    "ends of answers": (_with_answers_cut, "3 answers without a recorded body"),
    "answers by a setting": (_with_answers_lost, "3 answers without a recorded body"),
    "bodies": (_without_bodies, "1 submits without a recorded body: W03, W04, W05, W06 and W10"),
    "moments": (_without_moments, "W07, W08, W09 not judged: an entry has no startedDateTime that can be read"),
    "keys": (_with_keys_taken_out, None),
    "web sockets": (_as_web_sockets, None),
    "cached": (_from_a_cache, None),
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_what_a_recording_leaves_out_is_held_against_nobody_and_said(what, tmp_path, capsys):
    spoil, reason = LEFT_OUT[what]
    calls = [CALLS[0], (5, "GET", POLL, 200, RUNNING, None), (11, "GET", POLL, 200, DONE, None)]
    entries = [_plain(*call) for call in calls]
    for entry in entries:
        spoil(entry)
    violated, notes, _, _ = _verify(tmp_path, capsys, entries)
    assert violated == {}
    assert any(note.startswith(reason) for note in notes) if reason else notes == []


def test_a_queue_client_whose_answers_were_not_recorded_fetches_the_result_when_it_likes(tmp_path, capsys):
    base = "/model/v1/queue/kirin_v1_t2v"
    calls = [
        (0, "POST", base, 200, {}, {"prompt": "A pear"}),
        (5, "GET", f"{base}/requests/mmsu_t1/status", 200, {}, None),
        (5, "GET", f"{base}/requests/mmsu_t1/response", 200, {}, None),
    ]
    entries = [_plain(*call) for call in calls]
    for entry in entries:
        _without_answers(entry)
    violated, _, _, states = _verify(tmp_path, capsys, entries)
    assert violated == {}
    assert states["W12"] == "not exercised"


def test_one_call_without_the_key_among_others_with_it_is_found(tmp_path, capsys):
    entries = [_plain(*call) for call in CALLS[:1]] + [_plain(5, "GET", POLL, 200, DONE, None)]
    entries[1]["request"]["headers"] = _headers([("Host", "api.example.com")])
    assert set(_verify(tmp_path, capsys, entries)[0]) == {"W01"}


def test_what_is_no_call_of_this_api_is_passed_over(tmp_path, capsys):
    other = [
        {"request": {"url": url, "method": "GET"}} for url in ("wss://h/model/v1/generation", "data:,a", "https://h")
    ]
    entries = [*other, {}, {"request": {}}, None, *(_plain(*call) for call in CALLS[:1])]
    violated, notes, code, _ = _verify(tmp_path, capsys, entries)
    assert (violated, code) == ({}, 0)
    assert notes == ["3 entries that have no request with a URL"]


def test_files_that_are_too_large_or_packed_are_refused_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "MOST_BYTES", 10)
    file = tmp_path / "a.har"
    file.write_text('{"log": {"entries": []}}')
    assert main(["verify", "traffic", str(file)]) == 2
    assert "at most 0 MB are read: record less at once" in capsys.readouterr().err
    monkeypatch.undo()
    file.write_bytes(b"PK\x03\x04")
    assert main(["verify", "traffic", str(file)]) == 2
    assert "is a zip archive; unpack it" in capsys.readouterr().err


def test_a_body_in_a_file_is_read_from_the_folder_of_the_recording_alone(tmp_path, capsys):
    secret = tmp_path.parent / "secret.json"
    secret.write_text("{}")
    entries = [_plain(*call) for call in CALLS[:1]]
    entries[0]["response"]["content"] = {"size": -1, "_file": "../secret.json"}
    _, notes, _, _ = _verify(tmp_path, capsys, entries)
    assert notes == ["1 answers without a recorded body: what a client does with them is not judged"]
