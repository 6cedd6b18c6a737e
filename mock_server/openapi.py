"""Endpoints in, OpenAPI 3.1 out. Generated, committed in ``contracts/``, and checked for drift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mock_server.contract import component_name, components, documented_body
from mock_server.endpoint import Endpoint
from mock_server.version import __version__

Json = dict[str, Any]


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Json, description: str) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def document(endpoints: Mapping[str, Endpoint]) -> Json:
    """The whole contract."""
    known = list(endpoints.values())
    schemas: Json = {}
    for endpoint in known:
        schemas |= components(endpoint)
        schemas |= _answer_schemas(endpoint)
    schemas |= _shared_schemas(known)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AI video platform, as kirin-mock has it",
            "version": __version__,
            "summary": "Submit a task, poll it, be called back, fetch an mp4.",
            "description": "Every rule carries x-source, the place it comes from, and x-evidence: documented, "
            "observed in public clients, or assumed.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "http://127.0.0.1:8787", "description": "a local kirin-mock"}],
        "security": [{"bearer": []}],
        "tags": [{"name": "generation", "description": "Submit and poll."}],
        "paths": {
            "/model/v1/generation": {"post": _submit(known)},
            "/model/v1/generation/task/{task_id}": {"get": _poll()},
        },
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "x-evidence": "documented"}},
            "schemas": schemas,
        },
    }


def _submit(known: list[Endpoint]) -> Json:
    bodies = [f"{component_name(endpoint)}{kind}" for endpoint in known for kind in ("Request", "Wrapped")]
    return {
        "operationId": "submitTask",
        "summary": "Submit a task",
        "description": "Answers with the task's id; the result comes by polling or by callback.",
        "tags": ["generation"],
        "x-evidence": "observed",
        "x-source": "wire#1",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [_ref(name) for name in bodies]},
                    "examples": {endpoint.model: {"value": documented_body(endpoint)} for endpoint in known},
                }
            },
        },
        "responses": {
            "200": {
                **_json(_ref("TaskInProgress"), "The task was made."),
                "links": {"poll": {"operationId": "pollTask", "parameters": {"task_id": "$response.body#/id"}}},
            },
            "400": _json({"anyOf": [_ref("TaskRejected"), _ref("GatewayError")]}, "The body breaks its document."),
            "401": _json({"anyOf": [_ref("TaskRejected"), _ref("GatewayError")]}, "No key, or a wrong one."),
            "404": _json(_ref("GatewayError"), "No such model."),
            "409": _json(_ref("GatewayError"), "The external_task_id is taken."),
            "413": _json(_ref("GatewayError"), "The body is too large."),
            "415": _json(_ref("GatewayError"), "The body is not JSON."),
        },
        "callbacks": {"taskStatus": {"{$request.body#/callback_url}": {"post": _callback()}}},
    }


def _callback() -> Json:
    headers = {
        "webhook-id": "The same for all attempts of one piece of news.",
        "webhook-timestamp": "Unix seconds of this attempt.",
        "webhook-signature": "v1,<base64> of HMAC-SHA256 over id.timestamp.body, when a secret is set.",
    }
    return {
        "operationId": "taskStatusChanged",
        "summary": "A task's status changed",
        "description": "One POST for each change, in order; anything but 2xx is tried again.",
        "x-evidence": "assumed",
        "x-source": "wire#5",
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": name != "webhook-signature",
                "description": text,
                "schema": {"type": "string"},
            }
            for name, text in headers.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Task")}}},
        "responses": {"2XX": {"description": "Received."}, "410": {"description": "Stop telling about this."}},
    }


def _poll() -> Json:
    return {
        "operationId": "pollTask",
        "summary": "Show a task",
        "description": "The task as it stands now; asking changes nothing.",
        "tags": ["generation"],
        "x-evidence": "observed",
        "x-source": "wire#1",
        "parameters": [
            {
                "name": "task_id",
                "in": "path",
                "required": True,
                "description": "The task's id, or the external_task_id it was given.",
                "schema": {"type": "string", "minLength": 1},
                "x-evidence": "documented",
            }
        ],
        "responses": {
            "200": _json(_ref("Task"), "The task."),
            "401": _json(_ref("GatewayError"), "No key, or a wrong one."),
            "404": _json(_ref("GatewayError"), "No such task of this key."),
        },
    }


def _answer_schemas(endpoint: Endpoint) -> Json:
    stem = component_name(endpoint)
    content = dict(endpoint.content_schema)
    error = _error(endpoint)
    completed = _task(
        {
            "model": {"type": "string", "const": endpoint.model},
            "status": {"type": "string", "const": "completed"},
            "output": {
                "type": "array",
                "items": _closed({"content": {"type": "array", "items": _closed(content, list(content))}}, ["content"]),
            },
            "usage": _ref("Usage"),
        },
        ["output", "usage"],
    )
    failed = _task(
        {
            "model": {"type": "string", "const": endpoint.model},
            "status": {"type": "string", "const": "failed"},
            "error": error,
        },
        ["error"],
    )
    return {f"{stem}Completed": completed, f"{stem}Failed": failed}


def _error(endpoint: Endpoint) -> Json:
    table = endpoint.errors
    return {
        **_closed({"code": {"type": "string"}, table.message_key: {"type": "string"}}, ["code", table.message_key]),
        "x-codes": [
            {"code": row.code, "meaning": row.meaning, "x-source": row.source, "x-evidence": row.evidence}
            for row in table.codes
        ],
    }


def _shared_schemas(known: list[Endpoint]) -> Json:
    in_progress = {"status": {"type": "string", "const": "in_progress"}}
    shapes = ["TaskInProgress", *(f"{component_name(e)}{kind}" for e in known for kind in ("Completed", "Failed"))]
    string = {"type": "string"}
    return {
        "TaskInProgress": _task({"model": {"type": "string", "enum": [e.model for e in known]}, **in_progress}, []),
        "Task": {"oneOf": [_ref(name) for name in shapes]},
        "Usage": _closed(
            {
                "cost": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$", "description": "USD"},
                "discount": {"type": "number"},
            },
            ["cost", "discount"],
        ),
        "TaskRejected": _closed(
            {
                "status": {"type": "string", "const": "failed"},
                "error": {
                    "anyOf": [
                        _closed({"code": string, key: string}, ["code", key]) for key in ("error_message", "message")
                    ]
                },
            },
            ["status", "error"],
        ),
        "GatewayError": _closed(
            {
                "status": _closed(
                    {"code": {"type": "integer"}, "message": string, "error_code": {"type": "integer"}},
                    ["code", "message", "error_code"],
                ),
                "data": {"type": "null"},
            },
            ["status", "data"],
        ),
    }


def _task(properties: Json, required: list[str]) -> Json:
    shared: Json = {
        "id": {"type": "string", "minLength": 1},
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "created_at": {"type": "integer", "description": "Unix seconds", "x-evidence": "observed"},
        "external_task_id": {"type": "string", "description": "Your own id, if you gave one", "x-evidence": "assumed"},
        "metadata": {"type": "object"},
    }
    always = ["id", "model", "status", "progress", "created_at", "metadata"]
    return _closed({**shared, **properties}, [*always, *required])


def _closed(properties: Json, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
