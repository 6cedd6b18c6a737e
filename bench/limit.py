"""The floor the server stands on: Starlette and uvicorn with a check of the same body, and nothing else."""

from __future__ import annotations

import itertools

import jsonschema_rs
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mock_server.contract.judge import component_name, components
from mock_server.models import discover

ENDPOINT = discover()["kirin_v1_t2v"]
VALIDATOR = jsonschema_rs.Draft202012Validator(
    {
        "$ref": f"#/components/schemas/{component_name(ENDPOINT)}Request",
        "components": {"schemas": components(ENDPOINT)},
    }
)
NUMBERS = itertools.count()
TASKS: dict[str, dict] = {}


async def submit(request: Request) -> Response:
    """Check, keep, answer."""
    body = orjson.loads(await request.body())
    if not VALIDATOR.is_valid(body):
        return Response(status_code=400)
    task = {"id": f"{next(NUMBERS):032x}", "model": body["model"], "status": "in_progress", "progress": 0}
    TASKS[task["id"]] = task
    return Response(orjson.dumps(task), media_type="application/json")


async def poll(request: Request) -> Response:
    """Find, answer."""
    return Response(orjson.dumps(TASKS[request.path_params["task_id"]]), media_type="application/json")


app = Starlette(
    routes=[
        Route("/model/v1/generation", submit, methods=["POST"]),
        Route("/model/v1/generation/task/{task_id}", poll),
        Route("/_mock/health", lambda _: Response("ok")),
    ]
)
