"""Holds a client's outcome and its traffic against the script it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mock_server.conduct.properties import Fault, Thresholds, Verdict
from mock_server.conduct.traffic import Traffic
from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.platform import CALLBACK_URL, FORGED, FORGED_URL, KEY
from mock_server.verify.client.properties import EVERY
from mock_server.verify.client.scripts import Script

_MINE = frozenset({"external_task_id", "callback_url"})


@dataclass
class Played:
    """What a client did with one script beside its calls. ``crash`` is that of ``run``, ``callback_crash`` that of its
    receiver; ``leak`` says where its key was seen; ``receives`` is whether it takes callbacks; ``blamed`` is what
    whoever ran it holds against it. It is a ``program`` if it has a process of its own; it was ``slow`` if it had to
    be waited for in vain, and ``fatal`` if it is not to be run again.
    """

    outcome: Outcome | None = None
    crash: str | None = None
    callback_crash: str | None = None
    emitted: Sequence[Outcome] = ()
    leak: str | None = None
    cancelled_at: float | None = None
    blamed: dict[str, str] = field(default_factory=dict)
    receives: bool = True
    program: bool = False
    slow: bool = False
    fatal: bool = False


@dataclass
class Ran:
    """One run of a script: what the client said and did, and what there was. ``answers`` are the results of its tasks,
    ``videos`` the digests of their videos, by the task's id; ``heard`` is whether genuine
    news of an end came to it, ``other_key`` whether it sent another key than its own.
    """

    script: Script
    played: Played
    began_at: float
    ended_at: float
    traffic: Traffic
    answers: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    videos: Mapping[str, Sequence[str]] = field(default_factory=dict)
    heard: bool = False
    other_key: bool = False


def judge(ran: Ran, limits: Thresholds, verdict: Verdict) -> None:
    """Add what is to be held against the client to what its traffic showed."""
    _Judging(ran, limits, verdict).run()


class _Judging:
    def __init__(self, ran: Ran, limits: Thresholds, verdict: Verdict) -> None:
        self.ran = ran
        self.limits = limits
        self.verdict = verdict

    def check(self, property_id: str, holds: bool, says: str) -> None:
        """Put a property to the test."""
        self.verdict.saw(property_id)
        if not holds:
            self.verdict.faults.append(Fault(EVERY[property_id], says, self.ran.ended_at))

    def run(self) -> None:
        """All of it."""
        ran, played = self.ran, self.ran.played
        for property_id, says in played.blamed.items():
            self.check(property_id, holds=False, says=says)
        self._survived()
        if ran.other_key:
            self.check("W01", holds=False, says="a call carries another key than the one that was given")
        self._sent()
        late = ran.ended_at - ran.began_at - ran.script.deadline
        if "W14" not in played.blamed:
            self.check("W14", late <= self.limits.grace, f"it was done {late:.0f} s after its deadline")
        self._emitted()
        if played.cancelled_at is not None:
            self._cancelled(played.cancelled_at)
        if played.outcome is not None:
            self._said(played.outcome)

    def _survived(self) -> None:
        ran, played = self.ran, self.ran.played
        if "A04" not in played.blamed:
            self.check("A04", played.crash is None, f"the client crashed: {played.crash}")
        if ran.traffic.callbacks and "A16" not in played.blamed:
            crash = played.callback_crash
            self.check("A16", crash is None, f"its receiver of callbacks crashed: {crash}")
        if played.program and "X01" not in played.blamed:
            self.check("X01", holds=True, says="")
        in_urls = (f"the URL of a {call.kind}" for call in ran.traffic.calls if KEY in call.path)
        leak = played.leak or next(in_urls, None)
        self.check("A21", leak is None, f"the API key is in {leak}")

    def _sent(self) -> None:
        intent = self.ran.script.intent_for(receives=self.ran.played.receives)
        asked = [*intent.params, *(["callback_url"] if intent.with_callbacks else [])]
        for call in self.ran.traffic.calls:
            if call.kind != "submit" or not call.params:
                continue
            sent = call.params
            wanted = {**intent.params, **({"callback_url": CALLBACK_URL} if intent.with_callbacks else {})}
            other = [name for name, value in wanted.items() if name in sent and not _same(sent[name], value)]
            compared = (
                ("A01", "leaves out", [name for name in asked if name not in sent]),
                ("A02", "changes", other),
                ("A03", "adds", [name for name in sent if name not in intent.params and name not in _MINE]),
            )
            for property_id, what, names in compared:
                told = f"a submit of {intent.model} {what} {', '.join(names)}"
                self.check(property_id, not names, told)
        made = {call.made for call in self.ran.traffic.calls if call.made is not None}
        if len(made) > 1 and not any(fault.property.id == "W05" for fault in self.verdict.faults):
            self.check("W05", holds=False, says=f"one intent has made {len(made)} tasks")

    def _emitted(self) -> None:
        ends = [one for one in self.ran.played.emitted if one.said in {"completed", "failed"}]
        if not ends:
            return
        self.check("A17", len(ends) == 1, f"the end was handed to the user {len(ends)} times")
        outcome = self.ran.played.outcome
        later = [*ends[1:], *([outcome] if outcome is not None else [])]
        other = next((one for one in later if (one.said, list(one.urls)) != (ends[0].said, list(ends[0].urls))), None)
        told = f"the user was told {ends[0].said}, and then {other.said}" if other is not None else ""
        if other is not None and other.said == ends[0].said:
            told = f"the user was given {list(ends[0].urls)}, and then {list(other.urls)}"
        self.check("A18", other is None, told)

    def _cancelled(self, at: float) -> None:
        known = at + self.limits.slack
        calls = (call for call in self.ran.traffic.calls if call.kind in {"submit", "poll", "result"})
        after = [call for call in calls if call.at > known]
        outcome, told = self.ran.played.outcome, ""
        if after:
            calls_made = "a call" if len(after) == 1 else f"{len(after)} calls"
            told = f"{calls_made} after its user had cancelled, the first {after[0].at - at:.0f} s later"
        elif outcome is not None and outcome.said in {"timeout", "gave_up"}:
            told = f"its user had cancelled, and it says {outcome.said}"
        self.check("A20", not told, told)

    def _said(self, outcome: Outcome) -> None:
        script = self.ran.script
        if outcome.said == "cancelled" and self.ran.played.cancelled_at is not None:
            return
        self._claimed(outcome, script.expected)
        if script.expected == "rejected":
            self._refused(outcome)
        elif script.expected == "failed":
            self._failed(outcome)
        elif script.expected == "completed":
            task = (
                "a task that completed" if self.ran.answers else "a task that was never made, for want of another try,"
            )
            self.check("A06", outcome.said == "completed", f"{task} is told as {outcome.said}")
            if outcome.said == "completed":
                self._handed_over(outcome)

    def _claimed(self, outcome: Outcome, expected: str) -> None:
        """What it claims, whatever was to come."""
        done, failed = outcome.said == "completed", outcome.said == "failed"
        if expected in {"failed", "never"}:
            self.check("A07", not done, f"it says completed, and the task {_became(expected)}")
        if failed or expected in {"completed", "never"}:
            right = not failed or expected == "failed"
            self.check("A12", right, f"it says failed, and the task {_became(expected)}")
        if any(told.delivery == FORGED and told.status is not None for told in self.ran.traffic.callbacks):
            forged = FORGED_URL in outcome.urls
            self.check("A15", not forged, "it hands over the URL of a callback that was forged")
        if done:
            told = [call for call in self.ran.traffic.calls if call.final and call.told["status"] == "completed"]
            seen = bool(told) or (expected == "completed" and self.ran.heard)
            self.check("A11", seen, "it says completed, and nothing that it was answered said so")

    def _refused(self, outcome: Outcome) -> None:
        code = self.ran.script.code
        self.check("A19", outcome.said != "completed", "it says completed of a body that was refused")
        if not any(call.kind == "submit" and code in call.codes for call in self.ran.traffic.calls):
            return  # it never heard of a refusal
        right = outcome.said == "rejected" and outcome.code == code
        self.check("A05", right, f"a body refused with {code!r} is told as {outcome.said} with {outcome.code!r}")

    def _failed(self, outcome: Outcome) -> None:
        code = self.ran.script.code
        if not self.ran.answers:
            return  # it never came to a task
        self.check("A14", outcome.said == "failed", f"a task that failed is told as {outcome.said}")
        if outcome.said != "failed":
            return
        self.check("A13", outcome.code == code, f"a failure with {code!r} is told with {outcome.code!r}")
        right = next(iter(self.ran.answers.values()), {}).get("message")
        told = f"a failure because of {right!r} is told with {outcome.message!r}"
        self.check("A23", outcome.message == right, told)

    def _handed_over(self, outcome: Outcome) -> None:
        right = self.ran.answers.get(outcome.task_id or "")
        self.check("A10", right is not None, f"it names the task {outcome.task_id!r}, which is none of its own")
        if right is None:
            return
        urls = list(outcome.urls)
        self.check("A08", urls == right["urls"], f"it hands over {urls}, and the output has {right['urls']}")
        self.check("A09", outcome.cost == right["cost"], f"it says a cost of {outcome.cost!r}, not {right['cost']!r}")
        if self.ran.script.intent.download and outcome.saved is not None:
            whole = list(outcome.saved) == list(self.ran.videos[outcome.task_id or ""])
            self.check("A22", whole, f"of {len(urls)} videos it kept {len(outcome.saved)}, not all of them whole")


def _same(sent: object, asked: object) -> bool:
    return sent == asked and isinstance(sent, bool) is isinstance(asked, bool)


def _became(expected: str) -> str:
    return {"failed": "failed", "rejected": "was refused", "never": "never ended"}.get(expected, expected)
