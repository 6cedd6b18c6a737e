"""The reference client for the queue protocol: the same habits at other paths."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from mock_server.verify.client.kit import Intent, Kit, Outcome
from mock_server.verify.client.reference import Reference


class Queued(Reference):
    """Submits bare parameters to the model's queue, asks for the status, and fetches the result once."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self.queue = ""

    def submit(self, intent: Intent) -> httpx.Response:
        """See Reference."""
        self.queue = f"/model/v1/queue/{intent.model}"
        (wrapped,) = self.body(intent)["input"]
        return self.http.post(self.queue, json=wrapped["params"], headers=self.headers())

    def poll_path(self) -> str:
        """See Policy."""
        return f"{self.queue}/requests/{quote(self.order, safe='')}/status"

    def ended(self, task: Any) -> Outcome:
        """See Policy. Raises Cancelled."""
        if "output" not in task and "request_id" in task:
            path = f"{self.queue}/requests/{quote(self.order, safe='')}/response"
            answer = self.tried(lambda: self.http.get(path, headers=self.headers()))
            if answer is None:
                return Outcome("gave_up")
            task = answer.json()
        return super().ended({"id": task.get("request_id"), **task})
