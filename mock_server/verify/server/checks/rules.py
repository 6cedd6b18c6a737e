"""Rules between parameters: for each, bodies that break exactly it, in every shape; and bodies that keep all.

The parameters that a rule speaks of are combined at all of their levels, left out among them, so that defaults count.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.rules import Rule
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case
from mock_server.verify.server.checks.bounds import SHAPES
from mock_server.verify.server.checks.common import Asked, Json, Material, accepted, refused
from mock_server.verify.server.levels import breaking_levels, levels_of
from mock_server.verify.server.samples import combined

ACCEPTS, REFUSES = "accepts what is right", "refuses what breaks a rule"

#: So many bodies are drawn for a model, and so many combinations kept of each rule.
DRAWN, KEPT_RIGHT, KEPT_WRONG = 12, 12, 30
#: Parameters with many choices are combined at a few of them.
FEW_LENGTHS = ("5", "10", "3", "15", "6")


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        bodies = material.bodies[model]
        count = DRAWN * material.depth
        for number, params in enumerate(bodies.right(max(30, count))[:count]):
            shape = SHAPES[number % len(SHAPES)]
            yield _right(endpoint, bodies, f"accepts/{number}", params, shape, f"shape {model} {shape}")
        seen: set[str] = set()
        for rule in endpoint.rules:
            yield from _rule_cases(endpoint, bodies, rule, material.depth, seen)


def _rule_cases(endpoint: Endpoint, bodies: Bodies, rule: Rule, depth: int, seen: set[str]) -> Iterator[Case]:
    right, wrong = [], []
    for params in combinations_of(endpoint, bodies, rule):
        broken = {one.rule for one in bodies.broken(params)}
        if broken == {rule.id}:
            wrong.append(params)
        elif not broken and str(params) not in seen:
            seen.add(str(params))
            right.append(params)
    wrong = _spread(wrong, KEPT_WRONG * depth)
    if depth > 1:
        wrong += bodies.breaking(rule, 3 * depth)
    tried = [(params, SHAPES[number % len(SHAPES)]) for number, params in enumerate(wrong)]
    tried += [(params, shape) for params in wrong[:1] for shape in SHAPES if shape not in {one for _, one in tried}]
    code = endpoint.errors.code_of(rule.mistake)
    for number, (params, shape) in enumerate(tried):
        yield Case(
            id=f"{endpoint.short}/rule/{rule.id}/{number}",
            property=REFUSES,
            model=endpoint.model,
            covers=(f"rule {rule.id}", f"code {endpoint.model} {code}", f"rule {rule.id} {shape}"),
            spec_reference=f"{rule.message} ({rule.source})",
            calls=1,
            cost=0.0,
            tried=refused(endpoint, params, code, shape, Asked(rule.paths[0], f"breaks {rule.id}")),
        )
    for number, params in enumerate(_spread(right, KEPT_RIGHT * depth)):
        shape = SHAPES[number % len(SHAPES)]
        yield _right(endpoint, bodies, f"keeps/{rule.id}/{number}", params, shape, f"rule {rule.id} kept")


def _right(endpoint: Endpoint, bodies: Bodies, case_id: str, params: Json, shape: str, fact: str) -> Case:
    return Case(
        id=f"{endpoint.short}/{case_id}",
        property=ACCEPTS,
        model=endpoint.model,
        covers=(fact,),
        spec_reference=f"every parameter within its bounds, every rule kept ({endpoint.short}#parameters)",
        calls=1,
        cost=bodies.cost(params),
        tried=accepted(endpoint, params, shape),
    )


def combinations_of(endpoint: Endpoint, bodies: Bodies, rule: Rule) -> Iterator[Json]:
    """Bodies in which the parameters that a rule speaks of are at all their levels, the others as few as can be."""
    names = _names(endpoint, rule)
    levels, breaking = levels_of(endpoint), breaking_levels(endpoint)
    wanted = [(name, _few(name, [*levels[name], *breaking.get(name, ())])) for name in names]
    contexts = {
        str(params): params
        for path in ((), *((name,) for name in names))
        for params in sorted(bodies.samples.having(path), key=lambda params: len(params.keys() - set(names)))[:4]
    }
    seen: set[str] = set()
    for context in contexts.values():
        others = {name: value for name, value in context.items() if name not in names}
        for chosen in combined(wanted):
            params = {**others, **chosen}
            if str(params) not in seen:
                seen.add(str(params))
                yield params


def _names(endpoint: Endpoint, rule: Rule) -> list[str]:
    """The parameters that a rule speaks of, or is set off by."""
    found = dict.fromkeys(path.partition(".")[0] for path in rule.paths)
    if rule.owner is None and rule.trigger is not None:
        found[rule.trigger] = None
    return [name for name in found if name in endpoint.by_name]


def _few(name: str, values: list[Any]) -> list[Any]:
    """Of many lengths a few; of long texts and many pictures none, which are looked at by themselves."""
    kept = [one for one in values if not (isinstance(one, str) and one.isdigit() and one not in FEW_LENGTHS)]
    return kept if name == "camera_control" else kept[:40]


def _spread(found: list[Json], count: int) -> list[Json]:
    """So many of them, evenly chosen, the first and the last among them."""
    if len(found) <= count:
        return found
    return [found[place * (len(found) - 1) // (count - 1)] for place in range(count)]
