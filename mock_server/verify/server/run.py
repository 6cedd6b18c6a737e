"""Plans a run, makes it, and knows what a whole run would have covered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mock_server.contract.endpoint import Endpoint
from mock_server.core.clock import stopwatch
from mock_server.verify.common.run_control import RunControl
from mock_server.verify.common.selection import Selection
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case, Finding, Problem, Result
from mock_server.verify.server.checks import (
    account,
    bounds,
    callbacks,
    discovery,
    external_ids,
    gateway,
    images,
    isolation,
    keys,
    life,
    lives,
    malformed,
    messages,
    names,
    pairs,
    queue_errors,
    queue_life,
    queue_results,
    queue_submit,
    refusals,
    refused_free,
    rules,
    specs,
    stock,
    upload,
)
from mock_server.verify.server.checks.common import Material
from mock_server.verify.server.journal import Journal
from mock_server.verify.server.judge import ContractJudge
from mock_server.verify.server.target import Target
from mock_server.verify.server.trying import Trying

CHECKS = (
    gateway, keys, malformed, messages, rules, pairs, bounds, images, lives, life, queue_submit, queue_life,
    queue_results, queue_errors, refusals, names, external_ids, account, discovery, specs, upload, isolation,
    refused_free, callbacks, stock,
)  # fmt: skip
DEPTHS = {"default": 1, "deep": 5}

#: Answers are looked at by the contract whatever a case is about; what is wrong with them is found here.
FITS = Case(
    "contract/answers", "answers fit the contract", "all", ("contract",), "the contract", 0, 0.0, lambda _: iter(())
)

#: What stands between the id of a case and which time it is tried.
AGAIN = " #"
#: The same mistake in so many fields is a mistake of each; in more of them it is one mistake.
FEW_FIELDS = 3

#: That every call gets a whole answer is looked at all the time as well.
ANSWERED = Case(
    "contract/connection", "answers every call", "all", ("connection",), "HTTP: one request, one response (RFC 9110)",
    0, 0.0, lambda _: iter(()),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do. ``left_out`` are the cases for which there is no budget."""

    cases: list[Case]
    left_out: list[Case]

    @property
    def calls(self) -> int:
        """How many calls it makes at most."""
        return sum(case.calls for case in _once(self.cases))

    @property
    def cost(self) -> float:
        """What it costs at most, in USD, by the prices assumed here."""
        return sum(case.cost for case in _once(self.cases))


def _once(cases: Iterable[Case]) -> Iterator[Case]:
    """One case of each task: what several look at is called and paid for once."""
    seen: set[str] = set()
    for case in cases:
        if not case.of or case.of not in seen:
            seen.add(case.of)
            yield case


def all_cases(endpoints: Mapping[str, Endpoint], seed: int, depth: str = "default") -> list[Case]:
    """Every case there is, the same ones for the same seed."""
    bodies = {model: Bodies(endpoint, seed) for model, endpoint in endpoints.items()}
    material = Material(endpoints, bodies, DEPTHS[depth], seed)
    return [case for check in CHECKS for case in check.cases(material)]


def plan(
    cases: Iterable[Case],
    *,
    models: Sequence[str] = (),
    only: str | Sequence[str] = (),
    skip: Sequence[str] = (),
    max_cost: float | None = None,
    free_only: bool = False,
) -> Plan:
    """The cases to try, cheapest first; those of some ``models``, those with a word of ``only`` in their property or
    id (with any, if there are none), and with none of ``skip``.

    Raises UsageError when that leaves nothing.
    """
    words = [only] if isinstance(only, str) else only
    selection = Selection([word for word in words if word or not isinstance(only, str)], skip)
    of_models = [case for case in cases if not models or case.model in models]
    selection.require_known([f"{case.property} {case.id}" for case in of_models], "check or case")
    wanted = [case for case in of_models if selection.takes(f"{case.property} {case.id}")]
    kept, left_out, spent, paid = [], [], 0.0, set[str]()
    for case in sorted(wanted, key=lambda case: case.cost):
        cost = 0.0 if case.of and case.of in paid else case.cost
        if (free_only and case.makes_tasks()) or (max_cost is not None and spent + cost > max_cost):
            left_out.append(case)
        else:
            kept.append(case)
            spent += cost
            paid.add(case.of)
    return Plan(kept, left_out)


def repeated(once: Plan, times: int, seed: int) -> Plan:
    """The same plan so many times, each in an order of its own: some bugs show after many tasks only. Cases that depend
    on others, and those with a user of their own, are tried once.
    """
    found = list(once.cases)
    free = [case for case in once.cases if not (case.after or case.of or case.alone or case.apart)]
    for time in range(2, times + 1):
        again = [replace(case, id=f"{case.id}{AGAIN}{time}") for case in free]
        found += sorted(again, key=lambda case: hashlib.blake2b(f"{seed} {case.id}".encode()).digest())
    return Plan(found, once.left_out)


def run(
    target: Target,
    planned: Plan,
    judge: ContractJudge,
    seed: int,
    on_case: Callable[[Case], None] = lambda case: None,
    *,
    control: RunControl | None = None,
    accepted: Callable[[Finding], str | None] = lambda finding: None,
    journal: Journal | None = None,
    without: frozenset[str] = frozenset(),
) -> Result:
    """Try every case. What was found is kept whatever happens; ``control`` may stop the run. ``accepted`` says for
    which reason a finding is accepted, if it is. What is in the ``journal`` is not tried again.
    """
    control = RunControl() if control is None else control
    result = Result(seed, target.base_url, not_tried=list(planned.left_out), without=without)
    began = stopwatch()
    target.planned = frozenset(case.id for case in planned.cases)

    def stopped() -> str:
        found = sum(accepted(one) is None for one in result.findings)
        done = sum(result.exercised.values()) + len(result.not_exercised) + len(result.not_tried)
        control.over(done, len(planned.cases), found)
        return control.stopped or ""

    trying = Trying(target, result, on_case, stopped, journal)
    control.unless_stopped(lambda: trying.all(planned.cases))
    result.stopped = result.stopped or control.stopped or ""
    _in_order(result, planned)
    if journal is not None:
        judge.problems[:0] = journal.besides
        journal.keep(None, judge.problems[len(journal.besides) :])
    result.findings += [Finding(ANSWERED, problem) for problem in judge.broken]
    result.findings += [Finding(FITS, problem) for problem in judge.problems]
    result.findings = [replace(finding, accepted=accepted(finding)) for finding in result.findings]
    result.exercised["all", FITS.property] = sum(judge.seen.values())
    result.covered |= judge.seen
    result.calls, result.elapsed = target.calls, stopwatch() - began
    return result


def _in_order(result: Result, planned: Plan) -> None:
    """Put in the order of the plan what threads have put in theirs."""
    places = {case.id: place for place, case in enumerate([*planned.cases, *planned.left_out])}
    result.findings.sort(key=lambda one: places[one.case.id])
    result.not_exercised.sort(key=lambda one: places[one[0].id])
    result.not_tried.sort(key=lambda one: places[one.id])


@dataclass(frozen=True, slots=True)
class Group:
    """Findings that are alike, of which the first two are shown."""

    shown: list[Finding]
    alike: list[str]


def groups(findings: Iterable[Finding]) -> Iterator[Group]:
    """Findings put together by check, model and what is said, so that one mistake does not bury the others."""
    found: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.case.property, finding.case.model, _gist(finding.problem))
        found.setdefault(key, []).append(finding)
    for alike in (part for whole in found.values() for part in _by_field(whole)):
        facts = dict.fromkeys(finding.case.covers[0] for finding in alike[2:])
        yield Group(alike[:2], list(facts))


def _by_field(alike: list[Finding]) -> list[list[Finding]]:
    """The same findings by the field that they are about, where there are few such fields; else it is one mistake."""
    fields: dict[str, list[Finding]] = {}
    for finding in alike:
        fields.setdefault(finding.problem.field, []).append(finding)
    return list(fields.values()) if len(fields) <= FEW_FIELDS else [alike]


def _gist(problem: Problem) -> str:
    """What is said without what differs from case to case."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|\{.*|[0-9a-f]{8,}|[0-9.]+", "_", problem.says)[:120]


def uncovered(cases: Iterable[Case], result: Result) -> list[str]:
    """The facts that all cases together would have covered, and this run did not. A fact with two sides, such as a
    bound, is covered when both are.
    """
    facts: dict[str, set[str]] = {}
    for case in cases:
        for fact in case.covers:
            facts.setdefault(fact, set()).add(case.property)
    return [fact for fact, kinds in facts.items() if any((fact, kind) not in result.halves for kind in kinds)]
