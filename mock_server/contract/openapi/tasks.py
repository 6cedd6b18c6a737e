"""What tasks look like on the generation paths: shared fields, and each model's own content and errors (wire#1)."""

from __future__ import annotations

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import component_name, components
from mock_server.contract.openapi.errors import error_object
from mock_server.contract.openapi.parts import MONEY, NUMBER, Json, closed, const, listing, ref


def schemas(known: list[Endpoint]) -> Json:
    """The request and task schemas by component name."""
    found: Json = {}
    for endpoint in known:
        stem = component_name(endpoint)
        found |= components(endpoint)
        found |= {f"{stem}{kind}": schema for kind, schema in _task_schemas(endpoint).items()}
    stems = [component_name(endpoint) for endpoint in known]
    models = {"type": "string", "enum": [endpoint.model for endpoint in known]}
    running = {"model": models, "status": const("in_progress")}
    made = _task({**running, "progress": {"type": "number", "const": 0}}, ["progress"])
    in_progress = _task({**running, "progress": {"type": "number", "minimum": 0, "maximum": 1}}, ["progress"])
    ended = [ref(f"{stem}{kind}") for stem in stems for kind in ("Completed", "Failed")]
    return {
        **found,
        "TaskMade": {**made, "description": "A task that was just made."},
        "TaskInProgress": {**in_progress, "description": "A task that is queued or runs."},
        "Task": {"oneOf": [ref("TaskInProgress"), *ended], "description": "A task as it stands."},
        "Usage": _usage(),
        "Metadata": _metadata(),
    }


def _usage() -> Json:
    optional: Json = {
        "quantity": {"type": "integer", "minimum": 0},
        "unit_price": MONEY,
        "extra_info": {"type": "object", "additionalProperties": True},
    }
    observed = {name: {**schema, "x-evidence": "observed", "x-source": "wire#8"} for name, schema in optional.items()}
    always = {"cost": MONEY, "discount": {**NUMBER, "description": "1 is none."}}
    return closed({**always, **observed}, list(always))


def _metadata() -> Json:
    moment = {"type": "integer", "minimum": 0, "x-evidence": "observed", "x-source": "wire#1"}
    return {
        "type": "object",
        "description": "What the client sent, and when the task was queued and ended, in Unix milliseconds.",
        "properties": {"in_queue_at": moment, "completed_at": {**moment, "description": "Once the task has ended."}},
        "required": ["in_queue_at"],
        "additionalProperties": True,
    }


def _task_schemas(endpoint: Endpoint) -> Json:
    """The ended task of a model. Everything has a name of its own, so that code generators need not make one up."""
    stem = component_name(endpoint)
    error = error_object(endpoint)
    codes = [row.code for row in endpoint.errors.codes]
    if codes:
        error["properties"]["code"] = {"type": "string", "examples": codes}
    model, failed = {"model": const(endpoint.model)}, {"status": const("failed"), "error": ref(f"{stem}Error")}
    completed = {"status": const("completed"), "usage": ref("Usage")}
    return {
        "Error": error,
        "Content": closed(dict(endpoint.content_schema)),
        "Output": _output(f"{stem}Content"),
        "Completed": _task({**model, **completed, "output": _outputs(f"{stem}Output")}, ["output", "usage"]),
        "Failed": _task({**model, **failed}, ["error"]),
    }


def _output(content: str) -> Json:
    return closed({"content": listing(ref(content), minItems=1)})


def _outputs(output: str) -> Json:
    return listing(ref(output), minItems=1)


def _task(properties: Json, required: list[str]) -> Json:
    shared: Json = {
        "id": {"type": "string", "minLength": 1},
        "created_at": {"type": "integer", "description": "Unix seconds", "x-evidence": "observed"},
        "external_task_id": {"type": "string", "description": "Your own id, if you gave one", "x-evidence": "assumed"},
        "metadata": ref("Metadata"),
    }
    always = ["id", "model", "status", "created_at", "metadata"]
    return closed({**shared, **properties}, [*always, *required])
