"""The small pieces that OpenAPI documents are made of."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def ref(name: str, kind: str = "schemas") -> Json:
    """A reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def closed(properties: Json, required: list[str] | None = None) -> Json:
    """An object with these properties and no others, all of them required unless told."""
    names = list(properties) if required is None else required
    schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": names} if names else schema


def listing(items: Json, **bounds: int) -> Json:
    """An array of like items."""
    return {"type": "array", "items": items, **bounds}


def const(value: Any) -> Json:
    """One value only."""
    return {"type": "string", "const": value} if isinstance(value, str) else {"type": "integer", "const": value}


def answer(schema: Json, description: str, **more: Json) -> Json:
    """A response in JSON."""
    headers = {"X-Request-Id": ref("RequestId", "headers"), **more.pop("headers", {})}
    content = {"application/json": {"schema": schema}}
    return {"description": description, "headers": headers, "content": content, **more}


STRING: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
MONEY: Json = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$", "description": "USD"}
"""An amount as a decimal string."""
