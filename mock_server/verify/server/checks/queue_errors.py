"""The queue side's own errors: keys, what is unknown, calls that are no submit, webhooks, and what is not served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.models import discover
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import (
    QUEUE,
    Json,
    Material,
    body_of,
    coded_problems,
    detail_problems,
    task_of,
    told,
)
from mock_server.verify.server.checks.queue import VERBS, Request, cancel_problems, requested, status_problems
from mock_server.verify.server.target import Exchange, NotExercised, Target

KEY, UNKNOWN, ODD = (
    "wants a key on the queue",
    "answers unknown requests on the queue",
    "answers odd calls on the queue",
)
WEBHOOK, UNSERVED = "rejects webhooks on the queue", "has no stream and no sync on the queue"

#: The documented sentences.
NO_KEY = "Authorization Bearer or Key token is required"
NOT_FOUND = "Request not found"
NO_WEBHOOK = "webhook not supported"
HOOK = "http://127.0.0.1:9/hook"

#: What is no key: the header, or None for no header.
NO_KEYS: tuple[str | None, ...] = (None, "Basic {key}", "{key}", "Bearer", "Key", "Bearer{key}", "Token {key}")

#: Where a webhook is asked for: name, parts of the body, query, headers.
WEBHOOKS: tuple[tuple[str, Json, str, dict[str, str]], ...] = (
    ("webhook_url in the body", {"webhook_url": HOOK}, "", {}),
    ("webhook in the body", {"webhook": {"url": HOOK}}, "", {}),
    ("webhook_url in the query", {}, f"?webhook_url={HOOK}", {}),
    ("webhook in the query", {}, f"?webhook={HOOK}", {}),
    ("X-Webhook-Url in the headers", {}, "", {"X-Webhook-Url": HOOK}),
)


def _path(endpoint: Endpoint) -> str:
    return f"/model/v1/queue/{endpoint.model}"


#: What is tried, how, and the status that is due.
ODD_CALLS: tuple[tuple[str, Callable[[Target, str], Exchange], int], ...] = (
    ("a body that is not JSON", lambda t, path: t.call("POST", path, content=b"{"), 400),
    ("an empty body", lambda t, path: t.call("POST", path, content=b""), 400),
    ("a body that is a list", lambda t, path: t.call("POST", path, []), 400),
    ("a body that is a text", lambda t, path: t.call("POST", path, "prompt"), 400),
    ("another type", lambda t, path: t.call("POST", path, content=b"{}", content_type="text/plain"), 415),
    ("a method that is not served", lambda t, path: t.call("DELETE", path), 405),
    ("a status that is posted", lambda t, path: t.call("POST", f"{path}/requests/x/status", {}), 405),
    ("a response that is put", lambda t, path: t.call("PUT", f"{path}/requests/x/response", {}), 405),
    ("a cancel that is posted", lambda t, path: t.call("POST", f"{path}/requests/x/cancel", {}), 405),
)
_SERVED = {"a method that is not served": "POST", "a status that is posted": "GET", "a response that is put": "GET",
           "a cancel that is posted": "PUT"}  # fmt: skip


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        other = next(one for one in discover().values() if one.model != model)
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        short, path = endpoint.short, _path(endpoint)
        for what in ("submit", *VERBS):
            yield Case(
                f"{short}/queue/key/{what}", KEY, model, (f"queue {model} 401 {what}",),
                "no or wrong key: 401 with code UNAUTHORIZED, for every model (wire#2)", 9, 0.0,
                _no_key(endpoint, params, what),
            )  # fmt: skip
        for name, check, price in (
            ("an unknown id", _unknown_id(endpoint), 0.0),
            ("another model's path", _other_model(endpoint, params, other), cost),
            ("another user's", _other_user(endpoint, params), cost),
        ):
            yield Case(
                f"{short}/queue/unknown/{name}", UNKNOWN, model, (f"queue {model} unknown {name}",),
                "404 Request not found, and NOT_FOUND for a cancel (wire#2)", 6, price, check,
            )  # fmt: skip
        for name, calls, status in ODD_CALLS:
            yield Case(
                f"{short}/queue/odd/{name}", ODD, model, (f"queue {model} {status} {name}",),
                f"{name} is {status} with a detail (wire#2, wire#4)", 1, 0.0,
                _odd(calls, path, status, _SERVED.get(name)),
            )  # fmt: skip
        for name, body, query, headers in WEBHOOKS:
            yield Case(
                f"{short}/queue/webhook/{name}", WEBHOOK, model, (f"queue {model} {name}",),
                f"400 {NO_WEBHOOK} (wire#2)", 1, 0.0, _webhook(endpoint, {**params, **body}, query, headers),
            )  # fmt: skip
        yield Case(
            f"{short}/queue/stream", UNSERVED, model, (f"queue {model} stream",),
            "status/stream is 400 SSE streaming not supported (wire#2)", 2, cost, _stream(endpoint, params),
        )  # fmt: skip
        yield Case(
            f"{short}/queue/sync", UNSERVED, model, (f"queue {model} sync",), "sync is 404 Not Found (wire#2)", 1, 0.0,
            _sync(endpoint, params),
        )  # fmt: skip
    yield Case(
        "gateway/queue/unknown model", UNKNOWN, "gateway", ("queue unknown model",), "404 App not found: NAME (wire#2)",
        4, 0.0, _unknown_model,
    )  # fmt: skip
    yield Case(
        "gateway/queue/too large", ODD, "gateway", ("queue 413",), "a body that is too large is 413 (wire#4)", 1, 0.0,
        _too_large,
    )  # fmt: skip


def _ask(target: Target, endpoint: Endpoint, params: Json, what: str, **how: Any) -> Exchange:
    if what == "submit":
        return target.submit(endpoint, params, QUEUE, **how)
    return target.queue(endpoint, "mmsu_no-such-request", what, **how)


def _no_key(endpoint: Endpoint, params: Json, what: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        for header in NO_KEYS:
            headers = {} if header is None else {"Authorization": header.format(key=target.key)}
            exchange = _ask(target, endpoint, params, what, key=None, headers=headers)
            yield from coded_problems(exchange, 401, "UNAUTHORIZED", NO_KEY)
        if target.knows_keys:
            exchange = _ask(target, endpoint, params, what, key="a-key-of-nobody")
            yield from coded_problems(exchange, 401, "UNAUTHORIZED", NO_KEY)

    return tried


def _unknown_id(endpoint: Endpoint) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        for request_id in ("mmsu_00000000000000000000000000000000", "no/such?request#漁"):
            for what in ("status", "response"):
                yield from detail_problems(target.queue(endpoint, request_id, what), 404, NOT_FOUND)
            yield from cancel_problems(target.queue(endpoint, request_id, "cancel"), request_id, "NOT_FOUND")

    return tried


def _kept_apart(target: Target, asked: Endpoint, request: Request, **how: Any) -> Iterator[Problem]:
    """What is wrong with answers about a request that is another's, or with the request after them."""
    for what in ("status", "response"):
        yield from detail_problems(target.queue(asked, request.id, what, **how), 404, NOT_FOUND)
    yield from cancel_problems(target.queue(asked, request.id, "cancel", **how), request.id, "NOT_FOUND")
    mine = target.queue(request.endpoint, request.id, "status")
    yield from status_problems(target, request, mine)
    if request.form.state(body_of(mine)) == "cancelled":
        yield Problem("a cancel that answers NOT_FOUND cancelled a request", mine)


def _other_model(endpoint: Endpoint, params: Json, other: Endpoint) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        yield from _kept_apart(target, other, requested(target, endpoint, params))

    return tried


def _other_user(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        if not target.other_key:
            raise NotExercised("no second key is known; give one with --other-key", "other-key")
        yield from _kept_apart(target, endpoint, requested(target, endpoint, params), key=target.other_key)

    return tried


def _unknown_model(target: Target) -> Iterator[Problem]:
    path = "/model/v1/queue/no_such_model"
    yield from detail_problems(target.call("POST", path, {}), 404, "App not found: no_such_model")
    for what in ("status", "response"):
        exchange = target.call("GET", f"{path}/requests/x/{what}")
        yield from detail_problems(exchange, 404, "App not found: no_such_model")


def _odd(calls: Callable[[Target, str], Exchange], path: str, status: int, served: str | None) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        exchange = calls(target, path)
        yield from detail_problems(exchange, status)
        if served is not None and served not in exchange.headers.get("allow", ""):
            yield Problem(f"a 405 has to say in Allow what is served: {served}", exchange)

    return tried


def _too_large(target: Target) -> Iterator[Problem]:
    yield from detail_problems(target.announce("/model/v1/queue/kirin_v1_t2v", 1_000_000_000_000), 413)


def _webhook(endpoint: Endpoint, params: Json, query: str, headers: dict[str, str]) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.call("POST", _path(endpoint) + query, params, headers=headers)
        yield from detail_problems(exchange, 400, NO_WEBHOOK)

    return tried


def _stream(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        request = requested(target, endpoint, params)
        exchange = target.queue(endpoint, request.id, "status/stream")
        yield from detail_problems(exchange, 400, "SSE streaming not supported")

    return tried


def _sync(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.call("POST", f"{_path(endpoint)}/sync", params)
        if task_of(exchange):
            yield Problem(f"sync makes a task: {told(exchange)}", exchange)
        yield from detail_problems(exchange, 404, "Not Found")

    return tried
