"""A report on a client, whatever it was judged by: told at a terminal, as a page of HTML, as JUnit, and as a badge."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal
from xml.etree import ElementTree as ET

from mock_server.conformance.properties import Property

State = Literal["violated", "satisfied", "not exercised"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MARKS: dict[State, str] = {"violated": "FAIL", "satisfied": "ok", "not exercised": "-"}
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:66rem;margin:2rem auto;padding:0 1rem;color:#1d2433;background:#fff}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .7rem;text-align:left;border-bottom:1px solid #dde2ea;
vertical-align:top}td:nth-child(-n+2){white-space:nowrap}.count{text-align:right}
pre{background:#f3f5f9;padding:.6rem;overflow:auto;border-radius:4px}
.violated{color:#b00020}.satisfied{color:#0a7d32}.not{color:#66708a}
@media(prefers-color-scheme:dark){body{background:#141821;color:#dfe4ee}pre{background:#1f2531}td,th{border-color:#2c3444}
.violated{color:#ff8a9a}.satisfied{color:#7ddc9a}.not{color:#9aa4bb}}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """The result for one property: how often it was exercised, how often it was violated, and what happened, some lines
    for each violation that is shown. ``replay`` is the command that shows it again, ``accepted`` the reason for which
    the user accepts it, ``trace`` the traceback of a client that crashed.
    """

    about: Property
    exercised: int
    violated: int
    told: Sequence[Sequence[str]] = ()
    replay: str | None = None
    accepted: str | None = None
    trace: str | None = None

    @property
    def state(self) -> State:
        """``violated``, ``satisfied``, or ``not exercised``, which says nothing about the client."""
        if self.violated:
            return "violated"
        return "satisfied" if self.exercised else "not exercised"


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All rows, ``notes`` at the end, and how much of the contract the client has ``met``. ``facts`` are what the run
    was: the client, the seed, the date.
    """

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    met: Sequence[tuple[str, str, str, str]] = field(default=())
    facts: Mapping[str, str] = field(default_factory=dict)

    def count(self, state: State) -> int:
        """How many properties are in a state."""
        return sum(row.state == state for row in self.rows)

    @property
    def violated(self) -> list[Row]:
        """The properties that are violated: those that are not accepted first, and of them the musts."""
        found = (row for row in self.rows if row.state == "violated")
        return sorted(found, key=lambda row: (row.accepted is not None, row.about.severity != "must"))

    @property
    def clean(self) -> bool:
        """No property is violated, and at least one is satisfied."""
        return not self.count("violated") and bool(self.count("satisfied"))

    def failing(self, fail_on: str = "should") -> bool:
        """Whether a property is violated that is not accepted, and as serious as that."""
        found = (row.about.severity for row in self.violated if row.accepted is None)
        return any(fail_on == "should" or severity == "must" for severity in found)

    @property
    def summary(self) -> str:
        """All of it in a line."""
        states: tuple[State, ...] = ("violated", "satisfied", "not exercised")
        told = f"{len(self.rows)} properties: {', '.join(f'{self.count(state)} {state}' for state in states)}"
        accepted = sum(row.accepted is not None for row in self.violated)
        return f"{told}; {accepted} of the violated accepted by the baseline" if accepted else told


def text(scorecard: Scorecard) -> Iterator[str]:
    """The report for a terminal, line by line: what is violated, all properties, and what happened."""
    yield from map(printable, overview(scorecard))
    for row in scorecard.rows:
        one = row.about
        yield f"{_MARKS[row.state]:7}{one.id}  {one.name:31}{row.exercised:6}  {one.says}"
    for row in scorecard.violated:
        yield ""
        yield from map(printable, section(row))
    yield ""
    if scorecard.met:
        yield from _met(scorecard)
        yield ""
    yield from map(printable, scorecard.notes)
    yield scorecard.summary


def overview(scorecard: Scorecard) -> Iterator[str]:
    """What is violated, the most serious first: a sentence, where to read on, and how to see it again."""
    if not scorecard.violated:
        return
    musts = sum(row.about.severity == "must" for row in scorecard.violated)
    count = len(scorecard.violated)
    yield f"violated: {count} {'property' if count == 1 else 'properties'} ({musts} must, {count - musts} should)"
    for row in scorecard.violated:
        one = row.about
        yield f"{'accepted' if row.accepted else one.severity:10}{one.id}  {one.name}: {one.says}"
        if row.accepted:
            yield f"{'':15}reason  {row.accepted}"
        yield f"{'':15}read    {page(one)}"
        if row.replay:
            yield f"{'':15}replay  {row.replay}"
    yield ""


def page(one: Property) -> str:
    """Where a property is explained."""
    return one.page or f"docs/properties/{one.id}.md"


def section(row: Row) -> Iterator[str]:
    """One violated property: what happened, and the code that does it wrong and right."""
    one = row.about
    yield f"{one.id} {one.name} ({one.severity}): {one.says}"
    yield f"    spec      {one.spec_reference}"
    for told in row.told:
        yield from (f"    {line}" for line in told)
    if row.trace:
        yield "    traceback"
        yield from (f"        {line}" for line in row.trace.splitlines())
    yield f"    wrong     {one.wrong}"
    yield f"    right     {one.right}"
    yield f"    more      {page(one)}"


def printable(said: str) -> str:
    """Freed of what would make a terminal do something."""
    return _CONTROL.sub("?", said)


def _met(scorecard: Scorecard) -> Iterator[str]:
    yield "coverage of the contract"
    for model, kind, share, missing in scorecard.met:
        yield f"    {model:22}{kind:12}{share:>9}{f'  not {missing}' if missing else ''}"


def html(scorecard: Scorecard) -> str:
    """The report as a page that needs nothing else."""
    rows = "".join(
        f'<tr><td>{row.about.id}</td><td class="{row.state.split()[0]}">{row.state}</td>'
        f'<td class="count">{row.exercised}</td><td>{escape(row.about.says)}</td></tr>'
        for row in scorecard.rows
    )
    parts = "".join(_html_section(row) for row in scorecard.violated)
    met = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in scorecard.met)
    heads = "<tr><th>model</th><th></th><th>seen</th><th>not seen</th></tr>"
    coverage = f"<h2>Coverage of the contract</h2><table>{heads}{met}</table>"
    notes = "".join(f"<p>{escape(note)}</p>" for note in scorecard.notes)
    facts = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(printable(said))}</td></tr>" for name, said in scorecard.facts.items()
    )
    facts = f"<table>{facts}</table>" if facts else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(scorecard.title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>'
        f"<h1>{escape(scorecard.title)}</h1>{facts}<p>{escape(scorecard.summary)}. A property that is not exercised "
        f"says nothing about the client.</p>{notes}<table><tr><th></th><th></th><th>times</th><th></th></tr>{rows}"
        f"</table>{parts}{coverage if scorecard.met else ''}</html>"
    )


def _html_section(row: Row) -> str:
    one = row.about
    told = "".join("<pre>{}</pre>".format(escape(printable("\n".join(lines)))) for lines in row.told)
    if row.trace:
        told += f"<p>Traceback:</p><pre>{escape(printable(row.trace))}</pre>"
    if row.accepted:
        told = f"<p>Accepted: {escape(row.accepted)}</p>{told}"
    return (
        f'<h2 class="violated">{one.id} {escape(one.name)}</h2><p>{escape(one.says)} ({one.severity}; spec reference: '
        f"{escape(one.spec_reference)})</p>{told}<p>Wrong:</p><pre>{escape(one.wrong)}</pre>"
        f"<p>Right:</p><pre>{escape(one.right)}</pre>"
    )


def junit(scorecard: Scorecard, name: str, elapsed: float) -> str:
    """A test case for each property: failed where it is violated, skipped where it was not exercised."""
    suite = ET.Element("testsuite", name=name, time=f"{elapsed:.3f}", tests=str(len(scorecard.rows)))
    suite.set("failures", str(sum(not row.accepted for row in scorecard.violated)))
    suite.set("skipped", str(scorecard.count("not exercised") + sum(bool(row.accepted) for row in scorecard.violated)))
    if scorecard.facts:
        properties = ET.SubElement(suite, "properties")
        for fact, said in scorecard.facts.items():
            ET.SubElement(properties, "property", name=fact, value=_printable(said))
    for row in scorecard.rows:
        one = row.about
        case = ET.SubElement(suite, "testcase", classname=name, name=f"{one.id} {one.name}")
        if row.state == "violated" and row.accepted:
            ET.SubElement(case, "skipped", message=_printable(f"accepted: {row.accepted}"))
        elif row.state == "violated":
            ET.SubElement(case, "failure", message=_printable(one.says)).text = _printable("\n".join(section(row)))
        elif row.state == "not exercised":
            ET.SubElement(case, "skipped", message="not exercised")
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _printable(said: str) -> str:
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in said)


def badge(scorecard: Scorecard) -> str:
    """A badge as SVG: how many of the exercised properties are satisfied."""
    satisfied, violated = scorecard.count("satisfied"), scorecard.count("violated")
    told = f"{satisfied} of {satisfied + violated} properties" if satisfied + violated else "not exercised"
    colour = "#0a7d32" if scorecard.clean else "#b00020" if violated else "#66708a"
    left, right = 78, 7 * len(told) + 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="22" role="img" '
        f'aria-label="kirin client: {told}"><title>kirin client: {told}</title>'
        f'<rect width="{left + right}" height="22" rx="5" fill="#1d2433"/>'
        f'<path d="M{left} 0h{right - 5}a5 5 0 0 1 5 5v12a5 5 0 0 1-5 5H{left}z" fill="{colour}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11.5" text-anchor="middle">'
        f'<text x="{left / 2}" y="15.5">kirin client</text>'
        f'<text x="{left + right / 2}" y="15.5" textLength="{right - 16}" lengthAdjust="spacingAndGlyphs">{told}</text>'
        "</g></svg>"
    )
