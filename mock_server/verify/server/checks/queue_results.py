"""The result of a request on the queue: its items, one for each video, and what the poll says of the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Json, Material, body_of, told
from mock_server.verify.server.checks.queue import Request, over, requested
from mock_server.verify.server.queue_forms import COMPLETED, OLDER
from mock_server.verify.server.target import Exchange, Target

RESULT = "gives the result on the queue"
VIDEOS = 3


def cases(material: Material) -> Iterator[Case]:
    """The cases: a result of several videos. ``life_results`` looks at those of different sizes and lengths."""
    for model, endpoint in material.endpoints.items():
        bodies = material.bodies[model]
        yield Case(
            f"{endpoint.short}/queue/result/several videos", RESULT, model, (f"queue {model} several outputs",),
            "several videos are several items, in order (wire#2)", 5, bodies.cost(bodies.cheapest),
            _several(endpoint, bodies.cheapest), follows=True,
        )  # fmt: skip


def _several(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        target.advance(0)
        request = requested(target, endpoint, params, headers={"X-Mock-Scenario": f"output={VIDEOS}"})
        over(target, request)
        result, poll = target.queue(endpoint, request.id, "response"), target.poll(request.id)
        found = body_of(result).get("output" if request.form is OLDER else "outputs")
        if not isinstance(found, list) or len(found) != VIDEOS:
            yield Problem(f"{VIDEOS} videos are {VIDEOS} items, not {found!r}", result)
        yield from same_problems(request, result, poll)

    return tried


def result_problems(target: Target, request: Request) -> Iterator[Problem]:
    """What is wrong with the result of a request that is over, or with what the poll says of it."""
    result, poll = target.queue(request.endpoint, request.id, "response"), target.poll(request.id)
    if result.status != 200 or body_of(poll).get("status") != COMPLETED:
        yield Problem(f"a request of an accepted body ended as {told(result)}; the poll says {told(poll)}", result)
        return
    body = body_of(result)
    for says in request.form.result(body, request.endpoint.content_schema.keys()):
        yield Problem(says, result)
    if body.get("request_id") != request.id:
        yield Problem(f"the result is of request {body.get('request_id')!r}, not {request.id!r}", result)
    yield from same_problems(request, result, poll)


def same_problems(request: Request, result: Exchange, poll: Exchange) -> Iterator[Problem]:
    """What differs between the queue's result and the poll of the same task."""
    body, polled = body_of(result), body_of(poll)
    for name in ("usage", "metadata"):
        if body.get(name) != polled.get(name):
            yield Problem(f"{name} is {body.get(name)!r} on the queue, {polled.get(name)!r} in the poll", result)
    contents = [_listed(output.get("content")) for output in _listed(polled.get("output"))]
    if request.form is OLDER:
        due = [[request.endpoint.queue_content(dict(item)) for item in content] for content in contents]
        if [one.get("content") for one in _listed(body.get("output"))] != due:
            yield Problem(f"output is {body.get('output')!r} on the queue; {due!r} was due", result)
        return
    items, outputs = [item for content in contents for item in content], _listed(body.get("outputs"))
    if [one.get("url") for one in outputs] != [item.get("url") for item in items]:
        yield Problem(f"the videos differ from the poll's, or their order does: {told(result)}", result)
    for item, output in zip(items, outputs, strict=False):
        other = [name for name in item if output.get(name) != item[name]]
        if other:
            yield Problem(f"{', '.join(other)} of an item differs from the poll's: {output!r} against {item!r}", result)


def _listed(value: Any) -> list[Json]:
    """The objects of a list; what is no list has none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
