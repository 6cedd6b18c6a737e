"""Tells one run of a case: what the client did and what it got, second by second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mock_server.conformance.traffic import CallbackSeen, Seen
from mock_server.core.redaction import safe_text
from mock_server.verify.client.judge import RunResult

MOST_LINES = 40
_VERBS = {
    "submit": "submits",
    "poll": "polls",
    "result": "asks for the result",
    "cancel": "cancels the task",
    "media": "fetches the video",
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened ``at`` so many seconds from the start; equal ``did`` and ``got`` are told together."""

    at: float
    did: str
    got: str

    def told(self) -> str:
        """One line."""
        return f"{self.at:8.1f} s  {self.did:32}{f'-> {self.got}' if self.got else ''}".rstrip()


def story(ran: RunResult) -> list[str]:
    """The run, line by line; what repeats is told once."""
    lines = list(_lines(sorted(_events(ran), key=lambda event: event.at)))
    if len(lines) > MOST_LINES:
        left = len(lines) - MOST_LINES
        lines[MOST_LINES // 2 : -MOST_LINES // 2] = [f"{'...':>8}    ({left} lines more)"]
    return [*lines, Event(ran.ended_at - ran.began_at, "outcome", _said(ran)).told()]


def _lines(events: list[Event]) -> Iterator[str]:
    place = 0
    while place < len(events):
        alike = _alike(events, place)
        if alike > 3:
            yield events[place].told()
            yield f"{'...':>8}    the same, {alike - 2} times"
            yield events[place + alike - 1].told()
        else:
            yield from (event.told() for event in events[place : place + alike])
        place += alike


def _alike(events: list[Event], place: int) -> int:
    """How many events from here on are told by the same words."""
    first = events[place]
    end = place
    while end < len(events) and (events[end].did, events[end].got) == (first.did, first.got):
        end += 1
    return end - place


def _events(ran: RunResult) -> Iterator[Event]:
    for call in ran.traffic.calls:
        did = f"client {_VERBS.get(call.kind, f'{call.method} {call.place}')}"
        yield Event(call.at - ran.began_at, did, _got(call))
    for told in ran.traffic.callbacks:
        yield Event(told.at - ran.began_at, f"callback{_spoiled(told)}", _taken(told))
    if ran.played.cancelled_at is not None:
        yield Event(ran.played.cancelled_at - ran.began_at, "the user cancels", "")


def _got(call: Seen) -> str:
    fault = (call.fault or "").partition(": ")[2]
    unseen = call.lost and call.made is not None and call.kind == "submit"
    if call.status is None:
        made = ", though the task was made" if unseen else ""
        return f"the connection ends ({fault}){made}" if fault else f"the connection ends{made}"
    parts = [str(call.status)]
    status = call.told.get("status")
    if isinstance(status, str) and call.kind != "media":
        parts.append(status)
    error = call.told.get("error")
    if isinstance(error, dict):
        parts.append(f"code {error.get('code')!r}")
    elif error:
        provider = call.told.get("provider_error")
        parts.append(f"with an error, {call.told.get('error_type')}")
        parts += [f"code {provider.get('code')!r}"] if isinstance(provider, dict) else []
    asked = call.answer_headers.get("retry-after")
    if asked is not None:
        parts.append(f"Retry-After: {asked}")
    if fault:
        parts.append(f"({fault})")
    if unseen:
        parts.append("though the task was made")
    return safe_text(" ".join(parts))


def _spoiled(told: CallbackSeen) -> str:
    return f" ({', '.join(told.faults)})" if told.faults else ""


def _taken(told: CallbackSeen) -> str:
    return "no response" if told.status is None else f"client answers {told.status}"


def _said(ran: RunResult) -> str:
    outcome = ran.played.outcome
    if outcome is None:
        return ran.played.crash or next(iter(ran.played.blamed.values()), "nothing")
    parts: list[str] = [outcome.said]
    parts += [
        f"{name} {value!r}" for name in ("code", "message", "cost") if (value := getattr(outcome, name)) is not None
    ]
    if outcome.urls:
        parts.append(f"{len(outcome.urls)} video{'s' if len(outcome.urls) > 1 else ''}")
    return safe_text(", ".join(parts))
