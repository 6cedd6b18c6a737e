"""Makes calls: counts them, keeps their distance, waits where they are limited, and remembers what came back."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from urllib.parse import quote

from mock_server.core.clock import stopwatch
from mock_server.verify.server.exchange import Exchange, light, read_json
from mock_server.verify.server.limits import OTHERS, SUBMITS, Limits, balance_of, kind_of
from mock_server.verify.server.transport import Broken, Transport
from mock_server.verify.server.waiting import BudgetSpent, NotExercised, Waiting

#: So many calls in a row without an answer mean that the server is gone.
GONE_AFTER = 12
BALANCE = "/api/v1/user/balance"
#: No task costs as much, in USD: a server that has so much left of a balance cannot say that it is used up.
RICH = Decimal(20)


class Unreachable(Exception):
    """Nobody answers at the target's address, or no longer."""


class Dropped(Exception):
    """A call got no whole answer; the exchange shows it."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange.broken)
        self.exchange = exchange


class Here(threading.local):
    """What one thread is about: the case it tries, the names that the case used, its last exchange and its tasks."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []

    case: str = ""
    case_id: str = ""
    names: int = 0
    #: The key of its user, where that is not the first.
    key: str = ""
    #: The case has steered the server, so what it answers is meant.
    steered: bool = False
    last: Exchange | None = None


class Calling(Waiting):
    """The part of a target that makes its calls. Any number of threads may use it."""

    base_url: str
    key: str
    other_key: str
    judge: Callable[[Exchange], None]
    max_calls: int | None
    calls: int
    min_gap: float
    exchanges: deque[Exchange]
    limits: Limits
    tidy: bool
    dropped: int
    _transport: Transport
    _here: Here
    _lock: threading.Lock
    _dropped_in_a_row: int
    _called_at: float

    @property
    def mine(self) -> str:
        """The key of this thread's user."""
        return self._here.key or self.key

    @contextlib.contextmanager
    def as_second_user(self) -> Iterator[None]:
        """This thread calls with the second key meanwhile."""
        self._here.key = self.other_key
        try:
            yield
        finally:
            self._here.key = ""

    def second_user_has(self, cost: float) -> bool:
        """Whether there is a second user with a balance of so many USD at least."""
        if not self.other_key:
            return False
        bare = Exchange("GET", BALANCE, b"", 0, {}, None, b"")
        try:
            left = balance_of(self.made(bare, {"Authorization": f"Bearer {self.other_key}"}))
        except Dropped:
            return False
        return left is not None and left >= Decimal(cost)

    def made(self, bare: Exchange, headers: Mapping[str, str]) -> Exchange:
        """The exchange of a call that is given without its answer. Raises as ``call``."""
        self.count(kind_of(bare.method, bare.path))
        url = (bare.host or self.base_url) + bare.path
        try:
            answer = self._transport.send(bare.method, url, headers, bare.body or None)
        except Broken as broken:
            raise self._drop(replace(bare, broken=str(broken))) from None
        return replace(
            bare, status=answer.status, headers=answer.headers, json=read_json(answer.content), content=answer.content
        )

    def waited_for(self, made: Exchange, headers: Mapping[str, str]) -> Exchange:
        """The same call made again while it is limited: a server may limit calls, running tasks, and what is spent."""
        kind, tries, began, bare = kind_of(made.method, made.path), 0, stopwatch(), made
        while (seconds := self.limits.hold(kind, made, tries, stopwatch() - began)) is not None:
            self.tidy = self.tidy or kind == SUBMITS
            if self.controlled:
                self.advance(seconds)
            tries, made = tries + 1, self.made(bare, headers)
        mine = headers.get("Authorization", "").endswith(f" {self.mine}")
        if made.status == 402 and kind == SUBMITS and mine and self._is_poor():
            raise NotExercised("the balance is used up: a submit is answered 402", "money")
        return made

    def _is_poor(self) -> bool:
        """Whether a task of this case may well cost more than is left on the balance, or nothing is known of it."""
        self.tidy = True
        answer = self.made(Exchange("GET", BALANCE, b"", 0, {}, None, b""), {"Authorization": f"Bearer {self.mine}"})
        left = balance_of(answer)
        return left is None or left < RICH

    def count(self, kind: str = OTHERS) -> None:
        """Count a call, once it may be made: calls keep their distance, and limits are kept. Raises BudgetSpent."""
        with self._lock:
            if self.max_calls is not None and self.calls >= self.max_calls:
                raise BudgetSpent
            self.calls += 1
            at = self._called_at + self.min_gap if self.min_gap else 0.0
            self._called_at = max(stopwatch(), at)
        wait = max(at, 0.0 if self.controlled else self.limits.due(kind)) - stopwatch()
        if wait > 0:
            self.pause(wait)

    def keep(self, exchange: Exchange) -> Exchange:
        """Judge and remember an exchange."""
        exchange = replace(exchange, case=self._here.case_id)
        self._here.last = exchange
        with self._lock:
            self._dropped_in_a_row = 0
            self.exchanges.append(light(exchange))
            self.judge(exchange)
        return exchange

    def _drop(self, exchange: Exchange) -> Exception:
        """Remember a call without an answer. Dropped, or Unreachable when there were too many one after another."""
        exchange = replace(exchange, case=self._here.case_id)
        self._here.last = exchange
        with self._lock:
            self.dropped += 1
            self._dropped_in_a_row += 1
            self.exchanges.append(light(exchange))
            self.judge(exchange)
            if self._dropped_in_a_row >= GONE_AFTER:
                return Unreachable(f"{self.base_url} no longer answers: {exchange.broken}")
        return Dropped(exchange)

    def tidy_up(self) -> None:
        """Cancel the tasks of this thread's case where they take up running slots, or money."""
        made, self._here.made = self._here.made, []
        if not self.tidy or self.controlled:
            return
        for model, task in made:
            path = f"/model/v1/queue/{model}/requests/{quote(task, safe='')}/cancel"
            with contextlib.suppress(Dropped):
                self.made(Exchange("PUT", path, b"", 0, {}, None, b""), {"Authorization": f"Bearer {self.mine}"})
