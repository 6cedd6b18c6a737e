"""Uses the generated Python client: submits, polls and reads a result of each model, on both protocols.

Called with the server's URL and the file of examples.
"""

from __future__ import annotations

import importlib
import json
import sys

from kirin_client import AuthenticatedClient
from kirin_client.api.discovery import list_models
from kirin_client.api.generation import poll_task, submit_task


def module(package: str, start: str, model: str) -> object:
    """The generated module of a model; how its name is written is the generator's business."""
    wanted = f"{start}_{model}".replace("_", "")
    folder = importlib.import_module(f"kirin_client.{package}").__path__[0]
    from pathlib import Path

    name = next(file.stem for file in Path(folder).glob("*.py") if file.stem.replace("_", "") == wanted)
    return importlib.import_module(f"kirin_client.{package}.{name}")


def request_class(model: str, kind: str) -> type:
    """The generated class of a body."""
    found = module("models", model, kind)
    return next(
        value for name, value in vars(found).items()
        if isinstance(value, type) and name.lower() == f"{model}_{kind}".replace("_", "").lower()
    )  # fmt: skip


def main(url: str, examples: str) -> None:
    """Use it."""
    client = AuthenticatedClient(base_url=url, token="sk-clients", raise_on_unexpected_status=True)
    listed = list_models.sync(client=client)
    assert listed.data.total == 5, listed
    for model, bodies in json.load(open(examples)).items():
        body = request_class(model, "request").from_dict(bodies["request"])
        made = submit_task.sync(client=client, body=body)
        task = poll_task.sync(made.id, client=client)
        assert type(task).__name__.lower() == f"{model}_completed".replace("_", ""), task
        url_of = task.output[0].content[0].url
        assert url_of.endswith(".mp4"), task
        assert float(task.usage.cost) > 0

        params = request_class(model, "queue_body").from_dict(bodies["params"])
        queued = module("api.queue", "queue_submit", model).sync(client=client, body=params)
        status = module("api.queue", "queue_status", model).sync(queued.request_id, client=client)
        assert status.status == "COMPLETED", status
        assert not hasattr(status, "error"), status
        result = module("api.queue", "queue_response", model).sync(queued.request_id, client=client)
        assert result.outputs[0].url.endswith(".mp4"), result
        print(f"{model}: {url_of}, {task.usage.cost} USD")


if __name__ == "__main__":
    main(*sys.argv[1:])
