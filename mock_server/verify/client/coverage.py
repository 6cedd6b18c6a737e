"""How much a client has met: of the contract, models, parameters and their values, states and codes; of the covering
set, what it did not reach, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mock_server.conformance.traffic import QUESTIONS, Seen, Traffic
from mock_server.contract.endpoint import Endpoint
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.covering import FAULTS, Drawn, goals
from mock_server.verify.client.judge import RunResult
from mock_server.verify.client.tables import TABLES, On, Table

#: What a poll may say of a task.
STATES = ("in_progress", "completed", "failed")
#: Why a client reaches nothing of a kind, if it never does.
_WHY_NOT: Mapping[On, str] = {
    "result": "the client fetches no result: it does not use the queue protocol",
    "queue": "the client does not use the queue protocol",
    "media": "the client downloads no videos",
    "callback": "the client takes no callbacks",
    "callbacks": "the client takes no callbacks",
    "cancel": "the client has no cancel",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a model's contract: the names it has, and those that were met."""

    model: str
    kind: str
    met: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass
class Coverage:
    """What was met, counted by model, kind and name; ``cases`` counts them by how they were to end, ``reached`` the
    choices of the covering set by their names.
    """

    seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    cases: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    _kinds: set[On] = field(default_factory=set)

    def add(self, drawn: Drawn, ran: RunResult) -> None:
        """Count what a client met in one case."""
        self._add_traffic(ran.case, ran.traffic)
        if ran.heard and ran.case.code is not None:
            self.seen[ran.case.intent.model, "code", ran.case.code] += 1
        for name, place in drawn.choices:
            table = TABLES[name]
            if _reached(table, table.choices[place], ran):
                self.reached.update(table.names(place))
                self._kinds |= {table.on} if _is_something(table.choices[place]) else set()

    def _add_traffic(self, case: ClientCase, traffic: Traffic) -> None:
        model = case.intent.model
        self.cases.update([case.expected])
        self.seen.update({(model, *name) for call in traffic.calls for name in _names(call)})

    def covering(self) -> tuple[int, dict[str, str]]:
        """How many things the covering set has, and which of them were not reached, each with the reason."""
        wanted = {name: TABLES[table].on for table, place in goals() for name in TABLES[table].names(place)}
        missing = {name: self._why_not(on) for name, on in wanted.items() if not self.reached[name]}
        return len(wanted), missing

    def _why_not(self, on: On) -> str:
        if on not in self._kinds and on in _WHY_NOT:
            return _WHY_NOT[on]
        return "no case of this run came to it"

    def parts(self, endpoints: Mapping[str, Endpoint]) -> list[Part]:
        """Each part of each model's contract, with what was met of it."""
        return [
            Part(
                model,
                kind,
                tuple(name for name in names if self.seen[model, kind, name]),
                tuple(name for name in names if not self.seen[model, kind, name]),
            )
            for model, endpoint in endpoints.items()
            for kind, names in _known(endpoint).items()
        ]


def _is_something(choice: Any) -> bool:
    return choice is not None and choice != {}


def _reached(table: Table, choice: Any, ran: RunResult) -> bool:
    """Whether a client came to what a choice of its case was to show it."""
    submitted = any(call.kind == "submit" for call in ran.traffic.calls)
    if not submitted or not _is_something(choice) or table.on in {"case", "nothing"}:
        return submitted
    if table.on in FAULTS:
        return _happened(table, choice, ran)
    last = ran.case.scenario["task"].get("end_word", "completed").lower()
    return {
        "task": bool(ran.answers),
        "end": bool(ran.heard) or any(call.final or call.word == last for call in ran.traffic.calls),
        "queue": any(call.on_queue for call in ran.traffic.calls),
        "callbacks": ran.played.receives,
        "cancel": ran.played.cancelled_at is not None,
    }[table.on]


def _happened(table: Table, choice: Mapping[str, Any], ran: RunResult) -> bool:
    if table.on == "callback":
        return any(choice["fault"] in told.faults for told in ran.traffic.callbacks)
    if "after" in choice:  # a client that is early enough never sees it
        return any(call.kind == table.on for call in ran.traffic.calls)
    faults = ran.case.scenario["faults"]
    return any(
        place in ran.fired and table.on in fault["on"] and choice.items() <= fault.items()
        for place, fault in enumerate(faults)
    )


def _known(endpoint: Endpoint) -> dict[str, list[str]]:
    values = [
        f"{parameter.name}={value}" for parameter in endpoint.parameters for value in parameter.schema.get("enum", ())
    ]
    return {
        "parameter": [parameter.name for parameter in endpoint.parameters],
        "value": values,
        "state": list(STATES),
        "code": [row.code for row in endpoint.errors.codes] or [endpoint.errors.generation_failed],
    }


def _names(call: Seen) -> Iterator[tuple[str, str]]:
    if call.kind == "submit":
        for name, value in call.params.items():
            yield "parameter", name
            if isinstance(value, str):
                yield "value", f"{name}={value}"
    if call.status in {200, 202} and call.kind in QUESTIONS | {"submit"} and (call.word or call.final):
        over = call.final and not call.succeeded
        yield "state", "failed" if over else call.word or "completed"
    yield from (("code", code) for code in call.codes)
