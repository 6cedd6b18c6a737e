"""What the queue side says about a task, in the documented form and in the older one (wire#2).

Bodies are plain JSON values. Durations are seconds; moments in ``logs`` are ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from mock_server.contract.endpoint import ClipFormat, Endpoint
from mock_server.core.queue_words import ErrorType, QueueForm, request_id
from mock_server.lifecycle.timeline import Failure, Snapshot, Status
from mock_server.platform.answers import metadata_of, result
from mock_server.platform.task import Task
from mock_server.platform.variations import shown_otherwise

#: The size of a task's n-th video in bytes, or None while it is not known.
FileSize = Callable[[Task, int], int | None]

_DOCUMENTED_WORDS = {Status.QUEUED: "IN_QUEUE", Status.IN_PROGRESS: "IN_PROGRESS"}


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as one call sees it: its state at one moment, and the base URL at which the client reaches this server."""

    task: Task
    endpoint: Endpoint
    snapshot: Snapshot
    base_url: str

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return request_id(self.task.id)

    @property
    def url(self) -> str:
        """The absolute URL of the request; what is asked of it follows."""
        return f"{self.base_url}/model/v1/queue/{self.task.model}/requests/{self.request_id}"

    @property
    def urls(self) -> dict[str, Any]:
        """The three URLs of a submit's answer."""
        return {
            "response_url": f"{self.url}/response",
            "status_url": f"{self.url}/status",
            "cancel_url": f"{self.url}/cancel",
        }


class Form(Protocol):
    """One form of the protocol's bodies."""

    def submitted(self, view: TaskView) -> dict[str, Any]:
        """The answer to a submit."""

    def status(self, view: TaskView) -> dict[str, Any]:
        """How a task stands."""

    def completed(self, view: TaskView, file_size: FileSize) -> dict[str, Any]:
        """The result of a task that went well."""


class DocumentedForm:
    """As the platform's pages write it."""

    def submitted(self, view: TaskView) -> dict[str, Any]:
        """The id, the three URLs and the place in the queue."""
        return {"request_id": view.request_id, **view.urls, "queue_position": 0}

    def status(self, view: TaskView) -> dict[str, Any]:
        """COMPLETED says only that the task is over; without ``error`` it went well."""
        snapshot = view.snapshot
        body: dict[str, Any] = {
            "status": _DOCUMENTED_WORDS.get(snapshot.status, "COMPLETED"),
            "request_id": view.request_id,
            "response_url": f"{view.url}/response",
        }
        if snapshot.status is Status.QUEUED:
            body["queue_position"] = 0
        elif snapshot.status is Status.COMPLETED:
            body["metrics"] = {"inference_time": inference_time(view.task)}
        elif snapshot.failure is not None:
            body |= _failed(view, snapshot.failure)
        return body

    def completed(self, view: TaskView, file_size: FileSize) -> dict[str, Any]:
        """One flat item for each video."""
        made = result(view.endpoint, view.task, view.base_url)
        body: dict[str, Any] = {"request_id": view.request_id, "status": "COMPLETED"}
        if "output" in made:
            form = view.endpoint.clip(view.task.params, view.task.pictures)
            items = [item for output in made["output"] or () for item in output["content"]]
            body["outputs"] = [
                _flat(view.task, form, place, item, file_size(view.task, place)) for place, item in enumerate(items)
            ]
            if made["output"] is None:
                body["outputs"] = None
        return {**body, "usage": made["usage"], "metadata": metadata_of(view.task, view.snapshot)}


class OlderForm:
    """As the fixtures of public clients show an older gateway: lower-case words, nested output, errors as objects."""

    def submitted(self, view: TaskView) -> dict[str, Any]:
        """As documented, with a status."""
        return {"request_id": view.request_id, "status": "queued", **view.urls, "queue_position": 0}

    def status(self, view: TaskView) -> dict[str, Any]:
        """A failed and a cancelled task have words of their own; both have an error."""
        snapshot = view.snapshot
        body: dict[str, Any] = {
            "request_id": view.request_id,
            "status": snapshot.status.value,
            "progress": snapshot.progress if 0 < snapshot.progress < 1 else int(snapshot.progress),
            "model": view.task.model,
            "response_url": f"{view.url}/response",
        }
        if snapshot.failure is not None:
            body["error"] = view.endpoint.errors.body(snapshot.failure.code, snapshot.failure.message)
        return body

    def completed(self, view: TaskView, file_size: FileSize) -> dict[str, Any]:
        """The ``output`` of the generation side."""
        made = result(view.endpoint, view.task, view.base_url)
        for output in made.get("output") or ():
            output["content"] = [view.endpoint.queue_content(item) for item in output["content"]]
        metadata = metadata_of(view.task, view.snapshot)
        return {"request_id": view.request_id, "status": "completed", **made, "metadata": metadata}


FORMS: Mapping[QueueForm, Form] = {"documented": DocumentedForm(), "older": OlderForm()}


def form_of(task: Task, default: QueueForm) -> Form:
    """The form in which a task is told: that of its scenario, else the server's."""
    own = task.scenario.task.queue_form if task.scenario is not None else None
    return FORMS[own or default]


def changed_by_scenario(view: TaskView, body: dict[str, Any]) -> dict[str, Any]:
    """A body with what the task's scenario says in other words, or beside it."""
    scenario = view.task.scenario
    return body if scenario is None else shown_otherwise(scenario, view.snapshot, body)


def error_type_of(endpoint: Endpoint, snapshot: Snapshot) -> ErrorType:
    """Why a task that is over has no result."""
    failure = snapshot.failure
    if snapshot.status is Status.CANCELLED:
        return "CANCELED"
    if failure is None:
        return "INFERENCE_FAILURE"
    return failure.error_type or endpoint.errors.error_type_of(failure.code)


def inference_time(task: Task) -> float:
    """For how many seconds a completed task was in progress."""
    frames = task.timeline.frames
    began = next((frame.at for frame in frames if frame.status is Status.IN_PROGRESS), frames[-1].at)
    return round(frames[-1].at - began, 3)


def _failed(view: TaskView, failure: Failure) -> dict[str, Any]:
    body: dict[str, Any] = {"error": failure.message, "error_type": error_type_of(view.endpoint, view.snapshot)}
    if view.snapshot.status is Status.FAILED:
        end = view.task.timeline.frames[-1].at
        moment = datetime.fromtimestamp(end, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body["provider_error"] = {"code": failure.code, "message": failure.message}
        body["logs"] = [{"message": failure.message, "timestamp": moment}]
    return body


def _flat(task: Task, form: ClipFormat, place: int, item: dict[str, Any], size: int | None) -> dict[str, Any]:
    """One item of ``outputs``; the item's own documented fields stay."""
    flat = {
        **item,
        "content_type": "video/mp4",
        "file_name": f"{task.id}-{place}.mp4",
        "width": form.width,
        "height": form.height,
        "duration": item.get("duration", form.seconds),
    }
    return flat if size is None else {**flat, "file_size": size}
