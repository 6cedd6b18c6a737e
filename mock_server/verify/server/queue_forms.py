"""The two forms of the queue protocol's bodies (wire.md section 2), as a client sees them: which keys belong where.

``DOCUMENTED`` is what the platform's pages write, ``OLDER`` what client fixtures of an older gateway show. A server
speaks one of them; its first submit tells which. Each method yields sentences that say what is wrong with a body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Protocol

from mock_server.core.queue_words import ERROR_TYPES, REQUEST_ID_PREFIX

Json = dict[str, Any]

QUEUED, IN_PROGRESS, COMPLETED, FAILED, CANCELLED = "queued", "in_progress", "completed", "failed", "cancelled"
#: The order of states; what is over does not change.
ORDER = {QUEUED: 0, IN_PROGRESS: 1, COMPLETED: 2, FAILED: 2, CANCELLED: 2}
OVER = frozenset({COMPLETED, FAILED, CANCELLED})

URLS = {"response_url": "response", "status_url": "status", "cancel_url": "cancel"}
_ITEM = {"type", "url", "content_type", "file_name", "width", "height", "duration"}
_NONE: frozenset[str] = frozenset()


class Form(Protocol):
    """One form."""

    name: str

    def submitted(self, body: Json) -> Iterator[str]:
        """What is wrong with the answer to a submit, its URLs apart."""

    def state(self, body: Json) -> str | None:
        """The state that a status tells; None for an unknown word."""

    def status(self, body: Json, message_key: str) -> Iterator[str]:
        """What is wrong with a status; ``message_key`` is the model's own for the sentence of an error object."""

    def result(self, body: Json, extras: AbstractSet[str]) -> Iterator[str]:
        """What is wrong with the result of a task that went well; ``extras`` are the model's own keys of an item."""


class DocumentedForm:
    """As the platform's pages write it."""

    name = "documented"
    _words: Mapping[str, str] = {"IN_QUEUE": QUEUED, "IN_PROGRESS": IN_PROGRESS}

    def submitted(self, body: Json) -> Iterator[str]:
        """The id, three URLs and the place in the queue; no status."""
        yield from keys("the answer to a submit", body, {"request_id", *URLS, "queue_position"})
        if not is_text(body.get("request_id")) or not body["request_id"].startswith(REQUEST_ID_PREFIX):
            yield f"request_id begins with {REQUEST_ID_PREFIX}; it is {body.get('request_id')!r}"
        yield from _position(body)

    def state(self, body: Json) -> str | None:
        """COMPLETED says only that it is over."""
        word = body.get("status")
        if word == "COMPLETED":
            if body.get("error_type") == "CANCELED":
                return CANCELLED
            return FAILED if "error" in body or "error_type" in body else COMPLETED
        return self._words.get(word) if isinstance(word, str) else None

    def status(self, body: Json, message_key: str) -> Iterator[str]:
        """Each of the shapes has its own keys."""
        state = self.state(body)
        if state is None:
            yield f"status is IN_QUEUE, IN_PROGRESS or COMPLETED, not {body.get('status')!r}"
            return
        own: dict[str, set[str]] = {
            QUEUED: {"queue_position"},
            COMPLETED: {"metrics"},
            FAILED: {"error", "error_type", "provider_error", "logs"},
            CANCELLED: {"error", "error_type"},
        }
        may = {"provider_error", "logs"} if state == CANCELLED else _NONE
        yield from keys(
            f"the status of a request that is {state}",
            body,
            {"status", "request_id", "response_url"} | own.get(state, set()),
            may,
        )
        if state == QUEUED:
            yield from _position(body)
        elif state == COMPLETED:
            yield from _metrics(body.get("metrics"))
        elif state in OVER:
            yield from _failure(body)

    def result(self, body: Json, extras: AbstractSet[str]) -> Iterator[str]:
        """``outputs`` has one flat item for each video."""
        yield from keys("the result", body, {"request_id", "status", "outputs", "usage", "metadata"})
        if body.get("status") != "COMPLETED":
            yield f"the result has the status {body.get('status')!r}; COMPLETED was due"
        outputs = body.get("outputs")
        if not isinstance(outputs, list) or not outputs:
            yield f"outputs is a list with an item for each video, not {outputs!r}"
            return
        for place, item in enumerate(outputs):
            yield from _flat_item(f"outputs[{place}]", item, extras)


class OlderForm:
    """As client fixtures show an older gateway: lower-case words or QUEUED, nested output, errors as objects."""

    name = "older"

    def submitted(self, body: Json) -> Iterator[str]:
        """As documented, with the status of a task that waits."""
        yield from keys("the answer to a submit", body, {"request_id", "status"}, {*URLS, "queue_position"})
        if not is_text(body.get("request_id")):
            yield f"request_id is a text, not {body.get('request_id')!r}"
        if self.state(body) is None:
            yield f"a submit in the older form answers queued, not {body.get('status')!r}"
        if "queue_position" in body:
            yield from _position(body)

    def state(self, body: Json) -> str | None:
        """Each state has a word."""
        word = body.get("status")
        if word == "QUEUED":
            return QUEUED
        return word if isinstance(word, str) and word in ORDER else None

    def status(self, body: Json, message_key: str) -> Iterator[str]:
        """A failed task has a word of its own, and an error object."""
        state = self.state(body)
        if state is None:
            yield f"status is {', '.join(ORDER)} in the older form, not {body.get('status')!r}"
            return
        may = {"progress", "model", "queue_position", *URLS}
        if state == CANCELLED:
            may.add("error")
        must = {"request_id", "status"} | ({"error"} if state == FAILED else set())
        yield from keys(f"the older status of a request that is {state}", body, must, may)
        if "error" in body:
            yield from _error_object(body["error"], message_key)
        progress = body.get("progress", 0)
        if not is_number(progress) or not 0 <= progress <= 1:
            yield f"progress is between 0 and 1, not {progress!r}"

    def result(self, body: Json, extras: AbstractSet[str]) -> Iterator[str]:
        """``output`` is that of the generation side."""
        yield from keys("the result in the older form", body, {"request_id", "status", "output", "usage", "metadata"})
        if body.get("status") != "completed":
            yield f"the result has the status {body.get('status')!r}; completed was due"
        if not isinstance(body.get("output"), list) or not body["output"]:
            yield f"output is a list with an element for each video, not {body.get('output')!r}"


DOCUMENTED, OLDER = DocumentedForm(), OlderForm()
FORMS: Mapping[str, Form] = {DOCUMENTED.name: DOCUMENTED, OLDER.name: OLDER}


def form_of(submitted: Json) -> Form:
    """The form that the answer to a submit has: the older one has a ``status``."""
    return OLDER if "status" in submitted else DOCUMENTED


def keys(what: str, body: Json, must: AbstractSet[str], may: AbstractSet[str] = _NONE) -> Iterator[str]:
    """What is wrong with the keys of a body: one that is missing, or one that does not belong there."""
    missing, other = sorted(must - body.keys()), sorted(body.keys() - must - may)
    if missing:
        yield f"{what} lacks {', '.join(missing)}"
    if other:
        yield f"{what} has no {', '.join(other)}; this one has"


def is_text(value: Any) -> bool:
    """A text that is not empty."""
    return isinstance(value, str) and bool(value)


def is_number(value: Any) -> bool:
    """A number, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """An integer, and no boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def _position(body: Json) -> Iterator[str]:
    place: Any = body.get("queue_position")
    if not is_whole(place) or place < 0:
        yield f"queue_position is an integer from 0 on, not {place!r}"


def _metrics(metrics: Any) -> Iterator[str]:
    if not isinstance(metrics, dict) or set(metrics) != {"inference_time"}:
        yield f"metrics has inference_time and nothing else; it is {metrics!r}"
    elif not is_number(metrics["inference_time"]) or metrics["inference_time"] < 0:
        yield f"inference_time is a number of seconds, not {metrics['inference_time']!r}"


def _failure(body: Json) -> Iterator[str]:
    if not is_text(body.get("error")):
        yield f"error is a sentence, not {body.get('error')!r}"
    if body.get("error_type") not in ERROR_TYPES:
        yield f"error_type is one of {', '.join(ERROR_TYPES)}, not {body.get('error_type')!r}"
    if "provider_error" in body:
        yield from _error_object(body["provider_error"], "message", "provider_error")
    if "logs" in body:
        yield from _logs(body["logs"])


def _error_object(error: Any, message_key: str, name: str = "error") -> Iterator[str]:
    if not isinstance(error, dict) or set(error) != {"code", message_key}:
        yield f"{name} is an object of code and {message_key}, not {error!r}"
    elif not is_text(error["code"]) or not is_text(error[message_key]):
        yield f"code and {message_key} of {name} are texts, not {error!r}"


def _logs(logs: Any) -> Iterator[str]:
    if not isinstance(logs, list) or not logs:
        yield f"logs is a list with a line at least, not {logs!r}"
        return
    for line in logs:
        if not isinstance(line, dict) or set(line) != {"message", "timestamp"} or not is_text(line["message"]):
            yield f"a line of logs has message and timestamp, not {line!r}"
        elif not _is_moment(line["timestamp"]):
            yield f"the timestamp of a line of logs is a date and time, not {line['timestamp']!r}"


def _is_moment(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _flat_item(where: str, item: Any, extras: AbstractSet[str]) -> Iterator[str]:
    if not isinstance(item, dict):
        yield f"{where} is an object, not {item!r}"
        return
    yield from keys(where, item, _ITEM | extras, {"file_size"})
    if item.get("content_type") != "video/mp4":
        yield f"{where}.content_type is video/mp4, not {item.get('content_type')!r}"
    if not is_text(item.get("file_name")):
        yield f"{where}.file_name is a text, not {item.get('file_name')!r}"
    for name in ("width", "height", "file_size"):
        if name in item and (not is_whole(item[name]) or item[name] <= 0):
            yield f"{where}.{name} is a whole number above 0, not {item[name]!r}"
    if "duration" in item and not is_number(item["duration"]):
        yield f"{where}.duration is a number of seconds, not {item['duration']!r}"
