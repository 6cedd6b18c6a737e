"""Judges a client's outcome and its traffic by the case it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mock_server.conformance.properties import Fault, Thresholds, Verdict
from mock_server.conformance.traffic import QUESTIONS, Seen, Traffic, task_id_of
from mock_server.verify.client.allowances import may_stop, messages_of, refusals, tells_of_denial
from mock_server.verify.client.callback_judge import believed, contradicted, judge_callbacks
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.comparing import changes
from mock_server.verify.client.intent_run import IntentRun
from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.platform import CALLBACK_URL, KEY
from mock_server.verify.client.properties import EVERY

#: A client that gives up in the last seconds before the deadline has waited long enough.
LAST_MINUTE = 60.0
_MINE = frozenset({"external_task_id", "callback_url"})


@dataclass
class ClientRun:
    """What a client did with one case beside its calls. ``crash`` is that of ``run``, ``callback_crash`` that of its
    receiver; ``leak`` says where its key was seen; ``receives`` is whether it takes callbacks; ``blamed`` is what
    violations that its session saw, ``traces`` the tracebacks of its crashes, by property. It is a ``program`` if it
    has a process of its own; it was ``slow`` if it had to be waited for without success, and ``fatal`` if it is not to
    be run again. ``parts`` has each intent that it began; ``left`` says what
    was still there after its end, and is empty if nothing was.
    """

    outcome: Outcome | None = None
    crash: str | None = None
    callback_crash: str | None = None
    emitted: Sequence[Outcome] = ()
    leak: str | None = None
    cancelled_at: float | None = None
    blamed: dict[str, str] = field(default_factory=dict)
    traces: dict[str, str] = field(default_factory=dict)
    receives: bool = True
    program: bool = False
    slow: bool = False
    fatal: bool = False
    parts: list[IntentRun] = field(default_factory=list)
    left: str | None = None
    killed: bool = False


@dataclass
class RunResult:
    """One run of a case: what the client said and did, and what there was. ``answers`` are the results of its tasks,
    ``videos`` the digests of their videos, by the task's id; ``heard`` are the tasks whose end came to it in a genuine
    callback, ``other_key`` is whether it sent another key than its own; ``fired`` are the places of the faults that
    have happened to its calls. ``others`` are the results of somebody else's tasks.
    """

    case: ClientCase
    played: ClientRun
    began_at: float
    ended_at: float
    traffic: Traffic
    answers: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    videos: Mapping[str, Sequence[str]] = field(default_factory=dict)
    heard: frozenset[str] = frozenset()
    other_key: bool = False
    fired: frozenset[int] = frozenset()
    others: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def judge(ran: RunResult, limits: Thresholds, verdict: Verdict) -> None:
    """Add the violations of the client to those that its traffic showed."""
    _Judging(ran, limits, verdict).run()


class _Judging:
    def __init__(self, ran: RunResult, limits: Thresholds, verdict: Verdict) -> None:
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
        self._emitted()
        outcomes = [*played.emitted, *([played.outcome] if played.outcome is not None else [])]
        taken_in = believed(outcomes)
        judge_callbacks(ran.traffic.callbacks, self.check, taken_in=taken_in)
        if played.outcome is not None and not taken_in:
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
        outcome = self.ran.played.outcome
        wrong = self.ran.case.expected == "rejected" and "refuse" not in self.ran.case.scenario["task"]
        if wrong and (outcome is None or outcome.said != "completed"):
            return  # what was wrong with it may have been changed, as long as nothing came of it
        intent = self.ran.case.intent_for(receives=self.ran.played.receives)
        asked = [*intent.params, *(["callback_url"] if intent.with_callbacks else [])]
        for call in self.ran.traffic.calls:
            if call.kind != "submit" or not call.params:
                continue
            sent = call.params
            wanted = {**intent.params, **({"callback_url": CALLBACK_URL} if intent.with_callbacks else {})}
            compared = (
                ("A01", "leaves out", [name for name in asked if name not in sent]),
                ("A02", "changes", changes(sent, wanted)),
                ("A03", "adds", [name for name in sent if name not in intent.params and name not in _MINE]),
            )
            for property_id, what, names in compared:
                told = f"a submit of {intent.model} {what} {', '.join(names)}"
                self.check(property_id, not names, told)
        submits = [call for call in self.ran.traffic.calls if call.kind == "submit"]
        made = {call.made for call in submits if call.made is not None}
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
        told = f"the user got {ends[0].said}, and then {other.said}" if other is not None else ""
        if other is not None and other.said == ends[0].said:
            told = f"the user got {list(ends[0].urls)}, and then {list(other.urls)}"
        self.check("A18", other is None, told)

    def _said(self, outcome: Outcome) -> None:
        case = self.ran.case
        if outcome.said == "cancelled" and self.ran.played.cancelled_at is not None:
            return
        changed = contradicted(self.ran.traffic.callbacks, outcome, self.ran.ended_at)
        if changed is not None and not (outcome.said == "timeout" and may_stop(self.ran, outcome)):
            self.check("A18", holds=False, says=changed)
            return
        self._claimed(outcome, case.expected)
        self._not_ready(outcome)
        if case.expected == "rejected":
            self._refused(outcome)
        elif case.expected == "refused":
            self._denied(outcome)
        elif case.expected in {"failed", "cancelled"}:
            self._failed(outcome)
        elif case.expected in {"completed", "empty"}:
            self._completed(outcome, case.expected)

    def _claimed(self, outcome: Outcome, expected: str) -> None:
        """What it claims, whatever was to come."""
        done, failed = outcome.said == "completed", outcome.said == "failed"
        if expected in {"failed", "cancelled", "never"}:
            self.check(self._misread(), not done, f"it says completed, and the task {_became(expected)}")
        if (failed and expected != "refused") or expected in {"completed", "never", "denied"}:
            right = not failed or expected in {"failed", "cancelled", "empty"} or tells_of_denial(self.ran, outcome)
            self.check("A12", right, f"it says failed, and the task {_became(expected)}")
        if done:
            told = any(call.succeeded for call in self.ran.traffic.calls)
            seen = told or (expected in {"completed", "empty", "denied"} and bool(self.ran.heard))
            seen = seen or "end_word" in self.ran.case.scenario["task"]
            self.check("A11", seen, "it says completed, and nothing that it was answered said so")

    def _misread(self) -> str:
        """The property that a false success breaks: that of what the client was answered, where that was COMPLETED."""
        over = [call for call in self._answers() if call.word == "completed" and call.told.get("error")]
        if any(call.told.get("error_type") == "CANCELED" for call in over):
            return "Q02"
        return "Q01" if over else "A07"

    def _answers(self) -> list[Seen]:
        """What the client was answered on the queue side about how its tasks stand."""
        return [call for call in self.ran.traffic.calls if call.on_queue and call.kind in QUESTIONS]

    def _not_ready(self, outcome: Outcome) -> None:
        asked = self._answers()
        if not any(call.not_ready for call in asked):
            return
        ran = self.ran
        out_of_time = ran.ended_at > ran.began_at + ran.case.deadline - LAST_MINUTE and outcome.said == "gave_up"
        waited = out_of_time or outcome.said in {"timeout", "cancelled"}
        stopped = asked[-1].not_ready and not ran.heard and not waited
        told = f"the last response was a 202 on the result, and it reports {outcome.said}"
        self.check("Q03", not stopped, told)

    def _refused(self, outcome: Outcome) -> None:
        code = self.ran.case.code
        submits = [call for call in self.ran.traffic.calls if call.kind == "submit"]
        sent = submits[-1].params if submits else {}
        mended = "; ".join(changes(sent, self.ran.case.intent.params))
        told = "it reports completed for an intent that its document does not allow"
        self.check("A19", outcome.said != "completed", f"{told}; it sent other values: {mended}" if mended else told)
        if not any(call.kind == "submit" and code in call.codes for call in self.ran.traffic.calls):
            return  # it never heard of a refusal
        right = outcome.said == "rejected" and outcome.code == code
        self.check("A05", right, f"a body rejected with {code!r} is reported as {outcome.said} with {outcome.code!r}")

    def _denied(self, outcome: Outcome) -> None:
        """The gateway refuses every submit, for another reason than the body."""
        refused = refusals(self.ran.traffic.calls)
        if not refused or outcome.said == "completed":
            return
        codes = {code for call in refused for code in call.codes}
        told = f"a submit refused with {', '.join(sorted(map(repr, codes)))} is reported as {outcome.said}"
        if codes:
            right = outcome.said != "timeout" and str(outcome.code) in codes  # the gateway's codes are numbers
            self.check("A05", right, f"{told} with {outcome.code!r}")
        reasons = {reason for call in refused for reason in messages_of(call)}
        if reasons and (not codes or str(outcome.code) in codes):
            told = f"a submit refused because of {', '.join(sorted(map(repr, reasons)))} is reported"
            self.check("A23", outcome.message in reasons, f"{told} with {outcome.message!r}")

    def _failed(self, outcome: Outcome) -> None:
        if not self.ran.answers:
            return  # it never came to a task
        expected = self.ran.case.expected
        kinds = {kind for call in self._answers() if isinstance(kind := call.told.get("error_type"), str)}
        right = outcome.said in {"failed", expected} or (outcome.said == "cancelled" and "CANCELED" in kinds)
        right = right or may_stop(self.ran, outcome)
        self.check("A14", right, f"a task that {_became(expected)} is reported as {outcome.said}")
        if outcome.said != "failed":
            return
        failure = next(iter(self.ran.answers.values()))
        code, reason = failure["code"], failure["message"]
        if any(call.final and call.word.startswith("cancel") and not call.codes for call in self._answers()):
            return  # the older form gives no reason for a cancelled task
        if kinds:
            told = f"a failure with {code!r} and {', '.join(map(repr, kinds))} is reported with {outcome.code!r}"
            self.check("Q05", outcome.code in {code, *kinds}, told)
        elif code is not None:
            self.check("A13", outcome.code == code, f"a failure with {code!r} is reported with {outcome.code!r}")
        told = f"a failure because of {reason!r} is reported with {outcome.message!r}"
        if reason is not None:
            self.check("A23", outcome.message == reason, told)

    def _completed(self, outcome: Outcome, expected: str) -> None:
        task = (
            "a task that completed"
            if self.ran.answers
            else "a task that was never made, because the submit was not tried again,"
        )
        if expected == "empty":
            task += " without a video"
        right = outcome.said == "completed" or (expected == "empty" and outcome.said in {"failed", "gave_up"})
        right = right or may_stop(self.ran, outcome)
        self.check("A06", right, f"{task} is reported as {outcome.said}")
        results = [call for call in self._answers() if call.kind == "result" and call.succeeded]
        read = outcome.said == "completed" and bool(outcome.urls)
        if any(urls_of(call.told) for call in results):
            form = "outputs" if "outputs" in results[-1].told else "output"
            told = f"the result has its videos in {form}, and none is returned; it reports {outcome.said}"
            self.check("Q04", read, told)
        if outcome.said == "completed" and (read or not results):
            self._handed_over(outcome, [urls_of(call.told) for call in results])
        elif outcome.said == "completed" and expected == "empty":
            self._handed_over(outcome, [[]])

    def _handed_over(self, outcome: Outcome, answered: Sequence[Sequence[str]]) -> None:
        named = task_id_of(str(outcome.task_id)) if outcome.task_id is not None else ""
        right = self.ran.answers.get(named or "")
        self.check("A10", right is not None, f"it returns the task id {outcome.task_id!r}, which is none of its tasks")
        if right is None:
            return
        urls, made = list(outcome.urls), answered[-1] if answered else right["urls"]
        good = urls in (right["urls"], *answered)
        self.check("A08", good, f"it returns {urls}, and the output has {made}")
        self.check(
            "A09", outcome.cost == right["cost"], f"it reports a cost of {outcome.cost!r}, not {right['cost']!r}"
        )
        if self.ran.case.intent.download and outcome.saved is not None:
            whole = list(outcome.saved) == list(self.ran.videos[named or ""])
            self.check("A22", whole, f"of {len(urls)} videos it kept {len(outcome.saved)}, not all of them whole")


def urls_of(result: Mapping[str, Any]) -> list[str]:
    """The URLs of the videos in a result of the queue side, in both forms. What is of another type is passed over."""
    nested = [_objects(output.get("content")) for output in _objects(result.get("output"))]
    items = [*_objects(result.get("outputs")), *(item for items in nested for item in items)]
    return [url for item in items if isinstance(url := item.get("url"), str)]


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _became(expected: str) -> str:
    words = {
        "rejected": "was rejected",
        "refused": "was never made",
        "denied": "had not ended as far as it could know",
        "never": "never ended",
        "cancelled": "was cancelled by another client",
    }
    return words.get(expected, expected)
