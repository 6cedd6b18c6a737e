"""What the README and its pages in docs/ show is what happens, to the letter."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from mock_server import MockServer
from mock_server.models import discover
from tests.core.test_packaging import ROOT

README = (ROOT / "README.md").read_text("utf-8")
#: The pages that have what was in the README once.
PAGES = "".join((ROOT / "docs" / f"{page}.md").read_text("utf-8") for page in (
    "accounts", "callbacks", "control-api", "demo", "errors", "install", "models", "queue-protocol", "testing", "time",
    "verify", "videos",
))  # fmt: skip


def _blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def _block(word):
    """The first block of commands that has this in it."""
    return next(block for block in _blocks("bash", README + PAGES) if word in block).strip()


def _curl(command, server):
    here = command.replace("http://127.0.0.1:8787", server.url).replace("curl -s", "curl -s --noproxy '*'")
    ended = subprocess.run(here, shell=True, capture_output=True, text=True, check=True, timeout=60)
    return ended.stdout


def _alike(shown, got, url):
    """The same, but for the moment it was made and the server's port."""
    shown = json.loads(json.dumps(shown).replace("http://127.0.0.1:8787", url))
    return {**shown, "created_at": 0} == {**got, "created_at": 0}


def test_the_first_request_and_poll_are_as_shown():
    submit, poll, *_ = _blocks("bash")
    made, completed, *_ = (json.loads(block) for block in _blocks("json"))
    with MockServer(speed="manual") as server:
        assert _alike(made, json.loads(_curl(submit, server)), server.url)
        server.clock.advance(3)
        assert _alike(completed, json.loads(_curl(poll, server)), server.url)


def test_the_queue_commands_work():
    with MockServer(speed="manual") as server:
        lines = _block("requests/pear-1/status").split("\n\n")
        made, status, early = (json.loads(_curl(line, server)) for line in lines)
        server.clock.advance(3)
        result = json.loads(_curl(lines[2], server))
    assert status == early == {"status": "IN_QUEUE", **{name: made[name] for name in status if name != "status"}}
    assert (result["status"], len(result["outputs"])) == ("COMPLETED", 1)
    assert made["request_id"] == result["request_id"]


def test_the_account_commands_work():
    with MockServer(speed="manual") as server:
        asked, told = (json.loads(_curl(line, server)) for line in _block("/_mock/account").split("\n\n"))
    assert asked["data"]["balance"] == "1000000.00"
    assert told["accounts"][0]["balance"] == "0.05"


def test_the_scenario_commands_work():
    with MockServer(speed="manual") as server:
        stuck = json.loads(_curl(_block("hold=40%"), server))["id"]
        failing = json.loads(_curl(_block("[[mock: fail=002001096 after=1s]]"), server))["id"]
        posted, removed = (json.loads(_curl(line, server)) for line in _block("bad-network").split("\n\n"))
        server.clock.advance(1)
        assert server.task(failing).at(server.clock.now()).failure.code == "002001096"
        server.clock.advance(3600)
        assert server.task(stuck).at(server.clock.now()).progress == 0.4
    assert posted == {"scenarios": ["bad-network"], "warnings": []}
    assert removed == {"removed": 1}


def test_the_callback_commands_work():
    with MockServer(speed=20) as server:
        answers = [_curl(command, server) for command in _block("/_mock/inbox/apple/messages").split("\n\n")]
    assert [message["body"]["status"] for message in json.loads(answers[1])["messages"]] == ["in_progress", "completed"]


def test_the_clock_commands_work():
    with MockServer() as server:
        stopped, moved = (json.loads(_curl(line, server)) for line in _block("/_mock/clock/advance").split("\n"))
        running = json.loads(_curl(_block('"mode": "real"'), server))
    assert (stopped["mode"], moved["now"]) == ("manual", round(stopped["now"] + 30, 6))
    assert running["mode"] == "real"


def test_the_python_examples_work(tmp_path):
    _, fixture = _blocks("python")
    alone = next(block for block in _blocks("python", PAGES) if "MockServer" in block)
    (tmp_path / "test_shown.py").write_text(fixture)
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    ended = subprocess.run(run, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert "1 passed" in ended.stdout, ended.stdout
    ended = subprocess.run([sys.executable, "-c", alone], capture_output=True, text=True, check=True, timeout=60)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+ sk-test\n", ended.stdout)


def test_every_model_and_only_they_are_in_the_table():
    assert set(re.findall(r"^\| `(kirin_\w+)` \|", PAGES, re.MULTILINE)) == set(discover())


def test_what_is_rejected_and_what_fails_is_as_shown():
    submitted, rejected, accepted, polled = _blocks("bash")[0], *_blocks("bash")[2:]
    shown_rejected, shown_failed = (json.loads(block) for block in _blocks("json")[2:])
    with MockServer(speed="manual") as server:
        _curl(submitted, server)
        assert json.loads(_curl(rejected, server)) == shown_rejected
        _curl(accepted, server)
        server.clock.advance(3)
        failed = json.loads(_curl(polled, server))
    assert {**failed, "metadata": None, "created_at": None} == {**shown_failed, "metadata": None, "created_at": None}


def test_every_command_and_flag_named_exists():
    text = "".join(
        subprocess.run(
            [sys.executable, "-m", "mock_server", *command, "--help"],
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for command in (["serve"], ["verify", "server"], ["seed"])
    )  # fmt: skip
    former = {"--profile", "--max-hold", "--scripts"}  # said once each, as the old names of others
    for named in set(re.findall(r"`(--[a-z-]+)", README + PAGES)) - {"--help", *former}:
        assert named in text, named
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z]+)", README)):
        if target in {"demo", "test", "serve", "lint", "bench", "verify"}:
            assert f"\n{target}:" in makefile
