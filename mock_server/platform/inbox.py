"""Named inboxes: receivers to use as a ``callback_url``, and to read from a test.

What is kept is bounded for each inbox, for each tenant and in all, by count and by bytes; the oldest goes first. Sizes
are bytes as they are kept, that is, unpacked.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mock_server.core.images import MIB
from mock_server.core.json_bounds import json_or_text

MAX_MESSAGES = 10_000
MAX_BYTES = 128 * MIB
#: The part of all that one tenant, and one inbox, may take.
TENANT_PART = 1 / 2
INBOX_PART = 1 / 4
MAX_NAMES = 1_000
OVERHEAD = 1_000


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """What arrived: ``headers`` in lower case; ``content`` as it came, unpacked. ``tenant`` is the key of the tenant it
    reports on, None when there is none; ``number`` counts the messages of that tenant in this inbox.
    """

    number: int
    received_at: float
    method: str
    query: str
    headers: dict[str, str]
    content: bytes
    answered: int
    tenant: str | None = None

    @property
    def body(self) -> Any:
        """The content as JSON where it is JSON that can be shown, else as text; None where there is none."""
        return json_or_text(self.content)

    @property
    def size(self) -> int:
        """The bytes that it takes, nearly."""
        return len(self.content) + sum(len(name) + len(value) for name, value in self.headers.items()) + OVERHEAD


class Share:
    """Messages that are kept together, in order of arrival, and the bytes they take."""

    def __init__(self) -> None:
        self.kept: OrderedDict[int, tuple[str, InboxMessage]] = OrderedDict()
        self.bytes = 0

    def add(self, place: int, name: str, message: InboxMessage) -> None:
        """Keep one more."""
        self.kept[place] = name, message
        self.bytes += message.size

    def remove(self, place: int) -> None:
        """Forget one."""
        _, message = self.kept.pop(place)
        self.bytes -= message.size

    def exceeds(self, count: float, size: float) -> bool:
        """Whether more is kept than that; one message alone never is too much."""
        return len(self.kept) > 1 and (len(self.kept) > count or self.bytes > size)


class Inbox(Share):
    """The messages of one name, in order of arrival."""

    def __init__(self) -> None:
        super().__init__()
        self._received: dict[str | None, int] = {}
        self._waiting: set[asyncio.Event] = set()

    @property
    def messages(self) -> list[InboxMessage]:
        """The messages of all tenants."""
        return [message for _, message in self.kept.values()]

    def seen_by(self, key: str | None) -> list[InboxMessage]:
        """The messages of one tenant and those of none; without a key, all."""
        return [message for message in self.messages if key is None or message.tenant in {key, None}]

    def next_number(self, tenant: str | None) -> int:
        """The number of the message that is about to be put."""
        self._received[tenant] = self._received.get(tenant, 0) + 1
        return self._received[tenant]

    def forget_numbers(self, key: str | None) -> None:
        """Count the messages of one tenant, or of all, from 1 again. A call that waits goes on waiting."""
        self._received = {tenant: count for tenant, count in self._received.items() if key not in {None, tenant}}

    def add(self, place: int, name: str, message: InboxMessage) -> None:
        """Keep a message and wake the calls that wait."""
        super().add(place, name, message)
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
        return not self.kept and not self._waiting


class Inboxes:
    """All inboxes by name; one is made by looking at it."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._by_name: dict[str, Inbox] = {}
        self._by_tenant: dict[str | None, Share] = {}
        self._all = Share()
        self._arrived = 0

    def open(self, name: str) -> Inbox:
        """The inbox of this name."""
        inbox = self._by_name.get(name)
        if inbox is None:
            if len(self._by_name) >= MAX_NAMES:
                self._by_name = {known: one for known, one in self._by_name.items() if not one.idle}
            inbox = self._by_name[name] = Inbox()
        return inbox

    def put(self, name: str, message: InboxMessage) -> None:
        """Keep a message, and forget the oldest ones of what then is too large."""
        self._arrived += 1
        inbox, tenant = self.open(name), self._by_tenant.setdefault(message.tenant, Share())
        for share in (tenant, self._all, inbox):
            share.add(self._arrived, name, message)
        for share, part in ((inbox, INBOX_PART), (tenant, TENANT_PART), (self._all, 1)):
            while share.exceeds(self._max_messages * part, self._max_bytes * part):
                self._remove(next(iter(share.kept)))

    def _remove(self, place: int) -> None:
        name, message = self._all.kept[place]
        self._all.remove(place)
        tenant = self._by_tenant[message.tenant]
        tenant.remove(place)
        if not tenant.kept:
            del self._by_tenant[message.tenant]
        self._by_name[name].remove(place)

    @property
    def bytes(self) -> int:
        """The bytes that all messages take, nearly."""
        return self._all.bytes

    def clear(self, key: str | None = None) -> None:
        """Forget the messages of one tenant, or of all."""
        for place in list(self._places(key)):
            self._remove(place)
        for inbox in self._by_name.values():
            inbox.forget_numbers(key)
        self._by_name = {name: inbox for name, inbox in self._by_name.items() if not inbox.idle}

    def _places(self, key: str | None) -> Iterator[int]:
        share = self._all if key is None else self._by_tenant.get(key, Share())
        return iter(share.kept)
