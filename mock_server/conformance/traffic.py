"""Traffic: what a client sent and got, wherever it was recorded, understood as submits, polls and the rest."""

from __future__ import annotations

import json
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Literal
from urllib.parse import unquote

import orjson

from mock_server.core.json_bounds import depth_exceeds
from mock_server.core.queue_words import REQUEST_ID_PREFIX

Kind = Literal["submit", "poll", "result", "cancel", "media", "other"]

_TASK = "/model/v1/generation/task/"
_QUEUE = re.compile(r"/model/v1/queue/([^/]+)(?:/requests/(.+)/(status|response|cancel))?")
_LINK = re.compile(r'href="(https?://[^"]+)"', re.IGNORECASE)
#: So much of the page of a redirect is read, and so much of a compressed answer is unpacked.
_PAGE = 4_000
_MOST = 4_000_000
_GZIP = b"\x1f\x8b"
_HOST = re.compile(r"https?://([^/?#]+)", re.IGNORECASE)
_MEDIA = re.compile(r"/media/([0-9a-f]+)/[0-9]+\.mp4")
#: The words for a task that has ended, in lower case; the queue side writes COMPLETED for all of them.
FINAL = frozenset({"completed", "failed", "cancelled", "canceled"})
#: The faults that let an answer break off.
BROKEN_OFF = ("truncate", "reset", "wrong_length")
#: The calls about one task that ask how it stands, or for its result.
QUESTIONS = frozenset({"poll", "result"})
#: The URLs that answers of the queue side name.
_CODED = ("error", "status", "provider_error")
_URLS = ("status_url", "response_url", "cancel_url")
#: Left out when two submits are compared: it is not what is asked for.
_APART = frozenset({"external_task_id", "callback_url"})


@dataclass
class Seen:
    """One call and its answer. ``status`` is None when there was no answer; ``made`` is the task it made, where the
    recorder knows that though the client may not; ``whole`` says whether ``body`` is all that was sent. ``hidden`` are
    the parts that the recorder left out: ``answer``, ``key``, ``content-type``. ``broken`` are the violations that the
    server found in a body that is not whole.
    """

    number: int
    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None
    answer: bytes
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    ended_at: float | None = None
    made: str | None = None
    fault: str | None = None
    whole: bool = True
    hidden: frozenset[str] = frozenset()
    broken: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it is known what was sent: all of it, or with its long values replaced by digests."""
        return self.whole or isinstance(self.value, dict)

    @property
    def over_at(self) -> float:
        """When the client had its answer, or knew that there is none."""
        return self.at if self.ended_at is None else self.ended_at

    @cached_property
    def place(self) -> str:
        """The path without its query, as it was sent."""
        return self.path.partition("?")[0]

    @cached_property
    def kind(self) -> Kind:
        """What sort of call it is."""
        if self.place == "/model/v1/generation" and self.method == "POST":
            return "submit"
        if self.place.startswith(_TASK) and self.method == "GET":
            return "poll"
        found = _QUEUE.fullmatch(self.place)
        if found is not None:
            if found[3] is None:
                return "submit" if self.method == "POST" else "other"
            kinds: dict[str, Kind] = {"status": "poll", "response": "result", "cancel": "cancel"}
            return kinds[found[3]]
        return "media" if _MEDIA.fullmatch(self.place) else "other"

    @cached_property
    def about(self) -> str | None:
        """The id that a poll, a result, a cancel or a download speaks of."""
        if self.place.startswith(_TASK):
            return unquote(self.place[len(_TASK) :])
        found = _QUEUE.fullmatch(self.place) or _MEDIA.fullmatch(self.place)
        if found is None:
            return None
        return unquote(found[found.lastindex - 1 if self.kind != "media" and found.lastindex else 1] or "") or None

    @property
    def task(self) -> str | None:
        """The task that it is about, by whichever id of the task it was asked for."""
        return task_id_of(self.about)

    @property
    def host(self) -> str:
        """The host and port that it was sent to, in lower case; empty where nobody recorded it."""
        return self.headers.get("host", "").lower()

    @property
    def on_queue(self) -> bool:
        """Whether it is a call of the queue protocol."""
        return _QUEUE.fullmatch(self.place) is not None

    @cached_property
    def value(self) -> Any:
        """The body as JSON, None where it is none."""
        return _json(self.body)

    @property
    def broke_off(self) -> bool:
        """Whether only a part of the answer came, as a fault says."""
        return self.fault is not None and any(word in self.fault for word in BROKEN_OFF)

    @cached_property
    def told(self) -> dict[str, Any]:
        """The answer as a JSON object, empty where it is none, or broke off."""
        found = None if self.broke_off else _json(self.answer)
        return found if isinstance(found, dict) else {}

    @property
    def codes(self) -> set[str]:
        """The error codes that the answer tells, as text; on the queue side the ``error_type`` as well."""
        parts = [part for name in _CODED if isinstance(part := self.told.get(name), dict)]
        found = {str(part[name]) for part in parts for name in ("code", "error_code") if name in part}
        kind = self.told.get("error_type")
        return found | {kind} if isinstance(kind, str) else found

    @cached_property
    def model(self) -> str | None:
        """The model a submit names."""
        found = _QUEUE.fullmatch(self.place)
        if found is not None:
            return unquote(found[1])
        named = self.value.get("model") if isinstance(self.value, dict) else None
        return named if isinstance(named, str) else None

    @cached_property
    def params(self) -> dict[str, Any]:
        """The bare parameters of a submit, in whatever shape it came."""
        value = self.value
        if not isinstance(value, dict):
            return {}
        if _QUEUE.fullmatch(self.place) is not None:
            return value
        wrapped = value.get("input")
        if isinstance(wrapped, list) and wrapped and isinstance(wrapped[0], dict):
            inner = wrapped[0].get("params")
            return inner if isinstance(inner, dict) else {}
        if isinstance(value.get("data"), dict):
            inner = value["data"]
            return dict(inner)
        return {name: inner for name, inner in value.items() if name != "model"}

    @cached_property
    def intent(self) -> bytes:
        """What a submit asks for, comparable."""
        wanted = {name: value for name, value in self.params.items() if name not in _APART}
        return orjson.dumps([self.model, wanted], option=orjson.OPT_SORT_KEYS)

    @cached_property
    def external_id(self) -> str | None:
        """The external id a submit gives."""
        given = self.params.get("external_task_id")
        return given if isinstance(given, str) else None

    @property
    def answered_id(self) -> str | None:
        """The id that the answer to a submit tells the client."""
        found = self.told.get("id", self.told.get("request_id"))
        return found if isinstance(found, str) and self.status == 200 else None

    @property
    def lost(self) -> bool:
        """Whether the client cannot know what became of it: no answer, a broken one, or a 5xx."""
        hidden = self.kind == "media" or "answer" in self.hidden
        broken = self.status is not None and self.status < 300 and not hidden and not self.told
        return self.status is None or self.status >= 500 or broken

    @property
    def redirects(self) -> bool:
        """Whether the answer only says where to ask."""
        return self.status is not None and 300 <= self.status < 400

    @property
    def unclear(self) -> bool:
        """Whether some readers understand the answer and others do not: a byte order mark stands before it."""
        return self.answer.startswith(BOM_UTF8)

    @property
    def retriable(self) -> bool:
        """Whether it may be tried again as it is."""
        return self.lost or self.status in {408, 425, 429}

    @property
    def word(self) -> str:
        """The status that the answer says, in lower case; empty where it says none."""
        said = self.told.get("status")
        return said.lower() if isinstance(said, str) else ""

    @property
    def final(self) -> bool:
        """Whether the answer says that the task has ended; a result may come without a status."""
        if self.status != 200:
            return False
        if self.kind == "result" and "status" not in self.told:
            return bool(self.told)
        return self.kind != "cancel" and self.word in FINAL

    @property
    def succeeded(self) -> bool:
        """Whether the answer says that the task went well. On the queue side COMPLETED alone does not: it may come with
        an ``error``.
        """
        return self.final and self.word in {"completed", ""} and not self.told.get("error")

    @property
    def not_ready(self) -> bool:
        """Whether the answer says that there is no result yet."""
        return self.kind == "result" and self.status == 202

    @cached_property
    def hosts_named(self) -> frozenset[str]:
        """The hosts that the answer names: in the URLs of the queue side and of videos, or in a redirect."""
        named = [self.told.get(name) for name in _URLS] + list(_urls(self.told))
        if self.redirects:
            named += [self.answer_headers.get("location"), *_LINK.findall(self.answer[:_PAGE].decode("latin-1"))]
        hosts = (_HOST.match(url) for url in named if isinstance(url, str))
        return frozenset(found[1].lower() for found in hosts if found is not None)

    @cached_property
    def retry_after(self) -> float | None:
        """The moment from which on it may be tried again, where the answer says."""
        given = self.answer_headers.get("retry-after")
        if given is None or self.status not in {429, 503}:
            return None
        if re.fullmatch(r"\s*[0-9]{1,9}\s*", given, re.ASCII):
            return self.over_at + float(given)
        try:
            asked = parsedate_to_datetime(given)
            return (asked if asked.tzinfo is not None else asked.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class CallbackSeen:
    """One attempt at a callback: its task and news, what a fault did to it, and what the receiver answered."""

    at: float
    task: str
    delivery: str
    faults: tuple[str, ...]
    status: int | None
    signed: bool

    @property
    def good(self) -> bool:
        """Whether the receiver said that it has taken it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Traffic:
    """All that one client did, in order. ``blind`` are the properties that it says nothing about, because of how it was
    recorded, each with the reason; ``notes`` are what else could not be judged, and why.
    """

    calls: list[Seen]
    callbacks: list[CallbackSeen]
    blind: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        calls: Iterable[Seen],
        callbacks: Iterable[CallbackSeen] = (),
        blind: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
    ) -> Traffic:
        """Traffic in the order of time."""
        return cls(list(calls), sorted(callbacks, key=lambda one: one.at), blind or {}, tuple(notes))

    @property
    def not_judged(self) -> list[str]:
        """What could not be judged, with its reason, a sentence each."""
        reasons: dict[str, list[str]] = {}
        for property_id, reason in sorted(self.blind.items()):
            reasons.setdefault(reason, []).append(property_id)
        told = [f"{', '.join(ids)} not judged: {reason}" for reason, ids in reasons.items()]
        return [*told, *self.notes]


def task_id_of(named: str | None) -> str | None:
    """The id of a task by what it is called: the queue side puts a prefix before it."""
    return named.removeprefix(REQUEST_ID_PREFIX) if named is not None else None


def is_object(content: bytes) -> bool:
    """Whether it is a JSON object that can be looked into."""
    return isinstance(_json(content), dict)


def _urls(told: Mapping[str, Any]) -> Iterator[Any]:
    """The URLs of videos in an answer, in both forms."""
    outputs = [*_objects(told.get("output")), {"content": told.get("outputs")}]
    return (item.get("url") for output in outputs for item in _objects(output.get("content")))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _json(content: bytes) -> Any:
    """What it says; None where it is no JSON, or deeper than any that is asked for."""
    if not content:
        return None
    content = _unpacked(content)
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        value = whole_characters(content) if b"\\u" in content else None
    return None if depth_exceeds(value) else value


def whole_characters(content: bytes) -> Any:
    """JSON that escapes halves of characters, which become question marks; None where it is no JSON."""
    try:
        value = json.loads(content, parse_constant=_no_constant)
        return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _unpacked(content: bytes) -> bytes:
    """An answer without the mark before it, or uncompressed."""
    if not content.startswith(_GZIP):
        return content.removeprefix(BOM_UTF8)
    try:
        return zlib.decompressobj(wbits=31).decompress(content, _MOST)
    except zlib.error:
        return content
