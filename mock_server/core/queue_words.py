"""The words of the queue protocol that settings, scenarios and answers share (wire#2)."""

from __future__ import annotations

from typing import Literal, get_args

#: ``documented`` is what the platform's pages write; ``older`` is what client fixtures of an older gateway show.
QueueForm = Literal["documented", "older"]

#: Why a task that is COMPLETED has no result.
ErrorType = Literal[
    "INFERENCE_FAILURE", "INFERENCE_TIMEOUT", "REQUEST_INVALID", "CONTENT_BLOCKED", "CANCELED", "INTERNAL_SERVER_ERROR"
]
ERROR_TYPES: tuple[ErrorType, ...] = get_args(ErrorType)

#: What a request id begins with; the task's own id follows.
REQUEST_ID_PREFIX = "mmsu_"


def request_id(task_id: str) -> str:
    """The id that the queue side gives a task."""
    return REQUEST_ID_PREFIX + task_id
