"""The server under test: calls it, keeps what was said, and knows what it can be made to do.

Times are seconds. ``advance`` is virtual time and works on a kirin-mock only; elsewhere time is waited for.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from mock_server.clock import pause, stopwatch
from mock_server.contract import documented_body, wrapped_body
from mock_server.endpoint import Endpoint

Json = dict[str, Any]


class Unreachable(Exception):
    """Nobody answers at the target's address."""


class NotExercised(Exception):
    """What a check needs cannot be had from this target; the text says what."""


class BudgetSpent(Exception):
    """No more calls may be made."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer; ``json`` is the answer's body, None where it is not JSON."""

    method: str
    path: str
    body: bytes
    status: int
    headers: dict[str, str]
    json: Any
    content: bytes

    def curl(self, base_url: str) -> str:
        """The call as a curl line that can be pasted, long bodies cut."""
        given = self.body.decode("utf-8", "replace")
        shown = given if len(given) <= 2000 else given[:2000] + "..."
        data = f" -d '{shown}'".replace("\n", "\\n") if given else ""
        json_type = " -H 'Content-Type: application/json'" if given else ""
        return f"curl -X {self.method} '{base_url}{self.path}' -H 'Authorization: Bearer $KEY'{json_type}{data}"


@dataclass
class Target:
    """A server at ``base_url``. ``judge`` looks at every exchange; ``max_calls`` bounds how many there are."""

    base_url: str
    key: str = "sk-verify"
    other_key: str = ""
    callback_secret: str = ""
    max_calls: int | None = None
    judge: Callable[[Exchange], None] = lambda exchange: None
    calls: int = 0
    controlled: bool = False
    uncontrolled: str = "the target has no control API, so time cannot be moved"
    exchanges: list[Exchange] = field(default_factory=list)
    min_gap: float = 0.0
    _called_at: float = 0.0
    _names: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self._client = httpx.Client(timeout=60, follow_redirects=False, trust_env=False)

    def __enter__(self) -> Target:
        """Look whether it is there, and whether it is a kirin-mock, whose clock can be moved."""
        try:
            health = self._client.get(f"{self.base_url}/_mock/health")
            self.controlled = health.status_code == 200 and "version" in health.json()
        except httpx.HTTPError as error:
            self._client.close()
            raise Unreachable(f"{self.base_url} does not answer: {error}") from None
        except ValueError:
            self.controlled = False
        try:
            self.control("POST", "reset")
            self.control("PUT", "clock", {"mode": "manual"})
        except NotExercised as why:
            self.controlled, self.uncontrolled = False, str(why)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it as it was found."""
        if self.controlled:
            self.control("POST", "reset")
        self._client.close()

    def control(self, method: str, path: str, body: Json | None = None) -> Any:
        """A control call of a kirin-mock, on this run's world. Raises NotExercised for another kind of server."""
        if not self.controlled:
            raise NotExercised(self.uncontrolled)
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = self._client.request(method, f"{self.base_url}/_mock/{path}", json=body or {}, headers=headers)
        if answer.status_code != 200:
            raise NotExercised(f"the target's control API answered {answer.status_code}: {answer.text[:200]}")
        return answer.json()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.control("POST", "clock/advance", {"seconds": seconds})

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "",
        content: bytes | None = None,
        content_type: str | None = "application/json",
    ) -> Exchange:
        """One call with this run's key, another ``key``, or none. Raises BudgetSpent or Unreachable."""
        if self.max_calls is not None and self.calls >= self.max_calls:
            raise BudgetSpent
        self.calls += 1
        if self.min_gap:
            pause(max(0.0, self._called_at + self.min_gap - stopwatch()))
            self._called_at = stopwatch()
        headers = {} if key is None else {"Authorization": f"Bearer {key or self.key}"}
        if content is None and body is not None:
            content = json.dumps(body).encode()
        if content is not None and content_type is not None:
            headers["Content-Type"] = content_type
        try:
            answer = self._client.request(method, self.base_url + path, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise Unreachable(f"{method} {path}: {error or type(error).__name__}") from None
        try:
            value = answer.json()
        except ValueError:
            value = None
        exchange = Exchange(
            method, path, content or b"", answer.status_code, dict(answer.headers), value, answer.content
        )
        self.exchanges.append(exchange)
        self.judge(exchange)
        return exchange

    def submit(self, endpoint: Endpoint, params: Json, shape: str = "documented", key: str | None = "") -> Exchange:
        """Submit bare parameters in one of the shapes: documented, wrapped, or over the queue."""
        if shape == "queue":
            return self.call("POST", f"/model/v1/queue/{endpoint.model}", params, key=key)
        wrap = wrapped_body(endpoint.model, params) if shape == "wrapped" else documented_body(endpoint, params)
        return self.call("POST", "/model/v1/generation", wrap, key=key)

    def poll(self, task_id: str, key: str | None = "") -> Exchange:
        """Ask for a task."""
        return self.call("GET", f"/model/v1/generation/task/{quote(task_id, safe='')}", key=key)

    def queue(self, endpoint: Endpoint, task_id: str, what: str, key: str | None = "") -> Exchange:
        """Ask the queue for ``status`` or ``response``, or ``cancel``."""
        path = f"/model/v1/queue/{endpoint.model}/requests/{quote(task_id, safe='')}/{what}"
        return self.call("PUT" if what == "cancel" else "GET", path, key=key)

    def fresh_name(self) -> str:
        """An external id that was not used before in this run."""
        return f"verify-{next(self._names)}"
