"""Schemathesis itself, with all its checks: examples, coverage, fuzzing and its stateful phase over the links.

It makes some thousands of calls and many tasks, so it is left to servers that do not bill: on this machine, or with our
control API. With a second key it has a user of its own, and runs beside the other cases.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mock_server.contract.openapi import document
from mock_server.core.clock import stopwatch
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Material
from mock_server.verify.server.target import NotExercised, Target, Unreachable

CALLS = 4000
#: How many bodies are drawn for each operation: what matters is in the phases before, and in our own cases.
EXAMPLES = 5
#: How long it may take, and an answer to one of its calls, in seconds.
MOST_SECONDS, MOST_ANSWER = 900, 30
PHASES = ("examples", "coverage", "fuzzing", "stateful")
_CONFIG = """
hooks = "mock_server.verify.server.stock_hooks"
continue-on-failure = true
[auth.openapi.bearer]
bearer = {key}
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "404", "405", "415"]
[checks.positive_data_acceptance]
expected-statuses = ["200", "202", "404", "409"]
[checks.ignored_auth]
enabled = {auth}
[[operations]]
include-path-regex = "/cancel$"
# What is over is told with 400, by the words ALREADY_COMPLETED.
[operations.checks.positive_data_acceptance]
expected-statuses = ["200", "202", "400", "404", "409"]
[phases.stateful]
max-steps = 12
[phases.stateful.inference]
algorithms = []
[generation]
max-examples = {examples}
with-security-parameters = false
"""


def cases(material: Material) -> Iterator[Case]:
    """The one case."""
    yield Case(
        "stock/schemathesis", "passes Schemathesis", "all models", tuple(f"phase {phase}" for phase in PHASES),
        "the contract as OpenAPI", CALLS * material.depth, 0.0, _schemathesis(material),
        apart=True, every=True,
    )  # fmt: skip


def _schemathesis(material: Material) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        if not target.controlled and not target.is_local:
            raise NotExercised("it makes many tasks, and the target may bill them", "control")
        key = target.other_key or target.key
        if target.controlled:
            target.control("PUT", "clock", {"mode": "scaled", "speed": 60}, key=key)
        try:
            yield from _problems(_report(target, material, key), target)
        finally:
            if target.controlled:
                target.control("PUT", "clock", {"mode": "manual"}, key=key)
                target.control("POST", "reset", key=key)

    return tried


def _report(target: Target, material: Material, key: str) -> dict[str, Any]:
    """What Schemathesis says of a target. Raises NotExercised when it says nothing."""
    refuses_strangers = target.call("GET", "/api/v1/user/balance", key="a-key-of-nobody").status == 401
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        (where / "openapi.json").write_text(json.dumps(document(material.endpoints)))
        told = _CONFIG.format(
            key=json.dumps(key), auth=str(refuses_strangers).lower(), examples=EXAMPLES * material.depth
        )
        (where / "schemathesis.toml").write_text(told)
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", target.base_url,
            "--seed", str(material.seed), "--no-color",
            "--request-timeout", str(MOST_ANSWER), "--report", "json", "--report-json-path", "report.json",
        ]  # fmt: skip
        output = _run(command, where, target)
        try:
            report: dict[str, Any] = json.loads((where / "report.json").read_text())
        except (OSError, ValueError):
            raise NotExercised(f"Schemathesis made no report: {output[-500:]}") from None
    return {**report, "output": output}


def _run(command: list[str], folder: Path, target: Target) -> str:
    """What a command writes. It ends early with the run."""
    began = stopwatch()
    with (folder / "output").open("wb") as output:
        running = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        try:
            while running.poll() is None and stopwatch() - began < MOST_SECONDS:
                target.pause(0.1)
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
    return (folder / "output").read_text("utf-8", "replace")


def _problems(report: dict[str, Any], target: Target) -> Iterator[Problem]:
    if report["operations"]["tested"] == 0:
        raise Unreachable(f"Schemathesis reached nothing at {target.base_url}")
    if not target.controlled and re.search(r"\b(402|429)\b", report["output"]):
        raise NotExercised("the target limits calls or spending, which Schemathesis takes for mistakes", "money")
    target.calls += report["test_cases"]["generated"]
    for failure in report["failures"]:
        where = ", ".join(failure["operations"][:5])
        says = f"{failure['title']} ({failure['code']}) at {where}:\n{_excerpt(report, failure['code'])}"
        yield Problem(says, field=where)
    for error in report["errors"]:
        yield Problem(f"Schemathesis could not go on: {json.dumps(error)[:500]}")
    links = re.search(r"API Links: +([0-9]+) covered", report["output"])
    if links is None or links[1] == "0":
        yield Problem("Schemathesis followed no link: its stateful phase was empty")
    skipped = [name for name in PHASES if report["phases"][name]["status"] not in {"success", "failure"}]
    if skipped:
        yield Problem(f"Schemathesis did not run its phases {', '.join(skipped)}")


def _excerpt(report: dict[str, Any], code: str) -> str:
    output: str = report["output"]
    place = output.find(f"- {code} ")
    lines = output[place:].splitlines()[:16] if place >= 0 else []
    return "\n".join(line[:300] for line in lines)
