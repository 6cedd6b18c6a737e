"""One callback, and what it takes to make it: a task, a secret, a moment."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mock_server.platform.courier import secret_key

#: The libraries of Standard Webhooks accept timestamps that are off by so many seconds.
TOLERANCE = 300
#: So many seconds inside the tolerance, or outside of it.
NEAR = 10
#: A secret that the receiver does not have.
OTHER_SECRET = "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldCwgbm90IHlvdXJz"  # noqa: S105 - everybody may know it


@dataclass(frozen=True, slots=True)
class Message:
    """The headers, by lower-case name, and the body of one callback."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """What a callback is made of: the ``task`` that it tells of, under which ``id``, at which moment ``now``, and the
    ``secret`` that signs it. ``lie`` is the same task with an end that it never came to.
    """

    id: str
    now: int
    secret: str
    task: Mapping[str, Any]
    lie: Mapping[str, Any]
    tolerance: int = TOLERANCE

    @property
    def body(self) -> bytes:
        """The body as the platform writes it."""
        return orjson.dumps(self.task)

    @property
    def lying(self) -> bytes:
        """The same of the lie."""
        return orjson.dumps(self.lie)

    def code(self, body: bytes, at: str | None = None, secret: str | None = None, name: str | None = None) -> str:
        """The signature in base64, without its version."""
        stamp = str(self.now) if at is None else at
        signed = f"{self.id if name is None else name}.{stamp}.".encode() + body
        key = secret_key(self.secret if secret is None else secret)
        return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()

    def message(self, body: bytes, signature: str | None = None, at: str | None = None) -> Message:
        """A callback with this body: rightly signed, unless a signature is given."""
        stamp = str(self.now) if at is None else at
        headers = {
            "content-type": "application/json",
            "user-agent": "kirin-mock",
            "webhook-id": self.id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{self.code(body, stamp)}" if signature is None else signature,
        }
        return Message(headers, body)

    def without(self, body: bytes, *names: str, signature: str | None = None) -> Message:
        """A callback that lacks some headers."""
        whole = self.message(body, signature)
        return Message({name: value for name, value in whole.headers.items() if name not in names}, body)


Make = Callable[[Event], Message]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of callback: the ``property`` of a receiver that it tests, what it ``says``, and how it is made."""

    property: str
    says: str
    make: Make
