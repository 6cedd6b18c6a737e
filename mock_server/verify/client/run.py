"""Runs a client through scripts, gathers what is held against it, and finds the smallest script that shows it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from mock_server.clock import stopwatch
from mock_server.conduct.properties import Fault, Thresholds, Verdict
from mock_server.conduct.wire import Observer
from mock_server.endpoint import Endpoint
from mock_server.endpoints import discover
from mock_server.scenarios.reading import read_value
from mock_server.service import result
from mock_server.task import Task
from mock_server.verify.client.judge import Ran, judge
from mock_server.verify.client.kit import Kit, MakeAdapter, Outcome
from mock_server.verify.client.platform import BASE_URL, SECRET, Run, Stage
from mock_server.verify.client.scripts import Script, prepare, scripts

KEY = "sk-under-test"
CALLBACK_URL = "http://127.0.0.1/callbacks"
#: Calls and sleeps in one run before a client is taken for one that never ends.
MOST_CALLS = 1_000


class TooManyCalls(BaseException):
    """The client makes calls without end; a BaseException, so that it cannot catch it."""


class _Enough(BaseException):
    """What was looked for was seen."""


@dataclass
class Shown:
    """The smallest script found that shows what is wrong with one property."""

    script: Script
    fault: Fault


@dataclass
class Report:
    """What a run of many scripts found; ``met`` counts the scripts by model and by how they ended."""

    verdict: Verdict = field(default_factory=Verdict)
    shown: dict[str, Shown] = field(default_factory=dict)
    met: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    elapsed: float = 0.0


class Harness:
    """Proves one client. ``make`` makes an adapter for each run."""

    def __init__(self, make: MakeAdapter, limits: Thresholds, seed: int = 0) -> None:
        self._make = make
        self._seed = seed
        self._stage = Stage(seed)
        self._endpoints: Mapping[str, Endpoint] = discover()
        prepare(self._endpoints)
        judges = self._stage.built.service.judges
        self._observer = Observer(judges, limits)

    def verify(self, count: int, *, shrink: bool = True, until: str | None = None) -> Report:
        """Try ``count`` scripts, or stop when a property was seen not to hold; find the smallest script that shows what
        they showed, unless told otherwise.
        """
        report, began = Report(), stopwatch()
        first: dict[str, Shown] = {}

        def tried(script: Script) -> None:
            verdict = self.run(script)
            report.runs += 1
            for name in (script.intent.model, script.expected):
                report.met[name] = report.met.get(name, 0) + 1
            for property_id, times in verdict.exercised.items():
                report.verdict.exercised[property_id] = report.verdict.exercised.get(property_id, 0) + times
            for fault in verdict.faults:
                first.setdefault(fault.property.id, Shown(script, fault))
            report.verdict.faults += verdict.faults
            if until in first:
                raise _Enough

        with contextlib.suppress(_Enough):
            self._drawn(tried, count)
        for property_id, shown in first.items():
            report.shown[property_id] = self._smallest(property_id, shown) if shrink else shown
        report.elapsed = stopwatch() - began
        return report

    def _drawn(self, tried: Callable[[Script], None], count: int) -> None:
        @hypothesis.seed(self._seed)
        @hypothesis.settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(scripts(self._endpoints))
        def all_of_them(script: Script) -> None:
            tried(script)

        all_of_them()

    def _smallest(self, property_id: str, shown: Shown) -> Shown:
        """The smallest script that shows the same."""
        found = shown

        def shows(script: Script) -> bool:
            nonlocal found
            faults = self.run(script).of(property_id)
            if faults:
                found = Shown(script, faults[0])
            return bool(faults)

        strategy: st.SearchStrategy[Script] = scripts(self._endpoints)
        settings = hypothesis.settings(
            max_examples=1500, database=None, deadline=None, suppress_health_check=list(HealthCheck)
        )
        try:
            hypothesis.find(strategy, shows, settings=settings, random=random.Random(self._seed))  # noqa: S311 - to repeat
        except hypothesis.errors.NoSuchExample:
            return shown
        return found

    def run(self, script: Script) -> Verdict:
        """Run one script; what is held against the client."""
        (placed,) = read_value(dict(script.scenario), "the script")
        platform = self._stage.run(KEY, placed.scenario)
        counted = _Counted(platform)
        kit = Kit(BASE_URL, KEY, CALLBACK_URL, SECRET, counted)
        outcome: Outcome | None = None
        crash: str | None = None
        try:
            adapter = self._make(kit)
            platform.listen(_listening(adapter, counted))
            outcome = _said(adapter.run(script.intent, script.deadline))
        except TooManyCalls:
            crash = None
        except Exception as error:  # noqa: BLE001 - whatever a client does wrong is a finding
            crash = _told(error)
        ran = Ran(
            script,
            outcome,
            crash or counted.crash,
            platform.began_at,
            platform.now() if not counted.endless else platform.began_at + script.deadline * 10,
            platform.traffic(),
            platform.tasks(),
            {task.id: self._right(task) for task in platform.tasks()},
        )
        verdict = self._observer.judge(ran.traffic)
        if script.expected == "rejected":  # the body is to break its document
            verdict.faults = [fault for fault in verdict.faults if fault.property.id != "W04"]
        judge(ran, verdict)
        return verdict

    def _right(self, task: Task) -> dict[str, object]:
        made = result(self._endpoints[task.model], task, BASE_URL)
        urls = [item["url"] for output in made.get("output", ()) for item in output["content"]]
        return {"urls": urls, "cost": made["usage"]["cost"]}


class _Counted:
    """A platform that ends a client which calls without end."""

    def __init__(self, platform: Run) -> None:
        self._platform = platform
        self.left = MOST_CALLS
        self.endless = False
        self.crash: str | None = None

    def answer(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Any:
        """See Platform."""
        self._count()
        return self._platform.answer(method, target, headers, body)

    def now(self) -> float:
        """See Platform."""
        return self._platform.now()

    def sleep(self, seconds: float) -> None:
        """See Platform."""
        self._count()
        self._platform.sleep(seconds)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            self.endless = True
            raise TooManyCalls


def _listening(adapter: Any, counted: _Counted) -> Callable[[Mapping[str, str], bytes], int] | None:
    """The client's receiver of callbacks, whose crash is a 500."""
    receive = getattr(adapter, "on_callback", None)
    if receive is None:
        return None

    def listening(headers: Mapping[str, str], body: bytes) -> int:
        try:
            return int(receive(headers, body))
        except Exception as error:  # noqa: BLE001 - as above
            counted.crash = f"at a callback: {_told(error)}"
            return 500

    return listening


def _said(returned: Any) -> Outcome:
    """The outcome that a run returned. Raises TypeError when it is none."""
    if inspect.isawaitable(returned):

        async def waited() -> Any:
            return await returned

        returned = asyncio.run(waited())
    if not isinstance(returned, Outcome):
        raise TypeError(f"run returned {type(returned).__name__}, not an Outcome")
    return returned


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
