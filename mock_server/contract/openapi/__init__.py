"""Endpoints in, OpenAPI 3.1 out. Generated, committed in ``contracts/``, and checked for drift.
May import: the rest of ``contract`` and below.
"""

from __future__ import annotations

from collections.abc import Mapping

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.openapi import calls, errors, platform, queue, tasks
from mock_server.contract.openapi.parts import STRING, Json
from mock_server.core.version import __version__

_TAGS = {
    "generation": "Submit and poll.",
    "queue": "The queue protocol, one endpoint for each model.",
    "discovery": "What models there are, and how to call them.",
    "storage": "Upload files to use as images.",
    "account": "What is left to spend.",
    "callbacks": "What is posted to a callback URL.",
}
_DESCRIPTION = (
    "Every parameter, rule and code carries x-source, the place it comes from, and x-evidence: documented, documented "
    "in the platform's pages, documented for a sibling model, observed in public clients, or assumed."
)


def document(endpoints: Mapping[str, Endpoint]) -> Json:
    """The whole contract."""
    known = list(endpoints.values())
    schemas = tasks.schemas(known) | queue.schemas(known) | errors.schemas(known) | platform.schemas(known)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AI video platform, as kirin-mock has it",
            "version": __version__,
            "summary": "Submit a task, poll it, be called back, fetch an mp4.",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
            "contact": {"name": "kirin-mock"},
        },
        "servers": [{"url": "http://127.0.0.1:8787", "description": "a local kirin-mock"}],
        "security": [{"bearer": []}, {"key": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": calls.paths(known) | platform.paths(known),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "x-evidence": "documented"},
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "The word Key, a space, and the key.",
                    "x-evidence": queue.PAGES,
                },
            },
            "headers": _headers(),
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _headers() -> Json:
    return {
        "RequestId": {"description": "The client's own id for this call, or one of ours.", "schema": STRING},
        "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
        "Allow": {"description": "The methods that are served.", "schema": STRING},
    }
