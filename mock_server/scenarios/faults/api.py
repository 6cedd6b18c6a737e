"""What can go wrong with a call of the API, or with fetching a clip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from mock_server.scenarios.faults.base import Disturbance, Drip, Elsewhere, ErrorReply, Reply
from mock_server.scenarios.faults.kinds import (
    SILENT_FOR,
    CallFault,
    Count,
    ErrorCode,
    Flag,
    Seconds,
    Share,
    Spread,
    Text,
    Whole,
    drawn,
    length_of_time,
    whole,
)

HttpError = Annotated[
    Annotated[int, Field(strict=True, ge=400, le=599)],
    BeforeValidator(whole, json_schema_input_type=Annotated[int, Field(ge=400, le=599)]),
]
MAX_WAIT = 86_400 * 365


def _retry_after(value: Any) -> Any:
    """A length of time in whole seconds; ``none`` in words for null."""
    if isinstance(value, str) and value in {"none", "null"}:
        return None
    seconds = length_of_time(value)
    return int(seconds) if isinstance(seconds, float) and seconds.is_integer() else seconds


RetryAfter = Annotated[
    Annotated[int, Field(ge=0, le=MAX_WAIT)] | None,
    BeforeValidator(_retry_after, json_schema_input_type=Annotated[int, Field(ge=0, le=MAX_WAIT)] | str | None),
]
Skew = Annotated[float, Field(ge=-MAX_WAIT, le=MAX_WAIT)]
Redirection = Annotated[
    Literal[301, 302, 303, 307, 308], BeforeValidator(whole, json_schema_input_type=Literal[301, 302, 303, 307, 308])
]
UrlError = Annotated[Literal[403, 404, 410], BeforeValidator(whole, json_schema_input_type=Literal[403, 404, 410])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(CallFault):
    """The call takes longer: a fixed time, or one drawn evenly or log-normally."""

    fault: Literal["latency"] = "latency"
    takes_time: ClassVar[bool] = True
    seconds: Spread

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        return Disturbance(before=drawn(self.seconds, chances))


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(CallFault):
    """429 with ``Retry-After`` in seconds, or as a date; without one when ``retry_after`` is null. With ``skew`` the
    server's clock is off by so many seconds, and its dates with it.
    """

    fault: Literal["rate_limit"] = "rate_limit"
    retry_after: RetryAfter = 1
    as_date: Flag = False
    skew: Skew = 0.0
    code: ErrorCode = "42901"

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        text = "too many calls" if self.retry_after is None else f"too many calls; try again in {self.retry_after} s"
        reply = ErrorReply(429, self.code, text, retry_after=self.retry_after, as_date=self.as_date, skew=self.skew)
        return Disturbance(handled=False, instead=reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer(CallFault):
    """An error in place of the answer, by its ``status``, its ``code``, or both: 500 if neither is said. 502, 503 and
    504 are those of gateways, often with a web page as body.
    """

    fault: Literal["error"] = "error"
    status: HttpError | None = None
    code: ErrorCode | None = None
    message: Text | None = None
    html: Flag = False
    retry_after: RetryAfter = None

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        reply = ErrorReply(self.status, self.code, self.message, self.html, self.retry_after)
        return Disturbance(handled=False, instead=reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(CallFault):
    """The connection is reset, before the answer or in the middle of it."""

    fault: Literal["reset"] = "reset"
    when: Literal["before", "during"] = "before"

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        if self.when == "before":
            return Disturbance(handled=False, silent=True, ending="reset")
        return Disturbance(kept=lambda size: size // 2, ending="reset")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyReply(CallFault):
    """The connection is closed without a byte of answer."""

    fault: Literal["empty"] = "empty"

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        return Disturbance(handled=False, silent=True, ending="close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated(CallFault):
    """Content-Length promises the whole body, and the connection is closed after a ``share`` of it."""

    fault: Literal["truncate"] = "truncate"
    share: Annotated[Share, Field(lt=1)] = 0.5

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        return Disturbance(kept=lambda size: min(int(size * self.share), max(size - 1, 0)), ending="close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed(CallFault):
    """A body that is whole by its Content-Length and no JSON: ``cut`` in the middle, with a ``page`` before it, a web
    page of its own (``html``), without a byte under 204 (``no_content``), or with a byte order mark before it
    (``bom``), which some readers pass over.
    """

    fault: Literal["malformed"] = "malformed"
    how: Literal["cut", "page", "html", "no_content", "bom"] = "cut"

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        return Disturbance(spoiled=self._spoiled)

    def _spoiled(self, reply: Reply) -> Reply:
        body = reply.body
        if self.how in {"html", "no_content"}:
            page = self.how == "html"
            kept = [(name, value) for name, value in reply.headers if name not in {b"content-type", b"content-length"}]
            headers = [*kept, (b"content-type", b"text/html")] if page else kept
            return Reply(200 if page else 204, headers, _PAGE if page else b"")
        return replace(reply, body=_BEFORE[self.how] + body if self.how in _BEFORE else body[: len(body) // 2])


_PAGE = b"<html><head><title>Please wait</title></head><body><h1>Please wait</h1></body></html>\n"
_BEFORE = {"page": b"<!-- ", "bom": b"\xef\xbb\xbf"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected(CallFault):
    """A redirect to the same path: under another name of the server, or under its own (``to``). The call has no effect.
    On a video it leads to the video.
    """

    fault: Literal["redirect"] = "redirect"
    status: Redirection = 307
    to: Literal["other_host", "same_host"] = "other_host"

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        return Disturbance(handled=False, instead=Elsewhere(self.status, self.to))


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed(CallFault):
    """The right body, compressed; as it is for a client that does not accept gzip."""

    fault: Literal["gzip"] = "gzip"

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        return Disturbance(gzip=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongType(CallFault):
    """The right body under a wrong Content-Type."""

    fault: Literal["content_type"] = "content_type"
    value: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+( [!-~]+)*$")] = "text/html"

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        return Disturbance(spoiled=self._spoiled)

    def _spoiled(self, reply: Reply) -> Reply:
        kept = [(name, value) for name, value in reply.headers if name != b"content-type"]
        return replace(reply, headers=[*kept, (b"content-type", self.value.encode())])


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowDrip(CallFault):
    """The body arrives ``size`` bytes at a time, ``gap`` seconds apart."""

    fault: Literal["drip"] = "drip"
    size: Count = 20
    gap: Seconds = 1.0

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        return Disturbance(drip=Drip(self.size, self.gap))


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence(CallFault):
    """Nothing is answered; after ``seconds`` the connection is closed."""

    fault: Literal["silence"] = "silence"
    seconds: Seconds = SILENT_FOR

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        return Disturbance(before=self.seconds, handled=False, silent=True, ending="close")


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAnswer(CallFault):
    """The ambiguous failure: the work is done, the task is made and paid for, and its answer is lost: to a reset, a
    close, an error, or a silence.
    """

    fault: Literal["lost_answer"] = "lost_answer"
    how: Literal["reset", "close", "error", "silence"] = "reset"
    status: HttpError = 500
    seconds: Seconds = SILENT_FOR
    default_on = ("submit", "cancel")

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        if self.how == "error":
            return Disturbance(instead=ErrorReply(self.status))
        wait = self.seconds if self.how == "silence" else 0.0
        return Disturbance(after=wait, silent=True, ending="reset" if self.how == "reset" else "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired(CallFault):
    """The URL of a clip is valid for ``after`` seconds from the task's end; then it is 403, or 404."""

    fault: Literal["expired"] = "expired"
    after: Seconds = 0.0
    status: UrlError = 403
    default_on = ("media",)

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance | None:
        """See CallFault."""
        if since_end is None or since_end < self.after:
            return None
        text = f"this URL was valid for {self.after:g} s after the task ended; poll the task's result in time"
        return Disturbance(handled=False, instead=ErrorReply(self.status, None, text))


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLength(CallFault):
    """Content-Length is off ``by`` so many bytes from what is sent: more promised than comes, or less."""

    fault: Literal["wrong_length"] = "wrong_length"
    by: Annotated[Whole, Field(ge=-(2**30), le=2**30)] = 1000
    default_on = ("media",)

    def __post_init__(self) -> None:
        if self.by == 0:
            raise ValueError("by must not be 0, or the length would be right")

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        return Disturbance(
            spoiled=lambda reply: replace(reply, length=max(len(reply.body) + self.by, 0)), ending="close"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrupt(CallFault):
    """So many bytes (``count``) of the body are other ones, at places drawn from the seed."""

    fault: Literal["corrupt"] = "corrupt"
    count: Count = 64
    default_on = ("media",)

    def disturbance(self, chances: Random, since_end: float | None) -> Disturbance:
        """See CallFault."""
        return Disturbance(spoiled=lambda reply: replace(reply, body=self._spoiled(reply.body, chances)))

    def _spoiled(self, body: bytes, chances: Random) -> bytes:
        spoiled = bytearray(body)
        for place in chances.sample(range(len(body)), min(self.count, len(body))):
            spoiled[place] ^= chances.randrange(1, 256)
        return bytes(spoiled)
