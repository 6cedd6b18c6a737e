"""``kirin-mock run`` and ``serve --intercept``: real clients reach the platform's hosts here, and nothing is left."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess

import pytest

from tests.support.running import PYTHON, environment, run, started

QUICK = ["--timing", "instant", "--media", "tiny"]

CLIENTS = {
    "urllib": """
import urllib.request
def call(url, body=None):
    request = urllib.request.Request(url, body, HEADERS)
    with urllib.request.urlopen(request, timeout=30) as answer: return answer.read()
""",
    "requests": """
import requests
def call(url, body=None):
    return requests.request("POST" if body else "GET", url, data=body, headers=HEADERS, timeout=30).content
""",
    "httpx": """
import httpx
def call(url, body=None):
    return httpx.request("POST" if body else "GET", url, content=body, headers=HEADERS, timeout=30).content
""",
    "aiohttp": """
import aiohttp, asyncio
def call(url, body=None):
    async def work():
        async with aiohttp.ClientSession(trust_env=True) as session:
            async with session.request("POST" if body else "GET", url, data=body, headers=HEADERS) as answer:
                return await answer.read()
    return asyncio.run(work())
""",
}
COURSE = """
import json, os
HEADERS = {"Authorization": "Bearer k", "Content-Type": "application/json"}
%s
made = json.loads(call("https://cloud.seaart.ai/model/v1/generation", b'{"model": "kirin_v1_t2v", "prompt": "a"}'))
task = json.loads(call("https://cloud.seaart.ai/model/v1/generation/task/" + made["id"]))
url = task["output"][0]["content"][0]["url"]
health = json.loads(call(os.environ["KIRIN_MOCK_URL"] + "/_mock/health"))["status"]
print(json.dumps([task["status"], url, call(url)[4:8].decode(), health]))
"""


@pytest.fixture
def folder(tmp_path):
    """Where temporary files go; nothing may be left there."""
    made = tmp_path / "temporary files"
    made.mkdir()
    return made


@pytest.mark.parametrize("name", CLIENTS)
def test_a_python_client_runs_unchanged_from_submit_to_video(folder, name):
    ended = run(folder, *QUICK, "--", PYTHON, "-W", "error", "-c", COURSE % CLIENTS[name])
    assert ended.returncode == 0, ended.stderr
    status, url, box, health = json.loads(ended.stdout)
    assert (status, box, health) == ("completed", "ftyp", "ok")
    assert url.startswith("https://cloud.seaart.ai/media/")


def test_a_shell_script_with_curl_runs_unchanged(folder, tmp_path):
    script = tmp_path / "script.sh"
    script.write_text(
        r"""set -eu
        auth='Authorization: Bearer k'
        id=$(curl -sSf https://cloud.seaart.ai/model/v1/generation -H "$auth" -H 'Content-Type: application/json' \
          -d '{"model": "kirin_v1_t2v", "prompt": "a"}' | sed 's/.*"id":"\([^"]*\)".*/\1/')
        url=$(curl -sSf https://cloud.seaart.ai/model/v1/generation/task/$id -H "$auth" | grep -o 'https://[^"]*mp4')
        curl -sSf --http2 "$url" | head -c 8 | tail -c 4
        curl -sSf http://cloud.vtrix.ai/api/v1/user/balance -H "$auth" -o /dev/null -w ' %{http_code}'
        curl -sSf "$KIRIN_MOCK_URL/_mock/health" -o /dev/null -w ' %{http_code}'
        """
    )
    ended = run(folder, *QUICK, "--", "sh", str(script))
    assert (ended.returncode, ended.stdout) == (0, "ftyp 200 200"), ended.stderr


NODE = """
import https from 'node:https'; import http from 'node:http';
const headers = { Authorization: 'Bearer k', 'Content-Type': 'application/json' };
const body = JSON.stringify({ model: 'kirin_v1_t2v', prompt: 'a' });
const submit = 'https://cloud.seaart.ai/model/v1/generation';
const made = await (await fetch(submit, { method: 'POST', headers, body })).json();
const task = await (await fetch(`${submit}/task/${made.id}`, { headers })).json();
const video = Buffer.from(await (await fetch(task.output[0].content[0].url)).arrayBuffer());
const status = (library, url) => new Promise((done) => library.get(url, { headers }, (answer) => {
  answer.resume(); answer.on('end', () => done(answer.statusCode));
}).on('error', (error) => done(error.message)));
const own = `${process.env.KIRIN_MOCK_URL}/_mock/health`;
console.log(JSON.stringify([
  task.status, video.subarray(4, 8).toString(), (await fetch(own)).status, await status(http, own),
  await status(https, 'https://cloud.vtrix.ai/api/v1/user/balance'),
  await status(https, 'https://cloud.vtrix.ai/api/v1/user/balance'),
  await status(http, 'http://cloud.vtrix.ai/api/v1/user/balance'),
  await status(https, 'https://example.com/'), globalThis.marked,
]));
await fetch('https://example.com/').then(() => console.log('reached'), (error) => console.log(error.cause.message));
"""


def test_a_node_program_runs_unchanged_and_keeps_its_options(folder, tmp_path):
    script, marking = tmp_path / "program.mjs", tmp_path / "its own.cjs"
    script.write_text(NODE)
    marking.write_text("globalThis.marked = true")
    options = f'--require="{marking}"'
    ended = run(folder, *QUICK, "--", "node", str(script), NODE_OPTIONS=options)
    assert ended.returncode == 0, ended.stderr
    told, refused = ended.stdout.splitlines()
    *worked, unlisted, marked = json.loads(told)
    assert worked == ["completed", "ftyp", 200, 200, 200, 200, 200]
    assert "example.com is not intercepted by kirin-mock" in unlisted
    assert "reached" not in refused
    assert marked is True


def test_a_host_that_is_not_listed_is_refused_and_told_at_the_end(folder):
    ended = run(folder, "--", "curl", "-sS", "https://example.com/", "https://example.com/a")
    assert (ended.returncode, ended.stdout) == (56, "")
    assert "kirin-mock: blocked example.com:443 (2 times), which is not an intercepted host\n" in ended.stderr
    assert "no call came" not in ended.stderr


WITHOUT_A_CALL = {
    "around the proxy": ("true", "no call came; does the command use HTTPS_PROXY? (docs/interception.md)"),
    "without trust": (
        "unset CURL_CA_BUNDLE SSL_CERT_FILE; curl -s https://cloud.seaart.ai/",
        "no call came, and TLS was broken off; does the command trust SSL_CERT_FILE? (docs/interception.md)",
    ),
    "to the control API": ("curl -s https://cloud.seaart.ai/_mock/health", None),
    "to a control API that is closed": ("curl -s --proxytunnel http://cloud.seaart.ai/_mock/clock -d x", None),
    "to a host that is not listed": ("curl -s https://example.com/", None),
}


@pytest.mark.parametrize("name", WITHOUT_A_CALL)
def test_a_command_that_called_nothing_is_told_what_it_may_not_do(folder, name):
    script, told = WITHOUT_A_CALL[name]
    ended = run(folder, "--admin-token", "secret", "--", "sh", "-c", f"{script}; true")
    said = [line for line in ended.stderr.splitlines() if "no call came" in line]
    assert said == ([f"kirin-mock: {told}"] if told else [])


@pytest.mark.parametrize("host", ["foo_bar.example.com", "ab--cd.example.com", "xn--a.com", "xn--zzzzzz99999.com", "a"])
def test_a_host_that_is_added_is_served_however_it_is_called(folder, host):
    fetching = f"import urllib.request as r; print(r.urlopen('https://{host}/_mock/health', timeout=30).status)"
    both = f"curl -sSf https://{host}/_mock/health && {shlex.join([PYTHON, '-c', fetching])}"
    ended = run(folder, "--host", host, "--", "sh", "-c", both)
    assert (ended.returncode, ended.stdout[:5], ended.stdout[-4:]) == (0, '{"sta', "200\n"), ended.stderr


def test_a_host_that_cannot_be_added_is_told_by_the_flag_that_was_given(folder):
    told = "must be a host name such as api.example.com, without a scheme, a port or a path (got '1.2.3.4')"
    ended = run(folder, "--host", "1.2.3.4", "--", "true")
    assert (ended.returncode, ended.stderr) == (2, f"kirin-mock: --host: {told}\n")
    ended = run(folder, "--", "true", KIRIN_MOCK_INTERCEPT_HOST="a.com,1.2.3.4")
    assert (ended.returncode, ended.stderr) == (2, f"kirin-mock: KIRIN_MOCK_INTERCEPT_HOST: {told}\n")


def test_the_command_gets_what_it_was_handed_and_nothing_of_ours(folder, tmp_path):
    ours = [PYTHON, "-m", "mock_server", "run", "--"]
    listing = "import os; print([n for n in range(3, 99) if os.path.exists(f'/dev/fd/{n}')])"
    script = f"""
        echo handed | {shlex.join([*ours, "cat", "/dev/fd/7"])} 7<&0 8>&1
        {shlex.join([*ours, "sh", "-c", "echo written >&5"])} 5>file
        cat file
        {shlex.join([*ours, PYTHON, "-c", listing])} 7<file
    """
    ended = subprocess.run(
        ["/bin/sh", "-c", script],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True,
        cwd=tmp_path, env=environment(folder),
    )  # fmt: skip
    assert ended.stdout == "handed\nwritten\n[7]\n", ended.stderr


def test_a_host_that_is_added_is_served(folder):
    url = "https://api.example.com/_mock/health"
    ended = run(folder, "--host", "API.example.com", "--", "curl", "-sSf", url)
    assert json.loads(ended.stdout)["status"] == "ok", ended.stderr
    ended = run(folder, "--", "curl", "-sSf", url, KIRIN_MOCK_INTERCEPT_HOST="other.example,api.example.com")
    assert json.loads(ended.stdout)["status"] == "ok", ended.stderr


def test_the_commands_own_proxies_are_out_of_the_way(folder):
    around = "http://127.0.0.1:9"
    names = ("ALL_PROXY", "all_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy", "npm_config_proxy")
    extra = {**dict.fromkeys(names, around), "NO_PROXY": "cloud.seaart.ai", "no_proxy": "*"}
    ended = run(folder, "--", "sh", "-c", "curl -sSf https://cloud.seaart.ai/_mock/health; env", **extra)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith('{"status":"ok"')
    assert around not in ended.stdout


def test_only_what_is_the_commands_goes_to_its_output(folder):
    command = "echo out; echo err >&2; curl -s https://cloud.seaart.ai/nothing -o /dev/null"
    ended = run(folder, "--log-format", "text", "--", "sh", "-c", command)
    assert ended.stdout == "out\n"
    assert ended.stderr.startswith("err\n")
    assert "404 GET /nothing" in ended.stderr
    assert re.search(r"^kirin-mock: \d+ properties: ", ended.stderr, re.MULTILINE)


def test_the_commands_input_reaches_it(folder):
    with started(folder, "--", "cat") as process:
        assert process.communicate("through\n", timeout=60)[0] == "through\n"


CODES = {
    "0": ("exit 0", 0),
    "7": ("exit 7", 7),
    "255": ("exit 255", 255),
    "killed": ("kill -KILL $$", 137),
    "terminated": ("kill -TERM $$", 143),
}


@pytest.mark.parametrize("name", CODES)
def test_the_exit_code_is_the_commands(folder, name):
    script, code = CODES[name]
    assert run(folder, "--", "sh", "-c", script).returncode == code


def test_a_command_that_cannot_be_started_is_told_in_a_line(folder, tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    for command, code in (("no-such-command", 127), (str(plain), 126), (str(tmp_path), 126)):
        ended = run(folder, "--", command)
        assert ended.returncode == code, ended.stderr
        assert re.fullmatch(rf"kirin-mock: {re.escape(repr(command))} cannot be started: [^\n]+\n", ended.stderr)


GOOD = COURSE % CLIENTS["urllib"]
HASTY = (
    f"{GOOD}\nfor _ in range(9): call('https://cloud.seaart.ai/model/v1/generation', b'no json')\nraise SystemExit(0)"
)


def test_conformance_counts_when_it_is_asked_to(folder):
    program = ["--", PYTHON, "-c"]
    assert run(folder, *QUICK, "--conformance-fail", *program, GOOD).returncode == 0
    hasty = HASTY.replace("call('", "json.dumps, urllib.request.build_opener(Ignore).open(urllib.request.Request('")
    hasty = hasty.replace("b'no json')", "b'no json', HEADERS))").replace(
        "import urllib.request",
        "import urllib.request\nclass Ignore(urllib.request.HTTPErrorProcessor):\n"
        "    def https_response(self, request, response): return response\n",
    )
    ended = run(folder, *QUICK, "--conformance-fail", *program, hasty)
    assert ended.returncode == 1, ended.stderr
    assert re.search(
        r"^kirin-mock: \w+ [a-z0-9-]+ \((must|should)\), violated (once|\d+ times): ", ended.stderr, re.MULTILINE
    )
    assert run(folder, *QUICK, *program, hasty).returncode == 0
    assert run(folder, "--conformance-fail", "--", "true").returncode == 1
    assert run(folder, "--conformance-fail", "--", "sh", "-c", "exit 3").returncode == 3


def test_moments_count_from_the_first_call_even_if_no_call_had_a_key(folder):
    calls = "for one in 1 2 3 4 5; do curl -s https://cloud.seaart.ai/model/v1/generation -d {} -o /dev/null; done"
    ended = run(folder, *QUICK, "--", "sh", "-c", calls)
    assert "at 0.0 s (call" in ended.stderr
    assert not re.search(r"at \d{3,}", ended.stderr)


def test_a_report_is_written_where_it_is_asked_for(folder, tmp_path):
    report = tmp_path / "report.json"
    run(folder, *QUICK, "--conformance", str(report), "--", PYTHON, "-c", GOOD)
    assert json.loads(report.read_bytes())["properties"]


def test_serve_prints_exports_that_work_when_pasted(folder, tmp_path):
    settings = ["--port", "0", "--intercept", "0", *QUICK]
    extra = {"all_proxy": "http://127.0.0.1:9", "WSS_PROXY": "x"}
    script = tmp_path / "course.py"
    script.write_text(GOOD)
    with started(folder, *settings, command="serve", **extra) as server:
        lines = []
        while line := server.stdout.readline().rstrip("\n"):
            lines.append(line)
            if line.startswith("export KIRIN_MOCK_URL="):
                break
        pasted = [line for line in lines if line.startswith(("export ", "unset "))]
        assert any(line.startswith("proxy http://127.0.0.1:") for line in lines)
        assert "unset WSS_PROXY" in pasted
        client = "\n".join(
            [*pasted, f"{shlex.quote(PYTHON)} {shlex.quote(str(script))}", "curl -sS https://example.com/ || true"]
        )
        ended = subprocess.run(
            client, shell=True, capture_output=True, text=True, timeout=60, env=environment(tmp_path), check=True
        )
        assert json.loads(ended.stdout)[0] == "completed", ended.stderr
        assert "CONNECT tunnel failed, response 403" in ended.stderr
        server.send_signal(signal.SIGTERM)
        assert server.communicate(timeout=60)[1] == ""
    assert server.returncode == 0
    assert list(folder.iterdir()) == []


def test_a_taken_port_is_told_in_a_line(folder):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(folder, "--intercept", port, "--", "true")
    assert (ended.returncode, ended.stderr) == (
        2, f"kirin-mock: --intercept {port} is taken; name another port, or 0 for a free one\n",
    )  # fmt: skip


def test_without_its_extra_it_says_which_one_it_needs(folder):
    without = (
        "import sys; sys.modules['trustme'] = None\n"
        "from mock_server.cli.main import main\n"
        "raise SystemExit(main(['run', '--', 'true']))"
    )
    ended = subprocess.run(
        [PYTHON, "-c", without], capture_output=True, text=True, env=environment(folder), timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "kirin-mock[intercept]" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert list(folder.iterdir()) == []
