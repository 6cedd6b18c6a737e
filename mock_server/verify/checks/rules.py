"""Rules between parameters: for each, bodies that break exactly it, in every shape; and bodies that keep all."""

from __future__ import annotations

from collections.abc import Iterator

from mock_server.verify.case import Case
from mock_server.verify.checks.common import DOCUMENTED, QUEUE, WRAPPED, Material, accepted, refused

SHAPES = (DOCUMENTED, WRAPPED, QUEUE)


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        bodies = material.bodies[model]
        for number, params in enumerate(bodies.right(12 * material.depth)):
            shape = SHAPES[number % len(SHAPES)]
            yield Case(
                id=f"{endpoint.short}/accepts/{number}",
                property="accepts what is right",
                model=model,
                covers=(f"shape {model} {shape}",),
                rests_on=f"every parameter within its bounds, every rule kept ({endpoint.short}#parameters)",
                calls=1,
                cost=bodies.cost(params),
                tried=accepted(endpoint, params, shape),
            )
        for rule in endpoint.rules:
            code = endpoint.errors.code_of(rule.mistake)
            for number, params in enumerate(bodies.breaking(rule, 3 * material.depth)):
                yield Case(
                    id=f"{endpoint.short}/rule/{rule.id}/{number}",
                    property="refuses what breaks a rule",
                    model=model,
                    covers=(f"rule {rule.id}", f"code {model} {code}"),
                    rests_on=f"{rule.message} ({rule.source})",
                    calls=1,
                    cost=0.0,
                    tried=refused(endpoint, params, code, SHAPES[number % len(SHAPES)]),
                )
