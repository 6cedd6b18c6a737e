"""What a careful client may report of a case in which it could not learn how the task ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mock_server.conformance.properties import Fault, Thresholds
from mock_server.conformance.traffic import QUESTIONS, Seen
from mock_server.verify.client.kit import Outcome

if TYPE_CHECKING:
    from mock_server.verify.client.judge import RunResult

#: Statuses that say that the key, the balance or a permission is missing.
DENIED = frozenset({401, 402, 403})
STOPPED = frozenset({"gave_up", "timeout", "rejected"})
#: A server that wants to be left alone for longer than this before the deadline may be left alone for good.
LEAST_LEFT = 60.0
#: A call that is under way at the deadline may take so long to end.
LAST_CALL = 60.0
_MESSAGES = ("error_message", "message")


def may_stop(ran: RunResult, outcome: Outcome) -> bool:
    """Whether a client may well end without the result of its task, as it has."""
    if outcome.said in STOPPED:
        return any(_is_a_reason(ran, call) for call in _about_task(ran)) or "end_word" in ran.case.scenario["task"]
    return tells_of_denial(ran, outcome)


def tells_of_denial(ran: RunResult, outcome: Outcome) -> bool:
    """Whether a failure that is reported is that of a call that was denied."""
    codes = {code for call in _about_task(ran) if call.status in DENIED for code in call.codes}
    return outcome.said == "failed" and outcome.code in codes


def _is_a_reason(ran: RunResult, call: Seen) -> bool:
    """Whether an answer makes it no use to go on, or not safe."""
    if call.status is None or call.fault is None:
        return False
    leaves = ran.began_at + ran.case.deadline - LEAST_LEFT
    asked = call.retry_after is not None and call.retry_after > leaves
    return call.redirects or call.status in DENIED or asked


def _about_task(ran: RunResult) -> Iterator[Seen]:
    return (call for call in ran.traffic.calls if call.kind in QUESTIONS | {"submit"})


def lateness(ran: RunResult) -> float:
    """How many seconds after its deadline a client ended; the rest of a call that was under way does not count."""
    ends_by = ran.began_at + ran.case.deadline
    last = next((call for call in reversed(ran.traffic.calls) if call.at <= ends_by < call.over_at), None)
    excused = min(last.over_at - ends_by, LAST_CALL) if last is not None else 0.0
    return ran.ended_at - ends_by - excused


def is_bounded(ran: RunResult, fault: Fault, limits: Thresholds) -> bool:
    """Whether it is only that a client polls until its deadline though the answers fail: that is an end as well."""
    if fault.property.id != "W13" or lateness(ran) > limits.grace:
        return False
    calls = [call for call in ran.traffic.calls if call.number in fault.calls]
    return all(call.kind in QUESTIONS and call.retriable for call in calls)


def refusals(calls: Iterable[Seen]) -> list[Seen]:
    """The submits that were refused for good."""
    passing = {408, 409, 425, 429}
    return [
        call
        for call in calls
        if call.kind == "submit" and call.status is not None and 400 <= call.status < 500 and call.status not in passing
    ]


def messages_of(call: Seen) -> set[Any]:
    """The sentences in which an answer says why it refuses."""
    told = call.told
    parts = [part for name in ("error", "status", "provider_error") if isinstance(part := told.get(name), dict)]
    return {said for part in parts for name in _MESSAGES if isinstance(said := part.get(name), str)} | {
        value for name in ("detail", "error") if isinstance(value := told.get(name), str)
    }
