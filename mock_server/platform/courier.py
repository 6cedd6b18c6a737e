"""The courier: carries one event, signed as Standard Webhooks asks, and says when to try again.

Retries come 1, 5, 30, 120 and 600 s after the previous attempt, by the virtual clock; an attempt may take 10 real
seconds. 2xx ends a delivery, 410 gives it up, 429 and 503 may ask for more time with ``Retry-After`` (wire#5).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import TYPE_CHECKING

from mock_server.core.clock import stopwatch
from mock_server.core.moments import moment
from mock_server.core.outgoing import AddressPolicy, Outgoing, TargetBlocked, Unreachable
from mock_server.platform.task import Attempt, Delivery, DeliveryState, Task
from mock_server.scenarios.faults.base import chances

if TYPE_CHECKING:
    from mock_server.scenarios.faults.kinds import CallbackFault

RETRY_AFTER = (1.0, 5.0, 30.0, 120.0, 600.0)
TIMEOUT = 10.0
MAX_ANSWER = 64 * 1024
MAX_SHOWN = 1000
MARK = "x-kirin-mock"
SECRET_PREFIX = "whsec_"


def secret_key(secret: str) -> bytes:
    """The key inside ``whsec_<base64>``. Raises ValueError."""
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError("a callback secret starts with whsec_")
    try:
        key = base64.b64decode(secret[len(SECRET_PREFIX) :], validate=True)
    except binascii.Error:
        raise ValueError("what follows whsec_ must be base64") from None
    if not key:
        raise ValueError("what follows whsec_ must not be empty")
    return key


def signature(secret: str, delivery_id: str, timestamp: int, body: bytes) -> str:
    """``v1,<base64 of HMAC-SHA256>`` over ``id.timestamp.body``. Source: Standard Webhooks."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: the attempt itself, whether the target was refused, and how long it asks us to wait."""

    attempt: Attempt
    refused: bool = False
    wait: float = 0.0


class Courier:
    """Carries deliveries. With several secrets, as during a rotation, each of them signs."""

    def __init__(
        self, outgoing: Outgoing, policy: AddressPolicy, secrets: Sequence[str] = (), timeout: float = TIMEOUT
    ) -> None:
        self._outgoing = outgoing
        self._policy = policy
        self._timeout = timeout
        self.secrets = tuple(secrets)
        #: Sent along, so that this server knows its own callbacks when they come back to it.
        self.mark = token_hex(8)
        #: The tenants of the deliveries being carried just now, by delivery.
        self.under_way: dict[str, str] = {}

    def headers(self, delivery_id: str, now: float, body: bytes) -> dict[str, str]:
        """The headers of one attempt made at ``now``."""
        timestamp = int(now)
        headers = {
            "content-type": "application/json",
            "user-agent": "kirin-mock",
            "webhook-id": delivery_id,
            "webhook-timestamp": str(timestamp),
        }
        if self.secrets:
            signatures = [signature(secret, delivery_id, timestamp, body) for secret in self.secrets]
            headers["webhook-signature"] = " ".join(signatures)
        return headers

    async def carry(self, task: Task, delivery: Delivery, body: bytes, now: float) -> Outcome:
        """Make one attempt. Never raises for what the other side does."""
        faults = faults_of(task, delivery)
        if faults or delivery.faults:
            return await self._carry_badly(task, delivery, body, now, faults)
        self.under_way[delivery.id] = task.tenant
        try:
            return await self._carry(task.callback_url or "", delivery, body, now)
        finally:
            self.under_way.pop(delivery.id, None)

    async def _carry_badly(
        self, task: Task, delivery: Delivery, body: bytes, now: float, faults: Sequence[CallbackFault]
    ) -> Outcome:
        for fault in sorted(faults, key=lambda one: one.breaks_json):
            body = fault.body(body)
        headers = self.headers(delivery.id, max(now - sum(fault.stale_by for fault in faults), 0), body)
        for fault in faults:
            headers = fault.signed(headers)
        named = ", ".join((*delivery.faults, *(fault.fault for fault in faults)))
        if any(fault.dropped for fault in faults):
            lost = Attempt(now, None, "lost on its way, as its scenario says", 0.0, headers, fault=named)
            return Outcome(lost)
        self.under_way[delivery.id] = task.tenant
        try:
            outcome = await self._post(task.callback_url or "", headers, body, now)
        finally:
            self.under_way.pop(delivery.id, None)
        told = ", ".join(filter(None, (named, outcome.attempt.fault)))
        return replace(outcome, attempt=replace(outcome.attempt, fault=told))

    async def _carry(self, url: str, delivery: Delivery, body: bytes, now: float) -> Outcome:
        return await self._post(url, self.headers(delivery.id, now, body), body, now)

    async def _post(self, url: str, headers: dict[str, str], body: bytes, now: float) -> Outcome:
        began = stopwatch()

        def attempt(status: int | None, error: str | None, answer: bytes = b"") -> Attempt:
            shown = answer[:MAX_SHOWN].decode("utf-8", "replace")
            return Attempt(now, status, error, round(stopwatch() - began, 6), headers, shown)

        try:
            target = await self._outgoing.target(url, self._policy)
            answer = await self._outgoing.send(
                "POST",
                target,
                timeout=self._timeout,
                max_bytes=MAX_ANSWER,
                content=body,
                headers={**headers, MARK: self.mark},
            )
        except TargetBlocked as refusal:
            return Outcome(attempt(None, f"refused: {refusal}"), refused=True)
        except Unreachable as error:
            return Outcome(attempt(None, str(error)))
        wait = _seconds_asked(answer.headers.get("retry-after"), now) if answer.status in {429, 503} else 0.0
        return Outcome(attempt(answer.status, None, answer.body or b""), wait=wait)


def faults_of(task: Task, delivery: Delivery) -> list[CallbackFault]:
    """What a task's scenario does to the next attempt at a delivery."""
    if task.scenario is None:
        return []
    attempts = len(delivery.attempts)
    return [
        fault
        for place, fault in task.scenario.callback_faults
        if not fault.plans
        and fault.hits(delivery.status, attempts, chances(task.id, delivery.id, delivery.number, attempts, place))
    ]


def after_attempt(delivery: Delivery, outcome: Outcome) -> Delivery:
    """The delivery as it stands after one more attempt: done, given up, or owed again later."""
    attempts = (*delivery.attempts, outcome.attempt)
    status = outcome.attempt.status
    if outcome.refused:
        return replace(delivery, attempts=attempts, state=DeliveryState.REFUSED)
    if status is not None and 200 <= status < 300:
        return replace(delivery, attempts=attempts, state=DeliveryState.DELIVERED)
    if status == 410 or len(attempts) > len(RETRY_AFTER):
        return replace(delivery, attempts=attempts, state=DeliveryState.GIVEN_UP)
    wait = max(RETRY_AFTER[len(attempts) - 1], outcome.wait)
    due_at = moment(outcome.attempt.at + wait)
    attempts = (*delivery.attempts, replace(outcome.attempt, next_at=due_at))
    return replace(delivery, attempts=attempts, state=DeliveryState.OWED, due_at=due_at)


def after_replay(delivery: Delivery, outcome: Outcome) -> Delivery:
    """A delivery that was over, after one more attempt by hand: delivered at last, or as it was."""
    status = outcome.attempt.status
    delivered = status is not None and 200 <= status < 300
    state = DeliveryState.DELIVERED if delivered else delivery.state
    return replace(delivery, attempts=(*delivery.attempts, outcome.attempt), state=state)


def _seconds_asked(header: str | None, now: float) -> float:
    """What a ``Retry-After`` asks for, in seconds or as a date; nonsense asks for nothing. At most a day."""
    if header is None:
        return 0.0
    try:
        asked = float(header) if header.strip().isdigit() else parsedate_to_datetime(header).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(asked, 0.0), 86_400.0)
