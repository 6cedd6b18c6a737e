"""Rules between parameters: for each, bodies that break exactly it, in every shape; and bodies that keep all."""

from __future__ import annotations

from collections.abc import Iterator

from mock_server.verify.server.case import Case
from mock_server.verify.server.checks.common import DOCUMENTED, QUEUE, WRAPPED, Material, accepted, refused

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
                spec_reference=f"every parameter within its bounds, every rule kept ({endpoint.short}#parameters)",
                calls=1,
                cost=bodies.cost(params),
                tried=accepted(endpoint, params, shape),
            )
        for rule in endpoint.rules:
            code = endpoint.errors.code_of(rule.mistake)
            broken = bodies.breaking(rule, 3 * material.depth)
            tried = [(params, SHAPES[number % len(SHAPES)]) for number, params in enumerate(broken)]
            if QUEUE not in (shape for _, shape in tried):
                tried += [(params, QUEUE) for params in broken[:1]]  # each rule is asked for on the queue as well
            for number, (params, shape) in enumerate(tried):
                yield Case(
                    id=f"{endpoint.short}/rule/{rule.id}/{number}",
                    property="refuses what breaks a rule",
                    model=model,
                    covers=(f"rule {rule.id}", f"code {model} {code}", f"rule {rule.id} {shape}"),
                    spec_reference=f"{rule.message} ({rule.source})",
                    calls=1,
                    cost=0.0,
                    tried=refused(endpoint, params, code, shape),
                )
