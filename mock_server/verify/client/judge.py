"""Holds a client's outcome and its traffic against the script it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mock_server.conduct.properties import Fault, Verdict
from mock_server.conduct.traffic import Traffic
from mock_server.task import Task
from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.properties import ALL
from mock_server.verify.client.scripts import Script

#: Seconds a client may be late, and the share of its deadline that it should not need.
GRACE = 120.0
_MINE = frozenset({"external_task_id", "callback_url"})


@dataclass
class Ran:
    """One run of a script: what the client said and did, what it crashed on, and what there was."""

    script: Script
    outcome: Outcome | None
    crash: str | None
    began_at: float
    ended_at: float
    traffic: Traffic
    tasks: Sequence[Task]
    answers: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def judge(ran: Ran, verdict: Verdict) -> None:
    """Add what is to be held against the client to what its traffic showed."""
    _Judging(ran, verdict).run()


class _Judging:
    def __init__(self, ran: Ran, verdict: Verdict) -> None:
        self.ran = ran
        self.verdict = verdict

    def check(self, property_id: str, holds: bool, says: str) -> None:
        """Put a property to the test."""
        self.verdict.saw(property_id)
        if not holds:
            self.verdict.faults.append(Fault(ALL[property_id], says, self.ran.ended_at))

    def run(self) -> None:
        """All of it."""
        self.check("A04", self.ran.crash is None, f"the client crashed: {self.ran.crash}")
        self._sent()
        late = self.ran.ended_at - self.ran.began_at - self.ran.script.deadline
        self.check("W14", late <= GRACE, f"it was done {late:.0f} s after its deadline")
        outcome = self.ran.outcome
        if outcome is not None:
            self._said(outcome)

    def _sent(self) -> None:
        asked = dict(self.ran.script.intent.params)
        for call in self.ran.traffic.calls:
            if call.kind != "submit" or not call.params:
                continue
            sent = {name: value for name, value in call.params.items() if name not in _MINE}
            missing = [name for name in asked if name not in sent]
            added = [name for name in sent if name not in asked]
            other = [name for name in asked if name in sent and not _same(sent[name], asked[name])]
            told = [f"{what} {', '.join(names)}" for what, names in _named(missing, added, other) if names]
            self.check("A01", not told, f"a submit of {self.ran.script.intent.model} {'; '.join(told)}")

    def _said(self, outcome: Outcome) -> None:
        expected, code = self.ran.script.expected, self.ran.script.code
        if outcome.said == "completed":
            self.check("A07", expected == "completed", f"it says completed, and the task {_became(expected)}")
        elif expected != "completed":
            self.check("A07", True, "")
        if expected == "rejected":
            right = outcome.said == "rejected" and outcome.code == code
            self.check("A05", right, f"a body refused with {code!r} is told as {outcome.said} with {outcome.code!r}")
        elif expected == "failed":
            right = outcome.said == "failed" and outcome.code == code
            self.check(
                "A13", right, f"a task that failed with {code!r} is told as {outcome.said} with {outcome.code!r}"
            )
        elif expected == "completed":
            self.check("A06", outcome.said == "completed", f"a task that completed is told as {outcome.said}")
            if outcome.said == "completed":
                self._handed_over(outcome)

    def _handed_over(self, outcome: Outcome) -> None:
        right = self.ran.answers.get(outcome.task_id or "")
        self.check("A10", right is not None, f"it names the task {outcome.task_id!r}, which is none of its own")
        if right is not None:
            urls = list(outcome.urls)
            self.check("A08", urls == right["urls"], f"it hands over {urls}, and the output has {right['urls']}")
            self.check(
                "A09", outcome.cost == right["cost"], f"it says a cost of {outcome.cost!r}, not {right['cost']!r}"
            )


def _same(sent: object, asked: object) -> bool:
    return sent == asked and isinstance(sent, bool) is isinstance(asked, bool)


def _named(missing: list[str], added: list[str], other: list[str]) -> list[tuple[str, list[str]]]:
    return [("leaves out", missing), ("adds", added), ("changes", other)]


def _became(expected: str) -> str:
    return {"failed": "failed", "rejected": "was refused", "never": "never ended"}.get(expected, expected)
