"""Task, Delivery, Attempt: frozen at birth. Moments are Unix seconds of the one clock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mock_server.core.images import Picture
from mock_server.core.moments import moment
from mock_server.lifecycle.timeline import Snapshot, Status, Timeline
from mock_server.scenarios.faults.base import PlannedEvent, chances

if TYPE_CHECKING:
    from mock_server.scenarios.model import Scenario


@dataclass(frozen=True, slots=True)
class Task:
    """One accepted request. ``params`` holds short descriptions in place of base64 images; the images themselves are
    in ``pictures`` by parameter path. ``base_url`` is how the submitting client addressed this server,
    ``scenario`` what else was decided about it, and ``usage_details`` whether its usage has the optional fields.
    """

    id: str
    tenant: str
    model: str
    params: Mapping[str, Any]
    pictures: Mapping[str, Picture]
    metadata: Mapping[str, Any]
    created_at: float
    timeline: Timeline
    cost: str
    base_url: str
    scenario: Scenario | None = None
    usage_details: bool = False

    @property
    def external_id(self) -> str | None:
        """The client's own id for this task, if it gave one."""
        return self.params.get("external_task_id")

    @property
    def callback_url(self) -> str | None:
        """Where callbacks of this task are posted, if anywhere."""
        return self.params.get("callback_url")

    @property
    def videos(self) -> int:
        """How many videos it makes: one, unless a scenario says otherwise."""
        wanted = self.scenario.task.output if self.scenario is not None else None
        if wanted is None:
            return 1
        return wanted if isinstance(wanted, int) else 0

    def at(self, now: float) -> Snapshot:
        """The state at ``now``."""
        return self.timeline.at(now)


class DeliveryState(StrEnum):
    """How a delivery stands."""

    OWED = "owed"
    UNDER_WAY = "under_way"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a delivery: ``status`` and the beginning of the ``answer`` when the receiver answered, else ``error``;
    ``elapsed`` in real seconds. ``headers`` are those sent, signature included; ``next_at`` is when the next try is
    due, if there is to be one, and ``fault`` what a scenario did to this one.
    """

    at: float
    status: int | None
    error: str | None
    elapsed: float
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""
    next_at: float | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for a callback URL. ``occurred_at`` is the moment it reports and ``status`` what the task
    became then; ``due_at`` is when to try next: a retry repeats the body, to the byte, which is why ``body`` is kept
    from the first attempt on. ``number`` counts a task's events from 0, and they go out in that order. ``faults``
    have put it off or doubled it.
    """

    id: str
    task_id: str
    number: int
    status: Status
    occurred_at: float
    due_at: float
    state: DeliveryState = DeliveryState.OWED
    attempts: tuple[Attempt, ...] = ()
    body: bytes | None = None
    faults: tuple[str, ...] = ()


def events_of(task: Task, delivered: Sequence[Delivery] = (), since: float = float("-inf")) -> list[Delivery]:
    """All events of a task: those ``delivered`` or under way, then those that its timeline still brings.

    ``since`` is the moment from which on the timeline is another one than that of ``delivered``.
    """
    if task.callback_url is None:
        return []
    kept = [one for one in delivered if one.occurred_at < since or one.attempts or one.state is not DeliveryState.OWED]
    events = [replace(one, number=place) for place, one in enumerate(kept)]
    known = {(one.occurred_at, one.status) for one in events}
    ahead = [one for one in task.timeline.changes() if one.at >= since and (one.at, one.status) not in known]
    planned = [PlannedEvent(len(events) + place, one.status, one.at, one.at) for place, one in enumerate(ahead)]
    if task.scenario is not None:
        for place, fault in task.scenario.callback_faults:
            if fault.plans and fault.strikes(chances(task.id, len(events), place)):
                planned = fault.planned(planned, task.created_at)
        planned.sort(key=lambda event: event.due_at)
    for event in planned:
        event_key = f"{task.id}/{event.place}/{event.status}/{event.occurred_at}"
        name = f"msg_{hashlib.blake2b(event_key.encode(), digest_size=12).hexdigest()}"
        status = Status(event.status)
        due_at = moment(event.due_at)
        events.append(Delivery(name, task.id, len(events), status, event.occurred_at, due_at, faults=event.faults))
    return events
