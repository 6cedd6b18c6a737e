"""What can go wrong, named by meaning. HTTP statuses and vendor codes live in tables elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Mistake(StrEnum):
    """What a submitted body got wrong, in the order in which it decides the code (wire#4)."""

    IMAGE_MISSING = "image missing"
    IMAGE_FORMAT = "image format"
    ASPECT_RATIO = "aspect ratio"
    PROMPT = "prompt"
    DURATION = "duration"
    OTHER = "other"


MISTAKE_ORDER = {mistake: place for place, mistake in enumerate(Mistake)}


class Trouble(StrEnum):
    """What can go wrong outside of a model's own document: the gateway's errors (wire#4)."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    METHOD_NOT_ALLOWED = "method not allowed"
    TIMED_OUT = "timed out"
    DUPLICATE = "duplicate"
    ALREADY_FINISHED = "already finished"
    NOT_FINISHED = "not finished"
    CONFLICT = "conflict"
    NO_BALANCE = "balance used up"
    RATE_LIMITED = "rate limit"
    TOO_MANY_RUNNING = "too many running tasks"
    GONE = "gone"
    TOO_LARGE = "too large"
    MEDIA_TYPE = "media type"
    BAD_RANGE = "bad range"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: where, in words, and what kind of mistake it is."""

    path: str
    message: str
    mistake: Mistake
    rule: str


class GatewayError(Exception):
    """A call that cannot be served; answered in the gateway's error shape.

    ``detail`` becomes the answer's ``data``, ``headers`` are sent along.
    """

    def __init__(
        self, trouble: Trouble, message: str, *, detail: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.message = message
        self.detail = detail
        self.headers = headers or {}


#: So many violations of one body are reported and kept.
MOST_VIOLATIONS = 20


class TaskRejected(Exception):
    """A submit that names a model and breaks its document; answered in that model's error shape. Of very many
    violations the first are reported; ``more`` is how many there are that were not looked for.
    """

    def __init__(self, violations: list[Violation], more: int = 0) -> None:
        ordered = sorted(violations, key=lambda violation: MISTAKE_ORDER[violation.mistake])
        if len(ordered) > MOST_VIOLATIONS:  # then what is wrong with a whole list says more than what is wrong in it
            ordered.sort(key=lambda violation: (MISTAKE_ORDER[violation.mistake], _steps(violation.path)))
        self.violations = ordered[:MOST_VIOLATIONS]
        self.mistake = ordered[0].mistake
        self.message = "; ".join(violation.message for violation in self.violations)
        more += len(ordered) - len(self.violations)
        if more:
            self.message += f"; and {more:,} more of this kind"
        super().__init__(self.message)


def _steps(path: str) -> int:
    return path.count(".") + path.count("[")


class ScenarioRejection(Exception):
    """A submit that a scenario refuses with a code, whatever is right about it."""

    def __init__(self, scenario: str, code: str, message: str | None) -> None:
        super().__init__(f"scenario {scenario} refuses with {code}")
        self.code = code
        self.message = message


class UsageError(Exception):
    """A wrong flag, file or environment: one clear line for the person who started the program."""


class ScenarioMistake(UsageError):
    """A scenario that says something wrong: where, what, and what would be right."""


class MissingExtra(UsageError):
    """Something was asked for that needs an extra of the package."""

    def __init__(self, wanted: str, extra: str) -> None:
        super().__init__(
            f"{wanted} needs the extra [{extra}]: pip install 'kirin-mock[{extra}]', or '.[{extra}]' in a checkout"
        )
        self.extra = extra
