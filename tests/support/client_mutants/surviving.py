"""Clients with one bug each that shows when something goes wrong: crashes, cancelling, and downloads."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass

import httpx

from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.reference_clients.asynchronous import Asynchronous
from mock_server.verify.client.reference_clients.reference import MOST_TRIES, PASSING, Cancelled, Policy, Reference

# Crashes


def _raises_at_a_reset(self, answer, attempt):
    if answer is None:
        raise httpx.ReadError("the connection is gone")
    return Policy.wait_after(self, answer, attempt)


def _json_whatever_comes(self, send):
    answer = send()
    answer.json()
    return answer if answer.status_code < 500 and answer.status_code not in PASSING else None


def _raises_for_status(self, send):
    return send().raise_for_status()


def _int_of_retry_after(self, answer, attempt):
    asked = answer.headers.get("retry-after") if answer is not None else None
    return float(int(asked)) if asked is not None else 2.0**attempt


class _Status(enum.Enum):
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass
class _Task:
    id: str
    model: str
    status: str
    progress: float
    created_at: int
    metadata: dict
    external_task_id: str | None = None
    output: list | None = None
    usage: dict | None = None
    error: dict | None = None


def _known_statuses(self, task):
    return _Status(task["status"]) is not _Status.IN_PROGRESS


def _known_fields(self, task):
    return Policy.is_final(self, {"status": _Task(**task).status})


def _time_left(self, task):
    self.left = (self.kit.now() - task["created_at"]) * (1 / task["progress"] - 1)
    return Policy.is_final(self, task)


def _error_message(self, task):
    if task["status"] == "failed":
        return Outcome("failed", task["id"], code=task["error"]["code"], message=task["error"]["error_message"])
    return Policy.ended(self, task)


def _one_video(self, task):
    if task["status"] == "completed":
        (output,) = task["output"]
        (item,) = output["content"]
        return Outcome("completed", task["id"], [item["url"]], cost=task["usage"]["cost"])
    return Policy.ended(self, task)


def _its_preview(self, task):
    found = Policy.ended(self, task)
    if found.said == "completed":
        self.preview = found.urls[0]
    return found


# Cancelling


def _sleeps_on(self, seconds):
    self.kit.sleep(seconds)


def _looks_between_polls(self, send):
    for attempt in range(MOST_TRIES):
        answer = None
        try:
            answer = send()
            if self.is_the_answer(answer):
                return answer
        except httpx.TransportError:
            pass
        self.kit.sleep(self.wait_after(answer, attempt))
    return None


async def _bare_except(self, send):
    for attempt in range(MOST_TRIES):
        try:
            answer = await send()
            if self.is_the_answer(answer):
                return answer
            await self.kit.asleep(self.wait_after(answer, attempt))
        except BaseException:  # noqa: BLE001 - that is the bug
            await self.kit.asleep(2)
    return None


def _as_if_it_took_too_long(self, intent):
    try:
        return Reference.carried_out(self, intent)
    except Cancelled:
        return Outcome("timeout")


# Downloads


def _gives_up_on_a_video(self, url):
    try:
        return self.fetched(url)
    except httpx.HTTPError:
        return ""


def _again_after_a_5xx(self, url):
    answer = httpx.Response(503)
    while answer.status_code >= 500:
        try:
            answer = self.http.get(url)
        except httpx.TransportError:
            return ""
        self.sleep(2)
    return hashlib.sha256(answer.content).hexdigest()


def _what_came(self, url):
    content = b""
    try:
        with self.http.stream("GET", url) as answer:
            for part in answer.iter_bytes():
                content += part
    except httpx.TransportError:
        pass
    return hashlib.sha256(content).hexdigest()


def _after_what_came(self, url):
    content = b""
    for _ in range(MOST_TRIES):
        try:
            with self.http.stream("GET", url, headers={"Range": f"bytes={len(content)}-"}) as answer:
                answer.raise_for_status()
                for part in answer.iter_bytes():
                    content += part
        except httpx.HTTPError:
            self.sleep(2)
        else:
            break
    return hashlib.sha256(content).hexdigest()


def _whatever_the_status(self, url):
    return hashlib.sha256(self.http.get(url).content).hexdigest()


def _all_in_one_file(self, outcome):
    saved = [self.digest(url) for url in outcome.urls]
    return Outcome("completed", outcome.task_id, outcome.urls, cost=outcome.cost, saved=saved[-1:] * len(saved))


def _with_the_next_batch(self, outcome):
    self.kit.sleep(900)
    return Reference.with_videos(self, outcome)


SURVIVING = {
    "raises at a reset": ("A04", {"wait_after": _raises_at_a_reset}),
    "raises at a page of HTML": (
        "A04",
        {"understood": lambda self, answer: isinstance(answer.json(), dict), "tried": _json_whatever_comes},
    ),
    "raises at a poll that fails": ("A04", {"base": Reference, "tried": _raises_for_status}),
    "reads Retry-After as a number": ("A04", {"wait_after": _int_of_retry_after}),
    "any status but running is the end": ("A11", {"is_final": lambda self, task: task["status"] != "in_progress"}),
    "an enum of statuses": ("A04", {"is_final": _known_statuses}),
    "no fields but those it knows": ("A04", {"is_final": _known_fields}),
    "divides by the progress": ("A04", {"is_final": _time_left}),
    "error_message, which one model does not say": ("A04", {"ended": _error_message}),
    "exactly one video": ("A04", {"ended": _one_video}),
    "a cancel that does nothing": ("A20", {"cancel": lambda self: None}),
    "a cancel that nobody looks at": ("A20", {"sleep": _sleeps_on}),
    "looks for a cancel between polls only": ("A20", {"tried": _looks_between_polls}),
    "a bare except that swallows a cancellation": ("A20", {"base": Asynchronous, "tried": _bare_except}),
    "gives up on a video that broke off": ("W20", {"digest": _gives_up_on_a_video}),
    "fetches a video again after a 5xx only": ("W20", {"base": Reference, "digest": _again_after_a_5xx}),
    "keeps what came of a video": ("A22", {"base": Reference, "digest": _what_came}),
    "puts a video after what came of it": ("A22", {"base": Reference, "digest": _after_what_came}),
    "keeps an error as a video": ("A22", {"fetched": _whatever_the_status}),
    "all videos in one file": ("A22", {"with_videos": _all_in_one_file}),
    "a cancel told as a timeout": ("A20", {"carried_out": _as_if_it_took_too_long}),
    "fetches with the next batch": ("W19", {"with_videos": _with_the_next_batch}),
    "looks at the first video, though there is none": ("A04", {"ended": _its_preview}),
}
