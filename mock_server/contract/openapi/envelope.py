"""The envelope of everything that is not generation, and calls that only look (wire#3)."""

from __future__ import annotations

from mock_server.contract.openapi.errors import responses
from mock_server.contract.openapi.parts import Json, answer, closed, const


def enveloped(data: Json) -> Json:
    """``{"status", "data"}`` around a schema."""
    return closed({"status": closed({"code": const(200), "message": const("ok")}), "data": data})


def get(name: str, summary: str, data: Json, *refusals: str) -> Json:
    """An operation that answers ``data``, or is refused with one of these statuses."""
    return {
        "operationId": name,
        "summary": summary,
        "description": f"{summary}.",
        "tags": ["discovery"],
        "x-evidence": "observed",
        "x-source": "wire#3",
        "responses": {
            "200": answer(enveloped(data), "As asked."),
            **responses(*sorted({"401", "405", "429", "503", *refusals})),
        },
    }
