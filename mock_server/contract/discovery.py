"""What the platform says of its models: the list, a spec and a contract of each, from the endpoint itself (wire#3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import image_rules
from mock_server.contract.rules import Json, merge

VENDOR = "Kirin"
PREFIX = "kirin_"
#: What the platform's own clients and lists write for these models, their maker, and the company (observed).
DISPLAY_VENDOR = "Kling"
DISPLAY_PREFIX = "kling_"
COMPANY = "kuaishou"
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


def resolved(model: str) -> str:
    """A model's id from either of its names."""
    return f"{PREFIX}{model.removeprefix(DISPLAY_PREFIX)}" if model.startswith(DISPLAY_PREFIX) else model


def display_id(endpoint: Endpoint) -> str:
    """A model's id as the platform's own clients show it."""
    return f"{DISPLAY_PREFIX}{endpoint.model.removeprefix(PREFIX)}"


def display_name(endpoint: Endpoint) -> str:
    """A model's name as the platform's own clients show it."""
    return endpoint.title.replace(VENDOR, DISPLAY_VENDOR)


def subtype(endpoint: Endpoint) -> str:
    """``i2v`` for a model that takes images, else ``t2v``."""
    return "i2v" if endpoint.images else "t2v"


def listed(endpoint: Endpoint) -> dict[str, Any]:
    """A model as the list has it."""
    return {
        "id": endpoint.model,
        "model_id": endpoint.model,
        "name": endpoint.title,
        "type": "video",
        "provider": VENDOR,
        "source_collection": "multi_models_new",
        "original_model_id": endpoint.model,
        "model_subtype": subtype(endpoint),
        "description": endpoint.summary,
        "input_modalities": ["Text", "Image"] if endpoint.images else ["Text"],
        "output_modalities": ["Video"],
        "has_spec": True,
    }


def curl(endpoint: Endpoint, base_url: str) -> str:
    """A call of a model as one line of a shell: its example over the queue, the form that clients parse."""
    body = orjson.dumps(dict(endpoint.example)).decode().replace("'", "\\u0027").replace("`", "\\u0060")
    return (
        f"curl -X POST '{base_url}/model/v1/queue/{endpoint.model}' -H 'Authorization: Bearer YOUR_API_KEY' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def is_of_provider(provider: str) -> bool:
    """Whether a filter for a provider means the maker of these models, under any of its names; empty is no filter."""
    return provider.lower() in {"", VENDOR.lower(), DISPLAY_VENDOR.lower(), COMPANY}


def is_about(endpoint: Endpoint, words: str) -> bool:
    """Whether every one of these words is somewhere in a model's ids, names, provider or description."""
    about = f"{endpoint.model} {display_id(endpoint)} {endpoint.title} {display_name(endpoint)} {subtype(endpoint)}"
    about = f"{about} {COMPANY} {endpoint.summary}".lower()
    return all(word in about for word in words.lower().split())


def takes(endpoint: Endpoint, modality: str) -> bool:
    """Whether a model takes this modality as input; empty is no filter."""
    return modality.lower() in {"", *(one.lower() for one in listed(endpoint)["input_modalities"])}


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
        + "".join(f"\n- {text}" for text in sentences(endpoint)),
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
        "input_rules": list(_input_rules(endpoint)),
    }
    text = orjson.dumps(contract, option=orjson.OPT_SORT_KEYS)
    return {**contract, "revision": hashlib.blake2b(text, digest_size=6).hexdigest()}


def sentences(endpoint: Endpoint) -> list[str]:
    """What a model asks beyond the bounds of single parameters, each a sentence."""
    return [rule.message for rule in endpoint.rules] + [rule["says"] for rule in image_rules(endpoint)]


def _input_rules(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    for rule in endpoint.rules:
        for rule_text in rule.input_rules:
            yield {
                "kind": rule_text.kind,
                "fields": list(rule_text.fields),
                **({"when": dict(rule_text.when)} if rule_text.when is not None else {}),
                **({"required": list(rule_text.required)} if rule_text.required else {}),
                "notes": rule.message,
            }
    for asked in image_rules(endpoint):
        yield {"kind": "note", "fields": [asked["says"].partition(" ")[0]], "notes": asked["says"]}


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
    """A schema without the rules between parameters and without evidence. Only the top is closed: clients that are
    given ``camera_control.type=...`` take the name of every other parameter for one of ``camera_control``.
    """
    return {**_plain(schema), "additionalProperties": False}


def _plain(schema: Json) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            kept[key] = {name: _plain(inner) for name, inner in value.items()}
        elif key == "items":
            kept[key] = _plain(value)
        elif key in PLAIN and key != "additionalProperties":
            kept[key] = "image" if value == "kirin-image" else value
    return kept
