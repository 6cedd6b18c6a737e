"""Discovery and login: a model is listed, told and described as clients read it, and a login gives a key (wire#3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from mock_server.contract.discovery import display_id, listed, model_contract
from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Json, Material, told
from mock_server.verify.server.target import Exchange, NotExercised, Target

LIST, CONTRACT, SKILL = "/api/v1/skill/models", "/api/v1/skill/model-contracts", "/model/v1/models/skill"
#: What clients filter by, or show.
_SHOWN = ("model_id", "type", "model_subtype", "input_modalities", "output_modalities")


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        yield Case(
            f"{endpoint.short}/listed", "lists its models", model, (f"discovery {model} list",),
            "keywords also match kling_..., page_size of 500 works, modalities are Text, Image, Video (wire#3)", 1, 0.0,
            _listed(endpoint),
        )  # fmt: skip
        yield Case(
            f"{endpoint.short}/contract", "tells its rules", model, (f"discovery {model} contract",),
            "input_schema is closed at the top only, input_rules have kinds that clients know (wire#3)", 1, 0.0,
            _contract(endpoint),
        )  # fmt: skip
        yield Case(
            f"{endpoint.short}/page", "has pages", model, (f"discovery {model} page",),
            "/v1/models/skill/{model} and /search below /model (wire#3)", 2, 0.0, _page(endpoint),
        )  # fmt: skip
    yield Case(
        "gateway/login", "logs in", "gateway", ("login",), "the device login gives any caller a key (wire#3)", 3, 0.0,
        _login,
    )  # fmt: skip


def data_of(exchange: Exchange) -> Json:
    """What is in the envelope; nothing where there is none."""
    body = exchange.json if exchange.status == 200 and isinstance(exchange.json, dict) else {}
    data = body.get("data")
    return data if isinstance(data, dict) else {}


def models_of(exchange: Exchange, model: str = "") -> list[Json]:
    """The models in a list; with ``model`` the one of that id."""
    models = data_of(exchange).get("models")
    found = [one for one in models if isinstance(one, dict)] if isinstance(models, list) else []
    return [one for one in found if model in {"", one.get("id")}]


def _listed(endpoint: Endpoint) -> Tried:
    due = {name: listed(endpoint)[name] for name in _SHOWN}

    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.call("GET", f"{LIST}?page=1&page_size=500&type=Video&keywords={display_id(endpoint)}")
        found = models_of(exchange, endpoint.model)
        if not found:
            yield Problem(f"{display_id(endpoint)} does not find {endpoint.model}: {told(exchange)}", exchange)
            return
        shown = {name: found[0].get(name) for name in _SHOWN}
        if shown != due:
            yield Problem(f"{endpoint.model} is listed with {shown}; {due} was due", exchange)

    return tried


def _contract(endpoint: Endpoint) -> Tried:
    due = _understood(model_contract(endpoint)["input_rules"])

    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.call("GET", f"{CONTRACT}/{endpoint.model}")
        contract = data_of(exchange)
        schema = contract.get("input_schema")
        if not isinstance(schema, dict):
            yield Problem(f"there is no contract of {endpoint.model}: {told(exchange)}", exchange)
            return
        if list(_closed(schema, "")) != [""]:
            where = ", ".join(path or "the top" for path in _closed(schema, "")) or "nowhere"
            yield Problem(f"input_schema is closed at {where}; at the top only was due", exchange)
        found = _understood(contract.get("input_rules") or [])
        for rule in [rule for rule in due if rule not in found]:
            yield Problem(f"input_rules lack {rule}", exchange)
        for rule in [rule for rule in found if rule not in due]:
            yield Problem(f"input_rules have {rule}, which the document does not say", exchange)

    return tried


def _understood(rules: list[Json]) -> list[Json]:
    """The rules but for notes, and without their sentences."""
    return [
        {name: value for name, value in rule.items() if name != "notes"} for rule in rules if rule["kind"] != "note"
    ]


def _closed(schema: Any, path: str) -> Iterator[str]:
    """Where a schema allows no other names."""
    if schema.get("additionalProperties") is False:
        yield path
    for name, inner in schema.get("properties", {}).items():
        yield from _closed(inner, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from _closed(schema["items"], f"{path}[]")


def _page(endpoint: Endpoint) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        page = target.call("GET", f"{SKILL}/{quote(endpoint.model)}")
        content = page.content.decode("utf-8", "replace")
        if page.status != 200 or not page.headers.get("content-type", "").startswith("text/markdown"):
            yield Problem(f"there is no page in Markdown: {told(page)}", page)
        elif missing := [one.name for one in endpoint.parameters if f"`{one.name}`" not in content]:
            yield Problem(f"the page does not describe {', '.join(missing)}", page)
        search = target.call("GET", f"{SKILL}/search?q={quote(endpoint.model)}&output=video&limit=5")
        hits = search.json.get("hits") if search.status == 200 and isinstance(search.json, dict) else None
        if not isinstance(hits, list) or endpoint.model not in [hit.get("name") for hit in hits]:
            yield Problem(f"a search for {endpoint.model} does not find it: {told(search)}", search)

    return tried


def _login(target: Target) -> Iterator[Problem]:
    if not target.controlled:
        raise NotExercised(f"somebody would have to approve the login: {target.uncontrolled}", "login")
    begun = target.call("POST", "/api/v1/cli/device/code", {"client_id": "verify"}, key=None)
    if begun.status == 409:
        return  # it was started with API keys of its own, and gives none away
    code = data_of(begun).get("device_code")
    given = target.call("POST", "/api/v1/cli/token", {"device_code": str(code)}, key=None)
    key = data_of(given).get("access_token")
    if not isinstance(key, str) or data_of(given).get("status") != "authorized":
        yield Problem(f"a login gives no key: {told(given)}", given)
        return
    me = target.call("GET", "/api/v1/auth/me", key=key)
    if not isinstance(data_of(me).get("user"), dict):
        yield Problem(f"the key of a login does not open /api/v1/auth/me: {told(me)}", me)
