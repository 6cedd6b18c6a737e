"""What may happen to a task and to the calls about it: tables of choices, from which cases are drawn.

Each table has a name of its own; its first choice is the simplest. The covering set has each choice of each table, see
``tables``.
"""

from __future__ import annotations

from typing import Any

from mock_server.core.queue_words import ERROR_TYPES
from mock_server.verify.client import forging
from mock_server.verify.client.conditions import MORE_ON_POLLS, MORE_ON_RESULTS, MORE_ON_SUBMITS, MORE_ON_VIDEOS
from mock_server.verify.client.tables import table
from mock_server.verify.repertoire.genuine import GENUINE

#: For tasks that never end.
SHORT_DEADLINES = (60.0, 150.0, 400.0)
WAITS = (1, 2, 5, 12, 30, 40)
_FAILURES = (
    {"fault": "error", "status": 500},
    {"fault": "error", "status": 502, "html": True},
    {"fault": "reset", "when": "before"},
    {"fault": "empty"},
    {"fault": "malformed", "how": "cut"},
)


def _limits(*waits: int) -> tuple[dict[str, Any], ...]:
    """All ways to ask for a pause of so many seconds."""
    return (
        *({"fault": "rate_limit", "retry_after": wait, "as_date": False} for wait in waits),
        *({"fault": "rate_limit", "retry_after": wait, "as_date": True} for wait in waits),
        *({"fault": "error", "status": 503, "retry_after": wait} for wait in waits),
    )


#: Some lengths of pauses stand for all: of the others the covering set has none.
_SOME, _OTHERS = (2, 12, 40), (1, 5, 30)
_ON_POLLS = (*_FAILURES, *_limits(*_SOME), *MORE_ON_POLLS)
_ON_RESULTS = (*_FAILURES, *_limits(*_SOME[1:]), *MORE_ON_RESULTS)
POLL_FAULTS = table(
    "fault of a poll", *_ON_POLLS, *_limits(*_OTHERS), *_FAILURES, *_limits(*_SOME), on="poll", goal=len(_ON_POLLS)
)
RESULT_FAULTS = table(
    "fault of a result", *_ON_RESULTS, *_FAILURES, *_limits(*_OTHERS), on="result", goal=len(_ON_RESULTS)
)
_ON_SUBMITS = (
    *({"fault": "lost_answer", "how": how} for how in ("reset", "close", "error")),
    {"fault": "error", "status": 500},
    {"fault": "error", "status": 502, "html": True},
    {"fault": "reset", "when": "before"},
    {"fault": "malformed", "how": "cut"},
    *({"fault": "rate_limit", "retry_after": wait, "as_date": wait > 10} for wait in _SOME),
    {"fault": "error", "status": 503, "retry_after": 12},
    *MORE_ON_SUBMITS,
)
SUBMIT_FAULTS = table(
    "fault of a submit",
    *_ON_SUBMITS,
    *({"fault": "rate_limit", "retry_after": wait, "as_date": wait > 10} for wait in _OTHERS),
    *_ON_SUBMITS[:7],
    on="submit",
    goal=len(_ON_SUBMITS),
)
CALLBACK_FAULTS = table(
    "fault of a callback",
    {"fault": "duplicate", "gap": 3},
    {"fault": "reorder"},
    {"fault": "late", "seconds": 90},
    {"fault": "early"},
    {"fault": "drop", "times": 1},
    {"fault": "garbage", "times": 1},
    {"fault": "foreign_id"},
    {"fault": "bad_signature"},
    {"fault": "stale_signature"},
    {"fault": "unknown_fields"},
    on="callback",
)
MEDIA_FAULTS = table(
    "fault of a video",
    None,
    {"fault": "truncate"},
    {"fault": "wrong_length", "by": 700},
    {"fault": "reset"},
    {"fault": "error", "status": 502},
    {"fault": "expired", "after": 600},
    *MORE_ON_VIDEOS,
    on="media",
)
#: What may befall every poll of a task that never ends.
OUTAGES = table("outage", None, None, {"fault": "error", "status": 500}, {"fault": "reset"}, on="poll")
RESULTS_FAIL = table("faults of results", 0, 0, 0, 1, 2, on="nothing")
UP_TO_TWO = table("up to two", 0, 0, 1, 2, on="nothing")
UP_TO_THREE = table("up to three", 0, 1, 2, 3, on="nothing")
AFTER = table("calls before a fault", 0, 1, 2, 3, on="nothing")
DOWNLOAD = table("download", False, True)
#: How the callbacks go: none wanted; or how many faults, when others are sent, and whether two secrets sign.
CALLBACKS = table(
    "callbacks",
    None,
    None,
    None,
    (0, None, False),
    (0, None, False),
    (1, None, False),
    (2, None, False),
    (2, None, False),
    (0, 4.0, False),
    (0, 2.0, False),
    (1, 60.0, False),
    (0, 20.0, False),
    (0, None, True),
    on="callbacks",
)
#: Callbacks that nobody should believe, so many in one case.
FORGERIES = table("callback that is not to be believed", *forging.UNASKED, on="callbacks")
FORGED_AT_ONCE = 6
#: How genuine callbacks are written and signed.
_LATE_OR_EARLY = ("almost too old", "almost too new")
FORMS = table(
    "form of callbacks", None, *(name for name in GENUINE if name != "as usual"), *_LATE_OR_EARLY, on="callbacks"
)
#: What contradicts the end of a task.
AFTERTHOUGHTS = table("after the end", None, None, *forging.AFTERTHOUGHTS, on="callbacks")
CANCELS = table("cancel", None, None, None, None, None, None, 1.0, 6.0, 30.0, 90.0, on="cancel")
QUEUED = table("seconds queued", 0, 1, 3, 8, 20)
RUNNING = table("seconds running", 1, 2, 4, 9, 17, 31, 60, 120, 240)
ODDITIES = table(
    "oddity",
    {},
    {},
    {},
    {"progress": (0, 0.99)},
    {"progress": (0.5, 0.5, 0.5)},
    {"progress": (1, 1)},
    {"fields": {"eta_seconds": 3, "trace": {"worker": [1]}}},
    {"status_word": "processing"},
    {"status_word": "postprocessing"},
    {"status_word": "pending", "fields": {"eta_seconds": 3}},
    {"status_word": "almost_completed"},
    {"status_word": "failing_over"},
    {"status_word": "RUNNING", "progress": (0.2, 0.2, 0.2)},
)
ENDS = table(
    "end",
    *[1] * 5,
    *(2, 3, "empty", "missing", "null", "no_content"),
    *("failed", "failed", "failed", "cancelled", "cancelled"),
    *("rejected", "rejected", "never", "refused", "denied"),
    on="case",
)
#: What only a client of the queue protocol sees.
ON_QUEUE = table(
    "on the queue",
    {},
    {},
    {},
    {"queue_form": "older"},
    {"queue_form": "older"},
    {"queue_urls": "other_host"},
    {"queue_form": "older", "queue_urls": "other_host"},
    {"queue_result_after": 12},
    {"queue_result_after": 50},
    {"queue_result_after": 20, "queue_form": "older"},
    on="queue",
)
KINDS_OF_ERROR = table("error type", None, None, *ERROR_TYPES, on="end")
ELSEWHERE = table("cancelled elsewhere", 8.0, 40.0, 130.0, on="end")
REASONS = table("reason", "", "", "The prompt was refused: „Äpfel“", on="end")
DEADLINES = table("deadline", *SHORT_DEADLINES)
