"""Named inboxes: receivers to use as a ``callback_url``, and to read from a test."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

MAX_MESSAGES = 10_000


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """What arrived: ``headers`` in lower case; ``body`` as JSON where it is JSON, else as text."""

    number: int
    received_at: float
    method: str
    query: str
    headers: dict[str, str]
    body: Any
    answered: int


class Inbox:
    """The messages of one name, in order of arrival; of very many, the latest."""

    def __init__(self) -> None:
        self.messages: list[InboxMessage] = []
        self.received = 0
        self._arrival = asyncio.Event()

    def put(self, message: InboxMessage) -> None:
        """Keep a message and tell whoever waits."""
        self.received += 1
        self.messages.append(message)
        del self.messages[:-MAX_MESSAGES]
        self._arrival.set()

    def clear(self) -> None:
        """Forget every message. Whoever waits looks again, at an event that belongs to no loop yet."""
        self.messages.clear()
        self.received = 0
        self._arrival.set()
        self._arrival = asyncio.Event()

    async def wait_for(self, count: int, timeout: float) -> bool:
        """Whether ``count`` messages have arrived, waiting up to ``timeout`` real seconds for them."""
        try:
            async with asyncio.timeout(timeout):
                while len(self.messages) < count:
                    self._arrival.clear()
                    await self._arrival.wait()
        except TimeoutError:
            return False
        return True


class Inboxes:
    """All inboxes by name; one is made by looking at it."""

    def __init__(self) -> None:
        self._by_name: dict[str, Inbox] = {}

    def open(self, name: str) -> Inbox:
        """The inbox of this name."""
        return self._by_name.setdefault(name, Inbox())

    def clear(self) -> None:
        """Forget every message; whoever waits goes on waiting."""
        for inbox in self._by_name.values():
            inbox.clear()
