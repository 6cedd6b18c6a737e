"""Bodies drawn from the contract: right ones, and ones that break exactly one rule.

Drawn by Schemathesis from the published schema; what is right and what exactly is wrong the judge decides, by the same
contract. The same seed draws the same bodies.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from mock_server.contract import schema
from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import Judge, wrapped_body
from mock_server.contract.rules import Rule, merge
from mock_server.core.errors import TaskRejected, Violation
from mock_server.verify.server import pictures
from mock_server.verify.server.samples import Samples

Json = dict[str, Any]

#: Left out of what is drawn: they mean something beyond their value, and are looked at by themselves.
APART = ("callback_url", "external_task_id")

schemathesis.openapi.format("kirin-image", st.builds(pictures.plain))


def draw(wanted: Json, count: int, seed: int) -> list[Any]:
    """Up to ``count`` values that are valid by a schema. Drawn once: the same call gives the same values."""
    return copy.deepcopy(_drawn(json.dumps(wanted), count, seed))


@lru_cache(maxsize=512)
def _drawn(wanted: str, count: int, seed: int) -> list[Any]:
    content = {"application/json": {"schema": json.loads(wanted)}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "bodies", "version": "1"},
        "paths": {"/": {"post": {"requestBody": {"required": True, "content": content}, "responses": {}}}},
    }
    found: list[Any] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(schemathesis.openapi.from_dict(document)["/"]["POST"].as_strategy())
    def collect(case: Any) -> None:
        found.append(case.body)

    collect()
    return found


class Bodies:
    """The bodies of one model."""

    def __init__(self, endpoint: Endpoint, seed: int) -> None:
        self.endpoint = endpoint
        self._judge = Judge(endpoint)
        self._seed = seed
        self._right: dict[tuple[int, tuple[str | int, ...]], list[Json]] = {}
        self.samples = Samples(endpoint, lambda params: not self.broken(params), self.repaired)

    def broken(self, params: Json) -> list[Violation]:
        """What is wrong with bare parameters, pictures aside."""
        try:
            return self._judge.read(wrapped_body(self.endpoint.model, params)).violations
        except TaskRejected as rejected:
            return rejected.violations

    def right(self, count: int, *, having: Sequence[str | int] = ()) -> list[Json]:
        """Accepted bare parameters; ``having`` is a path at which all of them have something."""
        known = count, tuple(having)
        if known not in self._right:
            wanted = self._schema(None)
            if having:
                wanted = merge(wanted, {"allOf": [_with(having)]})
            drawn = [self.repaired(params) for params in draw(wanted, count * 2, self._seed)]
            self._right[known] = _distinct(params for params in drawn if not self.broken(params))[:count]
        return list(self._right[known])

    def breaking(self, rule: Rule, count: int) -> list[Json]:
        """Bare parameters that break ``rule`` and nothing else."""
        if rule.fragment is None:
            drawn = [self._unrepaired(params) for params in self.right(count * 4)]
        else:
            drawn = [self.repaired(params) for params in draw(self._schema(rule), count * 4, self._seed)]
        found = [params for params in drawn if {one.rule for one in self.broken(params)} == {rule.id}]
        return _distinct(found)[:count]

    def _schema(self, broken: Rule | None) -> Json:
        """The schema of bare parameters; with a rule, that of those which break it and keep the others."""
        kept = [rule for rule in self.endpoint.rules if rule is not broken]
        wanted = copy.deepcopy(schema.params_schema(self.endpoint.parameters, kept))
        for name in APART:
            wanted["properties"].pop(name, None)
        always = [fragment] if (fragment := schema.anchored(kept)) else []
        if broken is not None and broken.fragment is not None:
            wrong: Json = {"not": dict(broken.fragment)}
            if broken.trigger is not None:
                wrong["required"] = [broken.trigger]
            if broken.owner is not None:
                wanted["required"] = sorted({*wanted.get("required", ()), broken.owner})
                wrong = {"properties": {broken.owner: wrong}}
            always.append(wrong)
        return merge(wanted, {"allOf": always}) if always else wanted

    def repaired(self, params: Json) -> Json:
        """The same with shots that add up to the duration, where there are any: a schema cannot ask for that."""
        shots = params.get("multi_prompt")
        if params.get("multi_shot") is not True or not isinstance(shots, list):
            return params
        try:
            total = sum(int(shot["duration"]) for shot in shots)
        except (KeyError, TypeError, ValueError):
            return params
        shots = copy.deepcopy(shots)
        if not 3 <= total <= 15 and shots:
            for shot in shots:
                shot["duration"] = "1"
            shots[0]["duration"] = str(1 + max(0, 3 - len(shots)))
            total = sum(int(shot["duration"]) for shot in shots)
        return {**params, "multi_prompt": shots, "duration": str(total)}

    def _unrepaired(self, params: Json) -> Json:
        """The same with shots that do not add up."""
        seconds = int(params.get("duration", "5"))
        return {**params, "duration": str(seconds - 1 if seconds > 3 else seconds + 1)}

    @cached_property
    def cheapest(self) -> Json:
        """Accepted parameters that cost as little as can be, with a picture in every place that needs one."""
        return min(self.samples.having(()), key=lambda params: (self.cost(params), len(str(params))))

    def cost(self, params: Mapping[str, Any]) -> float:
        """What a task of these would cost, in USD, by the prices assumed here."""
        from mock_server.platform.prices import cost_of

        return float(cost_of(self.endpoint.model, params))


def _with(path: Sequence[str | int]) -> Json:
    """The schema of what has something at ``path``."""
    if not path:
        return {}
    step, inner = path[0], _with(path[1:])
    if isinstance(step, int):
        return {"minItems": step + 1, "items": inner}
    return {"required": [step], "properties": {step: inner}}


def _distinct(found: Any) -> list[Json]:
    seen: dict[str, Json] = {}
    for params in found:
        seen.setdefault(str(params), params)
    return list(seen.values())
