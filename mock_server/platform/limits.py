"""How many calls a key may make: so many in each window of time, counted from its first call on.

Periods and moments are virtual seconds.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_PERIODS = {"s": 1, "m": 60, "min": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """``count`` calls in every ``period``."""

    count: int
    period: int

    def __str__(self) -> str:
        unit = next(name for name, period in _PERIODS.items() if period == self.period)
        return f"{self.count}/{unit}"

    @classmethod
    def parse(cls, text: str) -> RateLimit:
        """``10/s``, ``100/min`` or ``5/h``. Raises ValueError."""
        found = re.fullmatch(r"([0-9]{1,9})/(s|m|min|h)", text.strip(), re.ASCII)
        if found is None or int(found[1]) == 0:
            raise ValueError("must be a number of calls and a period, such as 10/s, 100/min or 5/h")
        return cls(int(found[1]), _PERIODS[found[2]])


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a call may still hope for: ``reset_after`` is when the next window begins."""

    allowed: bool
    remaining: int
    reset_after: float


class Window:
    """Counts the calls of one key."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self._ends_at = -math.inf
        self._used = 0

    def take(self, now: float) -> Allowance:
        """One more call, at ``now``."""
        if now >= self._ends_at:
            self._ends_at, self._used = round(now + self.limit.period, 6), 0
        allowed = self._used < self.limit.count
        self._used += allowed
        return Allowance(allowed, self.limit.count - self._used, round(self._ends_at - now, 6))


def whole_seconds(seconds: float) -> int:
    """Rounded up, as ``Retry-After`` takes it, and never nothing."""
    return max(1, math.ceil(seconds - 1e-6))
