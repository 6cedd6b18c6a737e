"""What can go wrong with callbacks."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import orjson
from pydantic import Field

from mock_server.scenarios.faults.base import PlannedEvent
from mock_server.scenarios.faults.kinds import CallbackFault, Seconds, Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped(CallbackFault):
    """An attempt is lost on its way; it is tried again as if it had been refused."""

    fault: Literal["drop"] = "drop"
    dropped: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicated(CallbackFault):
    """The same event comes ``copies`` times, under the same id, ``gap`` seconds apart."""

    fault: Literal["duplicate"] = "duplicate"
    plans: ClassVar[bool] = True
    copies: Annotated[Whole, Field(ge=2, le=100)] = 2
    gap: Seconds = 0.0

    def planned(self, events: Sequence[PlannedEvent], created_at: float) -> list[PlannedEvent]:
        """See CallbackFault."""
        return [
            self.moved(event, event.due_at + copy * self.gap) if self._doubles(event) else event
            for event in events
            for copy in range(self.copies if self._doubles(event) else 1)
        ]

    def _doubles(self, event: PlannedEvent) -> bool:
        """Only the first duplicate of a scenario doubles an event: they would multiply."""
        return self.is_for(event.status) and self.fault not in event.faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Reordered(CallbackFault):
    """Events come in the reverse of their order, once the last of them is due."""

    fault: Literal["reorder"] = "reorder"
    plans: ClassVar[bool] = True

    def planned(self, events: Sequence[PlannedEvent], created_at: float) -> list[PlannedEvent]:
        """See CallbackFault."""
        last = max((event.due_at for event in events), default=0.0)
        return [self.moved(event, last) for event in reversed(events)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Late(CallbackFault):
    """Events come ``seconds`` after the change, when a poll has long shown it."""

    fault: Literal["late"] = "late"
    plans: ClassVar[bool] = True
    seconds: Seconds = 60.0

    def planned(self, events: Sequence[PlannedEvent], created_at: float) -> list[PlannedEvent]:
        """See CallbackFault."""
        return [
            self.moved(event, event.due_at + self.seconds) if self.is_for(event.status) else event for event in events
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Early(CallbackFault):
    """The first event comes before the submit has answered, when the client cannot know the task's id."""

    fault: Literal["early"] = "early"
    plans: ClassVar[bool] = True

    def planned(self, events: Sequence[PlannedEvent], created_at: float) -> list[PlannedEvent]:
        """See CallbackFault."""
        first = next((place for place, event in enumerate(events) if self.is_for(event.status)), None)
        return [self.moved(event, created_at) if place == first else event for place, event in enumerate(events)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSignature(CallbackFault):
    """The signature is that of another body."""

    fault: Literal["bad_signature"] = "bad_signature"

    def signed(self, headers: dict[str, str]) -> dict[str, str]:
        """See CallbackFault."""
        given = headers.get("webhook-signature", "v1,")
        wrong = hashlib.sha256(given.encode()).digest()
        return {**headers, "webhook-signature": f"v1,{base64.b64encode(wrong).decode()}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleSignature(CallbackFault):
    """Timestamp and signature are right, and ``age`` seconds old: a replay, to a receiver that looks."""

    fault: Literal["stale_signature"] = "stale_signature"
    age: Seconds = 3600.0

    @property
    def stale_by(self) -> float:
        """See CallbackFault."""
        return self.age


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownFields(CallbackFault):
    """The body has fields that no document knows."""

    fault: Literal["unknown_fields"] = "unknown_fields"
    fields: Mapping[str, Any] = field(default_factory=lambda: {"trace": {"region": "eu-1"}, "schema_version": 2})

    def body(self, body: bytes) -> bytes:
        """See CallbackFault."""
        return orjson.dumps({**orjson.loads(body), **self.fields})


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignId(CallbackFault):
    """The event is of a task that the receiver never submitted."""

    fault: Literal["foreign_id"] = "foreign_id"

    def body(self, body: bytes) -> bytes:
        """See CallbackFault."""
        task = orjson.loads(body)
        task.pop("external_task_id", None)
        own = task.get("metadata") or {}
        task["metadata"] = {name: own[name] for name in ("in_queue_at", "completed_at") if name in own}
        foreign = hashlib.blake2b(f"foreign/{task['id']}".encode(), digest_size=16).hexdigest()
        return orjson.dumps(task).replace(str(task["id"]).encode(), foreign.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage(CallbackFault):
    """The body is no JSON."""

    fault: Literal["garbage"] = "garbage"
    breaks_json: ClassVar[bool] = True

    def body(self, body: bytes) -> bytes:
        """See CallbackFault."""
        return b'{"id": ' + body[: len(body) // 2]
