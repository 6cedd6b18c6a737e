"""Cases for a client: what a user wants, and all that happens on the way; drawn with Hypothesis, and shrunk by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import orjson
from hypothesis import strategies as st

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import Judge, wrapped_body
from mock_server.core.errors import TaskRejected
from mock_server.core.queue_words import ERROR_TYPES
from mock_server.core.resources import resource
from mock_server.verify.client.kit import Intent

#: How a task is to end: ``empty`` is completed without a video, ``cancelled`` by somebody else than the client's user.
Expected = Literal["completed", "empty", "failed", "cancelled", "rejected", "never"]
DEADLINE = 900.0
#: Of longer texts only so much is shown.
LONG = 120
#: For tasks that never end.
SHORT_DEADLINES = (60.0, 150.0, 400.0)
_FORGERIES = {"guessed": "its signature a guess", "bare": "not signed", "odd": "its headers no headers of a callback"}
PROMPTS = ("A red apple", "Äpfel, リンゴ 🍎", 'He said "cut" \\ twice', "a" * 400, "  spaces  ", "line\nbreak")
URLS = ("https://pictures.example.com/a.jpg", "https://pictures.example.com/b%20c.png?sig=x%2Fy&n=1")


@dataclass(frozen=True, slots=True)
class ClientCase:
    """One run: the intent, what is to come of it, with which code, and the scenario that makes it so. The scenario says
    how the task goes over both protocols; a client speaks one of them. ``cancelled_elsewhere_after`` is when somebody
    else cancels the task, in seconds.
    """

    intent: Intent
    expected: Expected
    code: str | None
    scenario: Mapping[str, Any]
    deadline: float = DEADLINE
    cancel_after: float | None = None
    forge_after: float | None = None
    forgery: str = "guessed"
    rotating: bool = False
    cancelled_elsewhere_after: float | None = None

    def intent_for(self, *, receives: bool) -> Intent:
        """What a client is asked for: no callbacks of one that takes none."""
        return self.intent if receives else replace(self.intent, with_callbacks=False)

    def as_json(self) -> dict[str, Any]:
        """A plain value that ``of_json`` understands."""
        return asdict(self)

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> ClientCase:
        """The case that a plain value is. Raises TypeError or KeyError for what is none."""
        return cls(**{**value, "intent": Intent(**value["intent"])})

    def told(self) -> list[str]:
        """What happens, in a few lines."""
        wishes = [("callbacks", self.intent.with_callbacks), ("download", self.intent.download)]
        wished = "".join(f", with {name}" for name, wish in wishes if wish)
        lines = [
            f"intent    {self.intent.model} {_short(dict(self.intent.params))}{wished}, within {self.deadline:g} s"
        ]
        task = self.scenario.get("task", {})
        if task:
            lines.append(f"task      {', '.join(f'{name}={value}' for name, value in task.items())}")
        lines += [f"fault     {', '.join(f'{k}={v}' for k, v in fault.items())}" for fault in self.scenario["faults"]]
        if self.rotating:
            lines.append("secrets   two sign, the next one and the client's own")
        if self.forge_after is not None:
            lines.append(
                f"forgery   somebody posts a forged success after {self.forge_after:g} s, {_FORGERIES[self.forgery]}"
            )
        if self.cancelled_elsewhere_after is not None:
            lines.append(f"elsewhere somebody else cancels the task after {self.cancelled_elsewhere_after:g} s")
        if self.cancel_after is not None:
            lines.append(f"cancel    the user cancels after {self.cancel_after:g} s")
        return [*lines, f"expected  {self.expected}{f' with {self.code}' if self.code is not None else ''}"]


def _short(value: Any) -> Any:
    """A value to be shown: of long texts the beginning."""
    if isinstance(value, dict):
        return {name: _short(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_short(inner) for inner in value]
    if isinstance(value, str) and len(value) > LONG:
        return f"{value[:LONG]}... ({len(value)} characters)"
    return value


def intents(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Accepted parameters of a model: its example, the same with one thing more or other, and all that was transcribed
    from its document.
    """
    example = dict(endpoint.example)
    found = [example, *transcribed(endpoint.model)]
    for parameter in endpoint.parameters:
        if parameter.name in {"callback_url", "external_task_id"}:
            continue
        found += [{**example, parameter.name: value} for value in _values(parameter.schema)]
    judge = Judge(endpoint)
    return [params for params in found if not _mistakes(judge, params)]


def transcribed(model: str) -> list[dict[str, Any]]:
    """The parameters that the model's document was found to allow, with URLs in place of pictures."""
    rows = orjson.loads(resource("fixtures", model, "requests.json").read_bytes())["rows"]
    return [
        {
            name: _plain(value)
            for name, value in row["params"].items()
            if name not in {"callback_url", "external_task_id"}
        }
        for row in rows
        if "params" in row
    ]


def _plain(value: Any) -> Any:
    """A value without what only fixtures understand."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$text" in value:
        return value["$text"]["repeat"] * value["$text"]["times"]
    if any(name.startswith("$") for name in value):
        return URLS[0]
    return {name: _plain(one) for name, one in value.items()}


def _values(schema: Mapping[str, Any]) -> Sequence[Any]:
    if "enum" in schema:
        return list(schema["enum"])
    if schema.get("format") == "kirin-image":
        return URLS
    kind = schema.get("type")
    if kind == "string":
        return ("", *PROMPTS)
    if kind == "boolean":
        return (True, False)
    return (schema.get("minimum", 0), schema.get("maximum", 1), 0.35) if kind == "number" else ()


def wrong_intents(endpoint: Endpoint) -> list[tuple[dict[str, Any], str]]:
    """Parameters that break the document, each with the code that the platform answers."""
    example, judge = dict(endpoint.example), Judge(endpoint)
    found = [{key: value for key, value in example.items() if key != left_out} for left_out in example]
    found += [{**example, "duration": "7"}, {**example, "prompt": "x" * 2501}, {**example, "mode": "turbo"}]
    return [(params, mistake) for params in found if (mistake := _mistakes(judge, params)) is not None]


def _mistakes(judge: Judge, params: Mapping[str, Any]) -> str | None:
    """The code that parameters are refused with, if they are."""
    try:
        broken = judge.read(wrapped_body(judge.endpoint.model, params)).violations
        return judge.endpoint.errors.code_of(TaskRejected(broken).mistake) if broken else None
    except TaskRejected as rejected:
        return judge.endpoint.errors.code_of(rejected.mistake)


def _one_of(*choices: Any) -> st.SearchStrategy[Any]:
    """One of these; the first is the simplest. Everything is drawn so: one choice costs a few microseconds."""
    return st.sampled_from(choices)


_WAITS = (1, 2, 5, 12, 30, 40)
_CALL_FAULTS = _one_of(
    {"fault": "error", "status": 500},
    {"fault": "error", "status": 502, "html": True},
    {"fault": "reset"},
    {"fault": "empty"},
    {"fault": "malformed"},
    *({"fault": "rate_limit", "retry_after": wait, "as_date": False} for wait in _WAITS),
    *({"fault": "rate_limit", "retry_after": wait, "as_date": True} for wait in _WAITS),
    *({"fault": "error", "status": 503, "retry_after": wait} for wait in _WAITS),
)
_SUBMIT_FAULTS = _one_of(
    *({"fault": "lost_answer", "how": how} for how in ("reset", "close", "error")),
    {"fault": "error", "status": 500},
    {"fault": "error", "status": 502, "html": True},
    {"fault": "reset"},
    {"fault": "malformed"},
    *({"fault": "rate_limit", "retry_after": wait, "as_date": wait > 10} for wait in _WAITS),
    {"fault": "error", "status": 503, "retry_after": 12},
)
_CALLBACK_FAULTS = _one_of(
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
)
_MEDIA_FAULTS = _one_of(
    None,
    {"fault": "truncate"},
    {"fault": "wrong_length", "by": 700},
    {"fault": "reset"},
    {"fault": "error", "status": 502},
    {"fault": "expired", "after": 600},
)
#: What may befall every poll of a task that never ends.
_OUTAGES = _one_of(None, None, {"fault": "error", "status": 500}, {"fault": "reset"})
_UP_TO_ONE = _one_of(0, 0, 0, 1)
_UP_TO_TWO = _one_of(0, 0, 1, 2)
_UP_TO_THREE = _one_of(0, 1, 2, 3)
_AFTER = _one_of(0, 1, 2, 3)
_YES_OR_NO = _one_of(False, True)
#: How the callbacks go: none wanted; or how many faults, when and how one is forged, and whether two secrets sign.
_CALLBACKS = _one_of(
    None,
    None,
    None,
    (0, None, "guessed", False),
    (1, None, "guessed", False),
    (2, None, "guessed", False),
    (2, None, "guessed", False),
    (0, 4.0, "guessed", False),
    (1, 60.0, "guessed", False),
    (0, 20.0, "bare", False),
    (0, 20.0, "odd", False),
    (0, None, "guessed", True),
)
_CANCELS = _one_of(None, None, None, None, None, None, 1.0, 6.0, 30.0, 90.0)
_QUEUED = _one_of(0, 1, 3, 8, 20)
_RUNNING = _one_of(1, 2, 4, 9, 17, 31, 60, 120, 240)
_ODDITIES = _one_of(
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
)
_ENDS = _one_of(
    *[1] * 5,
    *(2, 3, "empty", "missing"),
    *("failed", "failed", "failed", "cancelled", "cancelled"),
    *("rejected", "rejected", "never"),
)
#: What only a client of the queue protocol sees.
_ON_QUEUE = _one_of(
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
)
_ERROR_TYPES = _one_of(None, None, *ERROR_TYPES)
_ELSEWHERE = _one_of(8.0, 40.0, 130.0)
_REASONS = _one_of("", "", "The prompt was refused: „Äpfel“")
_DEADLINES = _one_of(*SHORT_DEADLINES)


@st.composite
def cases(draw: st.DrawFn, endpoints: Mapping[str, Endpoint]) -> ClientCase:
    """Any case. Call ``prepare`` before."""
    model = draw(_MODELS[0])
    end = draw(_ENDS)
    faults = [{**draw(_SUBMIT_FAULTS), "on": "submit", "skip": place, "times": 1} for place in range(draw(_UP_TO_TWO))]
    if end == "rejected":
        params, refused_with = draw(_WRONG[model])
        faults = [fault for fault in faults if fault["fault"] != "malformed"]  # it would hide the code
        return ClientCase(Intent(model, params), "rejected", refused_with, _scenario({}, faults))
    outage = draw(_OUTAGES) if end == "never" else None
    faults += _on_polls(draw) if outage is None else [{**outage, "on": "poll"}]
    wanted, forge_after, forgery, rotating = draw(_CALLBACKS) or (None, None, "guessed", False)
    kinds = {fault["fault"]: fault for fault in [draw(_CALLBACK_FAULTS) for _ in range(wanted or 0)]}
    if "reorder" in kinds:
        kinds.pop("early", None)  # together they would tell of an end that has not come
    faults += kinds.values()
    params = draw(_RIGHT[model])
    expected, code, task = _course(draw, endpoints[model], end)
    download = expected == "completed" and draw(_YES_OR_NO)
    spoiled = draw(_MEDIA_FAULTS) if download else None
    if spoiled is not None:
        faults.append({**spoiled, "on": "media", "times": 1})
    return ClientCase(
        Intent(model, params, wanted is not None, download),
        expected,
        code,
        _scenario(task, faults),
        draw(_DEADLINES) if expected == "never" else DEADLINE,
        draw(_CANCELS),
        forge_after,
        forgery,
        rotating,
        draw(_ELSEWHERE) if expected == "cancelled" else None,
    )


def _on_polls(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What happens to some of the polls, and to the fetching of the result."""
    faults: list[dict[str, Any]] = []
    skip = 0
    for _ in range(draw(_UP_TO_THREE)):
        skip += draw(_AFTER)
        faults.append({**draw(_CALL_FAULTS), "on": "poll", "skip": skip, "times": 1})
        skip += 1
    return faults + [{**draw(_CALL_FAULTS), "on": "result", "times": 1} for _ in range(draw(_UP_TO_ONE))]


def _scenario(task: Mapping[str, Any], faults: Sequence[Any]) -> dict[str, Any]:
    # The name stays as it is: it decides what the chances of faults draw.
    return {"name": "script", "match": {}, "task": dict(task), "faults": list(faults)}


def _course(draw: st.DrawFn, endpoint: Endpoint, end: Any) -> tuple[Expected, str | None, dict[str, Any]]:
    """How the task goes, and how it ends."""
    task: dict[str, Any] = {"queued": draw(_QUEUED), "running": draw(_RUNNING), **draw(_ODDITIES), **draw(_ON_QUEUE)}
    if end in {"never", "cancelled"}:
        return end, None, {**task, "hold": 0}
    if end == "failed":
        code, said, kind = draw(_CODES[endpoint.model]), draw(_REASONS), draw(_ERROR_TYPES)
        why = {"fail": code, "message": said, "error_type": kind}
        return "failed", code, {**task, **{name: value for name, value in why.items() if value}}
    if end in {"empty", "missing"}:
        return "empty", None, {**task, "output": end}
    return "completed", None, task if end == 1 else {**task, "output": end}


_MODELS: list[st.SearchStrategy[str]] = []
_RIGHT: dict[str, st.SearchStrategy[dict[str, Any]]] = {}
_WRONG: dict[str, st.SearchStrategy[tuple[dict[str, Any], str]]] = {}
_CODES: dict[str, st.SearchStrategy[str]] = {}


def prepare(endpoints: Mapping[str, Endpoint]) -> None:
    """Find the intents of these models, once."""
    plainest = sorted(endpoints, key=lambda model: len(orjson.dumps(dict(endpoints[model].example))))
    _MODELS[:] = [_one_of(*plainest)]
    for model, endpoint in endpoints.items():
        if model not in _RIGHT:
            _RIGHT[model], _WRONG[model] = _one_of(*intents(endpoint)), _one_of(*wrong_intents(endpoint))
            _CODES[model] = _one_of(
                *([row.code for row in endpoint.errors.codes] or [endpoint.errors.generation_failed])
            )
