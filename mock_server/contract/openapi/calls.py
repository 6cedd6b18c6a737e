"""The operations of submit and poll, of the queue, and the callbacks (wire#1, wire#2, wire#5)."""

from __future__ import annotations

import json
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import component_name, documented_body
from mock_server.contract.openapi import queue
from mock_server.contract.openapi.errors import own_words, responses
from mock_server.contract.openapi.parts import STRING, Json, answer, ref
from mock_server.contract.openapi.queue import PAGES
from mock_server.core.resources import resource

MAX_EXAMPLES = 3
_PICTURES = "https://pictures.example.com/"


def paths(known: list[Endpoint]) -> Json:
    """The generation paths, and the queue paths of each model."""
    found: Json = {
        "/model/v1/generation": {"post": _submit(known)},
        "/model/v1/generation/task/{task_id}": {"parameters": [_task_id()], "get": _poll()},
    }
    for endpoint in known:
        base = f"/model/v1/queue/{endpoint.model}"
        below = {"parameters": [_request_id()]}
        found[base] = {"post": _queue_submit(endpoint)}
        found[f"{base}/requests/{{request_id}}/status"] = {**below, "get": _queue_status(endpoint)}
        found[f"{base}/requests/{{request_id}}/response"] = {**below, "get": _queue_response(endpoint)}
        found[f"{base}/requests/{{request_id}}/cancel"] = {**below, "put": _queue_cancel(endpoint)}
    return found


def _examples(endpoint: Endpoint) -> dict[str, Any]:
    """Parameters that the documents accept, by name: the model's own example, and some rows of its fixtures."""
    rows = json.loads(resource("fixtures", endpoint.model, "requests.json").read_bytes())["rows"]
    found = {endpoint.model: dict(endpoint.example)}
    for row in rows:
        params = _plain(row["params"])
        if params is not None and len(found) <= MAX_EXAMPLES and "external_task_id" not in params:
            found[f"{endpoint.short}-{row['id']}"] = params
    return found


def _plain(value: Any) -> Any:
    """A fixture's value with its image URLs written out; None where it holds an image itself."""
    if not isinstance(value, dict | list):
        return value
    if isinstance(value, dict) and list(value) == ["$url"]:
        return _PICTURES + value["$url"]
    if isinstance(value, dict) and any(key.startswith("$") for key in value):
        return None
    inner = {key: _plain(one) for key, one in value.items()} if isinstance(value, dict) else [_plain(v) for v in value]
    return None if None in (inner.values() if isinstance(inner, dict) else inner) else inner


def _operation(name: str, summary: str, description: str, tag: str, evidence: str, source: str) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "description": description,
        "tags": [tag],
        "x-evidence": evidence,
        "x-source": source,
    }


def _json_body(schema: Json, examples: dict[str, Any]) -> Json:
    shown = {name: {"value": value} for name, value in examples.items()}
    return {"required": True, "content": {"application/json": {"schema": schema, "examples": shown}}}


def _submit(known: list[Endpoint]) -> Json:
    bodies = [ref(f"{component_name(endpoint)}{kind}") for endpoint in known for kind in ("Request", "Wrapped")]
    examples = {
        name: documented_body(endpoint, params) for endpoint in known for name, params in _examples(endpoint).items()
    }
    refusals = responses(
        "400", "401", "402", "404", "405", "409 Duplicate", "413", "415", "429", "503", also=own_words(known)
    )
    links = {"poll": {"operationId": "pollTask", "parameters": {"task_id": "$response.body#/id"}}}
    return {
        **_operation(
            "submitTask", "Submit a task", "Answers with the task's id; the result comes by polling or by callback.",
            "generation", "observed", "wire#1",
        ),
        "requestBody": _json_body({"oneOf": bodies}, examples),
        "responses": {"200": answer(ref("TaskMade"), "The task was made.", links=links), **refusals},
        "callbacks": {"taskStatus": {"{$request.body#/callback_url}": {"post": _callback()}}},
    }  # fmt: skip


def _poll() -> Json:
    return {
        **_operation(
            "pollTask", "Show a task", "The task as it stands now; asking changes nothing.", "generation", "observed",
            "wire#1",
        ),
        "responses": {"200": answer(ref("Task"), "The task."), **responses("401", "404", "405", "429", "503")},
    }  # fmt: skip


def _task_id() -> Json:
    return _path_parameter("task_id", "The task's id, or the external_task_id it was given.", "documented")


def _request_id() -> Json:
    return _path_parameter(
        "request_id", "The request's id, the task's, or the external_task_id it was given.", "assumed"
    )


def _path_parameter(name: str, description: str, evidence: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1},
        "x-evidence": evidence,
        "x-source": "all#external_task_id",
    }


def _queue_submit(endpoint: Endpoint) -> Json:
    stem = component_name(endpoint)
    parameters = {"request_id": "$response.body#/request_id"}
    links = {
        kind: {"operationId": f"queue{kind.capitalize()}{stem}", "parameters": parameters}
        for kind in ("status", "response", "cancel")
    }
    return {
        **_operation(
            f"queueSubmit{stem}", f"Submit a task of {endpoint.model}",
            "Takes the bare parameters; answers with an id and three URLs. There is no webhook and no stream.",
            "queue", PAGES, "wire#2",
        ),
        "requestBody": _json_body(ref(f"{stem}QueueBody"), _examples(endpoint)),
        "responses": queue.submit_answers(stem, links),
        "callbacks": {"taskStatus": {"{$request.body#/callback_url}": {"post": _callback(stem)}}},
    }  # fmt: skip


def _queue_call(endpoint: Endpoint, name: str, summary: str, description: str, answers: Json) -> Json:
    operation = f"{name}{component_name(endpoint)}"
    return {**_operation(operation, summary, description, "queue", PAGES, "wire#2"), "responses": answers}


def _queue_status(endpoint: Endpoint) -> Json:
    return _queue_call(
        endpoint, "queueStatus", f"Show how a task of {endpoint.model} stands",
        "COMPLETED says only that the task is over: with error it failed or was cancelled.",
        queue.status_answers(component_name(endpoint)),
    )  # fmt: skip


def _queue_response(endpoint: Endpoint) -> Json:
    return _queue_call(
        endpoint, "queueResponse", f"Show what became of a task of {endpoint.model}",
        "The result of a task that went well; before the end 202 with its status.",
        queue.response_answers(component_name(endpoint)),
    )  # fmt: skip


def _queue_cancel(endpoint: Endpoint) -> Json:
    return _queue_call(
        endpoint, "queueCancel", f"Cancel a task of {endpoint.model}", "Ends a task that has not ended, at no cost.",
        queue.cancel_answers(),
    )  # fmt: skip


def _callback(stem: str = "") -> Json:
    headers = {
        "webhook-id": "The same for all attempts to deliver one event.",
        "webhook-timestamp": "Unix seconds of this attempt.",
        "webhook-signature": "v1,<base64> of HMAC-SHA256 over id.timestamp.body, when a secret is set.",
    }
    return {
        "operationId": f"taskStatusChanged{stem}",
        "summary": "A task's status changed",
        "description": "One POST for each change, in order; anything but 2xx is tried again.",
        "tags": ["callbacks"],
        "security": [],
        "x-evidence": "assumed",
        "x-source": "wire#5",
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": name != "webhook-signature",
                "description": text,
                "schema": STRING,
                "x-evidence": "assumed",
                "x-source": "wire#5",
            }
            for name, text in headers.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": ref("Task")}}},
        "responses": {
            "2XX": {"description": "Received."},
            "410": {"description": "Send no more callbacks for this task."},
            "429": {"description": "Later; Retry-After says when."},
        },
    }
