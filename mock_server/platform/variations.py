"""Answers in other forms than the usual one, as a scenario says: where videos are, what an end says, what is missing.

Bodies are plain JSON values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mock_server.core.other_host import other_host
from mock_server.lifecycle.timeline import Snapshot, Status

if TYPE_CHECKING:
    from mock_server.scenarios.model import Effects, Scenario

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_MESSAGES = ("error_message", "message")


def video_url(scenario: Scenario | None, base_url: str, path: str) -> str:
    """The URL of a video."""
    if scenario is None:
        return base_url + path
    effects = scenario.task
    if effects.media_urls == "other_host":
        base_url = other_host(base_url, below="media")
    return base_url + path + (effects.media_query or "")


def is_signed_for(scenario: Scenario | None, query: str) -> bool:
    """Whether the query with which a video is fetched is that of its URL; needless escapes do not count."""
    signed = scenario.task.media_query if scenario is not None else None
    return signed is None or _plain(signed.partition("#")[0].removeprefix("?")) == _plain(query)


def _plain(query: str) -> str:
    """A query in which what needs no escape has none, and escapes are in capitals (RFC 3986, 6.2.2)."""

    def unescaped(found: re.Match[str]) -> str:
        character = chr(int(found[1], 16))
        return character if character in _UNRESERVED else found[0].upper()

    return _ESCAPE.sub(unescaped, query)


def arranged(scenario: Scenario | None, outputs: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """The outputs of a completed task, one for each video, as its scenario arranges them."""
    effects = scenario.task if scenario is not None else None
    if effects is None:
        return outputs
    if effects.output == "null":
        return None
    if effects.output == "no_content":
        return [{"content": []}]
    contents = [item for output in outputs for item in output["content"]]
    if effects.contents == "together":
        return [{"content": contents}]
    if effects.contents == "uneven":
        return [{"content": contents[:1]}, {"content": contents[1:]}]
    return outputs


def shown_otherwise(scenario: Scenario, snapshot: Snapshot, body: dict[str, Any]) -> dict[str, Any]:
    """An answer about a task, with what its scenario says in other words, leaves out, or adds."""
    effects = scenario.task
    word = effects.end_word if snapshot.final else effects.status_word
    if word is not None and "status" in body:
        body["status"] = word
    elif effects.queue_words is not None and "request_id" in body and "status" in body:
        body["status"] = body["status"].upper() if effects.queue_words == "upper" else body["status"].lower()
    if snapshot.status is Status.FAILED and effects.error_form is not None:
        _without_reason(effects.error_form, body)
    if snapshot.status is Status.COMPLETED and effects.usage is not None and "usage" in body:
        _without_usage(effects.usage, body)
    return {**body, **effects.fields}


def _without_usage(form: str, body: dict[str, Any]) -> None:
    if form == "missing":
        del body["usage"]
    else:
        body["usage"] = None if form == "null" else {**body["usage"]}
    if form == "no_cost":
        del body["usage"]["cost"]


def _without_reason(form: str, body: dict[str, Any]) -> None:
    """Leave out why a task failed. The queue side's sentence in ``error`` stays: it alone says that the task failed."""
    names = ("error_type", "provider_error", "logs") if isinstance(body.get("error"), str) else ("error",)
    for name in names:
        if name in body:
            body[name] = _reduced(form, body[name])
            if form == "missing":
                del body[name]


def _reduced(form: str, value: Any) -> Any:
    """One of the reasons, with less in it."""
    if form == "null":
        return None
    if not isinstance(value, dict):
        return value
    left_out = {"no_code": ("code",), "no_message": _MESSAGES}.get(form, tuple(value))
    return {name: inner for name, inner in value.items() if name not in left_out}


def says_code(effects: Effects) -> bool:
    """Whether a failure comes with its code."""
    return effects.error_form in {None, "no_message"}


def says_message(effects: Effects) -> bool:
    """Whether a failure comes with its message."""
    return effects.error_form in {None, "no_code"}
