"""Where traffic of a server of ours comes from: the journal of a tenant, or an exported history."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import orjson

from mock_server.conformance.traffic import CallbackSeen, Seen, Traffic, is_object
from mock_server.contract.messages import shown
from mock_server.platform.journal import Exchange, pairs
from mock_server.platform.task import Delivery

NOT_IN_A_HISTORY = {
    "W01": "a history has no calls without a key",
    "W03": "a history has bodies as they were understood, not as they were written",
}


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
        hidden=frozenset({"answer"} if one.answer_size > len(one.answer) and not is_object(one.answer) else ()),
        broken=tuple(violation.message for violation in one.violations),
    )


def _names(fault: str | None) -> tuple[str, ...]:
    return tuple(fault.split(", ")) if fault else ()


def of_history(history: Mapping[str, Any]) -> dict[str, Traffic]:
    """The traffic of each tenant of an exported history, by the tenant's label. Raises KeyError, TypeError or
    ValueError for what is none.
    """
    found: dict[str, Traffic] = {}
    for label in (_as(str, tenant["tenant"]) for tenant in _objects(history["tenants"])):
        calls = [
            _of_event(number, event)
            for number, event in enumerate(_objects(history["events"]), 1)
            if event["kind"] == "call" and event["tenant"] == label
        ]
        told = [
            CallbackSeen(
                _number(attempt["at"]),
                _as(str, one["task"]),
                _as(str, one["id"]),
                _names(_perhaps(str, attempt["fault"])),
                _perhaps(int, attempt["status"]),
                bool(one["signed"]),
            )
            for one in _objects(history["callbacks"])
            if one["tenant"] == label
            for attempt in _objects(one["attempts"])
        ]
        found[label] = Traffic.of(calls, told, NOT_IN_A_HISTORY)
    return found


def _of_event(number: int, event: Mapping[str, Any]) -> Seen:
    headers = {_as(str, name): _as(str, value) for name, value in _as(dict, event["headers"]).items()}
    retry_after = _perhaps(str, event["retry_after"])
    return Seen(
        number=number,
        at=_number(event["arrived_at"]),
        method=_as(str, event["method"]),
        path=_as(str, event["path"]),
        headers={**headers, "authorization": "Bearer …"},  # a call without a key has no tenant
        body=_bytes(event["body"]),
        status=_perhaps(int, event["status"]),
        answer=_bytes(event["answer"]),
        answer_headers={"retry-after": retry_after} if retry_after is not None else {},
        ended_at=_number(event["at"]),
        made=_perhaps(str, event["task"]),
        fault=_perhaps(str, event["fault"]),
        whole=bool(event["whole"]),
    )


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else orjson.dumps(value)


# What a history that somebody wrote by hand may have in it

Kind = TypeVar("Kind")


def _as(kind: type[Kind], value: Any) -> Kind:
    """A value of that type. Raises TypeError."""
    if not isinstance(value, kind):
        raise TypeError(f"{shown(value)} is not {kind.__name__}")
    return value


def _perhaps(kind: type[Kind], value: Any) -> Kind | None:
    """The same, or None."""
    return None if value is None else _as(kind, value)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list. Raises TypeError."""
    return (_as(dict, one) for one in _as(list, value))


def _number(value: Any) -> float:
    """A moment. Raises TypeError or ValueError."""
    found = float(_as(float, value) if isinstance(value, float) else _as(int, value))
    if not math.isfinite(found):
        raise ValueError(f"{found} is no moment")
    return found
