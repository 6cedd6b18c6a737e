"""The reference client for the queue protocol: the same habits at other paths, and bodies read in both forms.

COMPLETED says only that a task is over: it went well if there is no ``error``. What there is to read is in ``outputs``,
flat, or in the older form in ``output``, nested. No word is compared with its case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from mock_server.verify.client.kit import Intent, Outcome
from mock_server.verify.client.reference_clients.reference import Reference

#: The words for a task that has ended, in lower case.
ENDS = frozenset({"completed", "failed", "cancelled", "canceled"})
#: A cancel is tried so often.
MOST_CANCELS = 3


class Queued(Reference):
    """Submits bare parameters to the model's queue, asks for the status, and fetches the result once it has ended. It
    builds all paths itself, from the id that it gave, so that its key goes to no host that an answer names.
    """

    queue = ""

    def submit(self, intent: Intent) -> httpx.Response:
        """See Reference."""
        self.queue = f"/model/v1/queue/{intent.model}"
        (wrapped,) = self.body(intent)["input"]
        return self.http.post(self.queue, json=wrapped["params"], headers=self.headers())

    def headers(self) -> dict[str, str]:
        """See Policy."""
        return {"Authorization": f"Key {self.kit.api_key}"}

    def request_path(self, what: str) -> str:
        """The path of the request: its ``status``, ``response`` or ``cancel``."""
        return f"{self.queue}/requests/{quote(self.order, safe='')}/{what}"

    def poll_path(self) -> str:
        """See Policy."""
        return self.request_path("status")

    def is_final(self, task: Mapping[str, Any]) -> bool:
        """See Policy."""
        return str(task.get("status")).lower() in ENDS

    def went_well(self, task: Mapping[str, Any]) -> bool:
        """Whether a task that has ended has a result. One that comes without a status has."""
        return str(task.get("status", "completed")).lower() == "completed" and not task.get("error")

    def ended(self, task: Mapping[str, Any]) -> Outcome:
        """See Policy. Raises Cancelled."""
        if not self.went_well(task):
            return self.failure(task)
        return self.result() if "request_id" in task else self.success(task)  # a callback has the result in it

    def result(self) -> Outcome:
        """Fetch the result; while there is none, ask again. Raises Cancelled."""
        gap = self.poll_gap
        while True:
            answer = self.tried(lambda: self.http.get(self.request_path("response"), headers=self.headers()))
            if answer is None or answer.status_code not in {200, 202}:
                return (self.denied(answer) if answer is not None else None) or Outcome("gave_up")
            if answer.status_code == 200:
                made = answer.json()
                return self.success(made) if self.went_well(made) else self.failure(made)
            if self.kit.now() + gap >= self.ends_by:
                return Outcome("timeout")
            self.sleep(gap)
            gap = self.next_gap(gap)

    def success(self, made: Mapping[str, Any]) -> Outcome:
        """What to tell of a result."""
        usage = made.get("usage") or {}
        return Outcome("completed", self.id_of(made), self.videos(made), cost=usage.get("cost"))

    def videos(self, made: Mapping[str, Any]) -> list[str]:
        """The URLs of all videos, in order, in whichever form."""
        items = [*(made.get("outputs") or ())]
        items += [item for output in made.get("output") or () for item in output["content"]]
        return [item["url"] for item in items]

    def failure(self, task: Mapping[str, Any]) -> Outcome:
        """What to tell of a task that has ended without a result: the model's code where it is given, else the type."""
        error = task.get("error")
        if isinstance(error, dict):
            said = error.get("error_message", error.get("message"))
            return Outcome("failed", self.id_of(task), code=error.get("code"), message=said)
        provider = task.get("provider_error") or {}
        code = provider.get("code") or task.get("error_type")
        return Outcome("failed", self.id_of(task), code=code, message=error)

    def id_of(self, task: Mapping[str, Any]) -> str | None:
        """The id of a task, in an answer or in a callback."""
        found = task.get("request_id", task.get("id"))
        return found if isinstance(found, str) else None

    def rejected(self, answer: httpx.Response) -> Outcome:
        """See Policy. Most refusals have a sentence alone."""
        told = answer.json() if self.understood(answer) else {}
        error = told.get("error")
        if not isinstance(error, dict):
            return Outcome("rejected", message=told.get("detail"))
        said = error.get("error_message", error.get("message", told.get("detail")))
        return Outcome("rejected", code=error.get("code"), message=said)

    def called_off(self) -> Outcome:
        """Cancel the task on the platform as well. That it will be, that it had ended, and that it never was are all
        answers.
        """
        for attempt in range(MOST_CANCELS):
            try:
                answer = self.http.put(self.request_path("cancel"), headers=self.headers())
                if answer.is_success or answer.status_code in {400, 404}:
                    break
            except httpx.TransportError:
                pass
            self.kit.sleep(self.wait_after(None, attempt))
        return Outcome("cancelled")
