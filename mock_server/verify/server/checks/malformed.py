"""Bodies that are no JSON, JSON of other shapes than the documented ones, and headers: which are refused, which go
through, and which may be answered in any orderly way because no document says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import documented_body, wrapped_body
from mock_server.models import discover
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import (
    QUEUE,
    Asked,
    Json,
    Material,
    about,
    body_of,
    detail_problems,
    gateway_problems,
    refusal_problems,
    task_of,
    told,
)
from mock_server.verify.server.target import Exchange, Target

SUBMIT = "/model/v1/generation"
NO_JSON, ORDERLY = "refuses what is no JSON", "answers odd bodies in order"
SHAPES, HEADERS = "refuses other shapes of a body", "takes headers as HTTP has them"

#: What is no JSON object, whatever else it is; RIGHT stands for a right body.
RIGHT = b"RIGHT"
REFUSED: tuple[tuple[str, bytes], ...] = (
    ("nothing", b""),
    ("blanks", b"  \r\n "),
    ("a brace", b"{"),
    ("two braces too many", RIGHT + b"}}"),
    ("a body that is cut off", b"CUT"),
    ("two bodies", RIGHT + RIGHT),
    ("a body and a word", RIGHT + b" ok"),
    ("a comma after the last", b'{"model": "kirin_v1_t2v", "prompt": "a",}'),
    ("single quotes", b"{'model': 'kirin_v1_t2v', 'prompt': 'a'}"),
    ("names without quotes", b'{model: "kirin_v1_t2v", prompt: "a"}'),
    ("a comment", b'{"model": "kirin_v1_t2v", "prompt": "a" /* so */}'),
    ("Python's literals", b'{"model": "kirin_v1_t2v", "prompt": "a", "cfg_scale": None}'),
    ("NaN", b'{"model": "kirin_v1_t2v", "prompt": "a", "cfg_scale": NaN}'),
    ("Infinity", b'{"model": "kirin_v1_t2v", "prompt": "a", "cfg_scale": Infinity}'),
    ("a number with a leading zero", b'{"model": "kirin_v1_t2v", "prompt": "a", "cfg_scale": 00.5}'),
    ("a line end in a text", b'{"model": "kirin_v1_t2v", "prompt": "a\nb"}'),
    ("an unknown escape", b'{"model": "kirin_v1_t2v", "prompt": "\\x41"}'),
    ("bytes that are not UTF-8", b'{"model": "kirin_v1_t2v", "prompt": "\xff\xfe"}'),
    ("Latin-1", '{"model": "kirin_v1_t2v", "prompt": "café"}'.encode("latin-1")),
    ("UTF-16", '{"model": "kirin_v1_t2v", "prompt": "a"}'.encode("utf-16")),
    ("a form", b"model=kirin_v1_t2v&prompt=a"),
    ("XML", b"<model>kirin_v1_t2v</model>"),
    ("null", b"null"),
    ("true", b"true"),
    ("a number", b"5"),
    ("a text", b'"prompt"'),
    ("a list", b"[]"),
    ("a list of bodies", b"[" + RIGHT + b"]"),
    ("JSON in a text", b"QUOTED"),
    ("brackets, 100,000 deep", b"[" * 100_000),
)
#: What no document decides: it is accepted or refused, but not with a status of 5xx, and in JSON.
UNDECIDED: tuple[tuple[str, str], ...] = (
    ("a lone surrogate", '"prompt": "\\ud83c"'),
    ("two surrogates in the wrong order", '"prompt": "\\udfac\\ud83c"'),
    ("a NUL", '"prompt": "a\\u0000b"'),
    ("a name twice", '"prompt": "a", "prompt": "b"'),
    ("a number too large for a float", '"prompt": "a", "cfg_scale": 1e999'),
    ("an integer of 400 digits", f'"prompt": "a", "seed": {"9" * 400}'),
    ("minus zero", '"prompt": "a", "cfg_scale": -0.0'),
    ("a number of 2,000 digits", f'"prompt": "a", "cfg_scale": 0.{"3" * 2000}'),
    ("10,000 names", ", ".join(f'"name{number}": 1' for number in range(10_000))),
    ("lists, 500 deep", f'"prompt": {"[" * 500}{"]" * 500}'),
    ("lists, 100,000 deep", f'"prompt": {"[" * 100_000}{"]" * 100_000}'),
    ("a name of 100,000 characters", f'"{"a" * 100_000}": 1'),
)

#: Content types that say JSON, and some that do not.
JSON_TYPES = (
    "application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8",
    'application/json; charset="utf-8"',
)  # fmt: skip
OTHER_TYPES = (
    None, "text/plain", "text/json", "text/html", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "application/octet-stream", "application/jsonp", "application/xml",
    "json", "",
)  # fmt: skip
#: Headers that change nothing.
HARMLESS: tuple[dict[str, str], ...] = (
    {"Accept": "*/*"},
    {"Accept": "text/html"},
    {"Accept-Language": "de-DE, de;q=0.9"},
    {"User-Agent": ""},
    {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"},
    {"X-Request-Id": "abc-123", "X-Forwarded-For": "192.0.2.1", "X-Custom": "a" * 4000},
    {"Cookie": "session=1; theme=dark"},
    {"Cache-Control": "no-cache", "Pragma": "no-cache", "DNT": "1"},
    {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
)

Change = Callable[[Endpoint, Json], Any]


def _flat(endpoint: Endpoint, params: Json) -> Any:
    return {"model": endpoint.model, **params}


def _in_data(endpoint: Endpoint, params: Json) -> Any:
    return {"model": endpoint.model, "data": params}


def _wrapped(change: Callable[[Json], Any]) -> Change:
    return lambda endpoint, params: change(wrapped_body(endpoint.model, params))


#: Shapes that no document has, of right parameters.
WRONG_SHAPES: tuple[tuple[str, Change], ...] = (
    ("model and params", lambda e, p: {"model": e.model, "params": p}),
    ("model and parameters", lambda e, p: {"model": e.model, "parameters": p}),
    ("input that is an object", lambda e, p: {"model": e.model, "input": p}),
    ("input that is an object with params", lambda e, p: {"model": e.model, "input": {"params": p}}),
    ("input without an element", _wrapped(lambda body: {**body, "input": []})),
    ("input of two elements", _wrapped(lambda body: {**body, "input": body["input"] * 2})),
    ("input of the parameters themselves", _wrapped(lambda body: {**body, "input": [body["input"][0]["params"]]})),
    ("input of null", _wrapped(lambda body: {**body, "input": None})),
    ("input of a text", _wrapped(lambda body: {**body, "input": json.dumps(body["input"])})),
    ("input of an element that is null", _wrapped(lambda body: {**body, "input": [None]})),
    ("params that are null", _wrapped(lambda body: {**body, "input": [{"params": None}]})),
    ("params that are a list", _wrapped(lambda body: {**body, "input": [{"params": [body["input"][0]["params"]]}]})),
    ("params that are a text", _wrapped(lambda body: {**body, "input": [{"params": "x"}]})),
    ("something beside params", _wrapped(lambda body: {**body, "input": [{**body["input"][0], "extra": 1}]})),
    ("something beside input", _wrapped(lambda body: {**body, "surprise": 1})),
    ("a prompt beside input", _wrapped(lambda body: {**body, "prompt": "a"})),
    ("moderation that is a text", _wrapped(lambda body: {**body, "moderation": "true"})),
    ("moderation that is 1", _wrapped(lambda body: {**body, "moderation": 1})),
    ("dash_scope that is a text", _wrapped(lambda body: {**body, "dash_scope": "no"})),
    ("dash_scope that is null", _wrapped(lambda body: {**body, "dash_scope": None})),
    ("metadata that is a list", _wrapped(lambda body: {**body, "metadata": []})),
    ("metadata that is a text", _wrapped(lambda body: {**body, "metadata": "x"})),
)
#: The same for models that take their parameters flat, and for those that take them in data.
WRONG_BY_SHAPE: dict[str, tuple[tuple[str, Change], ...]] = {
    "flat": (("data", _in_data), ("data beside the parameters", lambda e, p: {**_flat(e, p), "data": {}})),
    "data": (
        ("no data", _flat),
        ("data that is null", lambda e, p: {"model": e.model, "data": None}),
        ("data that is a list", lambda e, p: {"model": e.model, "data": [p]}),
        ("data that is a text", lambda e, p: {"model": e.model, "data": json.dumps(p)}),
        ("data that is empty", lambda e, p: {"model": e.model, "data": {}}),
        ("a parameter beside data", lambda e, p: {**_in_data(e, p), "prompt": "a"}),
    ),
}
#: Shapes that belong to the other protocol.
WRONG_ON_THE_QUEUE: tuple[tuple[str, Change], ...] = (
    ("data", lambda e, p: {"data": p}),
    ("params", lambda e, p: {"params": p}),
    ("input", lambda e, p: {"input": [{"params": p}]}),
    ("input that is an object", lambda e, p: {"input": p}),
)
#: What the wrapper may carry.
RIGHT_EXTRAS: tuple[Json, ...] = (
    {"moderation": True}, {"moderation": False, "dash_scope": True}, {"dash_scope": False}, {"metadata": {}},
    {"metadata": {"a": [1, {"b": None}], "漁": "🎬"}, "moderation": True, "dash_scope": True},
)  # fmt: skip


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    endpoints = list(discover().values())
    for number, (name, content) in enumerate(REFUSED):
        endpoint = endpoints[number % len(endpoints)]
        params = dict(endpoint.example)
        for side in ("generation", QUEUE):
            yield Case(
                f"gateway/no-json/{side}/{name}", NO_JSON, "gateway", (f"no JSON {side}",),
                f"a body that is not JSON, or no object, is 400 (wire#4): {name}", 1, 0.0,
                _no_json(endpoint, params, content, side, name),
            )  # fmt: skip
    for model, endpoint in material.endpoints.items():
        bodies = material.bodies[model]
        yield from _of_model(endpoint, bodies.cheapest, bodies.cost(bodies.cheapest), model)


def _of_model(endpoint: Endpoint, params: Json, cost: float, model: str) -> Iterator[Case]:
    short = endpoint.short
    if not endpoint.images:
        for name, said in UNDECIDED:
            yield Case(
                f"{short}/odd/{name}", ORDERLY, model, (f"odd bodies {model}",),
                f"whatever a body holds, no answer is 5xx (wire#4): {name}", 2, 2 * cost,
                _orderly(endpoint, said, name),
            )  # fmt: skip
    for name, change in (*WRONG_SHAPES, *WRONG_BY_SHAPE[endpoint.shape]):
        yield Case(
            f"{short}/shape/{name}", SHAPES, model, (f"wrong shapes {model}",),
            f"any other shape is refused (wire#1): {name}", 1, 0.0, _shape(endpoint, change(endpoint, params), name),
        )  # fmt: skip
    for name, change in WRONG_ON_THE_QUEUE:
        yield Case(
            f"{short}/shape/queue/{name}", SHAPES, model, (f"wrong shapes {model} queue",),
            f"the body of a submit is the bare parameters (wire#2): {name}", 1, 0.0,
            _queue_shape(endpoint, change(endpoint, params), name),
        )  # fmt: skip
    yield Case(
        f"{short}/shape/extras", HEADERS, model, (f"wrapper {model}",),
        "the wrapper may carry moderation, dash_scope and metadata (wire#1)", len(RIGHT_EXTRAS),
        len(RIGHT_EXTRAS) * cost, _extras(endpoint, params),
    )  # fmt: skip
    for name, tried, calls, paid in (
        ("types", _right_types(endpoint, params), 2 * len(JSON_TYPES), 2 * len(JSON_TYPES) * cost),
        ("other types", _other_types(endpoint, params), 2 * len(OTHER_TYPES), 0.0),
        ("harmless", _harmless(endpoint, params), len(HARMLESS), len(HARMLESS) * cost),
    ):
        yield Case(
            f"{short}/headers/{name}", HEADERS, model, (f"headers {model} {name}",),
            "Content-Type is application/json, whatever its letters and charset; else 415 (wire#4, RFC 9110)", calls,
            paid, tried,
        )  # fmt: skip


def _path(endpoint: Endpoint, side: str) -> str:
    return f"/model/v1/queue/{endpoint.model}" if side == QUEUE else SUBMIT


def _no_json(endpoint: Endpoint, params: Json, content: bytes, side: str, name: str) -> Tried:
    body = params if side == QUEUE else documented_body(endpoint, params)
    right = json.dumps(body).encode()
    quoted = json.dumps(right.decode()).encode()
    given = content.replace(RIGHT, right).replace(b"CUT", right[:-2]).replace(b"QUOTED", quoted)

    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.call("POST", _path(endpoint, side), content=given)
        found = detail_problems(exchange, 400) if side == QUEUE else gateway_problems(exchange, 400, 40001)
        yield from about(found, Asked(name))

    return tried


def _orderly(endpoint: Endpoint, said: str, name: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        for side, model in ((QUEUE, ""), ("generation", f'"model": "{endpoint.model}", ')):
            exchange = target.call("POST", _path(endpoint, side), content=f"{{{model}{said}}}".encode())
            orderly = (exchange.status == 200 and task_of(exchange)) or exchange.status in {400, 413, 422}
            if not orderly or not body_of(exchange):
                says = f"the answer is {told(exchange)}; a task or a refusal with 400 was due"
                yield from about([Problem(says, exchange)], Asked(name))

    return tried


def _shape(endpoint: Endpoint, body: Any, name: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.call("POST", SUBMIT, body)
        yield from about(refused_somehow(endpoint, exchange), Asked(name))

    return tried


def _queue_shape(endpoint: Endpoint, body: Any, name: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.submit(endpoint, body, QUEUE)
        yield from about(refused_somehow(endpoint, exchange, queue=True), Asked(name))

    return tried


def refused_somehow(endpoint: Endpoint, exchange: Exchange, *, queue: bool = False) -> Iterator[Problem]:
    """What is wrong with an answer that refuses a body in the words of its model, with whichever of its codes: where
    the parameters are not where they belong, a server may say that they are missing.
    """
    error = body_of(exchange).get("error")
    code = error.get("code") if isinstance(error, dict) else None
    known = {endpoint.errors.other, *endpoint.errors.by_mistake.values()}
    due = code if isinstance(code, str) and code in known else endpoint.errors.other
    yield from refusal_problems(endpoint, exchange, str(due), queue=queue)


def _extras(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        for extra in RIGHT_EXTRAS:
            exchange = target.call("POST", SUBMIT, {**wrapped_body(endpoint.model, params), **extra})
            if not task_of(exchange):
                found = Problem(f"a wrapper that carries these is rejected: {told(exchange)}", exchange)
                yield from about([found], Asked(" and ".join(extra)))

    return tried


def _right_types(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        for kind in JSON_TYPES:
            for shape in ("documented", QUEUE):
                exchange = target.submit(endpoint, params, shape, content_type=kind)
                if not task_of(exchange):
                    found = Problem(f"a right body of this type is rejected: {told(exchange)}", exchange)
                    yield from about([found], Asked("Content-Type", kind))

    return tried


def _other_types(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        for kind in OTHER_TYPES:
            asked = Asked("Content-Type", "is missing" if kind is None else kind or "is empty")
            exchange = target.submit(endpoint, params, content_type=kind)
            yield from about(gateway_problems(exchange, 415, 41501), asked)
            exchange = target.submit(endpoint, params, QUEUE, content_type=kind)
            yield from about(detail_problems(exchange, 415), asked)

    return tried


def _harmless(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        for place, headers in enumerate(HARMLESS):
            exchange = target.submit(endpoint, params, ("documented", QUEUE)[place % 2], headers=headers)
            if not task_of(exchange):
                found = Problem(f"a right body with these headers is rejected: {told(exchange)}", exchange)
                yield from about([found], Asked(", ".join(headers)))

    return tried
