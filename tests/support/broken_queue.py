"""How servers are broken on the queue side, and in how they read keys and ids."""

from __future__ import annotations

import re
from typing import Any

from tests.support.broken import Call, Edit, Headers

MADE = re.compile(r"/model/v1/queue/[^/]+")
OLDER = {"queue_form": "older"}
KEYS = {"api_key": ["sk-verify", "sk-other"]}


# What is answered, changed.


def made(change) -> Edit:
    """Changes what a submit on the queue answers."""

    def edit(method, path, status, value):
        mine = method == "POST" and MADE.fullmatch(path) and status == 200
        return (status, change(value)) if mine else (status, value)

    return edit


def asked(verb: str, change, *, status: int = 200, word: str | None = None) -> Edit:
    """Changes what ``/verb`` on the queue answers, with this status; where given, with this word as its status only."""

    def edit(method, path, answered, value):
        mine = "/queue/" in path and path.endswith(f"/{verb}") and answered == status
        return (answered, change(value)) if mine and word in {None, value.get("status")} else (answered, value)

    return edit


def standing(change, word: str | None = None, *, when=lambda value: True) -> Edit:
    """Changes how a request is told to stand: by its status, and by its response while there is no result."""

    def edit(method, path, status, value):
        mine = "/queue/" in path and path.endswith(("/status", "/response")) and status in {200, 202}
        mine = mine and "outputs" not in value and "output" not in value and word in {None, value.get("status")}
        return (status, change(value)) if mine and when(value) else (status, value)

    return edit


def refused(was: int, now: int, change=lambda value: value, *, path: str = "/queue/", told=None) -> Edit:
    """Changes refusals on the queue with this status; where given, with this ``detail`` only."""

    def edit(method, where, status, value):
        mine = path in where and status == was and told in {None, value.get("detail")}
        return (now, change(value)) if mine else (status, value)

    return edit


def submit_refused(was: int, now: int, change=lambda value: value) -> Edit:
    def edit(method, path, status, value):
        return (now, change(value)) if MADE.fullmatch(path) and status == was else (status, value)

    return edit


def gateway(code: int, number: int):
    """The gateway's envelope in place of the queue's own errors."""
    return lambda value: {"status": {"code": code, "message": "no", "error_code": number}, "data": None}


def failed_only(value: dict[str, Any]) -> bool:
    return "provider_error" in value


def cancelled_only(value: dict[str, Any]) -> bool:
    return value.get("error_type") == "CANCELED"


def with_urls(change):
    """All URLs of a submit's answer changed."""
    return lambda value: {name: change(one) if name.endswith("_url") else one for name, one in value.items()}


def items(change):
    """Each item of a result changed."""
    return lambda value: {**value, "outputs": [change(dict(item)) for item in value["outputs"]]}


def result(change) -> Edit:
    """Changes the result of a request that went well."""

    def edit(method, path, status, value):
        mine = "/queue/" in path and path.endswith("/response") and ("outputs" in value or "output" in value)
        return (status, change(value)) if mine else (status, value)

    return edit


def metrics(change):
    return lambda value: {**value, "metrics": {"inference_time": change(value["metrics"]["inference_time"])}}


def polled(change, *, when=lambda value: True) -> Edit:
    """Changes what a poll answers."""

    def edit(method, path, status, value):
        return (status, change(value)) if "/task/" in path and status == 200 and when(value) else (status, value)

    return edit


def timed(change, *, when=lambda value: True) -> Edit:
    """Changes the metadata of a poll."""
    return polled(lambda value: {**value, "metadata": change(value["metadata"])}, when=when)


def ended(value: dict[str, Any]) -> bool:
    return value["status"] != "in_progress"


def running(value: dict[str, Any]) -> bool:
    return value["status"] == "in_progress"


class EverySecond:
    """Speaks the older form at every other submit."""

    def __init__(self):
        self.submits = 0

    def __call__(self, value):
        self.submits += 1
        return {**value, "status": "queued"} if self.submits % 2 == 0 else value


class Backwards:
    """Queues a running request again, once."""

    def __init__(self):
        self.seen: dict[str, int] = {}

    def __call__(self, value):
        count = self.seen[value["request_id"]] = self.seen.get(value["request_id"], 0) + 1
        return {**value, "status": "IN_QUEUE", "queue_position": 0} if count in {3, 4} else value


class Late:
    """Tells the end at the second look, and as still running at the first."""

    def __init__(self):
        self.looks: dict[str, int] = {}

    def __call__(self, value):
        looks = self.looks[value["request_id"]] = self.looks.get(value["request_id"], 0) + 1
        kept = {name: value[name] for name in ("request_id", "response_url")}
        return {**kept, "status": "IN_PROGRESS"} if looks == 1 else value


class Changing:
    """Tells another time from the second look at a request on."""

    def __init__(self):
        self.seen: set[str] = set()

    def __call__(self, value):
        if value["request_id"] not in self.seen:
            self.seen.add(value["request_id"])
            return value
        return {**value, "metrics": {"inference_time": 0.5}}


class NotCancelling:
    """Says that it cancels, and does not."""

    def call(self, scope):
        mine = scope["method"] == "PUT" and scope["path"].endswith("/cancel")
        if not mine:
            return scope
        path = scope["path"].removesuffix("cancel") + "status"
        return {**scope, "method": "GET", "path": path, "raw_path": path.encode()}

    def edit(self, method, path, status, value):
        if method != "PUT" or status != 200:
            return status, value
        return 202, {"status": "CANCELLATION_REQUESTED", "request_id": value["request_id"]}


# What is asked, changed.


def authorized(change, path: str = "/") -> Call:
    """Changes the Authorization of calls to paths with ``path`` in them; None takes it away."""

    def call(scope):
        if path not in scope["path"]:
            return scope
        headers = []
        for name, value in scope["headers"]:
            now = change(value) if name == b"authorization" else value
            headers += [(name, now)] if now is not None else []
        return {**scope, "headers": headers}

    return call


def at_path(change, path: str = "/") -> Call:
    """Changes the decoded path of calls."""

    def call(scope):
        now = change(scope["path"]) if path in scope["path"] else scope["path"]
        return {**scope, "path": now, "raw_path": now.encode()}

    return call


def without_query(scope):
    return {**scope, "query_string": b""}


def without_webhook_header(scope):
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"x-webhook-url"]}


def without_keys(*names: str):
    """A body without these."""
    return lambda value: (
        {name: one for name, one in value.items() if name not in names} if type(value) is dict else value
    )


def without_header(name: bytes) -> Headers:
    return lambda path, status, headers: [pair for pair in headers if pair[0] != name]
