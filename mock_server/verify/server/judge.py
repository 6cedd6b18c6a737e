"""Looks at every answer by the published contract: its operation, its status, its body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema_rs

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.openapi import document
from mock_server.verify.server.case import Problem
from mock_server.verify.server.exchange import Exchange, Keeper

Json = dict[str, Any]
_JSON = "application/json"
#: Alternatives within alternatives that are looked into.
MOST_ALTERNATIVES = 8
#: A server that answers everything wrong is not kept call by call.
MOST_PROBLEMS = 5000
_SCHEMAS = "#/components/schemas/"
_CONSTANTS = frozenset({"const", "enum"})


class ContractJudge:
    """Collects what is wrong with answers, and counts the statuses of each operation that were seen."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        contract = document(endpoints)
        self._components = contract["components"]
        self._operations: list[tuple[re.Pattern[str], dict[str, Json]]] = []
        for path, operations in contract["paths"].items():
            pattern = re.compile(re.sub(r"\\\{[^}]+\\\}", ".+", re.escape(path)))
            by_method = {method.upper(): one for method, one in operations.items() if method != "parameters"}
            self._operations.append((pattern, by_method))
        self._operations.sort(key=lambda one: one[0].pattern.count(".+"))
        self._validators: dict[tuple[str, str], Any] = {}
        self.problems: list[Problem] = []
        #: Calls without a whole answer.
        self.broken: list[Problem] = []
        self.seen: dict[str, int] = {}
        self._keeper = Keeper()

    def __call__(self, exchange: Exchange) -> None:
        """Look at one exchange."""
        if exchange.broken:
            says = f"{exchange.method} {exchange.path[:200]} gets no whole answer: {exchange.broken}"
            self._find(self.broken, says, exchange)
            return
        operation = self._operation(exchange)
        if operation is None:
            return
        name, status = operation["operationId"], str(exchange.status)
        if status not in operation["responses"]:
            self._find(self.problems, f"{name} answers {status}, which the contract does not know", exchange)
            return
        fact = f"status {name} {status}"
        self.seen[fact] = self.seen.get(fact, 0) + 1
        kinds = operation["responses"][status]["content"]
        if (given := media_type(exchange)) not in kinds:
            says = f"{name} {status}: the Content-Type is {given or 'missing'}; {' or '.join(kinds)} was due"
            self._find(self.problems, says, exchange)
        is_json = _JSON in kinds
        said = exchange.json if is_json else exchange.content.decode("utf-8", "replace")
        error = next(self._validator(operation, status).iter_errors(said), None)
        if error is not None:
            error = innermost(error)
            where = "/".join(map(str, error.instance_path)) or "the body"
            says = f"{name} {status}: {where} does not fit the contract: {error.message[:300]}"
            self._find(self.problems, says, exchange)

    def _find(self, among: list[Problem], says: str, exchange: Exchange) -> None:
        """Keep a problem, in bounded space."""
        if len(among) < MOST_PROBLEMS:
            among.append(Problem(says, self._keeper.kept(exchange)))

    def _operation(self, exchange: Exchange) -> Json | None:
        path = exchange.path.partition("?")[0]
        for pattern, operations in self._operations:
            if pattern.fullmatch(path):
                return operations.get(exchange.method)
        return None

    def _validator(self, operation: Json, status: str) -> Any:
        key = (operation["operationId"], status)
        if key not in self._validators:
            kinds = operation["responses"][status]["content"]
            content = next(iter(kinds.values()))["schema"]
            needed = needed_schemas(content, self._components["schemas"])
            whole = {**content, "components": {"schemas": needed}}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole)
        return self._validators[key]


def needed_schemas(of: Any, known: Json) -> Json:
    """The schemas that one refers to, and those that they refer to. A validator keeps all that it is given."""
    found: Json = {}
    left = [of]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).removeprefix(_SCHEMAS)
            if name in known and name not in found:
                found[name] = known[name]
                left.append(known[name])
        left += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return found


def media_type(exchange: Exchange) -> str:
    """The type of an answer's body, without its parameters."""
    return exchange.headers.get("content-type", "").partition(";")[0].strip().lower()


def innermost(error: Any) -> Any:
    """The mistake itself: of an alternative (``oneOf``, ``anyOf``) that no branch fits, what is wrong by the branch
    that is meant. That is the one whose constants the value has (its model, its status), and of those the nearest.
    """
    for _ in range(MOST_ALTERNATIVES):
        branches = [branch for branch in getattr(error.kind, "context", ()) if branch]
        if not branches:
            break
        error = max(min(branches, key=_distance), key=lambda one: len(one.instance_path))
    return error


def _distance(branch: Iterable[Any]) -> tuple[int, int]:
    """How far a value is from a branch: constants that it does not have, and mistakes in all."""
    mistakes = list(branch)
    constants = sum(one.kind.name in _CONSTANTS and len(one.instance_path) <= 1 for one in mistakes)
    return constants, len(mistakes)
