"""HAR files, as browsers, proxies and tools write them: each leaves something out, or writes it in its own way. What
cannot be judged because of that is said.
"""

from __future__ import annotations

import base64
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from mock_server.conformance.traffic import Seen, Traffic

#: Gives what a file beside the HAR has in it, by its name; None where there is no such file.
Attached = Callable[[str], bytes | None]

#: The paths of this API, after whatever a proxy puts before them.
_OURS = re.compile(r"/model/v1/(?:generation|queue)(?:/|$)|/media/[0-9a-f]+/[0-9]+\.mp4$")
_OUR_PATHS = ("/model/v1/", "/media/", "/api/v1/")
#: What stands in place of a secret that was taken out.
_TAKEN_OUT = re.compile(
    r"(?:(?:bearer|key)\s)?[\W_]*(?:|x+|(?:redacted|removed|masked|hidden|filtered|sanitized|sanitised|secret)[\W_]*)",
    re.IGNORECASE,
)
#: The mimeType of a body whose type nobody knows.
_NO_TYPE = frozenset({"", "x-unknown", "application/octet-stream"})
_TIMES = ("blocked", "dns", "connect", "send", "wait", "receive")
#: The properties that are about moments.
TIMED = ("W07", "W08", "W09")


class NotHar(ValueError):
    """It is no HAR, or nothing in it can be read."""


@dataclass
class _Reading:
    """What was left out, counted by reason."""

    attached: Attached
    entries: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    untimed: bool = False
    keys: int = 0


def of_har(har: Mapping[str, Any], attached: Attached = lambda _: None) -> Traffic:
    """The calls in a HAR that are for this API, in the order of their start; its moments are those of the recorder.
    Raises NotHar.
    """
    log = har.get("log")
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise NotHar("log.entries is not a list")
    reading = _Reading(attached)
    for entry in entries:
        _take(entry, reading)
    if entries and reading.left_out["entries that have no request with a URL"] == len(entries):
        raise NotHar("no entry has a request with a URL")
    if not reading.untimed:
        reading.entries.sort(key=lambda timed: timed[0])
    calls = [_call(number, at, entry, reading) for number, (at, entry) in enumerate(reading.entries, 1)]
    return Traffic.of(calls, (), _blind(calls, reading), list(_notes(reading)))


def _take(entry: Any, reading: _Reading) -> None:
    """Keep an entry that is a call of this API."""
    request = _object(entry, "request")
    url = request.get("url")
    if not isinstance(url, str):
        reading.left_out["entries that have no request with a URL"] += 1
        return
    if not url.lower().startswith(("http://", "https://", "/")) or _path(url) is None or _went_nowhere(entry):
        return
    at = _moment(entry.get("startedDateTime"))
    reading.untimed |= at is None
    reading.entries.append((at or 0.0, entry))


def _went_nowhere(entry: Mapping[str, Any]) -> bool:
    """Whether it is not a call of its own: answered by a cache, seen twice by a service worker, or a web socket."""
    response = _object(entry, "response")
    doubled = response.get("_fetchedViaServiceWorker") is True
    return bool(entry.get("_fromCache")) or doubled or "_webSocketMessages" in entry


def _call(number: int, at: float, entry: Mapping[str, Any], reading: _Reading) -> Seen:
    request, response = _object(entry, "request"), _object(entry, "response")
    url, headers = str(request["url"]), _headers(request.get("headers"))
    method = str(request.get("method") or "GET").upper()
    status = _status(response.get("status"))
    hidden = set(_hidden_headers(headers, request))
    body = _sent(request, reading)
    answer = _content(_object(response, "content"), status, reading)
    if body is None and method == "POST" and _place_is_submit(url):
        reading.left_out["submits without a recorded body: W03, W04, W05, W06 and W10 are not judged for them"] += 1
    if answer is None and status is not None:
        hidden.add("answer")
        if status in {200, 202} and "/media/" not in url:
            reading.left_out["answers without a recorded body: what a client does with them is not judged"] += 1
    reading.keys += bool(headers.get("authorization"))
    return Seen(
        number=number,
        at=at,
        method=method,
        path=_path(url) or "/",
        headers={**headers, "host": _host(url)},
        body=body or b"",
        status=status,
        answer=answer or b"",
        answer_headers=_headers(response.get("headers")),
        ended_at=at + _seconds(entry),
        whole=body is not None or method in {"GET", "HEAD", "OPTIONS"},
        hidden=frozenset(hidden),
    )


def _blind(calls: list[Seen], reading: _Reading) -> dict[str, str]:
    """The properties that cannot be judged at all, with the reason."""
    blind: dict[str, str] = {}
    asked = [call for call in calls if call.kind not in {"media", "other"}]
    if asked and not reading.keys:
        blind["W01"] = "no call has an Authorization header, as in a HAR that was exported sanitised"
        blind["W22"] = blind["W01"]
    if reading.untimed:
        reason = "an entry has no startedDateTime that can be read"
        blind |= dict.fromkeys(TIMED, reason)
    return blind


def _notes(reading: _Reading) -> Iterator[str]:
    for reason, count in sorted(reading.left_out.items()):
        yield f"{count} {reason}"


# Parts of an entry


def _object(value: Any, name: str) -> Mapping[str, Any]:
    """A part that is to be an object; empty where it is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _path(url: str) -> str | None:
    """The path and query of a call of this API, without what a proxy puts before it; None for another call."""
    rest = url.partition("://")[2] or url
    whole = "/" + rest.partition("/")[2].partition("#")[0]
    place, mark, query = whole.partition("?")
    if not place.startswith(_OUR_PATHS):
        found = _OURS.search(place)
        if found is None:
            return None
        place = place[found.start() :]
    return place + mark + query


def _place_is_submit(url: str) -> bool:
    place = (_path(url) or "").partition("?")[0]
    return place == "/model/v1/generation" or (place.startswith("/model/v1/queue/") and "/requests/" not in place)


def _host(url: str) -> str:
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]


def _headers(listed: Any) -> dict[str, str]:
    """Headers by lower-case name; those that HTTP/2 begins with a colon are none."""
    found: dict[str, str] = {}
    if isinstance(listed, dict):  # as some tools write them
        listed = [{"name": name, "value": value} for name, value in listed.items()]
    for one in listed if isinstance(listed, list) else ():
        name, value = (one.get("name"), one.get("value")) if isinstance(one, dict) else (None, None)
        if isinstance(name, str) and isinstance(value, str) and not name.startswith(":"):
            found[name.lower()] = value
    return found


def _hidden_headers(headers: dict[str, str], request: Mapping[str, Any]) -> Iterator[str]:
    """What cannot be known of the headers. Adds the type of the body where only the recorder has it."""
    key = headers.get("authorization")
    if key is not None and _TAKEN_OUT.fullmatch(key.strip()):
        yield "key"
    if "content-type" not in headers:
        kind = _object(request, "postData").get("mimeType")
        if isinstance(kind, str) and kind.lower() not in _NO_TYPE:
            headers["content-type"] = kind
        elif not headers:
            yield "content-type"


def _status(given: Any) -> int | None:
    """The status; None where there was no answer, which tools write as 0, -1, null, or not at all."""
    try:
        status = int(given)
    except (TypeError, ValueError, OverflowError):
        return None
    return status if 100 <= status <= 999 else None


def _sent(request: Mapping[str, Any], reading: _Reading) -> bytes | None:
    """The body of a request; None where it was not recorded."""
    post = _object(request, "postData")
    found = _bytes(post, reading)
    if found or post.get("params"):
        return found or None  # a form has no text
    size = request.get("bodySize")
    length = _headers(request.get("headers")).get("content-length")
    empty = size == 0 or length == "0"
    return b"" if empty and not post.get("_file") else None


def _content(content: Mapping[str, Any], status: int | None, reading: _Reading) -> bytes | None:
    """The body of an answer; None where it was not recorded, or not to its end."""
    if status is None:
        return b""
    found = _bytes(content, reading)
    size = content.get("size")
    if not found:
        return b"" if size == 0 and found is not None else None
    if isinstance(size, int | float) and size > len(found) and not _is_json(found):
        return None
    return found


def _bytes(part: Mapping[str, Any], reading: _Reading) -> bytes | None:
    """The text of a part as bytes; None where it has none that can be read."""
    text = part.get("text")
    if text is None and isinstance(part.get("_file"), str):
        return reading.attached(part["_file"])
    if isinstance(text, dict | list):
        return orjson.dumps(text)
    return _decoded(text, part.get("encoding")) if isinstance(text, str) else None


def _decoded(text: str, encoding: Any) -> bytes | None:
    """Text as bytes; None where it cannot be read."""
    if encoding in {None, "", "utf-8", "utf8"}:
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text) if encoding == "base64" else None
    except ValueError:
        return None


def _is_json(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def _moment(written: Any) -> float | None:
    """A moment in Unix seconds, as text, or as a number of milliseconds; UTC where no zone is given."""
    if isinstance(written, int | float) and not isinstance(written, bool) and math.isfinite(written):
        return written / 1000
    try:
        found = datetime.fromisoformat(written)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _seconds(entry: Mapping[str, Any]) -> float:
    """How long it took: what is said, or the sum of its parts; what is -1 or null is not known."""
    took = _positive(entry.get("time"))
    if not took:
        took = sum(_positive(_object(entry, "timings").get(name)) for name in _TIMES)
    return took / 1000


def _positive(given: Any) -> float:
    try:
        found = float(given)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return found if 0 < found < 1e12 else 0.0
