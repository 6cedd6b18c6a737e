"""How a request on the queue fails, with each documented code, and is cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Json, Material, body_of, told
from mock_server.verify.server.checks.queue import (
    Request,
    cancel_problems,
    cancel_running,
    over,
    requested,
    same_body_problems,
    status_problems,
    until_over,
)
from mock_server.verify.server.checks.queue_results import result_problems
from mock_server.verify.server.pictures import plain, png, raw
from mock_server.verify.server.queue_forms import CANCELLED, FAILED, IN_PROGRESS, OLDER
from mock_server.verify.server.target import Exchange, Target

FAILURE, CANCEL = "tells a failure on the queue", "cancels on the queue"
SAID = "told to"


def _failing_by_itself() -> dict[str, dict[str, Json]]:
    """Accepted bodies whose tasks fail, by model and code: masks that do not fit the picture or each other."""
    path = [{"x": 1, "y": 1}, {"x": 9, "y": 9}]
    own = {"image": plain(), "prompt": "a", "mode": "pro"}
    moved = [{"mask": plain(), "trajectories": path}]
    return {
        "kirin_v1_5_i2v": {
            "00200305": {**own, "static_mask": raw(png(640, 320))},
            "00200398": {**own, "static_mask": raw(png(640, 640)), "dynamic_masks": moved},
        }
    }


def cases(material: Material) -> Iterator[Case]:
    """The cases: one that fails with each documented code, cancels at each moment."""
    for model, endpoint in material.endpoints.items():
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        for code in [row.code for row in endpoint.errors.codes] or ["50001"]:
            yield Case(
                f"{endpoint.short}/queue/fails/{code}", FAILURE, model,
                (f"queue {model} status failed", f"queue {model} code {code}"),
                "COMPLETED with error, error_type, provider_error and logs; the response is the same (wire#2)", 6, cost,
                _fails(endpoint, params, code), follows=True,
            )  # fmt: skip
        for code, body in _failing_by_itself().get(model, {}).items():
            yield Case(
                f"{endpoint.short}/queue/fails by itself/{code}", FAILURE, model, (f"queue {model} fails with {code}",),
                f"masks that do not fit are accepted, and the task fails with {code} (wire#4)", 8,
                material.bodies[model].cost(body), _fails_by_itself(endpoint, body, code), follows=True,
            )  # fmt: skip
        for moment in ("queued", "running"):
            yield Case(
                f"{endpoint.short}/queue/cancel/{moment}", CANCEL, model,
                (f"queue {model} cancel {moment}", f"queue {model} status cancelled", f"queue {model} cancel over"),
                "CANCELLATION_REQUESTED, then COMPLETED with error_type CANCELED; ALREADY_COMPLETED (wire#2)", 8, cost,
                _cancelled(endpoint, params, running=moment == "running"), follows=True,
            )  # fmt: skip
        yield Case(
            f"{endpoint.short}/queue/cancel/completed", CANCEL, model, (f"queue {model} cancel completed",),
            "400 ALREADY_COMPLETED, and the result stays (wire#2)", 6, cost,
            _cancelled_late(endpoint, params), follows=True,
        )  # fmt: skip


def _fails(endpoint: Endpoint, params: Json, code: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        target.advance(0)  # only a kirin-mock can be told to fail a task
        request = requested(target, endpoint, params)
        target.advance(1)
        target.control("POST", f"tasks/{request.id}/fail", {"code": code, "message": SAID})
        status, response = (target.queue(endpoint, request.id, what) for what in ("status", "response"))
        yield from status_problems(target, request, status)
        yield from _failure_problems(request, status, code)
        yield from status_problems(target, request, response)
        yield from same_body_problems(response, status)
        poll = body_of(target.poll(request.id))
        if poll.get("status") != "failed" or poll.get("error") != endpoint.errors.body(code, SAID):
            yield Problem(f"a request that failed with {code} reads as {poll} on the generation side", status)

    return tried


def _fails_by_itself(endpoint: Endpoint, params: Json, code: str) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        request = requested(target, endpoint, params)
        state, status = over(target, request)
        yield from status_problems(target, request, status)
        body = body_of(status)
        error = body.get("error" if request.form is OLDER else "provider_error")
        if state != FAILED or not isinstance(error, dict) or error.get("code") != code:
            yield Problem(f"a task that had to fail with {code} is {told(status)}", status)
        yield from same_body_problems(target.queue(endpoint, request.id, "response"), status)
        poll = body_of(target.poll(request.id))
        failure = poll.get("error")
        if poll.get("status") != "failed" or not isinstance(failure, dict) or failure.get("code") != code:
            yield Problem(f"a task that failed with {code} on the queue is {poll} in the poll", status)

    return tried


def _failure_problems(request: Request, status: Exchange, code: str) -> Iterator[Problem]:
    """What is wrong with the status of a request that failed with ``code``."""
    body, errors = body_of(status), request.endpoint.errors
    if request.form.state(body) != FAILED:
        yield Problem(f"a request that failed is {told(status)}", status)
        return
    due: dict[str, Any] = {"error": errors.body(code, SAID)}
    if request.form is not OLDER:
        due = {
            "error": SAID,
            "error_type": errors.error_type_of(code),
            "provider_error": {"code": code, "message": SAID},
        }
    for name, value in due.items():
        if body.get(name) != value:
            yield Problem(
                f"{name} of a request that failed with {code} is {body.get(name)!r}; {value!r} was due", status
            )
    if request.form is not OLDER and SAID not in [line["message"] for line in body["logs"]]:
        yield Problem(f"the logs do not say why it failed: {body['logs']}", status)


def _cancelled(endpoint: Endpoint, params: Json, *, running: bool) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        request = requested(target, endpoint, params)
        if running:
            next((None for state, _ in until_over(target, request) if state == IN_PROGRESS), None)
        cancelled = cancel_running(target, endpoint, request.id)
        yield from cancel_problems(cancelled, request.id, "CANCELLATION_REQUESTED")
        state, status = over(target, request)
        yield from status_problems(target, request, status)
        if state != CANCELLED:
            yield Problem(f"a cancelled request is {told(status)}", status)
        response = target.queue(endpoint, request.id, "response")
        yield from status_problems(target, request, response)
        yield from same_body_problems(response, status)
        poll = target.poll(request.id)
        body = body_of(poll)
        if body.get("status") != "failed" or "error" not in body or "output" in body or "usage" in body:
            yield Problem(f"a cancelled request reads as failed on the generation side, not {told(poll)}", poll)
        yield from cancel_problems(target.queue(endpoint, request.id, "cancel"), request.id, "ALREADY_COMPLETED")

    return tried


def _cancelled_late(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        request = requested(target, endpoint, params)
        over(target, request)
        yield from cancel_problems(target.queue(endpoint, request.id, "cancel"), request.id, "ALREADY_COMPLETED")
        yield from result_problems(target, request)

    return tried
