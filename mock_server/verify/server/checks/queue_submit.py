"""What a submit on the queue answers: its keys, its id, and three URLs on the address that was called, which work."""

from __future__ import annotations

from collections.abc import Iterator

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Json, Material, body_of, task_of, told
from mock_server.verify.server.checks.queue import (
    Request,
    cancel_problems,
    requested,
    same_body_problems,
    status_problems,
    submit_problems,
)
from mock_server.verify.server.queue_forms import FORMS, URLS, form_of
from mock_server.verify.server.target import NotExercised, Target
from mock_server.verify.server.waiting import FINAL


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        yield Case(
            f"{endpoint.short}/queue/submit", "answers a submit on the queue", model,
            (f"queue {model} submit", *(f"queue {model} {name}" for name in URLS)),
            "request_id, three absolute URLs on the address the client used, queue_position; no status (wire#2)", 5,
            cost, _submitted(endpoint, params),
        )  # fmt: skip
        yield Case(
            f"{endpoint.short}/queue/submit/by another name", "answers a submit on the queue", model,
            (f"queue {model} address",),
            "the URLs are on the address the client used, or on the server's one public address (wire#2)", 2, cost,
            _by_another_name(endpoint, params),
        )  # fmt: skip
        yield Case(
            f"{endpoint.short}/queue/submit/callback_url", "answers a submit on the queue", model,
            (f"queue {model} callback_url",), f"callback_url stays accepted ({endpoint.short}#callback_url, wire#2)", 1,
            cost, _with_callback(endpoint, params),
        )  # fmt: skip


def _submitted(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        request = requested(target, endpoint, params)
        yield from submit_problems(target, request)
        yield from _followed(target, request)

    return tried


def _followed(target: Target, request: Request) -> Iterator[Problem]:
    """What is wrong with what the URLs of a submit lead to."""
    urls = request.urls
    if "status_url" in urls:
        status = target.call("GET", urls["status_url"])
        yield from status_problems(target, request, status)
        at_once = body_of(target.poll(request.id)).get("status") in FINAL
        if request.form.state(body_of(status)) not in {"queued", "in_progress"} and target.controlled and not at_once:
            yield Problem(f"a request that was just made is {told(status)}", status)
        if "response_url" in urls and target.controlled and not at_once:
            response = target.call("GET", urls["response_url"])
            yield from same_body_problems(response, status)
    if "response_url" in urls:
        response = target.call("GET", urls["response_url"])
        if response.status not in {200, 202} or body_of(response).get("request_id") != request.id:
            yield Problem(f"response_url of request {request.id} leads to {told(response)}", response)
    if "cancel_url" in urls:
        cancelled = target.call("PUT", urls["cancel_url"])
        if cancelled.status != 400:  # a real server may have been quicker
            yield from cancel_problems(cancelled, request.id, "CANCELLATION_REQUESTED")


def _by_another_name(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        base_url = target.other_name
        if base_url is None:
            raise NotExercised("the target has no other name that is known here", "another-name")
        made = target.call("POST", f"{base_url}/model/v1/queue/{endpoint.model}", params)
        if not task_of(made):
            raise NotExercised(f"the body was rejected by another name: {told(made)}")
        target.queue_form = target.queue_form or form_of(body_of(made)).name
        request = Request(endpoint, params, task_of(made), FORMS[target.queue_form], made)
        one_address = all(str(url).startswith(f"{target.base_url}/") for url in request.urls.values())
        yield from submit_problems(target, request, target.base_url if one_address else base_url)
        if "status_url" in request.urls:
            yield from status_problems(target, request, target.call("GET", request.urls["status_url"]))

    return tried


def _with_callback(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        made = target.submit(endpoint, {**params, "callback_url": "http://127.0.0.1:9/hook"}, "queue")
        if not task_of(made):
            yield Problem(f"a body with callback_url is rejected on the queue: {told(made)}", made)
            return
        target.queue(endpoint, task_of(made), "cancel")

    return tried
