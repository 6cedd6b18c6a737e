"""The curl line of a finding: a shell gives curl exactly the call that was made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest

from mock_server.verify.server.curl import BodyFiles, curl
from mock_server.verify.server.exchange import Exchange
from mock_server.verify.server.judge import innermost

BODIES = [
    b'{"prompt": "it\'s 100% \\"right\\" $HOME `id` !x \\\\ end"}',
    '{\n\t"prompt": "Käse\n東京"}\n'.encode().replace(b"\t", b""),
    b"@/etc/passwd",
    b"",
    b"\xff\x00 no text",
    b"%s %d %% 'quoted' \"twice\"",
    b'{"image": "' + b"a" * 20_000 + b'"}',
]


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Runs a line in a shell whose curl prints what it is given."""
    program = tmp_path / "bin" / "curl"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}", "KIRIN_KEY": "sk-'\"$x", "KIRIN_OTHER_KEY": "sk-o"}

    def run(line):
        ended = subprocess.run(["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, check=True)
        return json.loads(ended.stdout)

    return run


def _given(words, flag):
    return [words[place + 1] for place, word in enumerate(words) if word == flag]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_reaches_curl_to_the_byte(shell, tmp_path, body):
    made = Exchange("POST", "/model/v1/generation", body, 200, {}, None, b"", sent={"Content-Type": "application/json"})
    words = shell(curl(made, "http://127.0.0.1:1", BodyFiles(tmp_path / "it's a folder")))
    assert words[:2] == ["-X", "POST"]
    assert "http://127.0.0.1:1/model/v1/generation" in words
    assert _given(words, "-H") == ["Authorization: Bearer sk-'\"$x", "Content-Type: application/json"]
    sent = [one.encode() for one in _given(words, "--data-raw")]
    sent += [Path(name.removeprefix("@")).read_bytes() for name in _given(words, "--data-binary")]
    assert sent == ([body] if body else [])


@pytest.mark.parametrize(
    ("authorization", "sent", "headers"),
    [
        (None, {}, []),
        ("Key $KEY", {}, ["Authorization: Key sk-'\"$x"]),
        ("Bearer $OTHER_KEY", {}, ["Authorization: Bearer sk-o"]),
        ("Bearer nobody's `id` $KEYS", {}, ["Authorization: Bearer nobody's `id` $KEYS"]),
        ("Basic $(id)", {"Authorization": "Basic $(id)"}, ["Authorization: Basic $(id)"]),
        (None, {"X-Empty": "", "X-Odd": "a 'b' \"c\""}, ["X-Empty;", "X-Odd: a 'b' \"c\""]),
    ],
)
def test_headers_reach_curl_as_they_were_sent(shell, authorization, sent, headers):
    made = Exchange("GET", "/a/%27b%20?c=[1]&d='x'", b"", 200, {}, None, b"", authorization, sent)
    words = shell(curl(made, "http://127.0.0.1:1", str))
    assert _given(words, "-H") == headers
    assert "http://127.0.0.1:1/a/%27b%20?c=[1]&d='x'" in words
    assert "-g" in words


def test_a_body_without_a_type_is_no_form_and_a_head_waits_for_no_body(shell):
    made = Exchange("POST", "/a", b"x", 200, {}, None, b"", None, {}, "http://other:2")
    assert _given(shell(curl(made, "http://127.0.0.1:1", str)), "-H") == ["Content-Type:"]
    assert "http://other:2/a" in shell(curl(made, "http://127.0.0.1:1", str))
    assert shell(curl(Exchange("HEAD", "/a", b"", 200, {}, None, b""), "http://h", str))[0] == "--head"


def _branch(model, kind):
    item = {"type": "object", "properties": {"url": {"type": kind}}, "required": ["url"]}
    fields = {"model": {"const": model}, "output": {"type": "array", "items": {"oneOf": [item, {"type": "null"}]}}}
    return {"type": "object", "properties": fields, "required": ["model"]}


@pytest.mark.parametrize(
    ("value", "where", "says"),
    [
        ({"model": "b", "output": [{"url": 5}]}, ["output", 0, "url"], "is not of type"),
        ({"model": "a", "output": [{}]}, ["output", 0], "required property"),
        ({"model": "a", "output": 1}, ["output"], 'is not of type "array"'),
        ({"output": []}, [], "required property"),
        ([1], [], 'is not of type "object"'),
    ],
)
def test_of_a_failed_alternative_the_field_of_the_branch_that_is_meant_is_named(value, where, says):
    schema = jsonschema_rs.Draft202012Validator({"oneOf": [_branch("a", "string"), _branch("b", "string")]})
    error = innermost(next(schema.iter_errors(value)))
    assert list(error.instance_path) == where
    assert says in error.message
