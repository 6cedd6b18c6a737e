"""Judges how a client ends: when its user stops it, when its deadline comes, and what it leaves behind."""

from __future__ import annotations

from mock_server.conformance.properties import Fault, Thresholds, Verdict
from mock_server.conformance.traffic import QUESTIONS, Seen
from mock_server.verify.client.judge import RunResult
from mock_server.verify.client.properties import EVERY

#: After it was stopped a client may ask so often how its task stands, to see that it was cancelled, and try so often.
MOST_LOOKS = 2
MOST_TRIES = 6
#: It may take so many seconds to end: a pause that nothing interrupts.
TO_STOP = 120.0
#: So much of its deadline a client may be late, and the whole of a call that was under way then, up to so many seconds.
GRACE = 0.05
LONGEST_CALL = 60.0


def judge_end(part: RunResult, limits: Thresholds, verdict: Verdict) -> None:
    """Add the violations that one intent shows."""
    _End(part, limits, verdict).run()


class _End:
    def __init__(self, part: RunResult, limits: Thresholds, verdict: Verdict) -> None:
        self.part = part
        self.limits = limits
        self.verdict = verdict

    def check(self, property_id: str, holds: bool, says: str) -> None:
        """Put a property to the test."""
        self.verdict.saw(property_id)
        if not holds:
            self.verdict.faults.append(Fault(EVERY[property_id], says, self.part.ended_at))

    def run(self) -> None:
        """All of it."""
        if "W14" not in self.part.played.blamed:
            self._in_time()
        self._silent()
        at = self.part.played.cancelled_at
        if at is not None:
            self._stopped(at)
            self._reached(at)
        left = self.part.played.left
        if left is not None:
            self.check("I04", not left, f"after its end there is still {left}")

    def _in_time(self) -> None:
        """W14: a deadline is one; a call that was made before may come to its own end."""
        ends_by = self.part.began_at + self.part.case.deadline
        under_way = [call.over_at for call in self.part.traffic.calls if call.at <= ends_by < call.over_at]
        from_then = max([ends_by, *(min(over_at, ends_by + LONGEST_CALL) for over_at in under_way)])
        late = self.part.ended_at - from_then
        grace = min(self.limits.grace, GRACE * self.part.case.deadline) + self.limits.slack
        self.check("W14", late <= grace, f"it was done {self.part.ended_at - ends_by:.0f} s after its deadline")

    def _silent(self) -> None:
        """A17: what is handed to the user once the client has ended."""
        runs = self.part.played.parts
        if len(runs) != 1 or runs[0].last_emitted is None:
            return
        after = self.part.played.emitted[runs[0].last_emitted :]
        if after and not self.verdict.of("A17") and not self.verdict.of("A18"):
            self.check("A17", holds=False, says=f"after its end it hands {after[0].said} to its user")

    def _stopped(self, at: float) -> None:
        """A20."""
        known = at + self.limits.slack
        after = [call for call in self.part.traffic.calls if call.at > known]
        bought = [call for call in after if call.kind == "submit"]
        looks = [call for call in after if call.kind in QUESTIONS]
        heard = [call for call in looks if not call.retriable and not call.final]
        outcome, told = self.part.played.outcome, ""
        if bought:
            told = f"a submit {bought[0].at - at:.0f} s after its user had cancelled"
        elif len(heard) > MOST_LOOKS or len(looks) > MOST_TRIES:
            told = f"{len(looks)} calls after its user had cancelled, the last {looks[-1].at - at:.0f} s later"
        elif outcome is not None and outcome.said in {"timeout", "gave_up"}:
            told = f"its user had cancelled, and it says {outcome.said}"
        elif self.part.ended_at - at > TO_STOP:
            told = f"its user had cancelled, and it goes on for {self.part.ended_at - at:.0f} s"
        self.check("A20", not told, told)

    def _reached(self, at: float) -> None:
        """I03: the platform is to hear of it, on the protocol that has a cancel, unless it has ended by itself."""
        calls = self.part.traffic.calls
        submits = [call for call in calls if call.kind == "submit" and call.on_queue and _known(call)]
        made = {call.made for call in submits}
        if not submits or self.verdict.of("A20") or self.part.played.outcome is None:
            return
        asked = [call for call in calls if call.kind in QUESTIONS]
        if any(call.final for call in asked) or made & self.part.heard:
            return
        cancels = [call for call in calls if call.kind == "cancel" and call.at >= at - self.limits.slack]
        right = any(call.made in made or call.status is None for call in cancels)
        request = submits[-1].answered_id or submits[-1].external_id
        told = f"its user had cancelled, and it never cancels {request!r} on the platform"
        if cancels and not right:
            told = f"its user had cancelled {request!r}, and it sends {cancels[0].method} {cancels[0].place}"
        self.check("I03", right, told)


def _known(submit: Seen) -> bool:
    """Whether a submit made a task that its client can name."""
    return submit.made is not None and (submit.answered_id is not None or submit.external_id is not None)
