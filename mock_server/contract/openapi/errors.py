"""Every error answer of the contract: the gateway's, with their codes, and the task failures of each model (wire#4)."""

from __future__ import annotations

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import component_name
from mock_server.contract.openapi.parts import STRING, Json, answer, closed, const, ref

#: Gateway errors: HTTP status, codes, what they mean, evidence.
GATEWAY: dict[str, tuple[tuple[int, ...], str, str]] = {
    "400": ((40001,), "The body is not JSON, not an object, or names no model.", "assumed"),
    "401": ((40101,), "No key, or a wrong one.", "assumed"),
    "402": ((40201,), "The balance does not pay for the task.", "observed"),
    "404": ((40401,), "No such model, task or path.", "assumed"),
    "405": ((40501,), "The method is not served; Allow says which are.", "assumed"),
    "409": ((40901,), "The external_task_id is taken.", "assumed"),
    "413": ((41301,), "The body is too large.", "assumed"),
    "415": ((41501,), "The body is not of the right type, or packed in an unknown way.", "assumed"),
    "429": ((42901, 42902), "Too many calls, or too many running tasks.", "assumed"),
    "503": ((50301,), "The service is not available.", "assumed"),
}
_CONFLICTS = {40901: "Duplicate"}


def schemas(known: list[Endpoint]) -> Json:
    """The error schemas by component name."""
    found: Json = {}
    for endpoint in known:
        stem, table = component_name(endpoint), endpoint.errors
        found[f"{stem}Rejected"] = _refusal(endpoint, sorted({table.other, *table.by_mistake.values()}), "a body")
        if table.unauthenticated is not None:
            found[f"{stem}Unauthenticated"] = _refusal(endpoint, [table.unauthenticated], "a key")
        if table.unavailable is not None:
            found[f"{stem}Unavailable"] = _refusal(endpoint, [table.unavailable], "every call for a while")
    for status, (codes, says, evidence) in GATEWAY.items():
        if status == "409":
            found |= {f"Error{name}": _gateway(status, (code,), says, evidence) for code, name in _CONFLICTS.items()}
        else:
            found[f"Error{status}"] = _gateway(status, codes, says, evidence)
    return found


def _gateway(status: str, codes: tuple[int, ...], says: str, evidence: str) -> Json:
    code: Json = {"type": "integer", "enum": list(codes)}
    status_schema = closed({"code": const(int(status)), "message": STRING, "error_code": code})
    return {
        **closed({"status": status_schema, "data": {"type": ["object", "null"], "maxProperties": 0}}),
        "description": says,
        "x-evidence": evidence,
        "x-source": "wire#4",
    }


def error_object(endpoint: Endpoint, codes: list[str] | None = None) -> Json:
    """The ``error`` of a model, with its documented codes."""
    table = endpoint.errors
    code: Json = {"type": "string"} if codes is None else {"type": "string", "enum": codes}
    return {
        **closed({"code": code, table.message_key: STRING}),
        "x-codes": [
            {"code": row.code, "meaning": row.meaning, "x-source": row.source, "x-evidence": row.evidence}
            for row in table.codes
        ],
    }


def _refusal(endpoint: Endpoint, codes: list[str], what: str) -> Json:
    return {
        **closed({"status": const("failed"), "error": error_object(endpoint, codes)}),
        "description": f"{endpoint.model} refuses {what}, in the words of its document.",
        "x-source": f"{endpoint.short}#error codes",
        "x-evidence": "documented" if endpoint.errors.codes else "assumed",
    }


def own_words(known: list[Endpoint]) -> Json:
    """The refusals in the models' own words, by HTTP status."""
    stems = {component_name(endpoint): endpoint.errors for endpoint in known}
    return {
        "400": [ref(f"{stem}Rejected") for stem in stems],
        "401": [ref(f"{stem}Unauthenticated") for stem, table in stems.items() if table.unauthenticated is not None],
        "503": [ref(f"{stem}Unavailable") for stem, table in stems.items() if table.unavailable is not None],
    }


def responses(*statuses: str, also: Json | None = None) -> Json:
    """The error answers of an operation by status; ``also`` are other schemas for some of them."""
    found: Json = {}
    for status in statuses:
        name, _, which = status.partition(" ")
        schema = ref(f"Error{which or name}")
        others = (also or {}).get(name, [])
        headers: Json = {"Retry-After": ref("RetryAfter", "headers")} if name == "429" else {}
        if name == "405":
            headers = {"Allow": ref("Allow", "headers")}
        either = {"anyOf": [*others, schema]} if others else schema
        found[name] = answer(either, GATEWAY[name][1], headers=headers)
    return found
