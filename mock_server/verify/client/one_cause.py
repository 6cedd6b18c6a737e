"""One cause gives one finding: violations in one case that another violation of the case explains."""

from __future__ import annotations

from mock_server.conformance.properties import Verdict

#: What a violation brings about by itself, by its property.
EXPLAINS: dict[str, frozenset[str]] = {
    "A04": frozenset({"A06", "A14", "A17", "A05"}),  # a client that has crashed does nothing more
    "W14": frozenset({"A06", "A14"}),  # after its deadline it says that the time is over
}


def keep_causes(verdict: Verdict) -> None:
    """Drop the violations that others explain."""
    found = {fault.property.id for fault in verdict.faults}
    explained: set[str] = set().union(*(EXPLAINS.get(property_id, frozenset()) for property_id in found))
    verdict.faults = [fault for fault in verdict.faults if fault.property.id not in explained]
