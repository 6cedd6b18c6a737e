"""What the checks share: what they are made from, and the two answers that a submit can expect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mock_server.endpoint import Endpoint
from mock_server.verify.bodies import Bodies
from mock_server.verify.case import Problem, Tried
from mock_server.verify.target import Exchange, Target

Json = dict[str, Any]

DOCUMENTED, WRAPPED, QUEUE = "documented", "wrapped", "queue"


@dataclass(frozen=True, slots=True)
class Material:
    """What cases are made from. ``depth`` multiplies how many bodies there are of a kind, ``seed`` draws them."""

    endpoints: Mapping[str, Endpoint]
    bodies: Mapping[str, Bodies]
    depth: int
    seed: int


def task_of(exchange: Exchange) -> str:
    """The id of the task that an accepted submit made, in either protocol; empty when there is none."""
    body = exchange.json if isinstance(exchange.json, dict) else {}
    found = body.get("id") or body.get("request_id")
    return found if exchange.status == 200 and isinstance(found, str) else ""


def told(exchange: Exchange) -> str:
    """An answer in few words."""
    return f"{exchange.status} {exchange.content[:300].decode('utf-8', 'replace')}"


def accepted(endpoint: Endpoint, params: Json, shape: str = DOCUMENTED) -> Tried:
    """Tries a submit that has to be accepted."""

    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.submit(endpoint, params, shape)
        if not task_of(exchange):
            yield Problem(f"a body that the document allows is refused: {told(exchange)}", exchange)

    return tried


def refused(endpoint: Endpoint, params: Json, code: str, shape: str = DOCUMENTED) -> Tried:
    """Tries a submit that has to be refused with ``code``, in the model's own shape of errors."""

    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.submit(endpoint, params, shape)
        yield from refusal_problems(endpoint, exchange, code)

    return tried


def refusal_problems(endpoint: Endpoint, exchange: Exchange, code: str, status: int = 400) -> Iterator[Problem]:
    """What is wrong with an answer that should be a task failure with ``code``."""
    if task_of(exchange):
        yield Problem(f"a body that the document forbids is accepted; {code} was due", exchange)
        return
    if exchange.status != status:
        yield Problem(f"the answer is {told(exchange)}; {status} was due", exchange)
        return
    body = exchange.json if isinstance(exchange.json, dict) else {}
    error = body.get("error")
    if body.get("status") != "failed" or not isinstance(error, dict):
        yield Problem(f"the answer is no task failure: {told(exchange)}", exchange)
    elif error.get("code") != code:
        yield Problem(f"the code is {error.get('code')!r}; {code!r} was due", exchange)
    elif not isinstance(error.get(endpoint.errors.message_key), str):
        yield Problem(f"the error has no {endpoint.errors.message_key}: {told(exchange)}", exchange)


def gateway_problems(exchange: Exchange, status: int, code: int) -> Iterator[Problem]:
    """What is wrong with an answer that should be a gateway error."""
    body = exchange.json if isinstance(exchange.json, dict) else {}
    error = body.get("status")
    found = error.get("error_code") if isinstance(error, dict) else None
    if exchange.status != status or found != code:
        yield Problem(f"the answer is {told(exchange)}; {status} with error_code {code} was due", exchange)
