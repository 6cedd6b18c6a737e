"""The command line: one clear line for a wrong call, a block that works for a right one, a clean end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from mock_server.cli.main import main
from mock_server.settings import ENVIRONMENT_PREFIX, Settings, flag

COMMAND = [sys.executable, "-m", "mock_server"]
HEAVY = {
    "schemathesis",
    "hypothesis",
    "faker",
    "av",
    "pytest",
    "PIL",
    "numpy",
    "rich",
    "httpx",
    "trustme",
    "cryptography",
}


def _clean_environment(**extra):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
    return {**kept, **extra}


def _run(*arguments, **extra):
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, env=_clean_environment(**extra), check=False
    )


WRONG = {
    "no command": ([], "COMMAND"),
    "unknown command": (["sevre"], "sevre"),
    "unknown flag": (["serve", "--prot", "1"], "--prot"),
    "port not a number": (["serve", "--port", "http"], "--port"),
    "port too large": (["serve", "--port", "70000"], "--port"),
    "unknown timing": (["serve", "--timing", "slow"], "--timing"),
    "speed zero": (["serve", "--speed", "0"], "--speed"),
    "speed not a number": (["serve", "--speed", "fast"], "--speed"),
    "speed infinite": (["serve", "--speed", "inf"], "--speed"),
    "speed nan": (["serve", "--speed", "nan"], "--speed"),
    "seed not a number": (["serve", "--seed", "x"], "--seed"),
    "key with a space": (["serve", "--api-key", "a b"], "--api-key"),
    "public url": (["serve", "--public-url", "mock:80"], "--public-url"),
    "image fetch": (["serve", "--image-fetch", "sometimes"], "--image-fetch"),
    "callback allow": (["serve", "--callback-allow", "http://x/"], "--callback-allow"),
    "callback secret": (["serve", "--callback-secret", "abc"], "--callback-secret"),
    "log format": (["serve", "--log-format", "xml"], "--log-format"),
    "max body": (["serve", "--max-body", "0"], "--max-body"),
    "media dir": (["serve", "--media-dir", "/proc/none"], "--media-dir"),
    "host": (["serve", "--host", "no.such.host.invalid", "--admin-token", "t"], "--host"),
    "open host without a token": (["serve", "--host", "0.0.0.0"], "--admin-token"),
    "intercept": (["serve", "--intercept", "65536"], "--intercept"),
    "intercept host with a scheme": (["serve", "--intercept-host", "https://a.example"], "--intercept-host"),
    "intercept host with a port": (["run", "--host", "a.example:443", "--", "true"], "--host: "),
    "intercept host that is an address": (["run", "--host", "10.0.0.1", "--", "true"], "--host: "),
    "intercept host of this machine": (["run", "--host", "x.localhost", "--", "true"], "--host: "),
    "intercept host without a proxy": (["serve", "--intercept-host", "a.example"], "--intercept PORT"),
    "run without a command": (["run", "--seed", "1"], "COMMAND"),
    "run with a flag of the command": (["run", "curl", "-s"], "-s"),
    "demo out": (["demo", "--out", "/proc/none"], "--out"),
    "demo speed": (["demo", "--speed", "manual"], "--speed"),
    "contract out": (["contract", "--out", "/proc/none"], "--out"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_gets_one_clear_line(name, capsys):
    arguments, mentioned = WRONG[name]
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert re.fullmatch(r"kirin-mock: [^\n]+\n", told.err), told.err
    assert mentioned in told.err


def test_a_wrong_environment_is_named_by_its_variable():
    ended = _run("serve", KIRIN_MOCK_PORT="x")
    assert ended.returncode == 2
    assert ended.stderr.startswith("kirin-mock: KIRIN_MOCK_PORT: ")
    assert ended.stderr.count("\n") == 1


def test_secrets_are_never_shown_back():
    ended = _run("serve", "--callback-secret", "very-secret-thing")
    assert ended.returncode == 2
    assert "very-secret-thing" not in ended.stderr + ended.stdout


def test_a_taken_port_is_told_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = _run("serve", "--port", port)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert f"--port {port} is taken" in ended.stderr


def test_every_setting_is_a_flag_with_a_variable_in_the_help():
    text = _run("serve", "--help").stdout
    for name in Settings.model_fields:
        assert flag(name) in text
        assert ENVIRONMENT_PREFIX + name.upper() in text.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("command", [["serve", "--help"], ["--help"], ["--version"]])
def test_starting_imports_nothing_heavy(command):
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mock_server", *command], capture_output=True, text=True, check=True,
        timeout=60, env=_clean_environment(),
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in ended.stderr.splitlines()}
    assert "argparse" in imported
    assert not imported & HEAVY


def _serve(*arguments, **extra):
    return subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_clean_environment(**extra),
    )  # fmt: skip


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_a_curl_line_that_works_and_ends_cleanly(ending):
    server = _serve()
    block = [server.stdout.readline() for _ in range(3)]
    curl = block[2].removeprefix("try   ").replace("curl -s", "curl -s --noproxy '*'")
    answer = json.loads(subprocess.run(curl, shell=True, capture_output=True, check=True, timeout=60).stdout)
    assert answer["status"] == "in_progress"
    assert re.search(r"http://127\.0\.0\.1:\d+/docs", block[1])
    server.send_signal(ending)
    out, err = server.communicate(timeout=60)
    assert server.returncode == 0
    assert err == ""
    assert out.splitlines() == [f"200 POST /model/v1/generation kirin_v1_t2v task {answer['id']}", "stopped"]


def test_serve_logs_json_when_asked(http):
    server = _serve("--log-format", "json", "--api-key", "secret-key")
    url = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())[0]
    http.post(url + "/model/v1/generation", content=b"{", headers={"Content-Type": "application/json"})
    http.get(url + "/_mock/health")
    server.send_signal(signal.SIGINT)
    out, _ = server.communicate(timeout=60)
    logged = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [(line["status"], line["path"]) for line in logged] == [(401, "/model/v1/generation")]
    assert "secret-key" not in out
