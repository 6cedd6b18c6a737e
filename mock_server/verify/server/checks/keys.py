"""Keys: every path wants one, in the Authorization header, whole and to the letter."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import documented_body, wrapped_body
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import (
    DOCUMENTED,
    QUEUE,
    WRAPPED,
    Asked,
    Json,
    Material,
    about,
    body_of,
    coded_problems,
    gateway_problems,
    refusal_problems,
    task_of,
    told,
)
from mock_server.verify.server.checks.queue import VERBS
from mock_server.verify.server.target import Exchange, NotExercised, Target

KEY = "wants a key"
SENTENCE = "Authorization Bearer or Key token is required"

#: What is no key at all: headers, with the key and its base64 filled in.
NO_KEYS: tuple[tuple[str, Mapping[str, str], str], ...] = (
    ("no header", {}, ""),
    ("an empty header", {"Authorization": ""}, ""),
    ("the key alone", {"Authorization": "{key}"}, ""),
    ("Bearer alone", {"Authorization": "Bearer"}, ""),
    ("Key alone", {"Authorization": "Key"}, ""),
    ("no blank after Bearer", {"Authorization": "Bearer{key}"}, ""),
    ("Bearer with a colon", {"Authorization": "Bearer: {key}"}, ""),
    ("Bearer=", {"Authorization": "Bearer={key}"}, ""),
    ("Basic", {"Authorization": "Basic {base64}"}, ""),
    ("Basic with the key", {"Authorization": "Basic {key}"}, ""),
    ("Token", {"Authorization": "Token {key}"}, ""),
    ("ApiKey", {"Authorization": "ApiKey {key}"}, ""),
    ("Digest", {"Authorization": 'Digest username="{key}"'}, ""),
    ("OAuth", {"Authorization": "OAuth {key}"}, ""),
    ("X-API-Key", {"X-API-Key": "{key}"}, ""),
    ("Api-Key", {"Api-Key": "{key}"}, ""),
    ("X-Authorization", {"X-Authorization": "Bearer {key}"}, ""),
    ("Proxy-Authorization", {"Proxy-Authorization": "Bearer {key}"}, ""),
    ("a cookie", {"Cookie": "Authorization=Bearer {key}; api_key={key}"}, ""),
    ("the query: key", {}, "key={key}"),
    ("the query: api_key", {}, "api_key={key}"),
    ("the query: access_token", {}, "access_token={key}"),
)
#: Wrong keys, made of the right one.
WRONG_KEYS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("a key of nobody", lambda key: "a-key-of-nobody"),
    ("a letter too many", lambda key: f"{key}x"),
    ("a letter too few", lambda key: key[:-1]),
    ("the first half", lambda key: key[: len(key) // 2]),
    ("other letters", lambda key: key.swapcase()),
    ("twice", lambda key: key + key),
    ("two keys", lambda key: f"{key}, {key}"),
    ("the scheme twice", lambda key: f"Bearer {key}"),
    ("in quotes", lambda key: f'"{key}"'),
    ("in base64", lambda key: base64.b64encode(key.encode()).decode()),
    ("null", lambda key: "null"),
    ("undefined", lambda key: "undefined"),
    ("a star", lambda key: "*"),
)

#: Paths that name no model in a body: name, method, path and body.
PATHS: tuple[tuple[str, str, str, bytes | None], ...] = (
    ("an unknown task", "GET", "/model/v1/generation/task/no-such-task", None),
    ("balance", "GET", "/api/v1/user/balance", None),
    ("models", "GET", "/api/v1/skill/models", None),
    ("spec", "GET", "/api/v1/skill/models/kirin_v1_t2v/spec", None),
    ("contract", "GET", "/api/v1/skill/model-contracts/kirin_v1_t2v", None),
    ("page", "GET", "/model/v1/models/skill/kirin_v1_t2v", None),
    ("search", "GET", "/model/v1/models/skill/search", None),
    ("account", "GET", "/api/v1/auth/me", None),
    ("upload", "POST", "/api/v1/storage/files", b"x"),
)

#: At default depth each path gets one part in so many of what is no key.
PARTS = 3

#: Makes a call with headers and a query in place of a key.
Keyless = Callable[[Target, Mapping[str, str], str], Exchange]
Due = Callable[[Exchange], Iterator[Problem]]


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    parts = [slice(place, None, PARTS if material.depth == 1 else 1) for place in range(PARTS)]
    calls = (len(NO_KEYS) + len(WRONG_KEYS)) // (PARTS if material.depth == 1 else 1) + 2
    for number, (name, method, path, content) in enumerate(PATHS):
        yield Case(
            f"gateway/keys/{name}", KEY, "gateway", (f"keys {name}",),
            "every path wants Authorization: Bearer KEY or Key KEY; else 401, 40101 (wire#2, wire#4)", calls, 0.0,
            _tried(_at(method, path, content), lambda one: gateway_problems(one, 401, 40101), parts[number % PARTS]),
        )  # fmt: skip
    for place, (model, endpoint) in enumerate(material.endpoints.items()):
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        for number, shape in enumerate((DOCUMENTED, WRAPPED, QUEUE)):
            yield Case(
                f"{endpoint.short}/keys/{shape}", KEY, model, (f"keys {model} {shape}",),
                f"All APIs require authentication via Bearer Token ({endpoint.short}#authentication)", calls, 0.0,
                _tried(_submit(endpoint, params, shape), _due(endpoint, shape), parts[(place + number) % PARTS]),
            )  # fmt: skip
        yield Case(
            f"{endpoint.short}/keys/task", KEY, model, (f"keys {model} task",),
            f"a task is shown to nobody without its key ({endpoint.short}#authentication)", 40, cost,
            _task(endpoint, params),
        )  # fmt: skip


def _at(method: str, path: str, content: bytes | None) -> Keyless:
    def call(target: Target, headers: Mapping[str, str], query: str) -> Exchange:
        asked = f"{path}?{query}" if query else path
        return target.call(method, asked, key=None, headers=headers, content=content)

    return call


def _submit(endpoint: Endpoint, params: Json, shape: str) -> Keyless:
    path = f"/model/v1/queue/{endpoint.model}" if shape == QUEUE else "/model/v1/generation"
    shapes = {DOCUMENTED: documented_body(endpoint, params), WRAPPED: wrapped_body(endpoint.model, params)}
    body = shapes.get(shape, params)

    def call(target: Target, headers: Mapping[str, str], query: str) -> Exchange:
        return target.call("POST", f"{path}?{query}" if query else path, body, key=None, headers=headers)

    return call


def _due(endpoint: Endpoint, shape: str) -> Due:
    own = endpoint.errors.unauthenticated
    if shape == QUEUE:
        return lambda one: coded_problems(one, 401, "UNAUTHORIZED", SENTENCE)
    if own is not None:
        return lambda one: refusal_problems(endpoint, one, own, 401)
    return lambda one: gateway_problems(one, 401, 40101)


def _tried(call: Keyless, due: Due, part: slice) -> Tried:
    """Tries what is no key, and wrong keys where the server knows keys: the first of each, and a part of the others."""

    def tried(target: Target) -> Iterator[Problem]:
        encoded = base64.b64encode(target.key.encode()).decode()
        for name, headers, query in (NO_KEYS[0], *NO_KEYS[1:][part]):
            given = {one: value.format(key=target.key, base64=encoded) for one, value in headers.items()}
            exchange = call(target, given, query.format(key=target.key))
            yield from about(due(exchange), Asked("Authorization", name))
        for name, change in (WRONG_KEYS[0], *WRONG_KEYS[1:][part]) if target.knows_keys else ():
            wrong = change(target.key)
            if wrong not in {target.key, target.other_key, ""}:
                exchange = call(target, {"Authorization": f"Bearer {wrong}"}, "")
                yield from about(due(exchange), Asked("Authorization", name))

    return tried


def _task(endpoint: Endpoint, params: Json) -> Tried:
    """Tries to look at a task, and to cancel it, without a good key; then it must still be there."""

    def tried(target: Target) -> Iterator[Problem]:
        made = target.submit(endpoint, params)
        task = task_of(made)
        if not task:
            raise NotExercised(f"the body was rejected: {told(made)}")
        for name, headers, _ in NO_KEYS[:6]:
            given = {one: value.format(key=target.key) for one, value in headers.items()}
            poll = target.poll(task, key=None, headers=given)
            yield from about(gateway_problems(poll, 401, 40101), Asked("Authorization", name))
            for what in VERBS:
                exchange = target.queue(endpoint, task, what, key=None, headers=given)
                yield from about(coded_problems(exchange, 401, "UNAUTHORIZED", SENTENCE), Asked("Authorization", name))
        mine = target.poll(task)
        if task_of(mine) != task or (body_of(mine).get("status") == "failed" and target.controlled):
            yield Problem(f"calls without a key changed a task: {told(mine)}", mine)

    return tried
