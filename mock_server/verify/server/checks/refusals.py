"""What is refused for other reasons than the body: no money, no leave, too many calls, and what breaks inside.

All but the money is asked for by scenarios of a kirin-mock, one call at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import (
    DOCUMENTED,
    QUEUE,
    WRAPPED,
    Json,
    Material,
    coded_problems,
    detail_problems,
    gateway_problems,
    told,
)
from mock_server.verify.server.target import Exchange, Target

REFUSED = "refuses by account and gateway"
BROKEN = "Runtime execution failed"

Due = Callable[[Exchange], Iterator[Problem]]


def _limited(exchange: Exchange) -> Iterator[Problem]:
    yield from coded_problems(exchange, 429, "RATE_LIMIT_EXCEEDED")
    yield from _retry_after(exchange)


def _retry_after(exchange: Exchange) -> Iterator[Problem]:
    if not exchange.headers.get("retry-after"):
        yield Problem(f"a 429 has a Retry-After: {told(exchange)}", exchange)


#: What a scenario makes of a submit on the queue, and what is due.
BY_SCENARIO: tuple[tuple[str, str, str, Due], ...] = (
    ("403", "a model that is not allowed", "refuse=40301",
     lambda one: detail_problems(one, 403, "Model not allowed for this user")),
    ("429", "too many calls", "refuse=42901", _limited),
    ("429 running", "too many running tasks", "refuse=42902", _limited),
    ("500", "something breaks inside", "fault=error status=500", lambda one: detail_problems(one, 500, BROKEN)),
    ("502", "something breaks behind it", "fault=error status=502", lambda one: detail_problems(one, 502, BROKEN)),
)  # fmt: skip


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        params = material.bodies[model].cheapest
        for status, says, words, due in BY_SCENARIO:
            yield Case(
                f"{endpoint.short}/refused/queue {status}", REFUSED, model, (f"queue {model} {status}",),
                f"{says} is {status[:3]} in the queue's own words (wire#2)", 1, 0.0,
                _by_scenario(endpoint, params, words, due),
            )  # fmt: skip
        yield Case(
            f"{endpoint.short}/refused/402", REFUSED, model, (f"queue {model} 402", f"gateway 40201 {model}"),
            "a balance that is used up is 402, 40201 (wire#4)", 4, 0.0, _unpaid(endpoint, params),
        )  # fmt: skip


def _by_scenario(endpoint: Endpoint, params: Json, words: str, due: Due) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        target.advance(0)  # for a kirin-mock only: elsewhere the words mean nothing, and a task would be made
        yield from due(target.submit(endpoint, params, QUEUE, headers={"X-Mock-Scenario": words}))

    return tried


def _unpaid(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        had = target.control("GET", "account")["accounts"][0]["balance"]
        target.control("PUT", "account", {"balance": "0"})
        try:
            yield from detail_problems(target.submit(endpoint, params, QUEUE), 402)
            for shape in (DOCUMENTED, WRAPPED):
                yield from gateway_problems(target.submit(endpoint, params, shape), 402, 40201)
        finally:
            target.control("PUT", "account", {"balance": had})

    return tried
