"""Tasks that fail or are cancelled, on the generation side. How one goes well is in ``life_course``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import DOCUMENTED, WRAPPED, Json, Material, body_of, task_of, told
from mock_server.verify.server.checks.life_fields import TIMING, moments_problems
from mock_server.verify.server.checks.queue import cancel_running, stays_problems
from mock_server.verify.server.target import MOST_STEPS, Exchange, NotExercised, Target

#: An id of the client's own.
EXTERNAL = "{}/漁火 é"
SENT = "keeps the metadata that was sent"


def cases(material: Material) -> Iterator[Case]:
    """The cases: a task that fails with each documented code, one that is cancelled."""
    for model, endpoint in material.endpoints.items():
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        states = f"transition {model}"
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
                (f"{states} cancelled {when}",), "a cancelled task reads as failed on the generation side (wire#2)",
                MOST_STEPS + 9, cost, _cancelled(endpoint, params, running=running), follows=True,
            )  # fmt: skip
        for end in ("failed", "cancelled"):
            yield Case(
                f"{endpoint.short}/life/timing/{end}", TIMING, model, (f"timing {model} {end}",),
                "metadata has in_queue_at and, once ended, completed_at, in Unix milliseconds (wire#1)", MOST_STEPS + 8,
                cost, _timed(endpoint, params, end), follows=True,
            )  # fmt: skip
        yield Case(
            f"{endpoint.short}/life/metadata", SENT, model, (f"metadata {model}",),
            "metadata carries timing beside what the client sent (wire#1)", 4, cost, _metadata(endpoint, params),
        )  # fmt: skip


def _submitted(target: Target, endpoint: Endpoint, params: Json, shape: str) -> tuple[str, Exchange]:
    exchange = target.submit(endpoint, params, shape)
    task = task_of(exchange)
    if not task:
        raise NotExercised(f"the body was rejected: {told(exchange)}")
    return task, exchange


def _fails(endpoint: Endpoint, params: Json, code: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        target.advance(0)  # only a kirin-mock can be told to fail a task
        name = EXTERNAL.format(target.fresh_name())
        task, _ = _submitted(target, endpoint, {**params, "external_task_id": name}, DOCUMENTED)
        _let_run(target, endpoint, task)
        target.control("POST", f"tasks/{task}/fail", {"code": code, "message": "told to"})
        error = {"code": code, endpoint.errors.message_key: "told to"}
        due: dict[str, Any] = {"status": "failed", "error": error}
        poll = target.poll(task)
        body = body_of(poll)
        if {name: body.get(name) for name in due} != due:
            yield Problem(f"a task that failed with {code} is {told(poll)}", poll)
        for key in ("output", "usage", "progress"):
            if key in body:
                yield Problem(f"a failed task has {key}", poll)
        yield from stays_problems(target, endpoint, poll, (task, name))

    return tried


def _cancelled(endpoint: Endpoint, params: Json, *, running: bool) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        name = EXTERNAL.format(target.fresh_name())
        task, _ = _submitted(target, endpoint, {**params, "external_task_id": name}, DOCUMENTED)
        if running:
            _let_run(target, endpoint, task)
        cancelled = cancel_running(target, endpoint, task)
        if cancelled.status not in {202, 400}:
            yield Problem(f"a task of the generation side is cancelled on the queue: {told(cancelled)}", cancelled)
        target.settle(60)
        poll = target.ended(task)
        body = body_of(poll)
        if body.get("status") != "failed" or "error" not in body or "output" in body or "usage" in body:
            yield Problem(f"a cancelled task reads as failed on the generation side, not {told(poll)}", poll)
        if "progress" in body:
            yield Problem("a cancelled task has progress", poll)
        yield from stays_problems(target, endpoint, poll, (task, name))

    return tried


def _let_run(target: Target, endpoint: Endpoint, task: str) -> None:
    """Let time pass until a task runs."""
    for _ in target.steps("a task did not begin to run"):
        state = str(body_of(target.queue(endpoint, task, "status")).get("status"))
        if state.upper() not in {"IN_QUEUE", "QUEUED"}:
            return


def _timed(endpoint: Endpoint, params: Json, end: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        if end == "failed":
            target.advance(0)  # only a kirin-mock can be told to fail a task
        task, _ = _submitted(target, endpoint, params, DOCUMENTED)
        before = target.poll(task)
        yield from moments_problems(before)
        if end == "failed":
            _let_run(target, endpoint, task)
            target.control("POST", f"tasks/{task}/fail", {"code": endpoint.errors.generation_failed})
        elif end == "cancelled":
            target.queue(endpoint, task, "cancel")
        poll = target.ended(task)
        yield from moments_problems(poll)
        began = [_metadata_of(one).get("in_queue_at") for one in (before, poll)]
        if began[0] != began[1]:
            yield Problem(f"in_queue_at changed from {began[0]} to {began[1]}", poll)
        target.settle()
        again = target.poll(task)
        if _metadata_of(again) != _metadata_of(poll):
            yield Problem(f"the timing of a final task changed to {body_of(again).get('metadata')}", again)

    return tried


def _metadata_of(exchange: Exchange) -> Json:
    metadata = body_of(exchange).get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _metadata(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        sent = {"order": "verify-1", "nested": {"n": 1}}
        body = {"model": endpoint.model, "metadata": sent, "input": [{"params": params}]}
        made = target.call("POST", "/model/v1/generation", body)
        if not task_of(made):
            yield Problem(f"a body in the {WRAPPED} shape with metadata is rejected: {told(made)}", made)
            return
        for exchange in (made, target.poll(task_of(made))):
            metadata = body_of(exchange).get("metadata")
            if not isinstance(metadata, dict) or {name: metadata.get(name) for name in sent} != sent:
                yield Problem(f"metadata is {metadata!r}; {sent!r} was sent", exchange)
        target.queue(endpoint, task_of(made), "cancel")

    return tried
