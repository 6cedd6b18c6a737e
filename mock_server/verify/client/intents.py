"""What a user may want of each model: parameters that its document allows, and some that it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import Judge, wrapped_body
from mock_server.core.errors import TaskRejected
from mock_server.core.resources import resource

PROMPTS = ("A red apple", "Äpfel, リンゴ 🍎", 'He said "cut" \\ twice', "a" * 400, "  spaces  ", "line\nbreak")
URLS = ("https://pictures.example.com/a.jpg", "https://pictures.example.com/b%20c.png?sig=x%2Fy&n=1")


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
