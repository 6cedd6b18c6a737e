"""One cause gives one finding: violations in one case that another violation of the case explains."""

from __future__ import annotations

from collections.abc import Iterable

from mock_server.conformance.properties import Fault, Verdict
from mock_server.conformance.traffic import Traffic
from mock_server.verify.client.judge import RunResult

#: What a violation brings about by itself, by its property.
EXPLAINS: dict[str, frozenset[str]] = {
    "A04": frozenset({"A06", "A14", "A17", "A05"}),  # a client that has crashed does nothing more
    "A16": frozenset({"W17", "W21", "W31", "W32", "W33"}),  # a receiver that crashes answers 500
    "W15": frozenset({"W16"}),
    "W33": frozenset({"A11", "A20", "W14", "W19"}),  # what it was told came too late
    "W18": frozenset({"A11"}),  # what it should not have believed
    **dict.fromkeys(("A01", "A02", "A03", "W04"), frozenset({"A05", "A06", "A14"})),  # what was changed is refused
    "A07": frozenset({"A08", "A14", "A22"}),  # what did not go well has no videos
    "A08": frozenset({"A22"}),  # what is not found is not fetched
    "A12": frozenset({"A06", "A13", "A23"}),
    "W14": frozenset({"A06", "A14", "W13"}),  # after its deadline it says that the time is over
}


def keep_causes(verdict: Verdict, traffic: Traffic) -> None:
    """Drop the violations that others explain."""
    found = {fault.property.id for fault in verdict.faults}
    explained: set[str] = set().union(*(EXPLAINS.get(property_id, frozenset()) for property_id in found))
    if any(fault.property.id == "W13" and _fails_for_now(fault, traffic) for fault in verdict.faults):
        explained = explained - {"W13"} | {"W14"}  # what is tried without end has no end at the deadline either
    verdict.faults = [fault for fault in verdict.faults if fault.property.id not in explained]


def _fails_for_now(fault: Fault, traffic: Traffic) -> bool:
    return all(call.retriable for call in traffic.calls if call.number in fault.calls)


#: The same over a whole run: a receiver that rejects genuine callbacks rejects them in every form; one that believes
#: forged ones acknowledges them.
EXPLAINS_OVER_ALL: dict[str, frozenset[str]] = {"W21": frozenset({"W31", "W32"}), "A15": frozenset({"W18"})}
#: What a receiver need not do that takes every callback for a hint to ask the platform, and believes none.
OF_A_HINT = frozenset({"W15", "W16", "W18"})


class Hints:
    """Whether the client takes callbacks only as hints: it was told of an end by a genuine one, and in no case has it
    reported an end that no answer to a call of its own had said.
    """

    def __init__(self) -> None:
        self._told = 0
        self._believed = False

    def add(self, ran: RunResult) -> None:
        """Look at one case."""
        outcome = ran.played.outcome
        if outcome is None or outcome.said not in {"completed", "failed"} or not ran.heard:
            return
        self._told += 1
        self._believed |= not any(call.final for call in ran.traffic.calls)

    @property
    def only(self) -> bool:
        """Whether it believes no callback."""
        return self._told >= ENOUGH and not self._believed


#: After so many cases it is known.
ENOUGH = 5


def explained(violated: Iterable[str], hints: Hints) -> set[str]:
    """The properties whose violations over a whole run others explain."""
    found = set(violated)
    over_all = (EXPLAINS_OVER_ALL.get(property_id, frozenset()) for property_id in found)
    return found & (set().union(*over_all) | (OF_A_HINT if hints.only else set()))
