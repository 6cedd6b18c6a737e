"""Scripts: what a user wants, and all that happens on the way; drawn with Hypothesis, and shrunk by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st

from mock_server.contract import Judge, wrapped_body
from mock_server.endpoint import Endpoint
from mock_server.errors import TaskRejected
from mock_server.verify.client.kit import Intent

Expected = Literal["completed", "failed", "rejected", "never"]
DEADLINE = 900.0
PROMPTS = ("A red apple", "Äpfel, リンゴ 🍎", 'He said "cut" \\ twice', "a" * 400, "  spaces  ", "line\nbreak")
URLS = ("https://pictures.example.com/a.jpg", "https://pictures.example.com/b%20c.png?sig=x%2Fy&n=1")


@dataclass(frozen=True, slots=True)
class Script:
    """One run: the intent, what is to come of it, with which code, and the scenario that makes it so."""

    intent: Intent
    expected: Expected
    code: str | None
    scenario: Mapping[str, Any]
    deadline: float = DEADLINE

    def told(self) -> list[str]:
        """What happens, in a few lines."""
        lines = [f"intent    {self.intent.model} {dict(self.intent.params)}"]
        task = self.scenario.get("task", {})
        if task:
            lines.append(f"task      {', '.join(f'{name}={value}' for name, value in task.items())}")
        lines += [f"fault     {', '.join(f'{k}={v}' for k, v in fault.items())}" for fault in self.scenario["faults"]]
        return [*lines, f"to come   {self.expected}{f' with {self.code}' if self.code is not None else ''}"]


def intents(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Accepted parameters of a model: its example, and the same with one thing more or other."""
    example = dict(endpoint.example)
    found = [example]
    for parameter in endpoint.parameters:
        if parameter.name in {"callback_url", "external_task_id"}:
            continue
        found += [{**example, parameter.name: value} for value in _values(parameter.schema)]
    judge = Judge(endpoint)
    return [params for params in found if not _mistakes(judge, params)]


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


_CALL_FAULTS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(lambda n, d: {"fault": "rate_limit", "retry_after": n, "as_date": d}, st.integers(1, 40), st.booleans()),
    st.builds(lambda n: {"fault": "error", "status": 503, "retry_after": n}, st.integers(1, 40)),
    st.sampled_from(
        [
            {"fault": "error", "status": 500},
            {"fault": "error", "status": 502, "html": True},
            {"fault": "reset"},
            {"fault": "empty"},
            {"fault": "malformed"},
        ]
    ),
)
_LOST: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"fault": "lost_answer", "how": how} for how in ("reset", "close", "error")]
)
_CALLBACK_FAULTS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
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
    ]
)


_ONE_IN_SIX = st.sampled_from([False, False, False, False, False, True])


@st.composite
def scripts(draw: st.DrawFn, endpoints: Mapping[str, Endpoint]) -> Script:
    """Any script."""
    endpoint = endpoints[draw(st.sampled_from(sorted(endpoints)))]
    on_submit = draw(st.lists(st.one_of(_CALL_FAULTS, _LOST), max_size=2))
    faults = [{**fault, "on": "submit", "skip": place, "times": 1} for place, fault in enumerate(on_submit)]
    if draw(_ONE_IN_SIX):
        params, code = draw(st.sampled_from(_WRONG[endpoint.model]))
        faults = [fault for fault in faults if fault["fault"] != "malformed"]  # it would hide the code
        return Script(Intent(endpoint.model, params), "rejected", code, _scenario({}, faults))
    skip = 0
    for fault in draw(st.lists(_CALL_FAULTS, max_size=3)):
        skip += draw(st.integers(0, 3))
        faults.append({**fault, "on": "poll", "skip": skip, "times": 1})
        skip += 1
    with_callbacks = draw(st.booleans())
    if with_callbacks:
        faults += draw(st.lists(_CALLBACK_FAULTS, min_size=1, max_size=2, unique_by=lambda fault: fault["fault"]))
    params = draw(st.sampled_from(_RIGHT[endpoint.model]))
    expected, code, task = _end(draw, endpoint)
    return Script(Intent(endpoint.model, params, with_callbacks), expected, code, _scenario(task, faults))


def _scenario(task: Mapping[str, Any], faults: Sequence[Any]) -> dict[str, Any]:
    return {"name": "script", "match": {}, "task": dict(task), "faults": list(faults)}


def _end(draw: st.DrawFn, endpoint: Endpoint) -> tuple[Expected, str | None, dict[str, Any]]:
    """How the task goes."""
    task: dict[str, Any] = {"queued": draw(st.integers(0, 20)), "running": draw(st.integers(1, 240))}
    if draw(st.integers(0, 4)) == 4:
        task["status_word"] = draw(st.sampled_from(["processing", "postprocessing", "pending"]))
    if draw(st.integers(0, 4)) == 4:
        task["fields"] = {"eta_seconds": 3, "trace": {"worker": [1]}}
    if draw(st.integers(0, 4)) == 4:
        task["progress"] = draw(st.sampled_from([(0, 0.99), (0.5, 0.5, 0.5), (1, 1)]))
    end = draw(st.integers(0, 9))
    if end == 9:
        return "never", None, {**task, "hold": 0}
    if end >= 6:
        codes = [row.code for row in endpoint.errors.codes] or [endpoint.errors.generation_failed]
        code = draw(st.sampled_from(codes))
        return "failed", code, {**task, "fail": code}
    outputs = draw(st.sampled_from([1, 1, 1, 2, 3]))
    return "completed", None, task if outputs == 1 else {**task, "output": outputs}


_RIGHT: dict[str, list[dict[str, Any]]] = {}
_WRONG: dict[str, list[tuple[dict[str, Any], str]]] = {}


def prepare(endpoints: Mapping[str, Endpoint]) -> None:
    """Find the intents of these models, once."""
    for model, endpoint in endpoints.items():
        if model not in _RIGHT:
            _RIGHT[model], _WRONG[model] = intents(endpoint), wrong_intents(endpoint)
