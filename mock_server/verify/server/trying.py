"""Tries cases, one after another or beside each other, and keeps what comes of each: nothing that happens ends the run
but the end of its budget, the end of the server, and the user.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

from mock_server.verify.server.case import Case, Finding, Problem, Result
from mock_server.verify.server.exchange import Keeper
from mock_server.verify.server.journal import Journal
from mock_server.verify.server.target import BudgetSpent, Dropped, NotExercised, Overdue, Target, Unreachable

#: So many tasks are followed beside each other in real time.
BESIDE = 64


class Trying:
    """The cases of one run, and what comes of them in ``result``."""

    def __init__(
        self,
        target: Target,
        result: Result,
        on_case: Callable[[Case], None],
        stopped: Callable[[], str] = lambda: "",
        journal: Journal | None = None,
    ) -> None:
        self._target, self._result, self._on_case = target, result, on_case
        self._stopped, self._journal = stopped, journal
        self._lock, self._keeper = threading.Lock(), Keeper()

    def all(self, cases: Sequence[Case]) -> None:
        """Try all cases: in order where the clock can be moved; elsewhere those that follow tasks beside the others."""
        apart = [case for case in cases if case.apart and self._target.other_key]
        rest = [case for case in cases if case not in apart]
        with ThreadPoolExecutor(max_workers=BESIDE) as pool:
            try:
                if not self._target.controlled:
                    self._alone([case for case in rest if case.alone], pool)
                for case in apart:
                    pool.submit(self._one, case)
                if self._target.controlled:
                    self._each(rest if self._target.max_calls is not None else _long_first(rest))
                else:
                    self._beside([case for case in rest if not case.alone], pool)
            except BaseException:
                self._target.stopping.set()
                raise

    def _alone(self, cases: Sequence[Case], pool: ThreadPoolExecutor) -> None:
        """Try those that look at the balance one after another; half of them as a second user, who has another one."""
        mine, theirs = halves(cases)
        if not theirs or not self._target.second_user_has(sum(case.cost for case in theirs)):
            self._each(cases)
            return
        others = pool.submit(self._as_second_user, theirs)
        self._each(mine)
        others.result()

    def _as_second_user(self, cases: Sequence[Case]) -> None:
        with self._target.as_second_user():
            self._each(cases)

    def _beside(self, cases: Sequence[Case], pool: ThreadPoolExecutor) -> None:
        for case in cases:
            if case.follows:
                pool.submit(self._one, case)
        self._each(sorted((case for case in cases if not case.follows), key=lambda case: case.after))

    def _each(self, cases: Sequence[Case]) -> None:
        for place, case in enumerate(cases):
            try:
                self._one(case)
            except KeyboardInterrupt:
                self._result.not_tried += cases[place:]
                raise

    def _one(self, case: Case) -> None:
        """Try a case; it is not tried once the run has stopped."""
        with self._lock:
            self._result.stopped = self._result.stopped or self._stopped()
        if self._result.stopped:
            self._left(case)
            return
        self._on_case(case)
        done = self._journal.done(case) if self._journal is not None else None
        if done is not None:
            self._keep(case, done)
            return
        try:
            problems = self._problems(case)
            self._keep(case, problems)
            if self._journal is not None:
                self._journal.keep(case, problems)
        except NotExercised as why:
            with self._lock:
                self._result.not_exercised.append((case, str(why)))
                if why.needs:
                    self._result.needs[case.id] = why.needs
        except (BudgetSpent, Unreachable) as why:
            with self._lock:
                self._result.stopped = self._result.stopped or str(why) or "the budget is spent"
            self._left(case)

    def _left(self, case: Case) -> None:
        with self._lock:
            self._result.not_tried.append(case)

    def _problems(self, case: Case) -> list[Problem]:
        """The first thing that is wrong, or all. A case whose connection broke is tried again."""
        for attempt in range(2):
            self._target.begin(case.id, attempt)
            try:
                return self._found(case)
            except Dropped as dropped:
                why = f"its calls get no whole answer, twice: {dropped}"
            except Overdue as late:
                return [Problem(str(late), self._target.last)]
            except (NotExercised, BudgetSpent, Unreachable):
                raise
            except Exception as error:  # noqa: BLE001 - a check that stumbles over an answer must not end the run
                return [Problem(_stumbled(error), self._target.last)]
        raise NotExercised(why, "connection")

    def _found(self, case: Case) -> list[Problem]:
        """What is wrong: the first thing of most cases. Their tasks are tidied away where that matters."""
        try:
            return list(islice(case.tried(self._target), None if case.every else 1))
        finally:
            self._target.tidy_up()

    def _keep(self, case: Case, problems: list[Problem]) -> None:
        with self._lock:
            result = self._result
            result.findings += [Finding(case, self._kept(problem)) for problem in problems]
            result.exercised[case.model, case.property] = result.exercised.get((case.model, case.property), 0) + 1
            for fact in case.covers:
                result.covered[fact] = result.covered.get(fact, 0) + 1
                result.halves.add((fact, case.property))

    def _kept(self, problem: Problem) -> Problem:
        shown = problem.shown_by
        return problem if shown is None else replace(problem, shown_by=self._keeper.kept(shown))


def _long_first(cases: Sequence[Case]) -> list[Case]:
    """The same with the case first after which videos are drawn beside all others, and last those that look at them."""

    def place(case: Case) -> int:
        if case.follows and case.of:
            return 0
        return 2 if case.of and case.id.endswith("/video") else 1

    return sorted(cases, key=place)


def halves(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Two parts that take about as long, each in the order of the cases."""
    parts: tuple[list[Case], list[Case]] = [], []
    calls = [0, 0]
    for case in sorted(cases, key=lambda case: -case.calls):
        lesser = calls.index(min(calls))
        parts[lesser].append(case)
        calls[lesser] += case.calls
    places = {case.id: place for place, case in enumerate(cases)}
    for part in parts:
        part.sort(key=lambda case: places[case.id])
    return parts


def _stumbled(error: Exception) -> str:
    """What is said when a check cannot read an answer: mostly the answer lacks what the document promises."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "verify" in frame.filename]
    where = f"{Path(ours[-1].filename).name} line {ours[-1].lineno}" if ours else "the check"
    said = " ".join(f"{type(error).__name__} {error}".split())[:200]
    return (
        f"the answer has a shape that the check cannot read ({said}, {where}): something that the document promises is "
        "missing or of another type. If the answer is right, this is a mistake in kirin-mock"
    )
