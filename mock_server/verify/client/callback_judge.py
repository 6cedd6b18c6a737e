"""Judges what a client did with callbacks that were not to be believed, and with genuine ones in other forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mock_server.conformance.traffic import CallbackSeen
from mock_server.platform.courier import TIMEOUT
from mock_server.verify.client.forging import (
    AFTER_THE_END,
    FORGED_MARK,
    FORGED_URL,
    FORM_MARK,
    SLOW,
    UNASKED,
)
from mock_server.verify.client.kit import Outcome
from mock_server.verify.repertoire.forged import FORGED, UNSIGNED
from mock_server.verify.repertoire.genuine import GENUINE

#: Puts a property to the test: whether it holds, and what to say if it does not.
Check = Callable[[str, bool, str], None]


def believed(outcomes: Sequence[Outcome]) -> bool:
    """Whether the client handed over what only a forged callback had said."""
    return any(FORGED_URL in one.urls for one in outcomes)


def contradicted(callbacks: Sequence[CallbackSeen], outcome: Outcome, ended_at: float) -> str | None:
    """How the client changed its mind about the end of a task, if it did."""
    for told, name in _marked(callbacks, AFTER_THE_END):
        first, _, later = name.partition(" after ")
        changed = outcome.said == first or (first == "in_progress" and outcome.said == "timeout")
        if told.at <= ended_at and changed:
            return f"it had taken a callback that said {later}; a later one says {first}, and it reports {outcome.said}"
    return None


def judge_callbacks(callbacks: Sequence[CallbackSeen], check: Check, *, taken_in: bool) -> None:
    """All that is said of the answers to callbacks; ``taken_in`` is whether a forged one was believed."""
    _forms(callbacks, check)
    _in_time(callbacks, check)
    forged = [(told, name) for told, name in _marked(callbacks, FORGED_MARK) if told.status is not None]
    culprit = next((name for told, name in forged if told.good), forged[0][1] if forged else None)
    for told, name in forged:
        kind = UNASKED[name]
        if taken_in and name == culprit:
            rule = kind.property if name in FORGED else "A15"
            check(rule, False, f"it hands over the URL of a callback that was not to be believed: {kind.says}")
        elif not taken_in:
            _answered(told, name, check)


def _answered(told: CallbackSeen, name: str, check: Check) -> None:
    """What a receiver answers to a callback that it has not believed. To one without a signature it may say anything:
    it is a hint to ask the platform.
    """
    kind = UNASKED[name]
    check(kind.property if name in FORGED else "A15", True, "")
    if name in UNSIGNED:
        return
    rule = "W18" if name in FORGED else kind.property
    what = "a callback" if name in FORGED else "a signed callback,"
    check(rule, not told.good, f"{what} {kind.says}, is acknowledged with {told.status}")


def _forms(callbacks: Sequence[CallbackSeen], check: Check) -> None:
    for told, name in _marked(callbacks, FORM_MARK):
        kind = GENUINE[name]
        if told.status is not None:
            check(kind.property, told.good, f"{kind.says} is answered with {told.status}")


def _in_time(callbacks: Sequence[CallbackSeen], check: Check) -> None:
    for told in callbacks:
        slow = next((fault for fault in told.faults if fault.startswith(SLOW)), None)
        if slow is not None:
            said = f"a callback is answered after {slow.removeprefix(SLOW)} s; the sender waits {TIMEOUT:g} s"
            check("W33", False, said)
        elif told.status is not None:
            check("W33", True, "")


def _marked(callbacks: Sequence[CallbackSeen], mark: str) -> Iterator[tuple[CallbackSeen, str]]:
    """The callbacks with a mark, and the name after it."""
    for told in callbacks:
        for fault in told.faults:
            if fault.startswith(mark):
                yield told, fault.removeprefix(mark)
