"""What the platform says of its models: the list, a spec and a contract of each, from the endpoint itself (wire#3)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from mock_server.contract import image_rules
from mock_server.endpoint import Endpoint
from mock_server.rules import Json, merge

VENDOR = "Kirin"
#: What a plain schema is made of, beside ``description``; image fields have the format "image".
PLAIN = frozenset(
    {"type", "required", "additionalProperties", "properties", "items", "enum", "default", "minimum", "maximum"}
    | {"minLength", "maxLength", "minItems", "maxItems", "pattern", "format", "description"}
)
_CONSTRAINTS = {
    "enum": "enum",
    "default": "default",
    "minimum": "min",
    "maximum": "max",
    "minLength": "min_length",
    "maxLength": "max_length",
    "maxItems": "max_items",
}


def listed(endpoint: Endpoint) -> dict[str, Any]:
    """A model as the list has it."""
    return {
        "id": endpoint.model,
        "model_id": endpoint.model,
        "name": endpoint.title,
        "type": "video",
        "provider": VENDOR,
        "description": endpoint.summary,
        "input_modalities": ["text", "image"] if endpoint.images else ["text"],
        "output_modalities": ["video"],
        "has_spec": True,
    }


def spec(endpoint: Endpoint, base_url: str) -> dict[str, Any]:
    """A model's parameters as a tree, and how it is called."""
    schema = documented_schema(endpoint)
    where = "inside data" if endpoint.shape == "data" else "beside model"
    return {
        "model_id": endpoint.model,
        "name": endpoint.title,
        "vendor": VENDOR,
        "type": "video",
        "api": {
            "endpoint": f"{base_url}/model/v1/generation",
            "method": "POST",
            "headers": {"Authorization": "Bearer YOUR_API_KEY", "Content-Type": "application/json"},
        },
        "parameters": _tree(schema["properties"], schema.get("required", ()), endpoint.example, ""),
        "agent_prompt": f"{endpoint.summary} Send the parameters {where}, then poll "
        f"{base_url}/model/v1/generation/task/TASK_ID until status is completed or failed."
        + "".join(f"\n- {rule['says']}" for rule in _rules(endpoint)),
    }


def _tree(properties: Json, required: Any, example: Any, prefix: str) -> list[dict[str, Any]]:
    return [
        _node(
            name, schema, example.get(name) if isinstance(example, Mapping) else None, prefix, required=name in required
        )
        for name, schema in properties.items()
    ]


def _node(name: str, schema: Json, example: Any, prefix: str, *, required: bool) -> dict[str, Any]:
    path, inside, inner = f"{prefix}{name}", schema, example
    if "items" in schema:
        path, inside = f"{path}[]", schema["items"]
        inner = example[0] if example else None
    return {
        "name": name,
        "path": f"{prefix}{name}",
        "type": schema["type"],
        "required": required,
        "description": schema.get("description", ""),
        "constraints": {word: schema[key] for key, word in _CONSTRAINTS.items() if key in schema},
        "example": example if example is not None else schema.get("default", schema.get("enum", [None])[0]),
        "children": _tree(inside.get("properties", {}), inside.get("required", ()), inner, f"{path}."),
    }


def model_contract(endpoint: Endpoint) -> dict[str, Any]:
    """A model's queue protocol: where to send what, with a plain schema and an example that works."""
    below = f"/model/v1/queue/{endpoint.model}/requests/{{request_id}}"
    contract = {
        "schema_version": "model-contract.v1",
        "model_id": endpoint.model,
        "display_name": endpoint.title,
        "family": VENDOR.lower(),
        "kind": "multimodal",
        "protocol": "queue",
        "body_mode": "raw_json",
        "endpoints": {
            "submit": {"method": "POST", "path": f"/model/v1/queue/{endpoint.model}"},
            "status": {"method": "GET", "path": f"{below}/status"},
            "result": {"method": "GET", "path": f"{below}/response"},
            "cancel": {"method": "PUT", "path": f"{below}/cancel"},
        },
        "input_schema": plain(endpoint.params_schema),
        "examples": [{"name": endpoint.title, "input": dict(endpoint.example)}],
        "input_rules": [
            {"id": rule["id"], "message": rule["says"], "fields": rule["fields"]} for rule in _rules(endpoint)
        ],
    }
    said = orjson.dumps(contract, option=orjson.OPT_SORT_KEYS)
    return {**contract, "revision": hashlib.blake2b(said, digest_size=6).hexdigest()}


def _rules(endpoint: Endpoint) -> list[dict[str, Any]]:
    between = [{"id": rule.id, "says": rule.message, "fields": list(rule.paths)} for rule in endpoint.rules]
    images = [
        {"id": rule["id"], "says": rule["says"], "fields": [rule["says"].partition(" ")[0]]}
        for rule in image_rules(endpoint)
    ]
    return between + images


def documented_schema(endpoint: Endpoint) -> dict[str, Any]:
    """The bare parameters with every bound that the document gives, those included that apply at times only. It may
    refuse what the server takes, so it is for reading.
    """
    schema: dict[str, Any] = merge({}, endpoint.params_schema)
    for rule in endpoint.rules:
        if rule.each and rule.schema is not None:
            merge(schema if rule.owner is None else schema["properties"][rule.owner], rule.schema)
    return schema


def plain(schema: Json) -> dict[str, Any]:
    """A schema without the rules between parameters and without evidence."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            kept[key] = {name: plain(inner) for name, inner in value.items()}
        elif key == "items":
            kept[key] = plain(value)
        elif key in PLAIN:
            kept[key] = "image" if value == "kirin-image" else value
    return kept
