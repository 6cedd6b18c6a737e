"""The operations of the login of command-line clients (wire#3)."""

from __future__ import annotations

from mock_server.contract.openapi.envelope import enveloped, get
from mock_server.contract.openapi.errors import responses
from mock_server.contract.openapi.parts import STRING, Json, answer, closed, const

_URI: Json = {"type": "string", "format": "uri"}
_SECONDS: Json = {"type": "integer", "minimum": 1, "description": "Seconds."}


def paths() -> Json:
    """The paths below ``/api/v1/cli/``, and who a key belongs to."""
    code = {
        "device_code": STRING,
        "user_code": STRING,
        "verification_uri": _URI,
        "verification_uri_complete": _URI,
        "expires_in": _SECONDS,
        "interval": _SECONDS,
    }
    keys = {"access_token": STRING, "refresh_token": STRING, "api_key": STRING}
    fields = {"status": {"type": "string", "enum": ["authorized", "pending", "expired"]}, **keys}
    user = dict.fromkeys(("id", "email", "account", "name", "role"), STRING)
    begin = _post(
        "beginLogin",
        "Begin a login",
        "Gives a code to poll with. A server that was started with --api-key rejects it.",
        closed(code),
        {"client_id": STRING, "client_public_key": STRING},
        [],
    )
    begin["responses"]["409"] = answer(_refused(), "No key is given away where keys were named.")
    poll = _post(
        "pollLogin",
        "Poll a login",
        "Gives the key once authorized, which here is at once. The proof is not looked at.",
        {**closed(fields, ["status"]), "description": "The tokens are there when authorized."},
        {"device_code": STRING, "timestamp": STRING, "nonce": STRING, "proof": STRING},
        ["device_code"],
        "404",
    )
    me = {**get("showUser", "Show who a key belongs to", closed({"user": closed(user)})), "tags": ["account"]}
    return {
        "/api/v1/cli/device/code": {"post": begin},
        "/api/v1/cli/token": {"post": poll},
        "/api/v1/auth/me": {"get": me},
    }


def _post(
    name: str, summary: str, description: str, data: Json, takes: Json, required: list[str], *refusals: str
) -> Json:
    body: Json = {"type": "object", "properties": takes, "additionalProperties": True}
    return {
        "operationId": name,
        "summary": summary,
        "description": description,
        "tags": ["account"],
        "security": [],
        "x-evidence": "observed",
        "x-source": "wire#3",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {**body, "required": required} if required else body}},
        },
        "responses": {
            "200": answer(enveloped(data), "As asked."),
            **responses(*sorted({"400", "405", "413", "415", *refusals})),
        },
    }


def _refused() -> Json:
    fields = closed({"code": const(409), "message": STRING, "error_code": const(40904)})
    refused = closed({"status": fields, "data": {"type": ["object", "null"], "maxProperties": 0}})
    return {**refused, "x-evidence": "assumed", "x-source": "wire#3"}
