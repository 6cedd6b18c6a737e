"""Answers that are about the caller and not about the call: too many calls, too many running tasks, no money left.

A lawful server may give them at any moment. What is limited is waited for; a 429 that does not pass is an answer like
any other in the end, and judged as one.
"""

from __future__ import annotations

import threading
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime

from mock_server.core.clock import stopwatch
from mock_server.verify.server.exchange import Exchange

SUBMITS, OTHERS = "submits", "others"

#: Without a Retry-After that can be read, a call is made again after so many seconds; no wait is longer than the other.
USUAL_WAIT, LONGEST_WAIT = 1.0, 120.0
#: A limit that nothing passes for so many seconds and tries is none.
NO_LIMIT_SECONDS, NO_LIMIT_TRIES = 20.0, 3
#: How far apart calls are made once they are limited.
APART = 0.01


class Limits:
    """What is known of the limits of a server; any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._not_before: dict[str, float] = {}
        self._passed_at = 0.0
        self._false = 0
        #: How long was waited in all, and how often.
        self.waited, self.waits = 0.0, 0

    def due(self, kind: str) -> float:
        """When the next call of a kind may be made, by the stopwatch; the one after it is later."""
        with self._lock:
            at = self._not_before.get(kind, 0.0)
            if at:
                self._not_before[kind] = max(at, stopwatch()) + APART
            return at

    def hold(self, kind: str, exchange: Exchange, tries: int, waited: float) -> float | None:
        """How many seconds to wait before a limited call is made again; None when its answer is not of a limit, or no
        limit that passes. No call of the kind is made meanwhile.
        """
        with self._lock:
            if exchange.status != 429:
                if tries:
                    self._passed_at, self._false = stopwatch(), 0
                return None
            if self._false >= 2 and tries:
                return None
            recently = stopwatch() - self._passed_at < NO_LIMIT_SECONDS
            if tries >= NO_LIMIT_TRIES and waited >= NO_LIMIT_SECONDS and not recently:
                self._false += 1
                return None
            seconds = retry_after(exchange)
            self._not_before[kind] = max(self._not_before.get(kind, 0.0), stopwatch() + seconds)
            self.waited, self.waits = self.waited + seconds, self.waits + 1
            return seconds


def kind_of(method: str, path: str) -> str:
    """Submits have limits of their own."""
    bare = path.partition("?")[0]
    is_submit = bare == "/model/v1/generation" or (bare.startswith("/model/v1/queue/") and bare.count("/") == 4)
    return SUBMITS if method == "POST" and is_submit else OTHERS


def retry_after(exchange: Exchange) -> float:
    """The seconds that a 429 asks to wait, told as seconds, or as a date by the server's own clock."""
    given = exchange.headers.get("retry-after", "").strip()
    if given.isascii() and given.replace(".", "", 1).isdigit():
        seconds = float(given)
    else:
        seconds = _between(exchange.headers.get("date", ""), given)
    return min(max(seconds, 0.05), LONGEST_WAIT)


def _between(now: str, then: str) -> float:
    """The seconds between two dates of headers."""
    try:
        return (parsedate_to_datetime(then) - parsedate_to_datetime(now)).total_seconds()
    except (TypeError, ValueError):
        return USUAL_WAIT


def balance_of(exchange: Exchange) -> Decimal | None:
    """The available balance that an answer of the account tells; None where it tells none."""
    data = exchange.json.get("data") if isinstance(exchange.json, dict) else None
    given = data.get("available_balance") if isinstance(data, dict) else None
    try:
        found = Decimal(given) if isinstance(given, str | int) and not isinstance(given, bool) else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None
