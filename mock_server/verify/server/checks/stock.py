"""Schemathesis itself, with all its checks: examples, coverage, fuzzing and its stateful phase over the links.

It makes some thousands of calls and many tasks, so it is left to servers that do not bill.
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
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Material
from mock_server.verify.server.target import NotExercised, Target, Unreachable

CALLS = 3000
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
    )  # fmt: skip


def _schemathesis(material: Material) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        target.control("PUT", "clock", {"mode": "scaled", "speed": 60})
        try:
            yield from _problems(_report(target, material), target)
        finally:
            target.control("PUT", "clock", {"mode": "manual"})

    return tried


def _report(target: Target, material: Material) -> dict[str, Any]:
    """What Schemathesis says of a target. Raises NotExercised when it says nothing."""
    refuses_strangers = target.call("GET", "/api/v1/user/balance", key="a-key-of-nobody").status == 401
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        (where / "openapi.json").write_text(json.dumps(document(material.endpoints)))
        told = _CONFIG.format(
            key=json.dumps(target.key), auth=str(refuses_strangers).lower(), examples=15 * material.depth
        )
        (where / "schemathesis.toml").write_text(told)
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", target.base_url,
            "--seed", str(material.seed), "--no-color", "--report", "json", "--report-json-path", "report.json",
        ]  # fmt: skip
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        try:
            report: dict[str, Any] = json.loads((where / "report.json").read_text())
        except (OSError, ValueError):
            raise NotExercised(f"Schemathesis made no report: {(ended.stdout + ended.stderr)[-500:]}") from None
    return {**report, "output": ended.stdout}


def _problems(report: dict[str, Any], target: Target) -> Iterator[Problem]:
    if report["operations"]["tested"] == 0:
        raise Unreachable(f"Schemathesis reached nothing at {target.base_url}")
    target.calls += report["test_cases"]["generated"]
    for failure in report["failures"]:
        where = ", ".join(failure["operations"][:5])
        yield Problem(f"{failure['title']} ({failure['code']}) at {where}:\n{_excerpt(report, failure['code'])}")
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
