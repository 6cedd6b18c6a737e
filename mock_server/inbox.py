"""Named inboxes: receivers to use as a ``callback_url``, and to read from a test."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

MAX_MESSAGES = 10_000


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """What arrived: ``headers`` in lower case; ``body`` as JSON where it is JSON, else as text. ``world`` is the key
    of the world it tells of, None when it tells of none; ``number`` counts the messages of that world in this inbox.
    """

    number: int
    received_at: float
    method: str
    query: str
    headers: dict[str, str]
    body: Any
    answered: int
    world: str | None = None


class Inbox:
    """The messages of one name, in order of arrival; of very many, the latest."""

    def __init__(self) -> None:
        self.messages: list[InboxMessage] = []
        self._received: dict[str | None, int] = {}
        self._arrival = asyncio.Event()

    def seen_by(self, key: str | None) -> list[InboxMessage]:
        """The messages of one world and those of none; without a key, all."""
        return [message for message in self.messages if key is None or message.world in {key, None}]

    def next_number(self, world: str | None) -> int:
        """The number of the message that is about to be put."""
        self._received[world] = self._received.get(world, 0) + 1
        return self._received[world]

    def put(self, message: InboxMessage) -> None:
        """Keep a message and tell whoever waits."""
        self.messages.append(message)
        del self.messages[:-MAX_MESSAGES]
        self._arrival.set()

    def clear(self, key: str | None = None) -> None:
        """Forget the messages of one world, or of all. Whoever waits looks again, at an event that belongs to no loop
        yet.
        """
        self.messages = [message for message in self.messages if key is not None and message.world != key]
        self._received = {world: count for world, count in self._received.items() if key not in {None, world}}
        self._arrival.set()
        self._arrival = asyncio.Event()

    async def wait_for(self, count: int, timeout: float, key: str | None = None) -> bool:
        """Whether ``count`` messages have arrived, waiting up to ``timeout`` real seconds for them."""
        try:
            async with asyncio.timeout(timeout):
                while len(self.seen_by(key)) < count:
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

    def clear(self, key: str | None = None) -> None:
        """Forget the messages of one world, or of all; whoever waits goes on waiting."""
        for inbox in self._by_name.values():
            inbox.clear(key)
