"""Uses the Python client of openapi-generator: submits, polls and reads a result of each model, on both protocols.

Called with the server's URL and the file of examples.
"""

from __future__ import annotations

import json
import sys

import kirin_generated as generated
from kirin_generated.models.submit_task_request import SubmitTaskRequest


def named(holder: object, name: str) -> object:
    """What the generator made of a name, however it writes it."""
    wanted = name.replace("_", "").lower()
    return next(getattr(holder, found) for found in dir(holder) if found.replace("_", "").lower() == wanted)


def main(url: str, examples: str) -> None:
    """Use it."""
    with generated.ApiClient(generated.Configuration(host=url, access_token="sk-clients")) as client:
        generation, queue = generated.GenerationApi(client), generated.QueueApi(client)
        for model, bodies in json.load(open(examples)).items():
            made = generation.submit_task(SubmitTaskRequest.from_json(json.dumps(bodies["request"])))
            task = generation.poll_task(made.id).actual_instance
            assert task.status == "completed", task
            assert task.output[0].content[0].url.endswith(".mp4")

            body = named(generated, f"{model}_queue_body").from_dict(bodies["params"])
            queued = named(queue, f"queue_submit_{model}")(body).actual_instance
            status = named(queue, f"queue_status_{model}")(queued.request_id).actual_instance
            status = getattr(status, "actual_instance", status)
            assert status.status == "COMPLETED", status
            result = named(queue, f"queue_response_{model}")(queued.request_id).actual_instance
            assert result.outputs[0].url.endswith(".mp4"), result
            print(f"{model}: {task.usage.cost} USD")


if __name__ == "__main__":
    main(*sys.argv[1:])
