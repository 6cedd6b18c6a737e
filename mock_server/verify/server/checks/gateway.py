"""What is not a model's own: keys, users, and calls that name no model, no task, or nothing that is served."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import (
    Material,
    detail_problems,
    gateway_problems,
    refusal_problems,
    task_of,
    told,
)
from mock_server.verify.server.target import Exchange, Target

SUBMIT = "/model/v1/generation"

#: What is tried, how, what is due, and where that is said.
ODD: tuple[tuple[str, Callable[[Target], Exchange], int, int], ...] = (
    ("a body that is not JSON", lambda t: t.call("POST", SUBMIT, content=b"{"), 400, 40001),
    ("a body that is a list", lambda t: t.call("POST", SUBMIT, []), 400, 40001),
    ("a body without a model", lambda t: t.call("POST", SUBMIT, {"prompt": "a"}), 400, 40001),
    ("a model that is a number", lambda t: t.call("POST", SUBMIT, {"model": 5}), 400, 40001),
    ("an unknown model", lambda t: t.call("POST", SUBMIT, {"model": "no_such_model"}), 404, 40401),
    ("an unknown task", lambda t: t.poll("no-such-task"), 404, 40401),
    ("an unknown path", lambda t: t.call("GET", "/model/v1/nothing"), 404, 40401),
    ("a method that is not served", lambda t: t.call("DELETE", SUBMIT), 405, 40501),
    (
        "a body that is not JSON by its type",
        lambda t: t.call("POST", SUBMIT, content=b'{"model": "kirin_v1_t2v"}', content_type="text/plain"),
        415,
        41501,
    ),
    ("no key at a poll", lambda t: t.call("GET", f"{SUBMIT}/task/x", key=None), 401, 40101),
)


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for name, calls, status, code in ODD:
        yield Case(
            f"gateway/{name}", "answers odd calls", "gateway", (f"gateway {code}",),
            f"{name} is {status}, {code} (wire#4)", 1, 0.0, _gateway(calls, status, code),
        )  # fmt: skip
    for model, endpoint in material.endpoints.items():
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        yield Case(
            f"{endpoint.short}/no-key", "wants a key", model, (f"auth {model}",),
            f"All APIs require authentication via Bearer Token ({endpoint.short}#authentication)", 2, 0.0,
            _no_key(endpoint, params),
        )  # fmt: skip
        yield Case(
            f"{endpoint.short}/external-id", "keeps external ids unique", model, (f"gateway 40901 {model}",),
            f"external_task_id must be unique within one user ({endpoint.short}#external_task_id)", 4, 2 * cost,
            _unique(endpoint, params),
        )  # fmt: skip


def _gateway(calls: Callable[[Target], Exchange], status: int, code: int) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        exchange = calls(target)
        yield from gateway_problems(exchange, status, code)
        if status == 405 and "POST" not in exchange.headers.get("allow", ""):
            yield Problem("a 405 has to say in Allow what is served", exchange)

    return tried


def _no_key(endpoint: Endpoint, params: dict[str, object]) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        for shape in ("documented", "wrapped"):
            exchange = target.submit(endpoint, params, shape, key=None)
            if endpoint.errors.unauthenticated is not None:
                yield from refusal_problems(endpoint, exchange, endpoint.errors.unauthenticated, 401)
            else:
                yield from gateway_problems(exchange, 401, 40101)

    return tried


def _unique(endpoint: Endpoint, params: dict[str, object]) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        named = {**params, "external_task_id": target.fresh_name()}
        first = target.submit(endpoint, named)
        if not task_of(first):
            yield Problem(f"a body with external_task_id is rejected: {told(first)}", first)
            return
        yield from gateway_problems(target.submit(endpoint, named), 409, 40901)
        yield from detail_problems(target.submit(endpoint, named, "queue"), 409)
        found = target.poll(str(named["external_task_id"]))
        if task_of(found) != task_of(first):
            yield Problem(f"the task is not found by its external_task_id: {told(found)}", found)

    return tried
