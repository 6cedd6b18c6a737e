"""The tasks that callbacks to a receiver tell of, in the shapes of each model's document."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mock_server.contract.endpoint import Endpoint

MULTI, V3 = "kirin_v1_6_multi_i2v", "kirin_v3_i2v"


@dataclass(frozen=True, slots=True)
class ReceiverTask:
    """A task as its callbacks show it. ``named`` says that the receiver knows it."""

    endpoint: Endpoint
    id: str
    external_id: str | None
    named: bool
    began_at: int

    @classmethod
    def of(cls, endpoint: Endpoint, task_id: str | None, external_id: str | None, now: int) -> ReceiverTask:
        """A task of a model; without an id one that nobody knows."""
        unknown = hashlib.blake2b(f"receiver/{now}".encode(), digest_size=16).hexdigest()
        named = task_id is not None or external_id is not None
        return cls(endpoint, task_id or unknown, external_id, named, now - 60)

    def running(self, progress: float = 0.4) -> dict[str, Any]:
        """While it runs."""
        return {**self._always("in_progress"), "progress": progress}

    def completed(self, url: str | None = None) -> dict[str, Any]:
        """Once it is completed, with the video at a URL."""
        model = self.endpoint.model
        item: dict[str, Any] = {"type": "video", "url": url or f"https://media.example.com/{self.id}/0.mp4"}
        item |= {"jobId": self.id} if model in {MULTI, V3} else {}
        item |= {"duration": 5} if model == V3 else {}
        return {
            **self._always("completed"),
            "output": [{"content": [item]}],
            "usage": {"cost": "0.28", "discount": 1},
        }

    def failed(self) -> dict[str, Any]:
        """Once it has failed."""
        said = "message" if self.endpoint.model == MULTI else "error_message"
        error = {"code": self.endpoint.errors.generation_failed, said: "The generation failed"}
        return {**self._always("failed"), "error": error}

    def _always(self, status: str) -> dict[str, Any]:
        metadata: Mapping[str, Any] = {"in_queue_at": self.began_at * 1000}
        if status != "in_progress":
            metadata = {**metadata, "completed_at": (self.began_at + 50) * 1000}
        named = {"external_task_id": self.external_id} if self.external_id is not None else {}
        return {
            "id": self.id,
            "model": self.endpoint.model,
            "status": status,
            "created_at": self.began_at,
            **named,
            "metadata": dict(metadata),
        }
