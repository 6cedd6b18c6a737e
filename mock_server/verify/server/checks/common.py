"""What the checks share: what they are made from, and the two answers that a submit can expect."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from mock_server.contract.endpoint import Endpoint
from mock_server.models import discover
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Problem, Tried
from mock_server.verify.server.target import Exchange, Target

Json = dict[str, Any]
T = TypeVar("T")

DOCUMENTED, WRAPPED, QUEUE = "documented", "wrapped", "queue"


@dataclass(frozen=True, slots=True)
class Material:
    """What cases are made from. ``depth`` multiplies how many bodies there are of a kind, ``seed`` draws them."""

    endpoints: Mapping[str, Endpoint]
    bodies: Mapping[str, Bodies]
    depth: int
    seed: int


def share(endpoint: Endpoint, of: Sequence[T]) -> Sequence[T]:
    """The part of a list that falls to one model, so that all models together have all of it."""
    models = sorted(discover())
    return of[models.index(endpoint.model) :: len(models)]


def task_of(exchange: Exchange) -> str:
    """The id of the task that an accepted submit made, in either protocol; empty when there is none."""
    body = body_of(exchange)
    found = body.get("id") or body.get("request_id")
    return found if exchange.status == 200 and isinstance(found, str) else ""


def body_of(exchange: Exchange) -> Json:
    """The object that an answer is; empty when it is none."""
    return exchange.json if isinstance(exchange.json, dict) else {}


def told(exchange: Exchange) -> str:
    """An answer in few words."""
    return f"{exchange.status} {exchange.content[:300].decode('utf-8', 'replace')}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a body is about: the path of a field as it is written, and what is special there."""

    field: str = ""
    label: str = ""

    def __str__(self) -> str:
        """In quotes, so that problems that differ in nothing else count as alike."""
        return "'" + f"{self.field} {self.label}".strip().replace("'", '"') + "'"


#: A body that is about nothing in particular.
NOTHING = Asked()


def about(problems: Iterable[Problem], asked: Asked) -> Iterator[Problem]:
    """The same problems, each of which begins with what was asked."""
    for problem in problems:
        known = asked != NOTHING
        yield replace(problem, says=f"{asked}: {problem.says}", field=asked.field) if known else problem


def accepted(endpoint: Endpoint, params: Json, shape: str = DOCUMENTED, asked: Asked = NOTHING) -> Tried:
    """Tries a submit that has to be accepted; ``asked`` says what is looked at. An external id is a fresh one."""

    def tried(target: Target) -> Iterator[Problem]:
        named = {"external_task_id": target.fresh_name()} if "external_task_id" in params else {}
        exchange = target.submit(endpoint, {**params, **named}, shape)
        if not task_of(exchange):
            found = Problem(f"a body that the document allows is rejected: {told(exchange)}", exchange)
            yield from about([found], asked)

    return tried


def refused(endpoint: Endpoint, params: Json, code: str, shape: str = DOCUMENTED, asked: Asked = NOTHING) -> Tried:
    """Tries a submit that has to be refused with ``code``, in the model's own shape of errors."""

    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.submit(endpoint, params, shape)
        yield from about(refusal_problems(endpoint, exchange, code, queue=shape == QUEUE), asked)

    return tried


def refusal_problems(
    endpoint: Endpoint, exchange: Exchange, code: str, status: int = 400, *, queue: bool = False
) -> Iterator[Problem]:
    """What is wrong with an answer that should refuse a body with ``code``: a task failure, or on the ``queue`` side
    the model's error with ``detail``, the same sentence.
    """
    if task_of(exchange):
        yield Problem(f"a body that the document forbids is accepted; {code} was due", exchange)
        return
    if exchange.status != status:
        yield Problem(f"the answer is {told(exchange)}; {status} was due", exchange)
        return
    body = body_of(exchange)
    error, sentence = body.get("error"), endpoint.errors.message_key
    if not isinstance(error, dict) or (not queue and body.get("status") != "failed"):
        yield Problem(f"the answer is no task failure: {told(exchange)}", exchange)
    elif error.get("code") != code:
        yield Problem(f"the code is {error.get('code')!r}; {code!r} was due", exchange)
    elif not isinstance(error.get(sentence), str) or not error[sentence]:
        yield Problem(f"the error has no {sentence}: {told(exchange)}", exchange)
    elif queue and (body.keys() != {"error", "detail"} or body["detail"] != error[sentence]):
        yield Problem(
            f"on the queue there are error and detail, the same sentence, and no more: {told(exchange)}", exchange
        )


def gateway_problems(exchange: Exchange, status: int, code: int) -> Iterator[Problem]:
    """What is wrong with an answer that should be a gateway error."""
    error = body_of(exchange).get("status")
    found = error.get("error_code") if isinstance(error, dict) else None
    if exchange.status != status or found != code:
        yield Problem(f"the answer is {told(exchange)}; {status} with error_code {code} was due", exchange)
    elif isinstance(error, dict) and (error.get("code") != status or not _is_sentence(error.get("message"))):
        yield Problem(f"status has code {status} and a message, not {json.dumps(error)[:300]}", exchange)
    elif body_of(exchange).get("data", 0) is not None:
        yield Problem(f"a gateway error has data, which is null: {told(exchange)}", exchange)
    else:
        yield from type_problems(exchange)


def _is_sentence(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def type_problems(exchange: Exchange) -> Iterator[Problem]:
    """What is wrong with the Content-Type of an answer in JSON."""
    given = exchange.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != "application/json":
        yield Problem(f"the Content-Type is {given or 'missing'}; application/json was due", exchange)


def detail_problems(exchange: Exchange, status: int, sentence: str | None = None) -> Iterator[Problem]:
    """What is wrong with an answer that should be ``{"detail": sentence}``; without a sentence, any will do."""
    detail = body_of(exchange).get("detail")
    right = detail == sentence if sentence is not None else isinstance(detail, str) and bool(detail)
    if exchange.status != status or not right or len(exchange.json) != 1:
        due = f'{{"detail": {"a sentence" if sentence is None else json.dumps(sentence)}}}'
        yield Problem(f"the answer is {told(exchange)}; {status} {due} was due", exchange)
    else:
        yield from type_problems(exchange)


def coded_problems(exchange: Exchange, status: int, code: str, sentence: str | None = None) -> Iterator[Problem]:
    """What is wrong with an answer that should be the queue side's ``{"error": {"code", "message"}, "request_id"}``."""
    body = body_of(exchange)
    error = body.get("error")
    if exchange.status != status or not isinstance(error, dict) or error.get("code") != code:
        yield Problem(f"the answer is {told(exchange)}; {status} with an error of code {code} was due", exchange)
    elif set(body) != {"error", "request_id"} or set(error) != {"code", "message"}:
        yield Problem(
            f"the answer has error, of code and message, and request_id, and no more: {told(exchange)}", exchange
        )
    elif not isinstance(error["message"], str) or not error["message"] or sentence not in {None, error["message"]}:
        yield Problem(f"the message is {error['message']!r}; {sentence or 'a sentence'!r} was due", exchange)
    elif not isinstance(body["request_id"], str) or not body["request_id"]:
        yield Problem(f"request_id names the call; it is {body['request_id']!r}", exchange)
