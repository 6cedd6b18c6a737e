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
#: The key, the balance or a permission is missing.
DENIED = frozenset({401, 402, 403})


class Cancelled(Exception):
    """The user does not want it any more."""


class TimeIsUp(Exception):
    """The next step would come after the deadline."""


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
        #: Whether a submit may have made the task, though nothing said so.
        self.unsure = False
        #: How many intents there were, and the ids of their tasks: callbacks about any of them are ours.
        self.begun = 0
        #: The id that was stored by a client that was killed.
        self.stored_order = ""
        self.orders: set[str] = set()

    def begin(self, intent: Intent, deadline: float) -> None:
        """Take an intent on, under its user's id or a new one of our own."""
        self.ends_by = self.kit.now() + deadline
        self.begun += 1
        self.order = intent.params.get("external_task_id") or self.stored_order or self.new_order(intent)
        self.task = None
        self.cancelled, self.unsure = False, bool(self.stored_order)
        self.stored_order = ""

    def new_order(self, intent: Intent) -> str:
        """An id for a task: another one for each intent, also for two that want the same. It is made from them, so
        that a run can be repeated; elsewhere take a random one.
        """
        told = f"{self.begun} {self.kit.now()} {intent!r}"
        return uuid.UUID(hashlib.blake2b(told.encode(), digest_size=16).hexdigest()).hex

    def save(self) -> dict[str, str]:
        """What is stored, before the first submit: the id. With it a submit can be tried again in another life."""
        return {"order": self.order}

    def restore(self, state: Mapping[str, str]) -> None:
        """Go on with what was stored: a task of that id may be there."""
        self.stored_order = state["order"]

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

    def learned(self, answer: httpx.Response) -> httpx.Response:
        """The answer to a submit, once it is noted whether it leaves open that there is a task."""
        self.unsure = self.unsure or answer.status_code >= 500 or (answer.is_success and not self.understood(answer))
        return answer

    def is_made(self, answer: httpx.Response) -> bool:
        """Whether our task is there. A 409 says so if an answer was lost before; else the id is somebody else's."""
        return answer.status_code == 200 or (answer.status_code == 409 and self.unsure)

    def require_time(self, seconds: float) -> None:
        """Raise TimeIsUp where so long a pause would not end before the deadline."""
        if self.kit.now() + seconds >= self.ends_by:
            raise TimeIsUp

    def next_gap(self, gap: float) -> float:
        """How long to wait before the poll after the next one."""
        return min(gap * 1.5, self.longest_gap)

    def is_final(self, task: Mapping[str, Any]) -> bool:
        """Whether a task has ended; a status that is not known has not."""
        return task.get("status") in {"completed", "failed"}

    def ended(self, task: Mapping[str, Any]) -> Outcome:
        """What to tell of a task that has ended."""
        if task["status"] == "failed":
            error = task.get("error") or {}
            said = error.get("error_message", error.get("message"))
            return Outcome("failed", task["id"], code=error.get("code"), message=said)
        urls = [item["url"] for output in task.get("output") or () for item in output["content"]]
        return Outcome("completed", task["id"], urls, cost=(task.get("usage") or {}).get("cost"))

    def rejected(self, answer: httpx.Response) -> Outcome:
        """What to tell of a body that was refused."""
        if not self.understood(answer):
            return Outcome("rejected")
        told = answer.json()
        if "error" not in told:
            return Outcome("rejected", code=str(told["status"]["error_code"]), message=told["status"]["message"])
        error = told["error"]
        return Outcome("rejected", code=error["code"], message=error.get("error_message", error.get("message")))

    def denied(self, answer: httpx.Response) -> Outcome | None:
        """What to tell of a poll that is denied: it would be again."""
        if answer.status_code not in DENIED:
            return None
        told = self.rejected(answer)
        return Outcome("gave_up", code=told.code, message=told.message)

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
        if not self.is_ours(task):
            return 404
        if task["external_task_id"] == self.order:
            self.heard(task)
        return 200

    def is_ours(self, told: object) -> bool:
        """Whether a callback is about a task that we submitted, now or for an earlier intent."""
        order = told.get("external_task_id") if isinstance(told, dict) else None
        return isinstance(order, str) and order in self.orders

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
        except TimeIsUp:
            outcome = Outcome("timeout")
        self.kit.emit(outcome)
        return outcome

    def called_off(self) -> Outcome:
        """What to do and to tell once the user has cancelled."""
        return Outcome("cancelled")

    def carried_out(self, intent: Intent) -> Outcome:
        """The same. Raises Cancelled or TimeIsUp."""
        answer = self.tried(lambda: self.sent(intent))
        if answer is None:
            return Outcome("gave_up")
        if not self.is_made(answer):
            return self.rejected(answer)
        outcome = self.followed()
        return self.with_videos(outcome) if intent.download and outcome.said == "completed" else outcome

    def sent(self, intent: Intent) -> httpx.Response:
        """Submit, and remember when nobody can say what came of it. Raises httpx.TransportError."""
        self.orders.add(self.order)
        try:
            return self.learned(self.submit(intent))
        except httpx.TransportError:
            self.unsure = True
            raise

    def submit(self, intent: Intent) -> httpx.Response:
        """Make the task."""
        return self.http.post(SUBMIT, json=self.body(intent), headers=self.headers())

    def poll(self) -> httpx.Response:
        """Ask how the task stands."""
        return self.http.get(self.poll_path(), headers=self.headers())

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Cancelled or TimeIsUp."""
        self.require_time(seconds)
        self.kit.sleep(seconds)
        if self.cancelled:
            raise Cancelled

    def tried(self, send: Callable[[], httpx.Response]) -> httpx.Response | None:
        """A call, tried again while that makes sense; None when it never worked. Raises Cancelled or TimeIsUp."""
        for attempt in range(MOST_TRIES):
            answer = None
            try:
                answer = send()
                if self.is_the_answer(answer):
                    return answer
            except httpx.HTTPError:
                pass  # also a body that is not encoded as it says
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
            if (denied := self.denied(answer)) is not None:
                return denied
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
