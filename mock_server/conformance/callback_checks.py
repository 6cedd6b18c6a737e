"""How a receiver answers callbacks: those to believe, those not to believe, and those that come again."""

from __future__ import annotations

from mock_server.conformance.properties import Verdict
from mock_server.conformance.traffic import Traffic

_UNBELIEVABLE = (
    ("garbage", "W15", "a callback that is no JSON"),
    ("foreign_id", "W16", "a callback about a task that was never submitted"),
    ("bad_signature", "W18", "a callback with a wrong signature"),
    ("stale_signature", "W18", "a callback with a signature of long ago"),
)


def unbelievable_callbacks(traffic: Traffic, verdict: Verdict) -> None:
    """W15, W16 and W18: callbacks that a receiver should not believe."""
    processed: set[str] = set()
    bad = {fault for fault, _, _ in _UNBELIEVABLE}
    for callback in traffic.callbacks:
        if callback.good and not bad & set(callback.faults):
            processed.add(callback.delivery)
        for fault, rule, said in _UNBELIEVABLE:
            if fault not in callback.faults or callback.status is None or (rule == "W18" and not callback.signed):
                continue
            if rule == "W15" and callback.delivery in processed:
                continue  # its id says that it was processed, whatever its body is
            verdict.saw(rule)
            if callback.good:
                verdict.blame(rule, f"{said} is acknowledged with {callback.status}", callback.at)


def repeated_callbacks(traffic: Traffic, verdict: Verdict) -> None:
    """W17."""
    bad = {fault for fault, _, _ in _UNBELIEVABLE}
    taken: set[str] = set()
    for callback in traffic.callbacks:
        if callback.status is None or bad & set(callback.faults):
            continue
        if callback.delivery in taken:
            verdict.saw("W17")
            if not callback.good:
                verdict.blame("W17", f"a callback that came before is answered with {callback.status}", callback.at)
        elif callback.good:
            taken.add(callback.delivery)


def good_callbacks(traffic: Traffic, verdict: Verdict) -> None:
    """W21."""
    for callback in traffic.callbacks:
        if callback.status is None or callback.faults:
            continue
        verdict.saw("W21")
        if not callback.good:
            said = f"a callback that is all right is answered with {callback.status}"
            verdict.blame("W21", said, callback.at)
