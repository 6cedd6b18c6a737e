"""The operations of discovery, upload and balance (wire#3)."""

from __future__ import annotations

from typing import Any

from mock_server.discovery import PLAIN
from mock_server.endpoint import Endpoint
from mock_server.openapi.errors import responses
from mock_server.openapi.parts import MONEY, STRING, Json, answer, closed, const, listing, ref

_WHOLE = {"type": "integer", "minimum": 0}
_NAMES = listing(STRING)
_ANY: Json = {"description": "Any JSON value."}


def schemas(known: list[Endpoint]) -> Json:
    """The schemas of discovery and account by component name."""
    models = {"type": "string", "enum": [endpoint.model for endpoint in known]}
    call = closed({"method": {"type": "string", "enum": ["GET", "POST", "PUT"]}, "path": STRING})
    constraints = {
        "enum": listing(_ANY),
        "default": _ANY,
        "min": {"type": "number"},
        "max": {"type": "number"},
        "min_length": _WHOLE,
        "max_length": _WHOLE,
        "max_items": _WHOLE,
    }
    plain: Json = {
        "type": "object",
        "description": f"Plain JSON Schema; its keywords are {', '.join(sorted(PLAIN))}.",
        "required": ["type", "properties"],
        "additionalProperties": True,
        "properties": {"type": const("object"), "properties": {"type": "object", "additionalProperties": True}},
    }
    return {
        "Model": closed(
            {
                "id": STRING,
                "model_id": models,
                "name": STRING,
                "type": const("video"),
                "provider": STRING,
                "description": STRING,
                "input_modalities": _NAMES,
                "output_modalities": _NAMES,
                "has_spec": {"type": "boolean"},
            }
        ),
        "Parameter": closed(
            {
                "name": STRING,
                "path": STRING,
                "type": STRING,
                "required": {"type": "boolean"},
                "description": STRING,
                "constraints": closed(constraints, []),
                "example": _ANY,
                "children": listing(ref("Parameter")),
            }
        ),
        "ModelSpec": closed(
            {
                "model_id": models,
                "name": STRING,
                "vendor": STRING,
                "type": const("video"),
                "api": closed(
                    {
                        "endpoint": {"type": "string", "format": "uri"},
                        "method": const("POST"),
                        "headers": {"type": "object", "additionalProperties": STRING},
                    }
                ),
                "parameters": listing(ref("Parameter")),
                "agent_prompt": STRING,
            }
        ),
        "ModelContract": closed(
            {
                "schema_version": const("model-contract.v1"),
                "revision": STRING,
                "model_id": models,
                "display_name": STRING,
                "family": STRING,
                "kind": const("multimodal"),
                "protocol": const("queue"),
                "body_mode": const("raw_json"),
                "endpoints": closed({"submit": call, "status": call, "result": call, "cancel": call}),
                "input_schema": plain,
                "examples": listing(
                    closed({"name": STRING, "input": {"type": "object", "additionalProperties": True}}), minItems=1
                ),
                "input_rules": listing(closed({"id": STRING, "message": STRING, "fields": _NAMES})),
            }
        ),
        "Balance": closed(
            {
                "user_id": STRING,
                "balance": MONEY,
                "total_recharged": MONEY,
                "currency": const("USD"),
                "billing_mode": STRING,
                "credit_limit": MONEY,
                "arrears": MONEY,
                "available_balance": MONEY,
            }
        ),
    }


def paths(known: list[Endpoint]) -> Json:
    """The paths below ``/api/v1/``."""
    page = {"models": listing(ref("Model")), "total": _WHOLE, "page": _WHOLE, "page_size": _WHOLE}
    model = {
        "name": "model",
        "in": "path",
        "required": True,
        "description": "The model's id.",
        "schema": {"type": "string", "enum": [endpoint.model for endpoint in known]},
        "x-evidence": "observed",
        "x-source": "wire#3",
    }
    balance = {**_get("showBalance", "Show what is left to spend", ref("Balance")), "tags": ["account"]}
    return {
        "/api/v1/skill/models": {
            "get": {
                **_get("listModels", "List the models", closed({**page, "total_pages": _WHOLE}), "400"),
                "parameters": [
                    _query("page", "Counts from 1.", {"type": "integer", "minimum": 1, "maximum": 1_000_000}),
                    _query("page_size", "How many on a page.", {"type": "integer", "minimum": 1, "maximum": 100}),
                    _query("type", "What they make.", STRING),
                    _query("keywords", "Words that must all be in name, id or description.", STRING),
                    _query("provider", "Who makes them.", STRING),
                ],
            }
        },
        "/api/v1/skill/models/{model}/spec": {
            "parameters": [model],
            "get": _get("showSpec", "Show a model's parameters", ref("ModelSpec"), "404"),
        },
        "/api/v1/skill/model-contracts/{model}": {
            "parameters": [model],
            "get": _get("showModelContract", "Show a model's queue protocol", ref("ModelContract"), "404"),
        },
        "/api/v1/storage/files": {"post": _upload()},
        "/api/v1/user/balance": {"get": balance},
    }


def _enveloped(data: Json) -> Json:
    return closed({"status": closed({"code": const(200), "message": const("ok")}), "data": data})


def _get(name: str, summary: str, data: Json, *refusals: str) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "description": f"{summary}.",
        "tags": ["discovery"],
        "x-evidence": "observed",
        "x-source": "wire#3",
        "responses": {
            "200": answer(_enveloped(data), "As asked."),
            **responses(*sorted({"401", "405", "429", "503", *refusals})),
        },
    }


def _query(name: str, description: str, schema: Json) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "style": "form",
        "explode": False,
        "description": description,
        "schema": schema,
        "x-evidence": "observed",
        "x-source": "wire#3",
    }


def _upload() -> Json:
    file = {"type": "string", "format": "binary", "description": "The file."}
    form = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    return {
        "operationId": "uploadFile",
        "summary": "Upload a file",
        "description": "Answers a URL that is good as an image.",
        "tags": ["storage"],
        "x-evidence": "observed",
        "x-source": "wire#3",
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": form,
                    "encoding": {"file": {"contentType": "application/octet-stream"}},
                }
            },
        },
        "responses": {
            "200": answer(_enveloped(closed({"url": {"type": "string", "format": "uri"}})), "Where it is."),
            **responses("400", "401", "405", "413", "415", "429", "503"),
        },
    }
