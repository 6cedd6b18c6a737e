"""The parts of a case beside its first intent: further intents of the same client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mock_server.verify.client.kit import Intent

#: How a task is to end: ``empty`` is completed without a video, ``cancelled`` by somebody else than the client's user.
#: ``taken`` is never made: somebody else's task has the intent's external_task_id. ``refused`` means that the gateway
#: takes no submit, ``denied`` that it answers no more polls from some point on.
Expected = Literal["completed", "empty", "failed", "cancelled", "rejected", "never", "taken", "refused", "denied"]


@dataclass(frozen=True, slots=True)
class Kill:
    """The client is killed at its ``call``, counted from 0, and started again ``down`` seconds later: ``before`` it
    has left, ``after`` it was served but before its answer is read, or once it is ``answered``.
    """

    call: int
    moment: Literal["before", "after", "answered"]
    down: float = 60.0


@dataclass(frozen=True, slots=True)
class Further:
    """One intent more, and what is to come of it; ``scenario`` makes it so, where it goes other than the first."""

    intent: Intent
    expected: Expected = "completed"
    code: str | None = None
    scenario: Mapping[str, Any] | None = None
    cancel_after: float | None = None

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Further:
        """The part that a plain value is. Raises TypeError or KeyError for what is none."""
        return cls(**{**value, "intent": Intent(**value["intent"])})
