"""Tables of what is rarer in the life of a task, and of conditions of the network; see ``lives``."""

from __future__ import annotations

from typing import Any

from mock_server.verify.client.tables import table

#: Long enough for any timeout to end first.
NEVER = 1e6
#: More than any deadline.
TOO_LONG = 86_400

_HANGS = (
    {"fault": "silence", "seconds": NEVER},
    {"fault": "drip", "size": 100, "gap": NEVER},
    {"fault": "drip", "size": 100, "gap": 2},
    {"fault": "latency", "seconds": 3},
    {"fault": "truncate"},
    {"fault": "reset", "when": "during"},
)
_OTHER_BODIES = (
    *({"fault": "malformed", "how": how} for how in ("page", "html", "no_content", "bom")),
    {"fault": "gzip"},
    {"fault": "content_type", "value": "application/json; charset=UTF-8"},
    {"fault": "content_type", "value": "application/json; charset=iso-8859-1"},
)
_RETRY_AFTER = (
    {"fault": "rate_limit", "retry_after": 0},
    {"fault": "rate_limit", "retry_after": 10, "as_date": True, "skew": -3600},
    {"fault": "rate_limit", "retry_after": 10, "as_date": True, "skew": 45},
)
_REDIRECTS = tuple(
    {"fault": "redirect", "status": status, "to": to}
    for status, to in (
        (301, "other_host"),
        (302, "same_host"),
        (302, "other_host"),
        (303, "other_host"),
        (307, "other_host"),
        (307, "same_host"),
        (308, "other_host"),
    )
)
#: What happens to one poll, to one fetch of the result, and to one submit beside the usual.
MORE_ON_POLLS = (*_HANGS, *_OTHER_BODIES, *_RETRY_AFTER, *_REDIRECTS)
MORE_ON_RESULTS = (*_HANGS, *_OTHER_BODIES[:4], *_REDIRECTS[-1:])
MORE_ON_SUBMITS = (
    {"fault": "lost_answer", "how": "silence", "seconds": NEVER},
    *_HANGS,
    *_OTHER_BODIES,
    *_RETRY_AFTER,
    *_REDIRECTS,
)
MORE_ON_VIDEOS = (
    {"fault": "silence", "seconds": NEVER},
    {"fault": "drip", "size": 700, "gap": NEVER},
    {"fault": "redirect", "status": 302, "to": "other_host"},
)
#: A server that wants to be left alone for longer than the deadline.
LONG_WAITS = table(
    "long wait",
    *[None] * 14,
    {"fault": "rate_limit", "retry_after": TOO_LONG, "on": "poll"},
    {"fault": "rate_limit", "retry_after": TOO_LONG, "as_date": True, "on": "poll"},
    {"fault": "error", "status": 503, "retry_after": TOO_LONG, "on": "submit"},
    on="case",
)
#: For how long a task runs that takes many minutes, and by when it is wanted; with progress that stands still.
LONG_LIVES = table(
    "long life",
    *[None] * 24,
    (1500, 3600.0, (0.1, 0.9)),
    (2700, 3600.0, (0.5, 0.5)),
    (5400, 7200.0, (0.99, 0.99)),
    on="end",
)
USAGES = table("usage", *[{}] * 8, {"usage": "missing"}, {"usage": "null"}, {"usage": "no_cost"}, on="end")
CONTENTS = table("contents", {}, {"contents": "together"}, {"contents": "uneven"}, on="end")
REASON_FORMS = table(
    "reason left out",
    *[{}] * 6,
    *({"error_form": form} for form in ("missing", "null", "empty", "no_code", "no_message")),
    on="end",
)
_QUERIES = (
    "?X-Amz-Signature=a%2Fb%2Bc%3D%3D&Expires=1767230000",
    "?sig=Zm9v+YmFy/cXV4==&st=2026-01-01T00:00:00Z&sp=r",
    "?a=1;b=2&a=3&empty=&flag&%7Euser=%41%2d%2f%c3%a9",
    "?response-content-disposition=attachment%3B%20filename%3D%22a%20b.mp4%22#t=0,5",
    "#fragment",
)
VIDEO_URLS = table(
    "URL of a video",
    *[{}] * 6,
    *({"media_query": query} for query in _QUERIES),
    {"media_urls": "other_host"},
    {"media_urls": "other_host", "media_query": _QUERIES[0]},
    on="end",
)
#: Words that no document has, for tasks that have ended well and for others.
DONE_WORDS = table("unknown word for done", *[None] * 12, "succeeded", "SUCCESS", on="end")
OVER_WORDS = table("unknown word for failed", *[None] * 10, "expired", "error", "rejected", on="end")
#: Those that look for the end of a task whose last word they do not know need not look for long.
UNKNOWN_END = 400.0
QUEUE_WORDS = table(
    "words of the queue",
    *[{}] * 4,
    {"queue_words": "upper", "queue_form": "older"},
    {"queue_words": "lower", "queue_form": "documented"},
    on="queue",
)
_SENTENCE = "Zugriff verweigert: „Guthaben“ 余额不足"
#: What the gateway says to each submit, and to each poll from some point on.
REFUSALS = table(
    "refusal of a submit",
    {"fault": "error", "status": 402, "code": "40201"},
    {"fault": "error", "status": 401, "code": "40101"},
    {"fault": "error", "status": 403, "code": "40301"},
    {"fault": "error", "status": 402, "code": "40201", "message": _SENTENCE},
    {"fault": "error", "status": 404, "code": "40401", "message": "unknown model"},
    {"fault": "error", "status": 413, "code": "41301"},
    on="submit",
)
DENIALS = table(
    "denial of polls",
    {"fault": "error", "status": 401, "code": "40101"},
    {"fault": "error", "status": 402, "code": "40201", "message": _SENTENCE},
    {"fault": "error", "status": 403, "code": "40301"},
    on="poll",
)


def long_life(drawn: tuple[int, float, tuple[float, ...]] | None) -> tuple[dict[str, Any], float | None]:
    """What a long life does to a task, and the deadline; nothing if there is none."""
    if drawn is None:
        return {}, None
    running, deadline, progress = drawn
    return {"running": running, "progress": progress}, deadline
