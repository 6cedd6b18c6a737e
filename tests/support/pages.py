"""The code blocks of README.md and docs/*.md, and how each is run as a reader would run it.

What a page says to the test, in HTML comments before a block: ``<!-- not run: REASON -->``, ``<!-- exits with N -->``,
and ``<!-- N seconds later -->``, which moves the clock of the page's server. A block after "Save this as `NAME`:" is
written to a file. A json block shows what the block before it printed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from mock_server.settings import ENVIRONMENT_PREFIX
from tests.core.test_packaging import ROOT

SHOWN_URL = "http://127.0.0.1:8787"
PATIENCE = 120
BASH = shutil.which("bash") or "bash"
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_PROGRAMS = {
    "kirin-mock": "-m mock_server",
    "python": "",
    "python3": "",
    "pytest": "-m pytest -p no:cacheprovider",
}


@dataclass(frozen=True, slots=True)
class Block:
    """One code block: its language, text, line number, and what the page says of it."""

    language: str
    text: str
    line: int
    file: str | None
    not_run: str | None
    exits_with: int
    later: int


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text, found, end = page.read_text("utf-8"), [], 0
    for match in _BLOCK.finditer(text):
        before, end = text[end : match.start()], match.end()
        indent = match["indent"]
        body = "".join(line.removeprefix(indent) for line in match["text"].splitlines(keepends=True))
        saved = re.search(r"[Ss]ave this as\s+`([\w./-]+)`:\s*$", before)
        not_run = re.search(r"<!-- not run: ([^>]+) -->\s*$", before)
        exits = re.search(r"<!-- exits with (\d+) -->\s*$", before)
        later = re.search(r"<!-- (\d+) seconds? later -->\s*$", before)
        found.append(
            Block(
                language=match["language"],
                text=body,
                line=text.count("\n", 0, match.start()) + 1,
                file=saved[1] if saved else None,
                not_run=not_run[1] if not_run else None,
                exits_with=int(exits[1]) if exits else 0,
                later=int(later[1]) if later else 0,
            )
        )
    return found


class Reader:
    """Runs the blocks of one page in a folder of its own, against the server at ``url``."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.printed: list[object] = []
        programs = folder / ".programs"
        programs.mkdir()
        for name, arguments in _PROGRAMS.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments} "$@"\n')
            (programs / name).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
        self.environment = {
            **kept,
            "PATH": f"{programs}{os.pathsep}{kept['PATH']}",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}",
            "no_proxy": "*",
            "NO_PROXY": "*",
        }

    def run(self, block: Block) -> None:
        """Run one block. Fails when it does not do what the page shows."""
        if block.later:
            httpx.post(f"{self.url}/_mock/clock/advance", json={"seconds": block.later}, trust_env=False)
        if block.file is not None:
            (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / block.file).write_text(self._here(block.text), "utf-8")
            return
        {"bash": self._bash, "console": self._console, "json": self._json, "python": self._python, "yaml": self._yaml}[
            block.language
        ](block)

    def _here(self, text: str) -> str:
        return text.replace(SHOWN_URL, self.url).replace("localhost:8787", self.url.removeprefix("http://"))

    def _ended(self, command: str, exits_with: int = 0) -> str:
        ended = subprocess.run(
            [BASH, "-e", "-c", self._here(command)], capture_output=True, text=True, check=False, timeout=PATIENCE,
            cwd=self.folder, env=self.environment,
        )  # fmt: skip
        assert ended.returncode == exits_with, f"{command}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout + ended.stderr

    def _bash(self, block: Block) -> None:
        self.printed = list(json_values(self._ended(block.text, block.exits_with)))

    def _json(self, block: Block) -> None:
        """What is shown has the fields of what came, with values of the same types."""
        shown = [json.loads(line) for line in block.text.splitlines()]
        assert [shape(value) for value in shown] == [shape(value) for value in self.printed[-len(shown) :]]

    def _python(self, block: Block) -> None:
        is_test = "\ndef test_" in block.text or "\nasync def test_" in block.text
        name = f"{'test_' if is_test else ''}shown_{block.line}.py"
        (self.folder / name).write_text(self._here(block.text), "utf-8")
        self._ended(f"{'pytest -q' if is_test else 'python'} {name}", block.exits_with)

    def _yaml(self, block: Block) -> None:
        (self.folder / "shown.yaml").write_text(block.text, "utf-8")
        self._ended("kirin-mock scenarios check --strict shown.yaml")

    def _console(self, block: Block) -> None:
        """Run each command. Each line that is shown must be in its output; ``...`` stands for anything."""
        self.printed = []
        for command, shown in commands(block.text):
            printed = self._started(command) if re.match(r"(?!.*--help).*kirin-mock serve\b", command) else None
            if printed is None:
                printed = self._ended(command, block.exits_with)
                self.printed += json_values(printed)
            for line in self._here("\n".join(shown)).splitlines():
                assert re.search(pattern(line), printed, re.MULTILINE), f"{command}\nshows {line!r}\nnot\n{printed}"

    def _started(self, command: str) -> str:
        """A server is started on a free port, and interrupted once it serves."""
        started = subprocess.Popen(
            [BASH, "-c", f"exec env {command}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=self.folder, env={**self.environment, f"{ENVIRONMENT_PREFIX}PORT": "0"},
        )  # fmt: skip
        printed = []
        assert started.stdout is not None
        for line in started.stdout:
            printed.append(line)
            if line.startswith("export " if "--intercept" in command else "try "):
                break
        started.send_signal(signal.SIGINT)
        rest, _ = started.communicate(timeout=PATIENCE)
        assert any("http://" in line for line in printed), "".join(printed)
        return "".join(printed) + rest


def commands(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines that are shown of its output."""
    found: list[tuple[str, list[str]]] = []
    continued = False
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif continued:
            found[-1] = (f"{found[-1][0]}\n{line}", [])
        elif line.strip():
            found[-1][1].append(line)
        continued = line.endswith("\\")
    return found


def pattern(line: str) -> str:
    """A shown line as a regular expression, ``...`` standing for anything and runs of spaces for each other."""
    return ".*".join(r"\s+".join(map(re.escape, part.split(" "))) for part in re.sub(" +", " ", line).split("..."))


def json_values(text: str) -> list[object]:
    """The JSON objects and lists that a text has, one after another; what is none is passed over."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while (start := re.compile(r"[{\[]").search(text, place)) is not None:
        try:
            value, place = decoder.raw_decode(text, start.start())
            found.append(value)
        except json.JSONDecodeError:
            place = start.end()
    return found


def is_error(value: object) -> bool:
    """Whether an answer is that of a call that went wrong, or of a task that failed."""
    if not isinstance(value, dict):
        return False
    return "error" in value or "detail" in value or (isinstance(value.get("status"), dict) and value["data"] is None)


def shape(value: object) -> object:
    """The names and types of a value; lists have the shapes of their items, without repetition."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        shapes = [shape(inner) for inner in value]
        return [one for index, one in enumerate(shapes) if one not in shapes[:index]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
