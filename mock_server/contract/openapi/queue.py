"""The queue protocol in the contract: its paths, its bodies in both forms, and its own errors (wire#2)."""

from __future__ import annotations

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import component_name
from mock_server.contract.openapi.errors import GATEWAY, error_object
from mock_server.contract.openapi.parts import NUMBER, STRING, Json, answer, closed, const, listing, ref
from mock_server.contract.rules import merge
from mock_server.core.queue_words import ERROR_TYPES

PAGES, OBSERVED, ASSUMED = "documented: platform pages", "observed", "assumed"
#: The documented states of a task, each a schema.
STATES = ("QueueWaiting", "QueueRunning", "QueueSucceeded", "QueueFailed")
_URL: Json = {"type": "string", "format": "uri"}
_REQUEST_ID: Json = {"type": "string", "pattern": "^mmsu_", "description": "The id of the request."}
_POSITION: Json = {"type": "integer", "minimum": 0}
_MEANINGS = {
    "400": "The body is not accepted; detail is the sentence.",
    "401": "No key, or a wrong one.",
    "403": "The model is not allowed for this key.",
    "404": "No such model, or no such request of yours.",
    "409": "The external_task_id is taken.",
    "500": "Something broke inside.",
    "502": "Something broke behind.",
}
_ERRORS = {"401": "QueueUnauthorized", "429": "QueueRateLimited"}


def schemas(known: list[Endpoint]) -> Json:
    """The queue's schemas by component name."""
    found = _shared()
    for endpoint in known:
        stem = component_name(endpoint)
        found[f"{stem}QueueBody"] = queue_body(endpoint)
        found |= {f"{stem}Queue{kind}": schema for kind, schema in _of_model(endpoint, stem).items()}
    return found


def _shared() -> Json:
    standing = {"request_id": _REQUEST_ID, "response_url": _URL}
    urls = {"response_url": _URL, "status_url": _URL, "cancel_url": _URL}
    log = closed({"message": STRING, "timestamp": {"type": "string", "description": "ISO 8601, UTC"}})
    failed = {
        "status": const("COMPLETED"),
        **standing,
        "error": {"type": "string", "minLength": 1, "description": "What went wrong, as a sentence."},
        "error_type": {"type": "string", "enum": list(ERROR_TYPES)},
        "provider_error": {**closed({"code": STRING, "message": STRING}), "x-evidence": OBSERVED},
        "logs": {**listing(log), "x-evidence": OBSERVED},
    }
    metrics = closed({"inference_time": {**NUMBER, "minimum": 0, "description": "seconds"}})
    return {
        "QueueMade": _told(closed({"request_id": _REQUEST_ID, **urls, "queue_position": _POSITION}), PAGES),
        "QueueMadeOlder": _told(
            closed({"request_id": _REQUEST_ID, "status": const("queued"), **urls, "queue_position": _POSITION}),
            OBSERVED,
        ),
        "QueueWaiting": _told(closed({"status": const("IN_QUEUE"), **standing, "queue_position": _POSITION}), PAGES),
        "QueueRunning": _told(closed({"status": const("IN_PROGRESS"), **standing}), PAGES),
        "QueueSucceeded": _told(closed({"status": const("COMPLETED"), **standing, "metrics": metrics}), PAGES),
        "QueueFailed": {
            **_told(closed(failed, ["status", *standing, "error", "error_type"]), PAGES),
            "description": "The task is over and has no result: COMPLETED with an error.",
        },
        "QueueCancelRequested": _cancel("CANCELLATION_REQUESTED"),
        "QueueAlreadyCompleted": _cancel("ALREADY_COMPLETED"),
        "QueueNotFound": {
            **closed({"status": const("NOT_FOUND"), "request_id": STRING}), "x-evidence": PAGES, "x-source": "wire#2",
        },
        "QueueDetail": _told(closed({"detail": STRING}), PAGES),
        "QueueUnauthorized": _coded("UNAUTHORIZED"),
        "QueueRateLimited": _coded("RATE_LIMIT_EXCEEDED"),
    }  # fmt: skip


def _told(schema: Json, evidence: str) -> Json:
    return {**schema, "x-evidence": evidence, "x-source": "wire#2"}


def _cancel(word: str) -> Json:
    return _told(closed({"status": const(word), "request_id": _REQUEST_ID}), PAGES)


def _coded(code: str) -> Json:
    error = closed({"code": const(code), "message": STRING})
    return _told(closed({"error": error, "request_id": {**STRING, "description": "The id of this call."}}), PAGES)


def queue_body(endpoint: Endpoint) -> Json:
    """The bare parameters with all rules. What always applies hangs on each parameter: one is always there, because
    an empty body is refused.
    """
    schema: Json = merge({}, endpoint.params_schema)
    if endpoint.always:
        schema["minProperties"] = 1
        hung = dict.fromkeys(schema["properties"], endpoint.always)
        schema["dependentSchemas"] = merge(schema.get("dependentSchemas", {}), hung)
    schema["title"] = f"{component_name(endpoint)}QueueBody"
    schema["description"] = f"The parameters of {endpoint.model}, as the queue takes them."
    return schema


def _of_model(endpoint: Endpoint, stem: str) -> Json:
    """The result of a model in both forms, and what its queue says in the older form."""
    content, name = dict(endpoint.content_schema), f"{stem}Queue"
    pixels: Json = {"type": "integer", "minimum": 1}
    item = {
        **content,
        "content_type": const("video/mp4"),
        "file_name": STRING,
        "file_size": {**pixels, "description": "Bytes; it may be missing while it is not known."},
        "width": pixels,
        "height": pixels,
        "duration": {**NUMBER, "description": "seconds"},
    }
    request_id, usage = {"request_id": _REQUEST_ID}, {"usage": ref("Usage")}
    metadata = {"metadata": ref("Metadata")}
    result = {**request_id, "status": const("COMPLETED"), "outputs": listing(ref(f"{name}Item"), minItems=1)}
    error = error_object(endpoint)
    words = {"type": "string", "enum": ["queued", "in_progress", "completed"]}
    progress = {"progress": {"type": "number", "minimum": 0, "maximum": 1}}
    older = {**progress, "model": const(endpoint.model), "response_url": _URL}
    failed = {"status": {"type": "string", "enum": ["failed", "cancelled"]}, "error": ref(f"{stem}Error")}
    completed = {"status": const("completed"), "output": listing(ref(f"{name}OutputOlder"), minItems=1)}
    return {
        "Item": _told(closed(item, [key for key in item if key != "file_size"]), PAGES),
        "Result": _told(closed({**result, **usage, **metadata}), PAGES),
        "ContentOlder": closed(_older_content(endpoint, content)),
        "OutputOlder": closed({"content": listing(ref(f"{name}ContentOlder"), minItems=1)}),
        "StandingOlder": _told(closed({**request_id, "status": words, **older}), OBSERVED),
        "FailedOlder": _told(closed({**request_id, **failed, **older}), OBSERVED),
        "ResultOlder": _told(closed({**request_id, **completed, **usage, **metadata}), OBSERVED),
        "Rejected": _told(closed({"error": error, "detail": STRING}), ASSUMED),
    }


def _older_content(endpoint: Endpoint, content: Json) -> Json:
    """A content item's schemas in the older form: what that form changes, it makes a string."""
    changed = endpoint.queue_content(content)
    return {name: schema if changed[name] == schema else STRING for name, schema in content.items()}


def refusals(*statuses: str, also: Json | None = None) -> Json:
    """The error answers of an operation by status; ``also`` are schemas in place of the usual one."""
    found: Json = {}
    for status in statuses:
        schema = (also or {}).get(status) or ref(_ERRORS.get(status, "QueueDetail"))
        headers = {"429": {"Retry-After": ref("RetryAfter", "headers")}, "405": {"Allow": ref("Allow", "headers")}}
        meaning = _MEANINGS.get(status) or GATEWAY[status][1]
        found[status] = answer(schema, meaning, headers=headers.get(status, {}))
    return found


def submit_answers(stem: str, links: Json) -> Json:
    """What a submit is answered with."""
    made = {"oneOf": [ref("QueueMade"), ref("QueueMadeOlder")]}
    rejected = {"anyOf": [ref(f"{stem}QueueRejected"), ref("QueueDetail")]}
    errors = ("400", "401", "402", "403", "404", "405", "409", "413", "415", "429", "500", "502", "503")
    return {
        "200": answer(made, "The task was made.", links=links),
        **refusals(*errors, also={"400": rejected}),
    }


def _status_schema(stem: str) -> Json:
    older = [ref(f"{stem}Queue{kind}") for kind in ("StandingOlder", "FailedOlder")]
    return {
        "oneOf": [*(ref(name) for name in STATES), *older],
        "description": "COMPLETED says only that the task is over; without error it went well.",
    }


def status_answers(stem: str) -> Json:
    """What a call for the status is answered with."""
    return {"200": answer(_status_schema(stem), "As it stands."), **_asked()}


def response_answers(stem: str) -> Json:
    """What a call for the result is answered with."""
    results = [ref(f"{stem}QueueResult"), ref(f"{stem}QueueResultOlder"), ref("QueueFailed")]
    results += [ref(f"{stem}Queue{kind}") for kind in ("StandingOlder", "FailedOlder")]
    return {
        "200": answer({"oneOf": results}, "The result; of a task without one, its status."),
        "202": answer(_status_schema(stem), "The task has not ended; this is its status."),
        **_asked(),
    }


def cancel_answers() -> Json:
    """What a cancel is answered with."""
    already = {"400": ref("QueueAlreadyCompleted"), "404": {"anyOf": [ref("QueueNotFound"), ref("QueueDetail")]}}
    errors = ("400", "401", "404", "405", "429", "500", "502", "503")
    return {
        "202": answer(ref("QueueCancelRequested"), "The task is ended, at no cost."),
        **refusals(*errors, also=already),
    }


def _asked() -> Json:
    return refusals("401", "404", "405", "429", "500", "502", "503")
