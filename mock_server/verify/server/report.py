"""What a run found, told four ways: to a person at a terminal, as JSON, as JUnit, and as one page of HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any, Literal
from xml.etree import ElementTree as ET

from mock_server.core.redaction import safe_text
from mock_server.verify.server.case import Case, Finding, Result
from mock_server.verify.server.run import Group, groups

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:left;border-bottom:1px solid #ddd}
pre{background:#f3f5f9;padding:.7rem;overflow:auto;white-space:pre-wrap}.bad{color:#b00020}.good{color:#0a7d32}
"""


#: Checks that are a must though no document of a model says so: money and privacy.
MUST = frozenset({"keeps users apart", "charges as shown", "wants a key on the queue", "answers every call"})


def severity_of(case: Case) -> Literal["must", "should"]:
    """How serious a finding of a case is: ``must`` where a document says it, ``should`` where it was only observed."""
    observed = "(wire#" in case.spec_reference
    return "should" if observed and case.property not in MUST else "must"


def written(form: str, result: Result, missing: list[str]) -> bytes:
    """The report in a form: json, junit or html."""
    if form == "json":
        return as_json(result, missing).encode()
    return (as_junit(result) if form == "junit" else as_html(result, missing)).encode()


def text(result: Result, missing: list[str]) -> Iterator[str]:
    """The report for a terminal, line by line."""
    yield from _table(result)
    for group in groups(result.findings):
        yield ""
        for finding in group.shown:
            yield from _told(finding, result.target)
        if group.alike:
            yield f"    similar: {', '.join(group.alike[:20])}" + (" ..." if len(group.alike) > 20 else "")
    if result.not_exercised:
        yield ""
        whys = dict.fromkeys(why for _, why in result.not_exercised)
        for why in whys:
            cases = [case.id for case, reason in result.not_exercised if reason == why]
            yield f"not exercised ({len(cases)}): {why}: {', '.join(cases[:5])}" + (" ..." if len(cases) > 5 else "")
    if result.not_tried:
        yield f"not tried, because the budget is spent: {len(result.not_tried)}"
    yield ""
    yield from _summary(result, missing)


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


def _told(finding: Finding, base_url: str) -> Iterator[str]:
    case, problem = finding.case, finding.problem
    yield f"FAIL {case.model}: {case.property}"
    yield f"    {safe_text(problem.says)}"
    yield f"    spec      {case.spec_reference}"
    if problem.shown_by is not None:
        yield f"    try       {_short(problem.shown_by.curl(base_url))}"
    yield f"    replay    kirin-mock verify replay '{case.id}' {base_url}"


def _short(curl: str) -> str:
    return curl if len(curl) <= 600 else f"{curl[:600]}..."


def _summary(result: Result, missing: list[str]) -> Iterator[str]:
    yield (
        f"{result.cases} cases, {result.calls} calls in {result.elapsed:.1f} s, seed {result.seed}; "
        f"{len(result.covered)} facts of the contract exercised, {len(missing)} not"
    )
    if missing:
        yield f"not exercised: {', '.join(missing[:12])}" + (" ..." if len(missing) > 12 else "")
    if result.findings:
        yield f"{len(result.findings)} findings, {sum(1 for _ in groups(result.findings))} kinds of them"
    else:
        yield "clean" if result.clean else "nothing was exercised"


def as_json(result: Result, missing: list[str]) -> str:
    """Everything, for programs."""
    value: dict[str, Any] = {
        "target": result.target,
        "seed": result.seed,
        "clean": result.clean,
        "calls": result.calls,
        "elapsed": round(result.elapsed, 3),
        "exercised": [
            {"model": model, "property": name, "cases": count} for (model, name), count in result.exercised.items()
        ],
        "findings": [_finding(finding, result.target) for finding in result.findings],
        "not_exercised": [{"id": case.id, "why": why} for case, why in result.not_exercised],
        "not_tried": [case.id for case in result.not_tried],
        "covered": result.covered,
        "uncovered": missing,
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def _finding(finding: Finding, base_url: str) -> dict[str, Any]:
    case, problem = finding.case, finding.problem
    return {
        "id": case.id,
        "model": case.model,
        "property": case.property,
        "says": safe_text(problem.says),
        "spec_reference": case.spec_reference,
        "curl": problem.shown_by.curl(base_url) if problem.shown_by is not None else None,
    }


def as_junit(result: Result) -> str:
    """One test case for each model and property."""
    suite = ET.Element("testsuite", name="kirin-mock verify server", time=f"{result.elapsed:.3f}")
    for (model, name), count in sorted(result.exercised.items()):
        case = ET.SubElement(suite, "testcase", classname=model, name=f"{name} ({count} cases)")
        for finding in result.findings:
            if (finding.case.model, finding.case.property) == (model, name):
                failure = ET.SubElement(case, "failure", message=_xml(finding.problem.says[:300]))
                failure.text = _xml("\n".join(_told(finding, result.target)))
    for untried, why in result.not_exercised:
        skipped = ET.SubElement(suite, "testcase", classname=untried.model, name=_xml(untried.id))
        ET.SubElement(skipped, "skipped", message=_xml(why))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(result.findings)))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _xml(said: str) -> str:
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in said)


def as_html(result: Result, missing: list[str]) -> str:
    """One page that needs nothing else."""
    verdict = '<p class="good">Clean.</p>' if result.clean else f'<p class="bad">{len(result.findings)} findings.</p>'
    rows = "".join(
        f"<tr><td>{escape(model)}<td>{escape(name)}<td>{count}"
        for (model, name), count in sorted(result.exercised.items())
    )
    facts = "".join(f"<tr><td>{escape(fact)}<td>{count}" for fact, count in sorted(result.covered.items()))
    left = "".join(f"<li>{escape(fact)}" for fact in missing)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>verify {escape(result.target)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(result.target)}</h1>{verdict}"
        f"<p>{escape(next(iter(_summary(result, missing))))}</p>"
        + "".join(_group_html(group, result.target) for group in groups(result.findings))
        + f"<h2>Exercised</h2><table><tr><th>model<th>property<th>cases{rows}</table>"
        f"<h2>Coverage</h2><p>{len(result.covered)} facts.</p><table><tr><th>fact<th>times{facts}</table>"
        f"<h2>Not exercised</h2><ul>{left}</ul></html>"
    )


def _group_html(group: Group, base_url: str) -> str:
    told = "\n\n".join("\n".join(_told(finding, base_url)) for finding in group.shown)
    alike = f"<p>Similar: {escape(', '.join(group.alike))}</p>" if group.alike else ""
    return f"<pre>{escape(told)}</pre>{alike}"
