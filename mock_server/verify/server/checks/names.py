"""How a caller and a task may be named: ``Key`` is as good as ``Bearer``, and each protocol takes each id of a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import DOCUMENTED, QUEUE, Json, Material, body_of, task_of, told
from mock_server.verify.server.checks.queue import VERBS, cancel_problems
from mock_server.verify.server.target import Exchange, NotExercised, Target

SCHEME, IDS = "takes Key like Bearer", "finds a task by each id"
SCHEMES = ("Key", "key", "KEY", "kEy", "bearer", "BEARER")

#: External ids with reserved and other characters; a fresh name comes first.
ODD_IDS = ("{}/scene 4//take 2", "{}%2Fb?c=d&e=f#g+h;i", "{} scène-漁火-🎬", "{}/status", "{}/requests/x/cancel")

Calls = Callable[[Target, str], Exchange]

#: Paths that name no model, by what is done there.
PLACES: tuple[tuple[str, Calls], ...] = (
    ("balance", lambda t, scheme: t.call("GET", "/api/v1/user/balance", scheme=scheme)),
    ("models", lambda t, scheme: t.call("GET", "/api/v1/skill/models?page_size=1", scheme=scheme)),
    ("spec", lambda t, scheme: t.call("GET", "/api/v1/skill/models/kirin_v1_t2v/spec", scheme=scheme)),
    ("contract", lambda t, scheme: t.call("GET", "/api/v1/skill/model-contracts/kirin_v1_t2v", scheme=scheme)),
    ("page", lambda t, scheme: t.call("GET", "/model/v1/models/skill/kirin_v1_t2v", scheme=scheme)),
    ("search", lambda t, scheme: t.call("GET", "/model/v1/models/skill/search?q=kirin", scheme=scheme)),
    ("account", lambda t, scheme: t.call("GET", "/api/v1/auth/me", scheme=scheme)),
    # No file is sent, which is 400 for a good key.
    ("upload", lambda t, scheme: t.call("POST", "/api/v1/storage/files", content=b"x", scheme=scheme)),
)


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    said = "Authorization: Key KEY and Bearer KEY are equally good, on every path (wire#2)"
    for name, calls in PLACES:
        yield Case(
            f"gateway/scheme/{name}", SCHEME, "gateway", (f"scheme {name}",), said, len(SCHEMES), 0.0, _places(calls)
        )
    for model, endpoint in material.endpoints.items():
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        for shape in (DOCUMENTED, QUEUE):
            yield Case(
                f"{endpoint.short}/scheme/{shape}", SCHEME, model, (f"scheme {model} {shape}",), said,
                6 * len(SCHEMES), len(SCHEMES) * cost, _schemes(endpoint, params, shape),
            )  # fmt: skip
            yield Case(
                f"{endpoint.short}/ids/{shape}", IDS, model, (f"ids {model} {shape}",),
                "each protocol can read what the other made, by either id (wire#2)", 8, cost,
                _either_id(endpoint, params, shape),
            )  # fmt: skip
            for number, name in enumerate(ODD_IDS):
                yield Case(
                    f"{endpoint.short}/ids/{shape}/external {number}", IDS, model, (f"external ids {model} {shape}",),
                    f"an external id works as an id, with any characters ({endpoint.short}#external_task_id, "
                    "wire#1)", 6, cost, _external_id(endpoint, params, shape, name),
                )  # fmt: skip


def _places(calls: Calls) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        due = calls(target, "Bearer")
        for scheme in SCHEMES:
            exchange = calls(target, scheme)
            if exchange.status != due.status:
                yield Problem(f"{scheme} is answered {told(exchange)}; Bearer {due.status}", exchange)

    return tried


def _schemes(endpoint: Endpoint, params: Json, shape: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        for scheme in SCHEMES:
            made = target.submit(endpoint, params, shape, scheme=scheme)
            if not task_of(made):
                yield Problem(f"a submit with {scheme} is answered {told(made)}", made)
                return
            asked = [target.poll(task_of(made), scheme=one) for one in (scheme, "Bearer")]
            asked += [target.queue(endpoint, task_of(made), what, scheme=scheme) for what in VERBS]
            for exchange in asked:
                if exchange.status not in {200, 202} and body_of(exchange).get("status") != "ALREADY_COMPLETED":
                    yield Problem(f"a task made with {scheme} is asked for with it: {told(exchange)}", exchange)

    return tried


def _either_id(endpoint: Endpoint, params: Json, shape: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        made = target.submit(endpoint, params, shape)
        first = task_of(made)
        if not first:
            raise NotExercised(f"the body was rejected: {told(made)}")
        other = target.poll(first) if shape == QUEUE else target.queue(endpoint, first, "status")
        if other.status != 200:
            yield Problem(f"the other protocol does not find {first!r}: {told(other)}", other)
            return
        task_id = first if shape == DOCUMENTED else _task_id(other)
        request_id = first if shape == QUEUE else _request_id(other)
        yield from _found_problems(target, endpoint, (task_id, request_id), task_id, request_id)

    return tried


def _external_id(endpoint: Endpoint, params: Json, shape: str, name: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        own = name.format(target.fresh_name())
        made = target.submit(endpoint, {**params, "external_task_id": own}, shape)
        first = task_of(made)
        if not first:
            yield Problem(f"the external_task_id {own!r} is rejected: {told(made)}", made)
            return
        task_id = first if shape == DOCUMENTED else _task_id(target.poll(first))
        request_id = first if shape == QUEUE else _request_id(target.queue(endpoint, first, "status"))
        yield from _found_problems(target, endpoint, (own,), task_id, request_id)

    return tried


def _task_id(poll: Exchange) -> str:
    return str(body_of(poll).get("id") or f"none: {told(poll)}")


def _request_id(status: Exchange) -> str:
    return str(body_of(status).get("request_id") or f"none: {told(status)}")


def _found_problems(
    target: Target, endpoint: Endpoint, ids: tuple[str, ...], task_id: str, request_id: str
) -> Iterator[Problem]:
    """What is wrong with answers that should be about one task, asked for by each of its ``ids``, on both sides."""
    for one in ids:
        poll = target.poll(one)
        if _task_id(poll) != task_id:
            yield Problem(f"the poll by {one!r} is about {_task_id(poll)}; {task_id} was due", poll)
        for what in ("status", "response"):
            exchange = target.queue(endpoint, one, what)
            if _request_id(exchange) != request_id:
                yield Problem(f"the {what} of {one!r} is about {_request_id(exchange)}; {request_id} was due", exchange)
    for place, one in enumerate(reversed(ids)):
        word = "ALREADY_COMPLETED" if place else "CANCELLATION_REQUESTED"
        exchange = target.queue(endpoint, one, "cancel")
        if exchange.status != 400 or place:  # a real server may have been quicker
            yield from cancel_problems(exchange, request_id, word)
