"""What tasks look like on both protocols: shared fields, and each model's own content and errors (wire#1, wire#2)."""

from __future__ import annotations

from mock_server.contract import component_name, components
from mock_server.endpoint import Endpoint
from mock_server.openapi.errors import error_object
from mock_server.openapi.parts import MONEY, NUMBER, STRING, Json, closed, const, listing, ref
from mock_server.rules import merge


def schemas(known: list[Endpoint]) -> Json:
    """The request and task schemas by component name."""
    found: Json = {}
    for endpoint in known:
        stem = component_name(endpoint)
        found |= components(endpoint) | {f"{stem}QueueBody": queue_body(endpoint)}
        found |= {f"{stem}{kind}": schema for kind, schema in _task_schemas(endpoint).items()}
    stems = [component_name(endpoint) for endpoint in known]
    models = {"type": "string", "enum": [endpoint.model for endpoint in known]}
    made = _task({"model": models, "status": const("in_progress"), "progress": {"type": "number", "const": 0}}, [])
    in_progress = _task({"model": models, "status": const("in_progress")}, [])
    ended = [ref(f"{stem}{kind}") for stem in stems for kind in ("Completed", "Failed")]
    return {
        **found,
        "TaskMade": {**made, "description": "A task that was just made."},
        "TaskInProgress": {**in_progress, "description": "A task that is queued or runs."},
        "Task": {"oneOf": [ref("TaskInProgress"), *ended], "description": "A task as it stands."},
        "Usage": closed({"cost": MONEY, "discount": {**NUMBER, "description": "1 is none."}}),
        "QueueMade": closed({"request_id": STRING, "status": const("queued")}),
        "QueueCancelled": closed({"request_id": STRING, "status": const("cancelled")}),
    }


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


def _task_schemas(endpoint: Endpoint) -> Json:
    """The ended task of a model on both protocols, and its status on the queue. Everything has a name of its own, so
    that code generators need not make one up.
    """
    stem = component_name(endpoint)
    content = dict(endpoint.content_schema)
    on_queue = _queue_content(endpoint, content)
    error = error_object(endpoint)
    codes = [row.code for row in endpoint.errors.codes]
    if codes:
        error["properties"]["code"] = {"type": "string", "examples": codes}
    request_id = {"request_id": {"type": "string", "minLength": 1}}
    progress = {"progress": {"type": "number", "minimum": 0, "maximum": 1}}
    model, failed = {"model": const(endpoint.model)}, {"status": const("failed"), "error": ref(f"{stem}Error")}
    standing = {"type": "string", "enum": ["queued", "in_progress", "completed", "cancelled"]}
    completed = {"status": const("completed"), "usage": ref("Usage")}
    return {
        "Error": error,
        "Content": closed(content),
        "Output": _output(f"{stem}Content"),
        "Completed": _task({**model, **completed, "output": _outputs(f"{stem}Output")}, ["output", "usage"]),
        "Failed": _task({**model, **failed}, ["error"]),
        "QueueContent": closed(on_queue),
        "QueueOutput": _output(f"{stem}QueueContent"),
        "QueueStanding": closed({**request_id, "status": standing, **progress, **model}),
        "QueueFailing": closed({**request_id, **failed, **progress, **model}),
        "QueueStatus": {"oneOf": [ref(f"{stem}QueueStanding"), ref(f"{stem}QueueFailing")]},
        "QueueCompleted": closed({**request_id, **completed, "output": _outputs(f"{stem}QueueOutput")}),
        "QueueFailed": closed({**request_id, **failed}),
        "QueueResult": {"oneOf": [ref(f"{stem}QueueCompleted"), ref(f"{stem}QueueFailed"), ref("QueueCancelled")]},
    }


def _queue_content(endpoint: Endpoint, content: Json) -> Json:
    """A content item's schemas as the queue has them: what it changes, it makes a string."""
    changed = endpoint.queue_content(content)
    return {name: schema if changed[name] == schema else STRING for name, schema in content.items()}


def _output(content: str) -> Json:
    return closed({"content": listing(ref(content), minItems=1)})


def _outputs(output: str) -> Json:
    return listing(ref(output), minItems=1)


def _task(properties: Json, required: list[str]) -> Json:
    shared: Json = {
        "id": {"type": "string", "minLength": 1},
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "created_at": {"type": "integer", "description": "Unix seconds", "x-evidence": "observed"},
        "external_task_id": {"type": "string", "description": "Your own id, if you gave one", "x-evidence": "assumed"},
        "metadata": {"type": "object", "additionalProperties": True},
    }
    always = ["id", "model", "status", "progress", "created_at", "metadata"]
    return closed({**shared, **properties}, [*always, *required])
