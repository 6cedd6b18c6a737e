"""The life of a task: progress never falls, what is final stays, fields are there when documented, protocols agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mock_server.endpoint import Endpoint
from mock_server.verify.case import Case, Problem, Tried
from mock_server.verify.checks.common import Json, Material, gateway_problems, task_of, told
from mock_server.verify.target import Exchange, NotExercised, Target

STEP = 0.25
MOST_STEPS = 60
FINAL = ("completed", "failed")


def cases(material: Material) -> Iterator[Case]:
    """The cases: a task that completes, one that fails with each documented code, one that is cancelled."""
    for model, endpoint in material.endpoints.items():
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        states = f"transition {model}"
        for shape in ("documented", "queue"):
            yield Case(
                f"{endpoint.short}/life/completes/{shape}", "lives as documented", model,
                (f"{states} queued", f"{states} in_progress", f"{states} completed"),
                f"status, progress, output and usage of a task ({endpoint.short}#response)", 3 * MOST_STEPS, cost,
                _completes(endpoint, params, shape),
            )  # fmt: skip
        for code in [row.code for row in endpoint.errors.codes] or ["50001"]:
            yield Case(
                f"{endpoint.short}/life/fails/{code}", "fails as documented", model,
                (f"{states} failed", f"code {model} {code}"),
                f"error of a failed task ({endpoint.short}#error)", 8, cost, _fails(endpoint, params, code),
            )  # fmt: skip
        for running in (False, True):
            when = "while it runs" if running else "while it is queued"
            yield Case(
                f"{endpoint.short}/life/cancelled {when}", "is cancelled as observed", model,
                (f"{states} cancelled {when}", f"gateway 40902 {model}", f"gateway 40903 {model}"),
                "cancel answers cancelled; after the end 409, 40902 (wire#2)", 9, cost,
                _cancelled(endpoint, params, running=running),
            )  # fmt: skip


def _submitted(target: Target, endpoint: Endpoint, params: Json, shape: str) -> tuple[str, Exchange]:
    exchange = target.submit(endpoint, params, shape)
    task = task_of(exchange)
    if not task:
        raise NotExercised(f"the body was refused: {told(exchange)}")
    return task, exchange


def _body(exchange: Exchange) -> Json:
    return exchange.json if isinstance(exchange.json, dict) else {}


def _completes(endpoint: Endpoint, params: Json, shape: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        task, made = _submitted(target, endpoint, params, shape)
        if shape == "documented":
            yield from _first_problems(made)
        watch = _Watch(endpoint)
        for _ in range(MOST_STEPS):
            poll, status = target.poll(task), target.queue(endpoint, task, "status")
            yield from watch.look(poll, status)
            if _body(poll).get("status") in FINAL:
                break
            early = target.queue(endpoint, task, "response")
            yield from gateway_problems(early, 409, 40903)
            target.advance(STEP)
        else:
            yield Problem(f"the task did not end within {MOST_STEPS * STEP:g} s of the fast profile", poll)
            return
        yield from _end_problems(target, endpoint, task, poll)

    return tried


def _first_problems(made: Exchange) -> Iterator[Problem]:
    body = _body(made)
    if body.get("status") != "in_progress" or body.get("progress") != 0:
        yield Problem(f"a submit answers in_progress with progress 0, not {told(made)}", made)


class _Watch:
    """Looks at one poll after another."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._progress = 0.0

    def look(self, poll: Exchange, status: Exchange) -> Iterator[Problem]:
        """What is wrong with a poll, and with the queue's word for the same moment."""
        body, queue = _body(poll), _body(status)
        progress = body.get("progress")
        if not isinstance(progress, int | float) or progress < self._progress:
            yield Problem(f"progress fell from {self._progress} to {progress!r}", poll)
        else:
            self._progress = progress
        if queue.get("progress") != progress:
            yield Problem(f"the queue says progress {queue.get('progress')!r}, the poll {progress!r}", status)
        expected = {"in_progress": {"queued", "in_progress"}}.get(str(body.get("status")), {body.get("status")})
        if queue.get("status") not in expected:
            yield Problem(f"the queue says {queue.get('status')!r}, the poll {body.get('status')!r}", status)


def _end_problems(target: Target, endpoint: Endpoint, task: str, last: Exchange) -> Iterator[Problem]:
    """What is wrong with a task that has completed: its output, the queue's result, or that it changes again."""
    body = _body(last)
    if body.get("status") != "completed":
        yield Problem(f"a task of an accepted body ended as {told(last)}", last)
        return
    result = target.queue(endpoint, task, "response")
    given = _body(result)
    items = [[endpoint.queue_content(dict(item)) for item in output["content"]] for output in body.get("output", [])]
    if given.get("usage") != body.get("usage") or [one.get("content") for one in given.get("output", [])] != items:
        yield Problem(f"the queue's response differs from the poll: {told(result)} against {told(last)}", result)
    if given.get("request_id") != task:
        yield Problem(f"the response is of request {given.get('request_id')!r}", result)
    target.advance(3600)
    again = target.poll(task)
    if again.json != last.json:
        yield Problem(f"a final task changed from {told(last)} to {told(again)}", again)
    yield from gateway_problems(target.queue(endpoint, task, "cancel"), 409, 40902)


def _fails(endpoint: Endpoint, params: Json, code: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        task, _ = _submitted(target, endpoint, params, "documented")
        target.advance(1)
        target.control("POST", f"tasks/{task}/fail", {"code": code, "message": "told to"})
        error = {"code": code, endpoint.errors.message_key: "told to"}
        due: dict[str, Any] = {"status": "failed", "error": error}
        for exchange in (
            target.poll(task), target.queue(endpoint, task, "status"), target.queue(endpoint, task, "response")
        ):  # fmt: skip
            body = _body(exchange)
            if {name: body.get(name) for name in due} != due:
                yield Problem(f"a task that failed with {code} is {told(exchange)}", exchange)
            if "output" in body or "usage" in body:
                yield Problem("a failed task has output or usage", exchange)

    return tried


def _cancelled(endpoint: Endpoint, params: Json, *, running: bool) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        task, _ = _submitted(target, endpoint, params, "queue")
        if running:
            target.advance(1)
        yield from gateway_problems(target.queue(endpoint, task, "response"), 409, 40903)
        cancelled = target.queue(endpoint, task, "cancel")
        if _body(cancelled) != {"request_id": task, "status": "cancelled"}:
            yield Problem(f"a cancel answers {told(cancelled)}", cancelled)
        target.advance(60)
        poll, status = target.poll(task), target.queue(endpoint, task, "status")
        if _body(status).get("status") != "cancelled":
            yield Problem(f"a cancelled task is {told(status)} on the queue", status)
        body = _body(poll)
        if body.get("status") != "failed" or "error" not in body or "output" in body:
            yield Problem(f"a cancelled task reads as failed on the generation side, not {told(poll)}", poll)
        yield from gateway_problems(target.queue(endpoint, task, "cancel"), 409, 40902)

    return tried
