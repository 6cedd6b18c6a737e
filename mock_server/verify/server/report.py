"""What a run found, told four ways: to a person at a terminal, as JSON, as JUnit, and as one page of HTML."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal
from xml.etree import ElementTree as ET

from mock_server.conformance.scorecard import printable
from mock_server.core.redaction import safe_text
from mock_server.verify.server.case import Case, Finding, Result
from mock_server.verify.server.curl import KeepBody, curl
from mock_server.verify.server.run import Group, groups

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:left;border-bottom:1px solid #ddd}
pre{background:#f3f5f9;padding:.7rem;overflow:auto;white-space:pre-wrap}.bad{color:#b00020}.good{color:#0a7d32}
"""


#: So many kinds of findings are named in the first lines, and so much of their sentences.
MOST_NAMED = 20
LONGEST = 240
#: Checks that are a must though no document of a model says so: money and privacy.
MUST = frozenset(
    {
        "keeps users apart",
        "charges as shown",
        "takes nothing for what it refuses",
        "wants a key on the queue",
        "answers every call",
    }
)


def severity_of(case: Case) -> Literal["must", "should"]:
    """How serious a finding of a case is: ``must`` where a document says it, ``should`` where it was only observed."""
    observed = "(wire#" in case.spec_reference
    return "should" if observed and case.property not in MUST else "must"


@dataclass(frozen=True, slots=True)
class ReportTerms:
    """How findings are told: ``again`` is what follows an id to replay it, ``keep`` makes files of long bodies,
    ``facts`` are what the run was: the server, the seed, the date. ``base_url`` is where curl lines lead.
    """

    base_url: str
    again: str
    keep: KeepBody
    facts: Mapping[str, str]

    def replay(self, finding: Finding) -> str:
        """The command that shows a finding again."""
        by = finding.problem.shown_by
        shown = by.case if by is not None and finding.case.id.startswith("contract/") and by.case else finding.case.id
        return f"kirin-mock verify replay {shlex.quote(shown)}{self.again}"

    def curl(self, finding: Finding) -> str | None:
        """The call that shows it, as a curl line."""
        by = finding.problem.shown_by
        return None if by is None else curl(by, self.base_url, self.keep)


def written(form: str, result: Result, missing: list[str], terms: ReportTerms) -> bytes:
    """The report in a form: json, junit or html."""
    make = {"json": as_json, "junit": as_junit, "html": as_html}[form]
    return make(result, missing, terms).encode("utf-8", "backslashreplace")


def text(result: Result, missing: list[str], terms: ReportTerms) -> Iterator[str]:
    """The report for a terminal, line by line: what was found, all checks, and what happened."""
    found = most_serious_first(result.findings)
    yield from map(printable, overview(found, terms))
    yield from _table(result)
    for group in found:
        yield ""
        for finding in group.shown:
            yield from map(printable, _told(finding, terms))
        if group.alike:
            yield f"    similar: {', '.join(group.alike[:20])}" + (" ..." if len(group.alike) > 20 else "")
    if result.not_exercised:
        yield ""
        whys = dict.fromkeys(why for _, why in result.not_exercised)
        for why in whys:
            cases = [case.id for case, reason in result.not_exercised if reason == why]
            yield f"not exercised ({len(cases)}): {why}: {', '.join(cases[:5])}" + (" ..." if len(cases) > 5 else "")
    if result.not_tried:
        yield f"not tried, because {result.stopped or 'the budget is spent'}: {len(result.not_tried)}"
    yield ""
    yield from _summary(result, missing)


def most_serious_first(findings: Iterable[Finding]) -> list[Group]:
    """The kinds of findings: those that are not accepted first, and of them the musts, and those with most cases."""

    def rank(group: Group) -> tuple[bool, bool, int]:
        first = group.shown[0]
        return first.accepted is not None, severity_of(first.case) != "must", -len(group.shown) - len(group.alike)

    return sorted(groups(findings), key=rank)


def overview(found: Sequence[Group], terms: ReportTerms) -> Iterator[str]:
    """What was found, the most serious first: a sentence, where that is specified, and how to see it again."""
    if not found:
        return
    musts = sum(severity_of(group.shown[0].case) == "must" for group in found)
    yield f"found: {len(found)} kinds of findings ({musts} must, {len(found) - musts} should); docs/verify.md explains"
    for group in found[:MOST_NAMED]:
        first = group.shown[0]
        case = first.case
        yield f"{'accepted' if first.accepted else severity_of(case):10}{case.model}: {case.property}"
        yield f"{'':10}{_sentence(first)}"
        if first.accepted:
            yield f"{'':10}reason  {first.accepted}"
        yield f"{'':10}spec    {case.spec_reference}"
        yield f"{'':10}replay  {terms.replay(first)}"
    if len(found) > MOST_NAMED:
        yield f"{'':10}and {len(found) - MOST_NAMED} kinds more, below"
    yield ""


def _sentence(finding: Finding) -> str:
    said = " ".join(safe_text(finding.problem.says).split())
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}..."


def _table(result: Result) -> Iterator[str]:
    failed: dict[tuple[str, str], int] = {}
    for finding in result.findings:
        key = finding.case.model, finding.case.property
        failed[key] = failed.get(key, 0) + 1
    width = max((len(name) for _, name in result.exercised), default=8)
    for (model, name), count in sorted(result.exercised.items()):
        wrong = failed.get((model, name), 0)
        yield f"{'FAIL' if wrong else 'ok':5}{model:22}{name:{width + 2}}{count:6}" + (
            f"  {wrong} failed" if wrong else ""
        )


def _told(finding: Finding, terms: ReportTerms) -> Iterator[str]:
    case, problem = finding.case, finding.problem
    yield f"FAIL {case.model}: {case.property} ({severity_of(case)})"
    yield from (f"    {line}" for line in safe_text(problem.says).splitlines())
    if finding.accepted:
        yield f"    accepted  {finding.accepted}"
    yield f"    spec      {case.spec_reference}"
    call = terms.curl(finding)
    if call is not None:
        yield f"    try       {call}"
    yield f"    replay    {terms.replay(finding)}"


def _summary(result: Result, missing: list[str]) -> Iterator[str]:
    yield (
        f"{result.cases} cases, {result.calls} calls in {result.elapsed:.1f} s, seed {result.seed}; "
        f"{len(result.covered)} facts of the contract exercised, {len(missing)} not"
    )
    if missing:
        yield f"not exercised: {', '.join(missing[:12])}" + (" ..." if len(missing) > 12 else "")
    if result.findings:
        accepted = sum(finding.accepted is not None for finding in result.findings)
        kinds = f"{len(result.findings)} findings, {sum(1 for _ in groups(result.findings))} kinds of them"
        yield f"{kinds}; {accepted} findings accepted by the baseline" if accepted else kinds
    elif result.clean:
        yield "clean"
    yield from _incomplete(result)


def _incomplete(result: Result) -> Iterator[str]:
    """What was planned and not done, in one line: such a run is not clean, whatever it found."""
    whys = [] if result.cases else ["nothing was exercised"]
    if result.stopped:
        whys.append(f"the run ended early: {safe_text(result.stopped)}")
    if result.not_tried:
        whys.append(f"{len(result.not_tried)} planned cases were not tried")
    if kinds := result.kinds_left:
        whys.append(f"{len(kinds)} kinds of check could not be exercised: {', '.join(kinds)}")
        needs = sorted({result.needs[case.id] for case, _ in result.not_exercised if case.property in kinds
                        and case.id in result.needs})  # fmt: skip
        flags = " ".join(f"--without {need}" for need in needs)
        whys.append(f"if the server cannot have what they need, say {flags}" if flags else "the reasons stand above")
    if whys:
        yield f"INCOMPLETE: {'; '.join(whys)}"


def as_json(result: Result, missing: list[str], terms: ReportTerms) -> str:
    """Everything, for programs."""
    value: dict[str, Any] = {
        "about": dict(terms.facts),
        "target": result.target,
        "seed": result.seed,
        "clean": result.clean,
        "calls": result.calls,
        "elapsed": round(result.elapsed, 3),
        "exercised": [
            {"model": model, "property": name, "cases": count} for (model, name), count in result.exercised.items()
        ],
        "findings": [_finding(finding, terms) for finding in result.findings],
        "not_exercised": [{"id": case.id, "why": why} for case, why in result.not_exercised],
        "not_tried": [case.id for case in result.not_tried],
        "covered": result.covered,
        "uncovered": missing,
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def _finding(finding: Finding, terms: ReportTerms) -> dict[str, Any]:
    case, problem = finding.case, finding.problem
    return {
        "id": case.id,
        "model": case.model,
        "property": case.property,
        "says": safe_text(problem.says),
        "spec_reference": case.spec_reference,
        "severity": severity_of(case),
        "accepted": finding.accepted,
        "curl": terms.curl(finding),
        "replay": terms.replay(finding),
    }


def as_junit(result: Result, missing: list[str], terms: ReportTerms) -> str:
    """One test case for each model and property."""
    suite = ET.Element("testsuite", name="kirin-mock verify server", time=f"{result.elapsed:.3f}")
    properties = ET.SubElement(suite, "properties")
    for fact, said in {**terms.facts, "not covered": ", ".join(missing)}.items():
        ET.SubElement(properties, "property", name=fact, value=_xml(said))
    for (model, name), count in sorted(result.exercised.items()):
        case = ET.SubElement(suite, "testcase", classname=model, name=f"{name} ({count} cases)")
        for finding in result.findings:
            if (finding.case.model, finding.case.property) == (model, name) and finding.accepted is None:
                failure = ET.SubElement(case, "failure", message=_xml(finding.problem.says[:300]))
                failure.text = _xml("\n".join(_told(finding, terms)))
    for untried, why in result.not_exercised:
        skipped = ET.SubElement(suite, "testcase", classname=untried.model, name=_xml(untried.id))
        ET.SubElement(skipped, "skipped", message=_xml(why))
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(sum(finding.accepted is None for finding in result.findings)))
    suite.set("skipped", str(len(result.not_exercised)))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _xml(said: str) -> str:
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in said)


def as_html(result: Result, missing: list[str], terms: ReportTerms) -> str:
    """One page that needs nothing else."""
    verdict = '<p class="good">Clean.</p>' if result.clean else f'<p class="bad">{len(result.findings)} findings.</p>'
    rows = "".join(
        f"<tr><td>{escape(model)}<td>{escape(name)}<td>{count}"
        for (model, name), count in sorted(result.exercised.items())
    )
    facts = "".join(f"<tr><td>{escape(fact)}<td>{count}" for fact, count in sorted(result.covered.items()))
    facts_of_run = "".join(f"<tr><th>{escape(name)}<td>{escape(said)}" for name, said in terms.facts.items())
    left = "".join(f"<li>{escape(fact)}" for fact in missing)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>verify {escape(result.target)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(result.target)}</h1><table>{facts_of_run}</table>{verdict}"
        f"<p>{escape(next(iter(_summary(result, missing))))}</p>"
        + "".join(_group_html(group, terms) for group in most_serious_first(result.findings))
        + f"<h2>Exercised</h2><table><tr><th>model<th>property<th>cases{rows}</table>"
        f"<h2>Coverage</h2><p>{len(result.covered)} facts.</p><table><tr><th>fact<th>times{facts}</table>"
        f"<h2>Not exercised</h2><ul>{left}</ul></html>"
    )


def _group_html(group: Group, terms: ReportTerms) -> str:
    told = "\n\n".join("\n".join(_told(finding, terms)) for finding in group.shown)
    alike = f"<p>Similar: {escape(', '.join(group.alike))}</p>" if group.alike else ""
    return f"<pre>{escape(told)}</pre>{alike}"
