"""Named inboxes: receivers to use as a ``callback_url``, and to read from a test."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

from mock_server.core.images import MIB

MAX_MESSAGES = 10_000
MAX_BYTES = 128 * MIB
MAX_NAMES = 1_000
OVERHEAD = 1_000


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """What arrived: ``headers`` in lower case; ``body`` as JSON where it is JSON, else as text. ``tenant`` is the key
    of the tenant it reports on, None when there is none; ``number`` counts the messages of that tenant in this inbox.
    """

    number: int
    received_at: float
    method: str
    query: str
    headers: dict[str, str]
    body: Any
    answered: int
    tenant: str | None = None


class Inbox:
    """The messages of one name, in order of arrival."""

    def __init__(self) -> None:
        self.messages: deque[InboxMessage] = deque()
        self._received: dict[str | None, int] = {}
        self._waiting: set[asyncio.Event] = set()

    def seen_by(self, key: str | None) -> list[InboxMessage]:
        """The messages of one tenant and those of none; without a key, all."""
        return [message for message in self.messages if key is None or message.tenant in {key, None}]

    def next_number(self, tenant: str | None) -> int:
        """The number of the message that is about to be put."""
        self._received[tenant] = self._received.get(tenant, 0) + 1
        return self._received[tenant]

    def put(self, message: InboxMessage) -> None:
        """Keep a message and wake the calls that wait."""
        self.messages.append(message)
        self._tell()

    def clear(self, key: str | None = None) -> None:
        """Forget the messages of one tenant, or of all. A call that waits goes on waiting."""
        self.messages = deque(message for message in self.messages if key is not None and message.tenant != key)
        self._received = {tenant: count for tenant, count in self._received.items() if key not in {None, tenant}}

    def _tell(self) -> None:
        for arrival in self._waiting:
            arrival.set()

    async def wait_for(self, count: int, timeout: float, key: str | None = None) -> bool:
        """Whether ``count`` messages have arrived, waiting up to ``timeout`` real seconds for them."""
        arrival = asyncio.Event()
        self._waiting.add(arrival)
        try:
            async with asyncio.timeout(timeout):
                while len(self.seen_by(key)) < count:
                    arrival.clear()
                    await arrival.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(arrival)
        return True

    @property
    def idle(self) -> bool:
        """Whether nothing is in it and nobody waits for anything."""
        return not self.messages and not self._waiting


class Inboxes:
    """All inboxes by name; one is made by looking at it. Of more messages, or bytes of them, than are kept in all, the
    oldest are forgotten.
    """

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._by_name: dict[str, Inbox] = {}
        self._arrived: deque[tuple[Inbox, InboxMessage, int]] = deque()
        self._bytes = 0

    def open(self, name: str) -> Inbox:
        """The inbox of this name."""
        inbox = self._by_name.get(name)
        if inbox is None:
            if len(self._by_name) >= MAX_NAMES:
                self._by_name = {known: one for known, one in self._by_name.items() if not one.idle}
            inbox = self._by_name[name] = Inbox()
        return inbox

    def put(self, name: str, message: InboxMessage, size: int) -> None:
        """Keep a message of ``size`` bytes."""
        inbox = self.open(name)
        inbox.put(message)
        self._arrived.append((inbox, message, size + OVERHEAD))
        self._bytes += size + OVERHEAD
        while self._bytes > self._max_bytes or len(self._arrived) > self._max_messages:
            oldest_inbox, oldest, freed = self._arrived.popleft()
            self._bytes -= freed
            if oldest_inbox.messages and oldest_inbox.messages[0] is oldest:
                oldest_inbox.messages.popleft()

    def clear(self, key: str | None = None) -> None:
        """Forget the messages of one tenant, or of all."""
        for inbox in self._by_name.values():
            inbox.clear(key)
        self._by_name = {name: inbox for name, inbox in self._by_name.items() if not inbox.idle}
        kept = [one for one in self._arrived if key is not None and one[1].tenant != key]
        self._arrived, self._bytes = deque(kept), sum(size for _, _, size in kept)
