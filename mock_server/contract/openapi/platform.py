"""The operations of discovery, login, upload and balance (wire#3)."""

from __future__ import annotations

from typing import Any, get_args

from mock_server.contract.discovery import PLAIN, display_id
from mock_server.contract.endpoint import Endpoint
from mock_server.contract.openapi import login
from mock_server.contract.openapi.envelope import enveloped, get
from mock_server.contract.openapi.errors import responses
from mock_server.contract.openapi.parts import MONEY, STRING, Json, answer, closed, const, listing, ref
from mock_server.contract.rules import Kind

_WHOLE = {"type": "integer", "minimum": 0}
_COUNT = {"type": "integer", "minimum": 1}
_NAMES = listing(STRING)
_ANY: Json = {"description": "Any JSON value."}
#: What a listed model always has, but for ``has_spec``.
_LISTED = (
    *("id", "model_id", "name", "type", "provider", "source_collection", "original_model_id", "model_subtype"),
    *("description", "input_modalities", "output_modalities"),
)
#: What a search counts.
_COUNTS = (
    *("processingTimeMs", "limit", "offset", "estimatedTotalHits", "totalHits", "totalPages", "page", "hitsPerPage"),
)


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
        "description": f"Plain JSON Schema; its keywords are {', '.join(sorted(PLAIN))}. Closed at the top only.",
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
                "source_collection": STRING,
                "original_model_id": models,
                "model_subtype": {"type": "string", "enum": ["t2v", "i2v"]},
                "description": STRING,
                "input_modalities": listing({"type": "string", "enum": ["Text", "Image"]}, minItems=1),
                "output_modalities": listing(const("Video"), minItems=1, maxItems=1),
                "has_spec": {"type": "boolean"},
                "curl": {"type": "string", "description": "A call in one line, with include_curl=true only."},
            },
            [*_LISTED, "has_spec"],
        ),
        "InputRule": {
            **closed(
                {
                    "kind": {"type": "string", "enum": list(get_args(Kind))},
                    "fields": listing(STRING, minItems=1),
                    "when": {
                        "type": "object",
                        "description": "The values that parameters have where the rule applies.",
                        "additionalProperties": {"type": ["string", "boolean"]},
                    },
                    "required": listing(STRING, minItems=1),
                    "notes": STRING,
                },
                ["kind", "fields", "notes"],
            ),
            "description": "Where `when` holds: of `fields` at least one must be there (one_of, at_least_one) or at "
            "most one may (mutually_exclusive); all of `required` must (requires). A note is for reading.",
        },
        "ModelHit": closed(
            {
                "id": models,
                "name": models,
                "provider": STRING,
                "description": STRING,
                "input": {"type": "string", "enum": ["text", "image"]},
                "output": const("video"),
                "media_type": const("video"),
                "tags": _NAMES,
                "tags_abbr": STRING,
                "skill_content": {"type": "string", "description": "The model's page in Markdown."},
            }
        ),
        "ModelHits": closed({"hits": listing(ref("ModelHit")), "query": STRING, **dict.fromkeys(_COUNTS, _WHOLE)}),
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
                "input_rules": listing(ref("InputRule")),
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
    """The paths below ``/api/v1/``, and those of the models' pages."""
    page = {"models": listing(ref("Model")), "total": _WHOLE, "page": _WHOLE, "page_size": _WHOLE}
    model = {
        "name": "model",
        "in": "path",
        "required": True,
        "description": "The model's id, kling_... as good as kirin_....",
        "schema": {"type": "string", "enum": [name for one in known for name in (one.model, display_id(one))]},
        "x-evidence": "observed",
        "x-source": "wire#3",
    }
    balance = {**get("showBalance", "Show what is left to spend", ref("Balance")), "tags": ["account"]}
    return {
        "/api/v1/skill/models": {
            "get": {
                **get("listModels", "List the models", closed({**page, "total_pages": _WHOLE}), "400"),
                "parameters": [
                    _query("page", "Counts from 1.", {"type": "integer", "minimum": 1, "maximum": 1_000_000}),
                    _query("page_size", "How many on a page; by default 20, at most 1,000.", _COUNT),
                    _query("type", "What they make, in any case.", STRING),
                    _query("keywords", "Words that must all be in names, ids, provider or description.", STRING),
                    _query("provider", "Who makes them, by any name, in any case.", STRING),
                    _query("include_curl", "Whether each has a call in one line.", {"type": "boolean"}),
                ],
            }
        },
        "/api/v1/skill/models/{model}/spec": {
            "parameters": [model],
            "get": get("showSpec", "Show a model's parameters", ref("ModelSpec"), "404"),
        },
        "/api/v1/skill/model-contracts/{model}": {
            "parameters": [model],
            "get": get("showModelContract", "Show a model's queue protocol", ref("ModelContract"), "404"),
        },
        "/model/v1/models/skill/search": {"get": _search()},
        "/model/v1/models/skill/{model}": {"parameters": [model], "get": _page()},
        **login.paths(),
        "/api/v1/storage/files": {"post": _upload()},
        "/api/v1/user/balance": {"get": balance},
    }


def _search() -> Json:
    return {
        **get("searchModels", "Search the models", _ANY, "400"),
        "description": "Search the models, as seaart-sdk does: no envelope around the answer.",
        "parameters": [
            _query("q", "Words that must all be in names, ids, provider or description.", STRING),
            _query("input", "What they take: text or image.", STRING),
            _query("output", "What they make: video.", STRING),
            _query("type", "video, t2v or i2v.", STRING),
            _query("provider", "Who makes them, by any name, in any case.", STRING),
            _query("limit", "How many to show; by default 20, at most 1,000.", _COUNT),
            _query("offset", "How many to leave out before.", {"type": "integer", "minimum": 0, "maximum": 1_000_000}),
        ],
        "responses": {
            "200": answer(ref("ModelHits"), "What was found."),
            **responses("400", "401", "405", "429", "503"),
        },
    }


def _page() -> Json:
    operation = get("showModelPage", "Show a model's page", _ANY, "404")
    found = operation["responses"]["200"]
    content = {"text/markdown": {"schema": {"type": "string"}}}
    return {
        **operation,
        "description": "A model's parameters, rules, codes and an example call, in Markdown.",
        "responses": {**operation["responses"], "200": {**found, "content": content}},
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
        "description": "Answers a URL that is valid as an image.",
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
            "200": answer(enveloped(closed({"url": {"type": "string", "format": "uri"}})), "Where it is."),
            **responses("400", "401", "405", "413", "415", "429", "503"),
        },
    }
