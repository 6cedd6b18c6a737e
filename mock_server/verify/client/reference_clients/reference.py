"""The reference client, synchronous: it has every property that is asked for. A good client to start from."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx

from mock_server.verify.client.kit import Intent, Kit, Outcome

SUBMIT = "/model/v1/generation"
MOST_TRIES = 5
TOLERANCE = 300.0
PASSING = frozenset({408, 425, 429})


class Cancelled(Exception):
    """The user does not want it any more."""


class Policy:
    """What a good client decides, whatever it sends with: bodies, waits, what is final, what is believed."""

    poll_gap = 5.0
    longest_gap = 20.0

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.order = ""
        self.task: dict[str, Any] | None = None
        self.ends_by = 0.0
        self.cancelled = False

    def begin(self, intent: Intent, deadline: float) -> None:
        """Take an intent on, under an id of our own."""
        self.ends_by = self.kit.now() + deadline
        self.order = uuid.UUID(hashlib.blake2b(repr(intent).encode(), digest_size=16).hexdigest()).hex
        self.task = None
        self.cancelled = False

    def body(self, intent: Intent) -> dict[str, Any]:
        """The body of a submit."""
        extra = {"external_task_id": self.order}
        if intent.with_callbacks:
            extra["callback_url"] = self.kit.callback_url
        return {"model": intent.model, "input": [{"params": {**intent.params, **extra}}]}

    def headers(self) -> dict[str, str]:
        """What every call carries."""
        return {"Authorization": f"Bearer {self.kit.api_key}"}

    def poll_path(self) -> str:
        """Where the task is asked for."""
        return f"{SUBMIT}/task/{quote(self.order, safe='')}"

    def is_the_answer(self, answer: httpx.Response) -> bool:
        """Whether trying again would bring no other answer."""
        if answer.status_code >= 500 or answer.status_code in PASSING:
            return False
        return answer.is_client_error or self.understood(answer)

    def understood(self, answer: httpx.Response) -> bool:
        """Whether an answer is a JSON object."""
        try:
            return isinstance(answer.json(), dict)
        except ValueError:
            return False

    def wait_after(self, answer: httpx.Response | None, attempt: int) -> float:
        """How long to wait after a failure."""
        own = min(2.0 ** (attempt + 1), 30.0)
        asked = answer.headers.get("retry-after") if answer is not None else None
        if asked is None:
            return own
        try:
            seconds = float(asked) if asked.isdigit() else parsedate_to_datetime(asked).timestamp() - self.kit.now()
        except ValueError:
            return own
        return max(own, seconds)

    def next_gap(self, gap: float) -> float:
        """How long to wait before the poll after the next one."""
        return min(gap * 1.5, self.longest_gap)

    def is_final(self, task: Mapping[str, Any]) -> bool:
        """Whether a task has ended; a status that is not known has not."""
        return task.get("status") in {"completed", "failed"}

    def ended(self, task: Mapping[str, Any]) -> Outcome:
        """What to tell of a task that has ended."""
        if task["status"] == "failed":
            error = task["error"]
            said = error.get("error_message", error.get("message"))
            return Outcome("failed", task["id"], code=error["code"], message=said)
        urls = [item["url"] for output in task.get("output", ()) for item in output["content"]]
        return Outcome("completed", task["id"], urls, cost=task["usage"]["cost"])

    def rejected(self, answer: httpx.Response) -> Outcome:
        """What to tell of a body that was refused."""
        if not self.understood(answer):
            return Outcome("rejected")
        told = answer.json()
        if "error" not in told:
            return Outcome("rejected", code=str(told["status"]["error_code"]), message=told["status"]["message"])
        error = told["error"]
        return Outcome("rejected", code=error["code"], message=error.get("error_message", error.get("message")))

    def cancel(self) -> None:
        """The user does not want it any more."""
        self.cancelled = True

    def on_callback(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take a callback."""
        if not self.is_believed(headers, body):
            return 401
        try:
            task = json.loads(body)
        except ValueError:
            return 400
        if not isinstance(task, dict) or task.get("external_task_id") != self.order:
            return 404
        self.heard(task)
        return 200

    def heard(self, task: dict[str, Any]) -> None:
        """Remember the end of our task; what comes after it changes nothing."""
        if self.is_final(task) and self.task is None:
            self.task = task

    def is_believed(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether a callback is signed with our secret, and fresh."""
        timestamp = headers.get("webhook-timestamp", "")
        if not timestamp.isdigit() or abs(self.kit.now() - int(timestamp)) > TOLERANCE:
            return False
        signed = f"{headers.get('webhook-id')}.{timestamp}.".encode() + body
        key = base64.b64decode(self.kit.secret.removeprefix("whsec_"))
        right = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        given = headers.get("webhook-signature", "").encode().split()
        return any(hmac.compare_digest(one, right) for one in given)


class Reference(Policy):
    """Submits under an id of its own, polls with patience, believes callbacks that are signed and fresh."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self.http = httpx.Client(transport=kit.transport, base_url=kit.base_url, trust_env=False)

    def run(self, intent: Intent, deadline: float) -> Outcome:
        """Carry out an intent."""
        self.begin(intent, deadline)
        try:
            outcome = self.carried_out(intent)
        except Cancelled:
            outcome = self.called_off()
        self.kit.emit(outcome)
        return outcome

    def called_off(self) -> Outcome:
        """What to do and to tell once the user has cancelled."""
        return Outcome("cancelled")

    def carried_out(self, intent: Intent) -> Outcome:
        """The same. Raises Cancelled."""
        answer = self.tried(lambda: self.submit(intent))
        if answer is None:
            return Outcome("gave_up")
        if answer.status_code not in {200, 409}:
            return self.rejected(answer)
        outcome = self.followed()
        return self.with_videos(outcome) if intent.download and outcome.said == "completed" else outcome

    def submit(self, intent: Intent) -> httpx.Response:
        """Make the task."""
        return self.http.post(SUBMIT, json=self.body(intent), headers=self.headers())

    def poll(self) -> httpx.Response:
        """Ask how the task stands."""
        return self.http.get(self.poll_path(), headers=self.headers())

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Cancelled."""
        self.kit.sleep(seconds)
        if self.cancelled:
            raise Cancelled

    def tried(self, send: Callable[[], httpx.Response]) -> httpx.Response | None:
        """A call, tried again while that makes sense; None when it never worked. Raises Cancelled."""
        for attempt in range(MOST_TRIES):
            answer = None
            try:
                answer = send()
                if self.is_the_answer(answer):
                    return answer
            except httpx.TransportError:
                pass
            self.sleep(self.wait_after(answer, attempt))
        return None

    def followed(self) -> Outcome:
        """Wait for the end of the task. Raises Cancelled."""
        gap = self.poll_gap
        while self.kit.now() + gap < self.ends_by:
            self.sleep(gap)
            gap = self.next_gap(gap)
            if self.task is not None:
                return self.ended(self.task)
            answer = self.tried(self.poll)
            if answer is None:
                return Outcome("gave_up")
            if answer.is_success and self.is_final(answer.json()):
                return self.ended(answer.json())
        return Outcome("timeout")

    def with_videos(self, outcome: Outcome) -> Outcome:
        """The same outcome, once its videos are fetched. Raises Cancelled."""
        saved = [digest for url in outcome.urls if (digest := self.digest(url))]
        return Outcome("completed", outcome.task_id, outcome.urls, cost=outcome.cost, saved=saved)

    def digest(self, url: str) -> str:
        """Fetch a video, again if it breaks off; the digest of what came, or nothing. Raises Cancelled."""
        for attempt in range(MOST_TRIES):
            try:
                return self.fetched(url)
            except httpx.HTTPError:
                self.sleep(self.wait_after(None, attempt))
        return ""

    def fetched(self, url: str) -> str:
        """The digest of a video. Raises httpx.HTTPError when it is not all there."""
        answer = self.http.get(url).raise_for_status()
        return hashlib.sha256(answer.content).hexdigest()
