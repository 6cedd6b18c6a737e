"""Requests on the queue as the checks see them: how one is made, and what is wrong with each answer about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from mock_server.contract.endpoint import Endpoint
from mock_server.core.clock import stopwatch
from mock_server.verify.server.case import Problem
from mock_server.verify.server.checks.common import QUEUE, Json, body_of, task_of, told
from mock_server.verify.server.queue_forms import FORMS, OVER, URLS, Form, form_of
from mock_server.verify.server.target import Exchange, NotExercised, Target
from mock_server.verify.server.waiting import FINAL

VERBS = ("status", "response", "cancel")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a submit on the queue made; ``made`` is the answer, ``form`` that of the target's first one."""

    endpoint: Endpoint
    params: Json
    id: str
    form: Form
    made: Exchange

    @property
    def urls(self) -> dict[str, str]:
        """The URLs that the submit gave, by their keys."""
        return {name: url for name in URLS if isinstance(url := body_of(self.made).get(name), str)}


def requested(target: Target, endpoint: Endpoint, params: Json, **how: Any) -> Request:
    """A new request. Raises NotExercised when the body is rejected."""
    made = target.submit(endpoint, params, QUEUE, **how)
    task = task_of(made)
    if not task:
        raise NotExercised(f"the body was rejected: {told(made)}")
    target.queue_form = target.queue_form or form_of(body_of(made)).name
    return Request(endpoint, params, task, FORMS[target.queue_form], made)


def submit_problems(target: Target, request: Request, base_url: str = "") -> Iterator[Problem]:
    """What is wrong with the answer to a submit that was sent to ``base_url``."""
    body, made = body_of(request.made), request.made
    if form_of(body).name != request.form.name:
        yield Problem(f"the first submit spoke the {request.form.name} form, this one the other: {told(made)}", made)
    for says in request.form.submitted(body):
        yield Problem(says, made)
    for name, last in URLS.items():
        for says in url_problems(name, body.get(name), request, last, base_url or target.base_url):
            yield Problem(says, made)


def url_problems(name: str, url: Any, request: Request, last: str, base_url: str) -> Iterator[str]:
    """What is wrong with a URL of a request: it is absolute, on the address that was called, and leads to ``last``."""
    if not isinstance(url, str):
        if request.form.name == "documented" or url is not None:
            yield f"{name} is a URL, not {url!r}"
        return
    due = f"{base_url}/model/v1/queue/{request.endpoint.model}/requests/{quote(request.id, safe='')}/{last}"
    if _parts(url) != _parts(due):
        yield f"{name} is {url}; the address that was called makes it {due}"


def _parts(url: str) -> tuple[str, str | None, int | None, str, str]:
    """Scheme, host, port, path and the rest, so that a usual port may be told or left out."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None, None, url, ""
    return parts.scheme, parts.hostname, port, parts.path, f"{parts.query}#{parts.fragment}@{parts.username}"


def status_problems(target: Target, request: Request, exchange: Exchange, status: int = 200) -> Iterator[Problem]:
    """What is wrong with an answer that tells how a request stands."""
    body = body_of(exchange)
    if exchange.status != status:
        yield Problem(f"the answer is {told(exchange)}; {status} was due", exchange)
    for says in request.form.status(body, request.endpoint.errors.message_key):
        yield Problem(says, exchange)
    if body.get("request_id") != request.id:
        yield Problem(f"the answer is about request {body.get('request_id')!r}; {request.id!r} was asked for", exchange)
    given = request.urls.get("response_url")
    if given is None and "response_url" in body:
        for says in url_problems("response_url", body["response_url"], request, "response", target.base_url):
            yield Problem(says, exchange)
    elif body.get("response_url", given) != given:
        yield Problem(f"response_url is {body.get('response_url')!r}; the submit gave {given!r}", exchange)


def until_over(target: Target, request: Request) -> Iterator[tuple[str, Exchange]]:
    """The statuses of a request, up to and with the first that says it is over, each with its state.

    A status that is no status is the last one. Raises Overdue or NotExercised where it takes too long.
    """
    began = stopwatch()
    for _ in target.steps("a request did not end"):
        exchange = target.queue(request.endpoint, request.id, "status")
        state = request.form.state(body_of(exchange)) or ""
        yield state, exchange
        if state in OVER or not state:
            target.lived(stopwatch() - began)
            return


def over(target: Target, request: Request) -> tuple[str, Exchange]:
    """The last status of a request, and the state it tells."""
    if target.controlled:
        target.advance(3600)
    *_, last = until_over(target, request)
    return last


def cancel_running(target: Target, endpoint: Endpoint, task: str) -> Exchange:
    """The answer to the cancel of a task that has not ended. Raises NotExercised when it ended before."""
    ended = NotExercised("the task ended before it could be cancelled", "time")
    if body_of(target.poll(task)).get("status") in FINAL:
        raise ended
    cancelled = target.queue(endpoint, task, "cancel")
    if cancelled.status == 400 and not target.controlled and body_of(target.poll(task)).get("status") in FINAL:
        raise ended
    return cancelled


def stays_problems(target: Target, endpoint: Endpoint, last: Exchange, ids: Sequence[str]) -> Iterator[Problem]:
    """What changes of a task that is over and came to nothing: read by each of its ids, at once and long after, and
    cancelled once more.
    """
    status = target.queue(endpoint, ids[0], "status")
    late = target.queue(endpoint, ids[0], "cancel")
    if (late.status, body_of(late).get("status")) != (400, "ALREADY_COMPLETED"):
        yield Problem(f"a cancel of a task that is over is answered {told(late)}", late)
    for moment in ("at once", "long after"):
        for task_id in ids:
            again = target.poll(task_id)
            if again.json != last.json:
                yield Problem(f"read {moment}, a task that is over changed from {told(last)} to {told(again)}", again)
        target.settle()
    again = target.queue(endpoint, ids[0], "status")
    if again.json != status.json:
        yield Problem(f"the status of a task that is over changed from {told(status)} to {told(again)}", again)


def cancel_problems(exchange: Exchange, request_id: str, word: str) -> Iterator[Problem]:
    """What is wrong with the answer to a cancel that should be ``word``."""
    status = {"CANCELLATION_REQUESTED": 202, "ALREADY_COMPLETED": 400, "NOT_FOUND": 404}[word]
    due = {"status": word, "request_id": request_id}
    if (exchange.status, exchange.json) != (status, due):
        yield Problem(f"a cancel answers {told(exchange)}; {status} {due} was due", exchange)


def same_body_problems(response: Exchange, status: Exchange) -> Iterator[Problem]:
    """What is wrong with a response of a request without a result: its body is that of the status."""
    if response.json != status.json:
        yield Problem(f"the response is {told(response)}; the body of the status was due: {told(status)}", response)
