"""How servers are broken in the lives of tasks: at the n-th read, for some tasks only, in videos, and in callbacks."""

from __future__ import annotations

import dataclasses
import json
import re

from mock_server.platform.courier import Courier
from tests.support.broken import Edit, Media

POLL, SUBMIT = "/task/", "/model/v1/generation"
IDS = re.compile(r"/(?:task|requests)/([^/]+)")


def polls(change, when=lambda value: True) -> Edit:
    """Changes polls that are answered 200."""

    def edit(method, path, status, value):
        mine = POLL in path and status == 200 and when(value)
        return (status, change(value)) if mine else (status, value)

    return edit


def tasks(change) -> Edit:
    """Changes the task in submits and polls on the generation side."""

    def edit(method, path, status, value):
        mine = path.startswith(SUBMIT) and status == 200 and isinstance(value, dict) and "created_at" in value
        return (status, change(value)) if mine else (status, value)

    return edit


def by_external_id(change) -> Edit:
    """Changes polls by the client's own id."""

    def edit(method, path, status, value):
        mine = POLL in path and status == 200 and path.rpartition(POLL)[2] != value.get("id")
        mine = mine and value.get("external_task_id") == path.rpartition(POLL)[2]
        return (status, change(value)) if mine else (status, value)

    return edit


class AfterReads:
    """Answers otherwise from the n-th read of what ``matches`` on, for each task."""

    def __init__(self, count, answer, matches=lambda method, path, status, value: POLL in path and status == 200):
        self._count, self._answer, self._matches = count, answer, matches
        self._seen: dict[str, int] = {}

    def __call__(self, method, path, status, value):
        if not self._matches(method, path, status, value):
            return status, value
        name = str(value.get("id") or value.get("request_id"))
        self._seen[name] = self._seen.get(name, 0) + 1
        return self._answer(status, value) if self._seen[name] >= self._count else (status, value)


def ended_poll(method, path, status, value):
    return POLL in path and status == 200 and value["status"] == "completed"


def result(method, path, status, value):
    return path.endswith("/response") and status == 200 and "outputs" in value


def status_over(method, path, status, value):
    return path.endswith("/status") and status == 200 and value.get("status") == "COMPLETED"


def gone(status, value):
    """As if there were no such task."""
    return 404, {"status": {"code": 404, "message": "task not found", "error_code": 40401}, "data": None}


class ForSome:
    """Changes polls of tasks whose parameters ``matches``; a body and an edit of one mutant."""

    def __init__(self, matches, change, when=lambda value: True):
        self._matches, self._change, self._when = matches, change, when
        self._last, self._mine = {}, set()

    def body(self, value):
        inner = value.get("input", [{}])[0].get("params") if isinstance(value.get("input"), list) else None
        self._last = inner or value.get("data") or value
        return value

    def edit(self, method, path, status, value):
        if method == "POST" and status == 200 and isinstance(value, dict) and self._matches(self._last):
            self._mine.add(str(value.get("id") or value.get("request_id")).removeprefix("mmsu_"))
        mine = POLL in path and status == 200 and value.get("id") in self._mine and self._when(value)
        return (status, self._change(value)) if mine else (status, value)


class Growing:
    """A number in polls that grows with each of them."""

    def __init__(self, change):
        self._change, self._polls = change, 0

    def __call__(self, value):
        self._polls += 1
        return self._change(value, self._polls)


def url(change):
    """Each URL in the output of a task changed."""

    def changed(value):
        outputs = [
            {"content": [{**item, "url": change(item["url"])} for item in output["content"]]}
            for output in value["output"]
        ]
        return {**value, "output": outputs}

    return changed


def film(change) -> Media:
    """Changes the whole answer of a video's URL, where it is the whole video."""

    def changed(method, part, status, headers, body):
        if method != "GET" or part or status != 200:
            return status, headers, body
        return change(headers, body)

    return changed


def parts(change) -> Media:
    """Changes the answer to a part by Range."""
    return lambda method, part, status, headers, body: (
        change(status, headers, body) if part else (status, headers, body)
    )


def heads(change) -> Media:
    """Changes the answer to HEAD."""
    return lambda method, part, status, headers, body: change(headers) if method == "HEAD" else (status, headers, body)


def patched(name: bytes, at: int, value: bytes):
    """A film with bytes of its first box of a name changed, ``at`` counted from the end of the name."""

    def change(headers, body):
        place = body.index(name) + 4 + at
        return 200, headers, body[:place] + value + body[place + len(value) :]

    return film(change)


# What the courier does, changed.


def telling(is_wrong, status, wait=None) -> type[Courier]:
    """A courier that takes some outcomes for others: ``status`` in place of what came, and another ``wait``."""

    class Mistaken(Courier):
        async def _carry(self, url, delivery, body, now):
            outcome = await super()._carry(url, delivery, body, now)
            if not is_wrong(outcome, delivery):
                return outcome
            attempt = dataclasses.replace(outcome.attempt, status=status or outcome.attempt.status)
            return dataclasses.replace(outcome, attempt=attempt, wait=outcome.wait if wait is None else wait)

    return Mistaken


def takes(*statuses) -> type[Courier]:
    """Takes some failures for a success."""
    return telling(lambda outcome, delivery: outcome.attempt.status in statuses, 200)


def insists(*statuses) -> type[Courier]:
    """Takes some successes, or a 410, for a failure."""
    return telling(lambda outcome, delivery: outcome.attempt.status in statuses, 500)


class Stale(Courier):
    """Has the timestamp of the first attempt at every attempt."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._first = {}

    def headers(self, delivery_id, now, body):
        return super().headers(delivery_id, self._first.setdefault(delivery_id, now), body)


class Milliseconds(Courier):
    """Counts milliseconds in its timestamps, signatures and all."""

    def headers(self, delivery_id, now, body):
        return super().headers(delivery_id, now * 1000, body)


class SignedOnce(Courier):
    """Has a fresh timestamp at every attempt, and the signature of the first."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._first = {}

    def headers(self, delivery_id, now, body):
        headers = super().headers(delivery_id, now, body)
        return {**headers, "webhook-signature": self._first.setdefault(delivery_id, headers["webhook-signature"])}


class WithoutQuery(Courier):
    """Loses the query of callback_url."""

    async def _carry(self, url, delivery, body, now):
        return await super()._carry(url.partition("?")[0], delivery, body, now)


class Decoding(Courier):
    """Decodes what is encoded in callback_url."""

    async def _carry(self, url, delivery, body, now):
        return await super()._carry(url.replace("%2F", "/"), delivery, body, now)


class Leaking(Courier):
    """Sends the API key along."""

    def headers(self, delivery_id, now, body):
        return {**super().headers(delivery_id, now, body), "authorization": "Bearer sk-verify"}


def rewriting(change) -> type[Courier]:
    """A courier that sends another body: the value, its attempts so far, and a count in, the value out."""

    class Rewriting(Courier):
        async def _carry(self, url, delivery, body, now):
            value = change(json.loads(body), len(delivery.attempts))
            return await super()._carry(url, delivery, json.dumps(value).encode(), now)

    return Rewriting


class OneId(Courier):
    """Has one id for all events of a task."""

    async def _carry(self, url, delivery, body, now):
        return await super()._carry(url, dataclasses.replace(delivery, id=f"msg_{delivery.task_id}"), body, now)
