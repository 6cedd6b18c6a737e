"""Runs the case of a finding again: to tell it, to check it in a test, and to take it along as a test or a scenario."""

from __future__ import annotations

import json
import pprint
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from mock_server.conformance.scorecard import printable
from mock_server.core.errors import UsageError
from mock_server.core.folders import require_folder
from mock_server.core.redaction import safe_text
from mock_server.verify.client.findings import Client, Finding, kept
from mock_server.verify.client.judge import RunResult
from mock_server.verify.client.narrative import story
from mock_server.verify.client.properties import EVERY
from mock_server.verify.client.run import Broken, Harness, Report, Session
from mock_server.verify.client.sessions import session_of

#: The fields of a scenario that a file may have.
_OF_SCENARIO = ("task", "faults")
EXPORTS = ("pytest", "scenario")


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a finding's case: the run, and what it still violates."""

    ran: RunResult
    faults: Sequence[str]

    def told(self, finding: Finding) -> Iterator[str]:
        """The run in lines, with the verdict."""
        one = EVERY[finding.about]
        yield f"{one.id} {one.name} ({one.severity}): {one.says}"
        yield f"    client    {name_of(finding.client)}"
        for line in (*finding.case.told(), *story(self.ran)):
            yield f"    {printable(line)}"
        trace = self.ran.played.traces.get(finding.about) if self.faults else None
        if trace:
            yield "    traceback"
            yield from (f"        {printable(line)}" for line in trace.splitlines())
        said = "; ".join(printable(safe_text(says)) for says in self.faults)
        yield f"    {'violated  ' + said if self.faults else 'satisfied in this case now'}"


def name_of(client: Client) -> str:
    """A client as a person names it."""
    return client.adapter or shlex.join(client.command)


def replayed(finding: Finding, session: Session) -> Replayed:
    """Run the case again. Raises UsageError for a client that cannot be run."""
    harness = Harness(session, finding.limits, finding.seed)
    report = Report()
    try:
        ran, verdict = harness.run(finding.case)
    except Broken as broken:
        raise UsageError(str(broken)) from None
    finally:
        harness.close(report)
    complaints = [says for about, says in harness.complaints.items() if about == finding.about]
    faults = dict.fromkeys([*(fault.says for fault in verdict.of(finding.about)), *complaints])
    return Replayed(ran, list(faults))


def replay_finding(finding_id: str, folder: str, export: tuple[str, str] | None = None) -> int:
    """Run the case of a finding again, and tell it. 0 when it does not show what it did. With ``export`` write it as a
    test or a scenario first.
    """
    finding = kept(finding_id, folder)
    if export is not None:
        print(f"written to {exported(finding, *export)}")
    again = replayed(finding, session_of(finding.client))
    for line in again.told(finding):
        print(line)
    return 1 if again.faults else 0


def exported(finding: Finding, form: str, folder: str) -> Path:
    """Write a finding to a folder, as a pytest test or as a file of scenarios. Raises UsageError."""
    if form not in EXPORTS:
        raise UsageError(f"--export must be {' or '.join(EXPORTS)} and a folder, not {form!r}")
    require_folder(folder, "--export")
    word = re.sub(r"\W", "_", finding.id).lower()
    name, content = (f"test_{word}.py", _test(finding, word)) if form == "pytest" else (f"{word}.yaml", _rules(finding))
    path = Path(folder) / name
    try:
        path.write_text(content, "utf-8")
    except OSError as error:
        raise UsageError(f"--export {form} {folder}: {name} cannot be written: {error.strerror or error}") from None
    return path


def _test(finding: Finding, word: str) -> str:
    one, client = EVERY[finding.about], finding.client
    case = pprint.pformat(json.loads(json.dumps(finding.case.as_json())), width=116, sort_dicts=False)
    given = repr(client.adapter) if client.adapter is not None else repr(list(client.command))
    terms = {"seed": finding.seed, "limits": asdict(finding.limits)}
    if client.adapter is None and client.time != "virtual":
        terms |= {"time": client.time, "scale": client.scale}
    arguments = "".join(f",\n        {name}={value!r}" for name, value in terms.items())
    return (
        f'"""{_quoted(f"{one.id} {one.name}: {one.says}")}\n\nFound by kirin-mock: {_quoted(finding.says)}\n"""\n\n'
        f"from kirin_mock.verify import check_case\n\nCASE = {case}\n\n\n"
        f"def test_{re.sub(r'[^a-z0-9]', '_', one.name)}_{word}():\n"
        f"    check_case(\n        {given},\n        {finding.about!r},\n        CASE{arguments},\n    )\n"
    )


def _quoted(text: str) -> str:
    """A text as it may stand in a docstring."""
    return printable(" ".join(text.split()))[:400].replace("\\", "\\\\").replace('"', "'")


def _rules(finding: Finding) -> str:
    """The scenarios of the case, for all tasks of its models, as ``serve --scenarios`` reads them."""
    one, case = EVERY[finding.about], finding.case
    rules = [
        {
            "name": f"finding-{finding.id.lower()}" + (f"-{place}" if place else ""),
            "story": f"{one.id} {one.name}. {printable(' '.join(finding.says.split()))[:300]}",
            "match": _plain(scenario.get("match")) or {"model": case.intent.model},
            **{name: value for name in _OF_SCENARIO if (value := _plain(scenario.get(name)))},
        }
        for place, scenario in enumerate(case.scenarios)
    ]
    body = json.dumps({"model": case.intent.model, **case.intent.params}, ensure_ascii=True)
    about = "".join(f"# {printable(line)}\n" for line in case.told())
    written: str = yaml.safe_dump({"scenarios": rules}, sort_keys=False, width=120)
    return f"{about}# body      {body[:2000]}\n{written}"


def _plain(value: Any) -> Any:
    """A value of lists and mappings alone."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
