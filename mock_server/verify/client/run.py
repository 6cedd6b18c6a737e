"""Runs a client through cases, gathers its violations, and finds the smallest case that shows each."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol
from urllib.parse import urlsplit

from mock_server.conformance.checks import Observer
from mock_server.conformance.properties import Fault, Property, Thresholds, Verdict
from mock_server.contract.endpoint import Endpoint
from mock_server.core.clock import stopwatch
from mock_server.models import discover
from mock_server.platform.answers import result
from mock_server.platform.task import Task
from mock_server.platform.variations import says_code, says_message
from mock_server.scenarios.model import Effects
from mock_server.scenarios.reading import read_value
from mock_server.verify.client.allowances import is_bounded
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.coverage import Coverage
from mock_server.verify.client.covering import Drawn, covering, random_cases
from mock_server.verify.client.forging import NEXT_SECRET, SECRET
from mock_server.verify.client.identity_cases import identity_cases
from mock_server.verify.client.judge import ClientRun, RunResult
from mock_server.verify.client.judging_identity import judge_all
from mock_server.verify.client.one_cause import Hints, explained, keep_causes
from mock_server.verify.client.platform import KEY, FaultInjector, Run
from mock_server.verify.client.properties import EVERY
from mock_server.verify.client.reducing import Enough, reduce
from mock_server.verify.client.root_causes import shown_with_others
from mock_server.verify.client.spending import charges_of, judge_spending
from mock_server.verify.client.stand_ins import clip_bytes
from mock_server.verify.common.run_control import RunControl

#: The search for a smaller case ends after so many calls of a client in this process, which is the same on every
#: machine; and after so many real seconds of a program.
SHRINKING_CALLS = 8_000
SHRINKING = 2.0
#: What a case costs beside its calls.
OF_A_CASE = 20


class Session(Protocol):
    """Plays cases with a client, however it is reached."""

    def play(self, case: ClientCase, platform: Run) -> ClientRun:
        """Run one case."""

    def close(self) -> None:
        """Let go of what was opened."""

    @property
    def complaints(self) -> Mapping[str, str]:
        """The violations that show once the client was closed, by property."""


class Broken(Exception):
    """The client does not run at all any more; what is said of it is for a person."""


@dataclass
class Shown:
    """The smallest case found that violates one property, and what happened in it."""

    drawn: Drawn
    fault: Fault
    ran: RunResult

    @property
    def case(self) -> ClientCase:
        """What was run."""
        return self.ran.case

    @property
    def trace(self) -> str | None:
        """The traceback of the client, where it is its crash that is shown."""
        return self.ran.played.traces.get(self.fault.property.id)


@dataclass
class Report:
    """What a run of many cases found. ``exercised`` counts the cases that exercise a property, ``violated``
    those that violate it. ``stopped`` says why the client could not be run to the end, ``cut_short`` why the user did
    not want that, of so many ``planned`` cases.
    """

    exercised: Counter[str] = field(default_factory=Counter)
    violated: Counter[str] = field(default_factory=Counter)
    shown: dict[str, Shown] = field(default_factory=dict)
    met: Coverage = field(default_factory=Coverage)
    runs: int = 0
    elapsed: float = 0.0
    stopped: str | None = None
    cut_short: str | None = None
    planned: int = 0
    last: RunResult | None = None
    last_drawn: Drawn | None = None
    hints: Hints = field(default_factory=Hints)
    #: The cases by what they violate.
    together: Counter[frozenset[str]] = field(default_factory=Counter)

    def add(self, drawn: Drawn, ran: RunResult, verdict: Verdict) -> None:
        """Count one case more."""
        self.runs += 1
        self.last = ran
        self.met.add(drawn, ran)
        self.last_drawn = drawn
        self.hints.add(ran)
        self.exercised.update(set(verdict.exercised))
        ids = frozenset(fault.property.id for fault in verdict.faults)
        self.violated.update(ids)
        self.together[ids] += 1
        for fault in verdict.faults:
            self.shown.setdefault(fault.property.id, Shown(drawn, fault, ran))

    def drop_explained(self) -> None:
        """Drop the violations that others explain, or the way in which the client uses callbacks."""
        for property_id in explained(self.shown, self.hints) | shown_with_others(self.together):
            del self.shown[property_id], self.violated[property_id]

    @property
    def clean(self) -> bool:
        """No property is violated, and at least one was exercised."""
        return not self.shown and self.stopped is None and bool(self.exercised)


class Harness:
    """Proves one client."""

    def __init__(
        self,
        session: Session,
        limits: Thresholds,
        seed: int = 0,
        wanted: Callable[[Property], bool] = lambda one: True,
    ) -> None:
        self._session = session
        self._limits = limits
        self._wanted = wanted
        self._seed = seed
        self._injector = FaultInjector(seed)
        self._endpoints: Mapping[str, Endpoint] = discover()
        self._observer = Observer(self._injector.built.service.judges, limits)

    def verify(
        self,
        count: int,
        *,
        shrink: bool = True,
        until: str | None = None,
        control: RunControl | None = None,
        counting: Callable[[Report], int] = lambda report: len(report.shown),
    ) -> Report:
        """Try ``count`` cases, or stop when a property was seen not to hold; find the smallest case that shows what
        they showed, unless told otherwise. ``control`` may end it earlier; ``counting`` says how many findings count.
        """
        control = RunControl() if control is None else control
        report, began = Report(planned=count), stopwatch()

        for one in islice(self._drawn(), count):
            if control.over(report.runs, count, counting(report)):
                break
            self._try(one, report, control)
            if until in report.shown or report.stopped is not None:
                break
        if until is None:
            report.drop_explained()
        if shrink and report.stopped is None:
            self._shrink(report, control)
        report.cut_short = control.stopped
        report.elapsed = stopwatch() - began
        return report

    def _drawn(self) -> Iterator[Drawn]:
        """All cases, without end: those that are always the same, and then those that the seed draws."""
        yield from covering(self._endpoints)
        yield from (Drawn(case, ()) for case in identity_cases(self._endpoints))
        yield from random_cases(self._endpoints, self._seed)

    def _try(self, one: Drawn, report: Report, control: RunControl) -> None:
        try:
            tried = control.unless_stopped(lambda: self.run(one.case))
        except Broken as broken:
            report.stopped = str(broken)
            return
        if tried is None or control.signal is not None:
            return  # an interrupted client proves nothing
        report.add(one, *tried)
        if report.last is not None and report.last.played.fatal:
            report.stopped = f"the client cannot be run any more; that was case {report.runs}"

    def _shrink(self, report: Report, control: RunControl) -> None:
        """Find the smallest case for each violation, while there is time."""
        for property_id, shown in list(report.shown.items()):
            if control.signal is not None or control.out_of_time():
                return
            if not shown.ran.played.slow:
                report.shown[property_id] = self._smallest(property_id, shown, control)

    @property
    def complaints(self) -> Mapping[str, str]:
        """The violations that show once the client was closed, by property."""
        return self._session.complaints

    def close(self, report: Report) -> None:
        """End the client, and add to the report what there is to complain of in its end."""
        self._session.close()
        if report.last is None or report.last_drawn is None:
            return
        if report.last.played.program and not report.last.played.blamed:
            report.exercised["X02"] += 1
        for property_id, says in self._session.complaints.items():
            if not self._wanted(EVERY[property_id]):
                continue
            fault = Fault(EVERY[property_id], says, report.last.ended_at)
            report.violated[property_id] += 1
            report.shown.setdefault(property_id, Shown(report.last_drawn, fault, report.last))

    def _smallest(self, property_id: str, shown: Shown, control: RunControl) -> Shown:
        """The smallest case that shows the same, of those that are found in the time there is."""
        found, began, calls = shown, stopwatch(), 0
        program = shown.ran.played.program

        def shows(case: ClientCase) -> bool:
            nonlocal found, calls
            if calls > SHRINKING_CALLS or (program and stopwatch() - began > SHRINKING) or control.out_of_time():
                raise Enough
            try:
                tried = control.unless_stopped(lambda: self.run(case))
            except Broken:
                raise Enough from None
            if tried is None or tried[0].played.fatal:
                raise Enough
            ran, verdict = tried
            calls += len(ran.traffic.calls) + OF_A_CASE
            faults = verdict.of(property_id)
            if faults:
                found = Shown(shown.drawn, faults[0], ran)
            return bool(faults)

        if shown.drawn.choices:
            reduce(shown.drawn, self._endpoints, shows)
        return found

    def run(self, case: ClientCase) -> tuple[RunResult, Verdict]:
        """Run one case; what happened, and the verdict on the client. Raises Broken."""
        placed = [one for scenario in case.scenarios for one in read_value(dict(scenario), "the case")]
        secrets = (NEXT_SECRET, SECRET) if case.rotating else (SECRET,)
        platform = self._injector.run(KEY, [one.scenario for one in placed], secrets, case.deadline)
        platform.send_as(case.form, case.afterthought)
        if case.expected == "taken":
            platform.take(case.intent)
        played = self._session.play(case, platform)
        tasks = platform.tasks()
        ended_at = platform.now() if platform.ended_at is None else platform.ended_at
        answers = {task.id: self._right(task) for task in tasks}
        videos = {task: [_digest(url) for url in right["urls"]] for task, right in answers.items()}
        heard = platform.heard
        ran = RunResult(
            *(case, played, platform.began_at, ended_at, platform.traffic(), answers, videos, heard),
            other_key=platform.other_key,
            fired=frozenset(place for name, place in platform.tenant.counters.fired if name == case.scenario["name"]),
            others={task.id: self._right(task) for task in platform.others},
        )
        verdict = self._observer.judge(ran.traffic)
        excused = _excused(ran)
        verdict.faults = [
            fault
            for fault in verdict.faults
            if fault.property.id not in excused and not is_bounded(ran, fault, self._limits)
        ]
        judge_all(ran, self._limits, verdict)
        judge_spending(ran, charges_of(tasks, ended_at), self._limits.max_spend, verdict)
        keep_causes(verdict, ran.traffic)
        self._select(verdict)
        return ran, verdict

    def _select(self, verdict: Verdict) -> None:
        """Leave out what nobody wants to know."""
        verdict.faults = [fault for fault in verdict.faults if self._wanted(fault.property)]
        verdict.exercised = {name: times for name, times in verdict.exercised.items() if self._wanted(EVERY[name])}

    def _right(self, task: Task) -> dict[str, Any]:
        made = result(self._endpoints[task.model], task, task.base_url)
        urls = [item["url"] for output in made.get("output") or () for item in output["content"]]
        failure, effects = task.timeline.failure, task.scenario.task if task.scenario is not None else Effects()
        return {
            "urls": urls,
            "cost": made["usage"]["cost"] if effects.usage is None else None,
            "code": failure.code if failure is not None and says_code(effects) else None,
            "message": failure.message if failure is not None and says_message(effects) else None,
        }


def _excused(ran: RunResult) -> set[str]:
    """What the traffic alone seems to show, and the case explains."""
    wrong = ran.case.expected == "rejected" and "refuse" not in ran.case.scenario["task"]
    broken = {"W04"} if wrong else set()  # the body is to break its document
    return broken | ({"W20"} if ran.played.cancelled_at is not None else set())  # the video was not wanted any more


def _digest(url: str) -> str:
    return hashlib.sha256(clip_bytes(urlsplit(url).path)).hexdigest()
