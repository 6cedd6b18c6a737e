"""How much of the contract a client has met: models, parameters and their values, states, and codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from mock_server.conformance.traffic import QUESTIONS, Seen, Traffic
from mock_server.contract.endpoint import Endpoint
from mock_server.verify.client.cases import ClientCase

#: What a poll may say of a task.
STATES = ("in_progress", "completed", "failed")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a model's contract: the names it has, and those that were met."""

    model: str
    kind: str
    met: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass
class Coverage:
    """What was met, counted by model, kind and name; ``cases`` counts them by how they were to end."""

    seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    cases: Counter[str] = field(default_factory=Counter)

    def add(self, case: ClientCase, traffic: Traffic) -> None:
        """Count what a client met in one case."""
        model = case.intent.model
        self.cases.update([case.expected])
        self.seen.update({(model, *name) for call in traffic.calls for name in _names(call)})

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


def _names(call: Seen) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    if call.kind == "submit":
        for name, value in call.params.items():
            found.add(("parameter", name))
            if isinstance(value, str):
                found.add(("value", f"{name}={value}"))
    if call.status in {200, 202} and call.kind in QUESTIONS | {"submit"} and (call.word or call.final):
        over = call.final and not call.succeeded
        found.add(("state", "failed" if over else call.word or "completed"))
    found.update(("code", code) for code in call.codes)
    return found
