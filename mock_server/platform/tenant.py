"""Tenant: all that belongs to one API key. Nothing in it is shared with another."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from mock_server.core.clock import Clock
from mock_server.core.queue_words import REQUEST_ID_PREFIX
from mock_server.core.redaction import masked
from mock_server.platform.account import Account
from mock_server.platform.journal import Journal
from mock_server.platform.limits import Window
from mock_server.platform.scheduler import Scheduler
from mock_server.platform.stores import Store
from mock_server.platform.task import Task
from mock_server.scenarios.matching import Counters


@dataclass(eq=False)
class Tenant:
    """One API key's tasks, clock, account and journal. ``submitted`` counts its tasks, and so names them;
    ``tally`` is what scenarios have counted.
    """

    key: str
    seed: int
    clock: Clock
    store: Store
    scheduler: Scheduler
    account: Account
    journal: Journal
    max_running: int | None = None
    window: Window | None = None
    submitted: int = field(default=0)
    uploaded: int = field(default=0)
    counters: Counters = field(default_factory=Counters)
    began_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.began_at = self.clock.now()

    @cached_property
    def label(self) -> str:
        """What it is called where the key itself must not be shown."""
        return masked(self.key)

    @cached_property
    def mark(self) -> bytes:
        """What the ids of its calls begin with."""
        return self.name("calls", 0, 8).encode()

    async def task(self, task_id: str) -> Task | None:
        """A task by its id, its request id on the queue side, or its external id, in this order."""
        if task_id.startswith(REQUEST_ID_PREFIX):
            own = await self.store.get(task_id[len(REQUEST_ID_PREFIX) :])
            if own is not None and own.id == task_id[len(REQUEST_ID_PREFIX) :]:
                return own
        return await self.store.get(task_id)

    def name(self, kind: str, number: int, size: int = 16) -> str:
        """An id for the ``number``-th of a kind: the same in every run with this seed, in no other tenant."""
        text = f"{self.seed}/{self.key}/{kind}/{number}" if kind else f"{self.seed}/{self.key}/{number}"
        return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
