"""Where traffic comes from: the journal of a tenant, an exported history, or a HAR that some other tool recorded."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from mock_server.conformance.traffic import CallbackSeen, Seen, Traffic
from mock_server.platform.journal import Exchange, pairs
from mock_server.platform.task import Delivery

#: A history has no calls without a key, and bodies as they were understood, not as they were written.
NOT_IN_A_HISTORY = ("W01", "W03")
_OUR_PATHS = ("/model/v1/", "/media/", "/api/v1/")


def of_journal(exchanges: Iterable[Exchange], deliveries: Iterable[Delivery]) -> Traffic:
    """The traffic of one tenant of a server of ours."""
    calls = [_of_exchange(one) for one in exchanges]
    told = [
        CallbackSeen(
            attempt.at,
            delivery.task_id,
            delivery.id,
            _names(attempt.fault),
            attempt.status,
            "webhook-signature" in attempt.headers,
        )
        for delivery in deliveries
        for attempt in delivery.attempts
    ]
    return Traffic.of(calls, told)


def _of_exchange(one: Exchange) -> Seen:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs(one.headers)}
    query = f"?{one.query.decode('latin-1')}" if one.query else ""
    return Seen(
        number=one.number,
        at=one.arrived_at,
        method=one.method,
        path=one.path + query,
        headers=headers,
        body=one.body,
        status=one.status or None,
        answer=one.answer,
        answer_headers={"retry-after": one.retry_after} if one.retry_after is not None else {},
        ended_at=one.at,
        made=one.task_id,
        fault=one.fault,
        whole=one.size <= len(one.body),
    )


def _names(fault: str | None) -> tuple[str, ...]:
    return tuple(fault.split(", ")) if fault else ()


def of_history(history: Mapping[str, Any]) -> dict[str, Traffic]:
    """The traffic of each tenant of an exported history, by the tenant's label."""
    found: dict[str, Traffic] = {}
    for label in (tenant["tenant"] for tenant in history["tenants"]):
        calls = [
            _of_event(number, event)
            for number, event in enumerate(history["events"], 1)
            if event["kind"] == "call" and event["tenant"] == label
        ]
        told = [
            CallbackSeen(
                attempt["at"], one["task"], one["id"], _names(attempt["fault"]), attempt["status"], one["signed"]
            )
            for one in history["callbacks"]
            if one["tenant"] == label
            for attempt in one["attempts"]
        ]
        found[label] = Traffic.of(calls, told, NOT_IN_A_HISTORY)
    return found


def _of_event(number: int, event: Mapping[str, Any]) -> Seen:
    return Seen(
        number=number,
        at=event["arrived_at"],
        method=event["method"],
        path=event["path"],
        headers={**event["headers"], "authorization": "Bearer …"},  # a call without a key has no tenant
        body=_bytes(event["body"]),
        status=event["status"],
        answer=_bytes(event["answer"]),
        answer_headers={"retry-after": event["retry_after"]} if event["retry_after"] is not None else {},
        ended_at=event["at"],
        made=event["task"],
        fault=event["fault"],
        whole=event["whole"],
    )


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def of_har(har: Mapping[str, Any]) -> Traffic:
    """The calls in a HAR that are for this API, in the order of their start; its moments are those of the recorder."""
    entries = [entry for entry in har["log"]["entries"] if _is_ours(_path(entry["request"]["url"]))]
    entries.sort(key=lambda entry: _moment(entry["startedDateTime"]))
    return Traffic.of(_of_entry(number, entry) for number, entry in enumerate(entries, 1))


def _of_entry(number: int, entry: Mapping[str, Any]) -> Seen:
    request, response = entry["request"], entry["response"]
    began = _moment(entry["startedDateTime"])
    text = (request.get("postData") or {}).get("text") or ""
    return Seen(
        number=number,
        at=began,
        method=request["method"],
        path=_path(request["url"]),
        headers={**_headers(request["headers"]), "host": _host(request["url"])},
        body=text.encode(),
        status=int(response["status"]) or None,
        answer=_content(response.get("content") or {}),
        answer_headers=_headers(response["headers"]),
        ended_at=began + max(float(entry.get("time") or 0), 0.0) / 1000,
        whole=bool(text) or not (request.get("bodySize") or 0) > 0,
    )


def _path(url: str) -> str:
    rest = url.partition("://")[2] or url
    return "/" + rest.partition("/")[2].partition("#")[0]


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _is_ours(path: str) -> bool:
    return path.startswith(_OUR_PATHS)


def _headers(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {one["name"].lower(): one["value"] for one in listed}


def _content(content: Mapping[str, Any]) -> bytes:
    text = content.get("text") or ""
    return base64.b64decode(text) if content.get("encoding") == "base64" else text.encode()


def _moment(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()
