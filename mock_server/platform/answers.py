"""What the generation side says about a task, in polls and callbacks (wire#1). Bodies are plain JSON values."""

from __future__ import annotations

from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.lifecycle.timeline import Snapshot, Status
from mock_server.platform.prices import discount
from mock_server.platform.task import Task
from mock_server.platform.variations import arranged, shown_otherwise, video_url

_SHOWN = {Status.QUEUED: "in_progress", Status.CANCELLED: "failed"}


def answer(endpoint: Endpoint, task: Task, snapshot: Snapshot, base_url: str) -> dict[str, Any]:
    """The body of a poll: ``progress`` only before the end, ``output`` and ``usage`` only when completed, ``error``
    only when failed.
    """
    body: dict[str, Any] = {
        "id": task.id,
        "model": task.model,
        "status": _SHOWN.get(snapshot.status, snapshot.status.value),
    }
    if not snapshot.final:
        body["progress"] = max(0, snapshot.progress)
    body["created_at"] = int(task.created_at)
    if task.external_id is not None:
        body["external_task_id"] = task.external_id
    if snapshot.status is Status.COMPLETED:
        body |= result(endpoint, task, base_url)
    elif snapshot.failure is not None:
        body["error"] = endpoint.errors.body(snapshot.failure.code, snapshot.failure.message)
    body["metadata"] = metadata_of(task, snapshot)
    return body if task.scenario is None else shown_otherwise(task.scenario, snapshot, body)


def metadata_of(task: Task, snapshot: Snapshot) -> dict[str, Any]:
    """What the client sent, and when the task was queued and ended, in whole Unix milliseconds."""
    metadata = {**task.metadata, "in_queue_at": _milliseconds(task.created_at)}
    if snapshot.final:
        metadata["completed_at"] = _milliseconds(task.timeline.frames[-1].at)
    else:
        metadata.pop("completed_at", None)
    return metadata


def _milliseconds(moment: float) -> int:
    """Unix seconds in whole milliseconds, cut off; what floats lose does not make it one less."""
    return int(moment * 1000 + 0.001)


def result(endpoint: Endpoint, task: Task, base_url: str) -> dict[str, Any]:
    """``output`` and ``usage`` of a completed task."""
    outputs = [
        {"content": [endpoint.content(task.params, task.id, video_url(task.scenario, base_url, path))]}
        for path in (f"/media/{task.id}/{place}.mp4" for place in range(task.videos))
    ]
    usage = {"cost": task.cost, "discount": discount()}
    made: dict[str, Any] = {"output": arranged(task.scenario, outputs), "usage": usage}
    if task.usage_details:
        made["usage"] |= {"quantity": 1, "unit_price": task.cost, "extra_info": {}}
    if task.scenario is not None and task.scenario.task.output == "missing":
        del made["output"]
    return made
