"""Broken servers: how callbacks are tried again, and when they end; users, refused submits, and money."""

from __future__ import annotations

from decimal import Decimal

from tests.support.broken import Mutant
from tests.support.broken_lives import (
    Decoding,
    Leaking,
    Milliseconds,
    OneId,
    SignedOnce,
    Stale,
    WithoutQuery,
    insists,
    rewriting,
    takes,
    telling,
)
from tests.support.broken_queue import authorized
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

CALLS, USERS, MONEY = "calls back", "keeps users apart", "charges as shown"
FREE = "takes nothing for what it refuses"


def as_owner(path):
    """Another user's calls to some paths are made as the owner's."""
    return authorized(lambda value: b"Bearer sk-verify", path)


class Balance:
    """A balance that is less by what some answers cost."""

    def __init__(self, price, costs):
        self._price, self._costs, self._less = Decimal(price), costs, Decimal(0)

    def __call__(self, method, path, status, value):
        if self._costs(method, path, status, value):
            self._less += self._price
        if not path.endswith("/balance") or status != 200:
            return status, value
        left = str(Decimal(value["data"]["available_balance"]) - self._less)
        return status, {**value, "data": {**value["data"], "available_balance": left, "balance": left}}


def submit(status):
    return lambda method, path, found, value: (
        method == "POST" and found == status and (path.endswith("/generation") or "/queue/" in path)
    )


class Taken:
    """Remembers the external ids of bodies that are refused, and refuses them ever after."""

    def __init__(self):
        self._last, self._taken = None, set()

    def body(self, value):
        inner = value.get("input", [{}])[0].get("params") if isinstance(value.get("input"), list) else None
        self._last = (inner or value.get("data") or value).get("external_task_id")
        return value

    def edit(self, method, path, status, value):
        if method != "POST" or not (path.endswith("/generation") or "/queue/" in path):
            return status, value
        if status == 400 and self._last:
            self._taken.add(self._last)
        if status == 200 and self._last in self._taken:
            return 409, {"status": {"code": 409, "message": "taken", "error_code": 40901}, "data": None}
        return status, value


TAKEN = Taken()

MUTANTS = [
    *(
        Mutant(f"callback: takes {status} for a yes", model, CALLS, courier=takes(status))
        for status, model in ((307, T2V), (404, V1_5), (408, MULTI), (429, V3), (502, MASTER), (503, T2V))
    ),
    Mutant("callback: takes a reset for a yes", V3, CALLS, courier=takes(None)),
    Mutant("callback: takes redirects for a yes", MASTER, CALLS, courier=takes(301, 302, 303, 307, 308)),
    Mutant("callback: takes 4xx for a yes", MULTI, CALLS, courier=takes(*range(400, 500))),
    *(
        Mutant(f"callback: insists after {status}", model, CALLS, courier=insists(status))
        for status, model in ((202, T2V), (204, V3), (410, MULTI))
    ),
    Mutant("callback: insists after all but 200", MASTER, CALLS, courier=insists(*range(201, 300))),
    Mutant(
        "callback: forgets Retry-After",
        T2V,
        CALLS,
        courier=telling(lambda outcome, delivery: bool(outcome.wait), None, 0),
    ),
    Mutant(
        "callback: forgets Retry-After with 503",
        V1_5,
        CALLS,
        courier=telling(lambda outcome, delivery: outcome.attempt.status == 503, None, 0),
    ),
    Mutant(
        "callback: waits a minute",
        V3,
        CALLS,
        courier=telling(lambda outcome, delivery: outcome.attempt.status == 500, None, 60),
    ),
    Mutant(
        "callback: gives up after three attempts",
        MULTI,
        CALLS,
        courier=telling(lambda outcome, delivery: len(delivery.attempts) == 2, 410),
    ),
    Mutant(
        "callback: gives up at the second attempt",
        MASTER,
        CALLS,
        courier=telling(lambda outcome, delivery: len(delivery.attempts) == 1, 410),
    ),
    Mutant("callback: has the first timestamp", T2V, CALLS, courier=Stale),
    Mutant("callback: has timestamps in milliseconds", V1_5, CALLS, courier=Milliseconds),
    Mutant("callback: has the first signature", V3, CALLS, courier=SignedOnce),
    Mutant("callback: loses the query", MULTI, CALLS, courier=WithoutQuery),
    Mutant("callback: decodes the URL", T2V, CALLS, courier=Decoding),
    Mutant("callback: leaks the key", MASTER, CALLS, courier=Leaking),
    Mutant("callback: has one id for all events", V3, CALLS, courier=OneId),
    Mutant(
        "callback: counts its attempts in the body",
        T2V,
        CALLS,
        courier=rewriting(lambda value, attempts: {**value, "metadata": {**value["metadata"], "attempt": attempts}}),
    ),
    Mutant(
        "callback: is an event around the task",
        V1_5,
        CALLS,
        courier=rewriting(lambda value, attempts: {"event": "task", "data": value}),
    ),
    Mutant(
        "callback: forgets the external id",
        MULTI,
        CALLS,
        courier=rewriting(lambda value, attempts: {n: one for n, one in value.items() if n != "external_task_id"}),
    ),
    Mutant(
        "callback: has no output",
        MASTER,
        CALLS,
        courier=rewriting(lambda value, attempts: {n: one for n, one in value.items() if n != "output"}),
    ),
    Mutant("users: everybody cancels", T2V, USERS, call=as_owner("/cancel")),
    Mutant("users: everybody sees the status", V3, USERS, call=as_owner("/status")),
    Mutant("users: everybody has the result", MULTI, USERS, call=as_owner("/response")),
    Mutant("users: everybody polls by the external id", MASTER, USERS, call=as_owner("/task/verify")),
    Mutant("users: everybody polls by the request id", V1_5, USERS, call=as_owner("/task/mmsu_")),
    Mutant(
        "users: another's task is forbidden",
        V3,
        USERS,
        edit=lambda m, p, s, v: (403 if s == 404 and "/task/" in p and "no-such" not in p else s, v),
    ),
    Mutant("money: refused bodies cost", T2V, FREE, edit=Balance("0.01", submit(400))),
    Mutant("money: duplicates cost", V3, FREE, edit=Balance("0.14", submit(409))),
    Mutant("money: refused ids are taken", MASTER, FREE, body=TAKEN.body, edit=TAKEN.edit),
    Mutant("money: costs more", MULTI, MONEY, edit=Balance("0.01", submit(200))),
    Mutant(
        "money: reading a result costs",
        V1_5,
        MONEY,
        edit=Balance("0.5", lambda m, p, s, v: p.endswith("/response") and s == 200),
    ),
    Mutant(
        "money: a cancel pays twice",
        T2V,
        MONEY,
        edit=Balance("-0.14", lambda m, p, s, v: p.endswith("/cancel") and s == 400),
    ),
]
