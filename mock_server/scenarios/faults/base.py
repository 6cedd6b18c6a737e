"""What faults may do to a call or a callback, and where their numbers come from.

Durations are seconds of the clock. What a fault looks like in a file is in ``kinds``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random
from typing import Literal

#: The kinds of calls that a fault can hit; ``media`` is the fetching of a clip.
Op = Literal["submit", "poll", "result", "cancel", "upload", "discovery", "balance", "media"]


def chances(*what: object) -> Random:
    """A source of numbers that depends on nothing but what it is for."""
    return Random("/".join(map(str, what)))  # noqa: S311 - to repeat, not to be hard to guess


def like(text: str, pattern: str) -> bool:
    """Whether a text is like a pattern, in which * stands for any characters and ? for any one."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as bytes, to be spoiled. ``length`` is what Content-Length says, when that is a lie."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    length: int | None = None


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An answer in place of the API's own: the gateway's error, the model's where it knows ``code``, or a web page.
    Without a ``status`` it is that of the code. A date is off by ``skew``, and so is the server's own in ``Date``.
    """

    status: int | None
    code: str | None = None
    message: str | None = None
    html: bool = False
    retry_after: int | None = None
    as_date: bool = False
    skew: float = 0.0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A redirect in place of the API's answer: to the same path on the ``same_host`` or on the ``other_host``."""

    status: int
    to: Literal["same_host", "other_host"]


@dataclass(frozen=True, slots=True)
class Drip:
    """A body sent ``size`` bytes at a time, ``gap`` seconds apart."""

    size: int
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """What happens to one call. Wait ``before``; then, if ``handled``, let the API do its work; wait ``after``; send
    ``instead`` or what the API answers, ``spoiled``, compressed with ``gzip`` for a client that accepts it, only
    ``kept`` bytes of its body where that is said, nothing at all if ``silent``; and end the connection as ``ending``
    says.
    """

    before: float = 0.0
    handled: bool = True
    after: float = 0.0
    instead: ErrorReply | Elsewhere | None = None
    spoiled: Callable[[Reply], Reply] | None = None
    silent: bool = False
    kept: Callable[[int], int] | None = None
    drip: Drip | None = None
    gzip: bool = False
    ending: Literal["", "close", "reset"] = ""


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """One event of a task: which change it reports, when it is due, and which faults changed it."""

    place: int
    status: str
    occurred_at: float
    due_at: float
    faults: tuple[str, ...] = ()
