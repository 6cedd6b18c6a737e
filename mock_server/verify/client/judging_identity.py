"""Judges whose task is whose: each outcome of a case by the task of its own intent, and by no other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mock_server.conformance.properties import Fault, Thresholds, Verdict
from mock_server.conformance.traffic import QUESTIONS, CallbackSeen, Seen, Traffic, task_id_of
from mock_server.verify.client.forging import FORGED_ID
from mock_server.verify.client.intent_run import IntentRun
from mock_server.verify.client.judge import RunResult, judge
from mock_server.verify.client.judging_stop import judge_end
from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.properties import EVERY

#: A submit whose id is somebody else's may be sent again so often.
MOST_CONFLICTS = 3
#: What a client violates besides that takes another task for its own, or that asks for a task by a wrong id.
_OF_ANOTHER = frozenset({"W05", "W06", "W09", "W11"})
#: What the traffic of two lives seems to show, and what follows where the second knows nothing of the first.
_OF_TWO_LIVES = frozenset({"W05", "W06", "W09", "W10", "W11", "W13"})
_OF_A_RESTART = frozenset({"A04", "A06", "A10", "A14"})
_OF_NOTHING = frozenset({"A06", "A14", "I03", "W13"})
CONFLICT = 409
_BY_ID = frozenset({"poll", "result", "cancel"})
_REQUEST = re.compile(r".*?/requests/(.+)/(?:status|response|cancel)")


def judge_all(ran: RunResult, limits: Thresholds, verdict: Verdict) -> None:
    """Add the violations of the client to those that its traffic showed, intent by intent."""
    if ran.played.killed:
        own = {call.external_id for call in _submits(ran)}
        unsent = ran.case.kill is not None and (ran.case.kill.call, ran.case.kill.moment) == (0, "before")
        asked = {call.number for call in ran.traffic.calls if call.about in own or unsent}
        verdict.faults = [
            fault
            for fault in verdict.faults
            if fault.property.id not in _OF_TWO_LIVES and not (fault.property.id == "W12" and asked & set(fault.calls))
        ]
    parts = parts_of(ran)
    for place, part in enumerate(parts):
        identity = _Identity(part, ran, parts[:place], verdict)
        another, taken = identity.is_another(), identity.is_taken()
        unasked = identity.asks_for_others()
        judge(replace(part, played=replace(part.played, outcome=None)) if another or taken else part, limits, verdict)
        judge_end(part, limits, verdict)
        if another or unasked:
            _forgive(verdict, part, _OF_ANOTHER if another else _OF_NOTHING)
    if ran.played.killed:
        _judge_restart(ran, verdict)


def _judge_restart(ran: RunResult, verdict: Verdict) -> None:
    """I05: what a client that was killed does in its second life."""
    made = {call.made for call in _submits(ran) if call.made is not None}
    verdict.saw("I05")
    told = f"it was killed, and has made {len(made)} tasks for one intent" if len(made) > 1 else ""
    lost = [fault for fault in verdict.faults if fault.property.id in _OF_A_RESTART]
    if lost and not told:
        told = f"it was killed, and in its second life {lost[0].says}"
    if told:
        verdict.faults = [fault for fault in verdict.faults if fault not in lost and fault.property.id != "W05"]
        verdict.faults.append(Fault(EVERY["I05"], told, ran.ended_at))


def _forgive(verdict: Verdict, part: RunResult, properties: frozenset[str]) -> None:
    """Take out what follows from a violation that is there already."""
    numbers = {call.number for call in part.traffic.calls}
    verdict.faults = [
        fault
        for fault in verdict.faults
        if fault.property.id not in properties or not (fault.at == part.ended_at or numbers & set(fault.calls))
    ]


def parts_of(ran: RunResult) -> list[RunResult]:
    """What there is to judge of each intent: its own calls, callbacks, tasks and outcome."""
    played = ran.played.parts
    if len(ran.case.parts) == 1 or not played:
        return [ran]
    return [_part(ran, place, one) for place, one in enumerate(played)]


def _part(ran: RunResult, place: int, one: IntentRun) -> RunResult:
    last = place == len(ran.played.parts) - 1
    calls = ran.traffic.calls[one.first_call : None if last else one.last_call]
    made = {call.made for call in calls if call.kind == "submit" and call.made is not None}
    callbacks = [told for told in ran.traffic.callbacks if told.task in made or (_is_forged(told) and not place)]
    played = ran.played
    if not last:
        played = replace(played, crash=None, leak=None, blamed={}, callback_crash=None, left=None)
    emitted = ran.played.emitted[one.first_emitted : None if last else one.last_emitted]
    return replace(
        ran,
        case=ran.case.parts[place],
        played=replace(
            played, outcome=one.outcome, emitted=emitted, cancelled_at=one.cancelled_at, parts=[_alone(one)]
        ),
        began_at=one.began_at,
        ended_at=ran.ended_at if one.ended_at is None else one.ended_at,
        traffic=Traffic(calls, callbacks, ran.traffic.blind),
        answers={task: right for task, right in ran.answers.items() if task in made},
        videos={task: right for task, right in ran.videos.items() if task in made},
        heard=ran.heard & made,
        other_key=ran.other_key and last,
    )


def _is_forged(told: CallbackSeen) -> bool:
    return told.delivery.startswith(FORGED_ID)


def _alone(one: IntentRun) -> IntentRun:
    """The same with what was emitted counted from its beginning."""
    last = None if one.last_emitted is None else one.last_emitted - one.first_emitted
    return replace(one, first_emitted=0, last_emitted=last)


@dataclass(frozen=True, slots=True)
class _Identity:
    """One intent beside all that there is to mistake for its own."""

    part: RunResult
    ran: RunResult
    earlier: Sequence[RunResult]
    verdict: Verdict

    def check(self, property_id: str, holds: bool, says: str) -> bool:
        """Put a property to the test; whether it is violated."""
        self.verdict.saw(property_id)
        if not holds:
            self.verdict.faults.append(Fault(EVERY[property_id], says, self.part.ended_at))
        return not holds

    def asks_for_others(self) -> bool:
        """W12: whether calls ask for ids that are none of its tasks', or that are not written as a path wants them."""
        for call in self.part.traffic.calls:
            raw = _id_in(call.place) if call.kind in _BY_ID else ""
            if "/" in raw:
                told = f"a {call.kind} asks for {call.about!r}, whose slash is not percent-encoded: {call.place}"
                return self.check("W12", holds=False, says=told)
        return any(fault.property.id == "W12" for fault in self.verdict.faults)

    def is_another(self) -> bool:
        """Whether the client takes something else for what this intent wants."""
        outcome = self.part.played.outcome
        if outcome is None or (len(self.ran.case.parts) == 1 and not self.ran.others):
            return False
        return (bool(self.earlier) and self._not_bought(outcome)) or self._not_its_own(outcome)

    def _not_bought(self, outcome: Outcome) -> bool:
        """I02."""
        sent = _submits(self.part)
        if not sent:
            told = (
                f"the intent is one of {len(self.ran.case.parts)}, no submit is sent for it, and it is {outcome.said}"
            )
            return self.check("I02", outcome.said not in {"completed", "failed"}, told)
        before = {call.external_id for part in self.earlier for call in _submits(part)} - {None}
        own = self.part.case.intent.params.get("external_task_id")
        again = next(
            (call.external_id for call in sent if call.external_id in before and call.external_id != own), None
        )
        told = f"a submit has the external_task_id {again!r} of an earlier intent"
        return self.check("I02", again is None, told)

    def _not_its_own(self, outcome: Outcome) -> bool:
        """I01."""
        foreign = {task: right for task, right in self.ran.answers.items() if task not in self.part.answers}
        foreign |= self.ran.others
        named = task_id_of(str(outcome.task_id)) if outcome.task_id is not None else None
        urls = set(outcome.urls)
        taken = [task for task, right in foreign.items() if task == named or urls & set(_urls(right))]
        whose = "somebody else made" if set(taken) & set(self.ran.others) else "another intent made"
        told = f"it reports {outcome.said} with a task that {whose}"
        if not taken:
            name = self.part.case.intent.params.get("external_task_id")
            same = all(call.external_id == name for call in _submits(self.part))
            adopts = self.part.case.expected == "taken" and same and outcome.said in {"completed", "timeout"}
            told = f"the external_task_id {name!r} is taken by somebody else's task, and it reports {outcome.said}"
            astray = self._asks_for_another(outcome)
            if astray is not None:
                told = f"it asks for a task that another intent made ({astray}), and reports {outcome.said}"
            return self.check("I01", not adopts and astray is None, told)
        return self.check("I01", holds=False, says=told)

    def _asks_for_another(self, outcome: Outcome) -> str | None:
        """The task of an earlier intent that it asks for, where it never asks for its own."""
        asked = [call for call in self.part.traffic.calls if call.kind in QUESTIONS and call.made is not None]
        if outcome.said not in {"timeout", "gave_up"} or any(call.made in self.part.answers for call in asked):
            return None
        return next((call.about for call in asked if call.made in self.ran.answers), None)

    def is_taken(self) -> bool:
        """Whether the submit was to be refused because of its id; the client may not insist on it."""
        if self.part.case.expected != "taken":
            return False
        refused = [call for call in _submits(self.part) if call.status == CONFLICT]
        told = f"a submit is sent {len(refused)} times, and the answer is always that its external_task_id is taken"
        self.check("W10", len(refused) <= MOST_CONFLICTS, told)
        outcome = self.part.played.outcome
        codes = {code for call in refused for code in call.codes}
        if outcome is not None and outcome.said == "rejected" and codes:
            told = f"a submit rejected with {', '.join(sorted(codes))} is reported with {outcome.code!r}"
            self.check("A05", str(outcome.code) in codes, told)
        return True


def _id_in(place: str) -> str:
    """The id in a path, as it was sent."""
    return place.rpartition("/generation/task/")[2] if "/generation/" in place else _REQUEST.sub(r"\1", place)


def _submits(part: RunResult) -> list[Seen]:
    return [call for call in part.traffic.calls if call.kind == "submit"]


def _urls(right: Mapping[str, Any]) -> list[str]:
    found: list[str] = right["urls"]
    return found
