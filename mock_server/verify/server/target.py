"""The server under test: calls it, keeps what was said, and knows what it can be made to do.

Times are seconds. ``advance`` is virtual time and works on a kirin-mock only; elsewhere time is waited for.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import documented_body, wrapped_body
from mock_server.core.clock import pause, stopwatch

Json = dict[str, Any]

#: How a task is followed where time can be moved: so many steps of so many virtual seconds.
STEP = 0.25
MOST_STEPS = 60


class Unreachable(Exception):
    """Nobody answers at the target's address."""


class NotExercised(Exception):
    """What a check needs cannot be had from this target; the text says what."""


class BudgetSpent(Exception):
    """No more calls may be made."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer; ``json`` is the answer's body, None where it is not JSON. ``authorization`` and ``sent``
    are the headers of the call, the former without the key. ``host`` is the base URL where it is not the target's.
    """

    method: str
    path: str
    body: bytes
    status: int
    headers: dict[str, str]
    json: Any
    content: bytes
    authorization: str | None = "Bearer $KEY"
    sent: Mapping[str, str] = field(default_factory=dict)
    host: str = ""

    def curl(self, base_url: str) -> str:
        """The call as a curl line that can be pasted, long bodies cut."""
        given = self.body.decode("utf-8", "replace")
        shown = given if len(given) <= 2000 else given[:2000] + "..."
        data = f" -d '{shown}'".replace("\n", "\\n") if given else ""
        headers = dict(self.sent)
        if self.authorization is not None:
            headers = {"Authorization": self.authorization, **headers}
        told = "".join(f" -H '{name}: {value}'" for name, value in headers.items())
        return f"curl -X {self.method} '{self.host or base_url}{self.path}'{told}{data}"


@dataclass
class Target:
    """A server at ``base_url``. ``judge`` looks at every exchange; ``max_calls`` bounds how many there are.

    Where time cannot be moved, a task is looked at every ``poll_every`` seconds, for ``patience`` seconds at most.
    ``queue_form`` is the form of the queue protocol that the first submit's answer had; for ``announce_for`` seconds an
    answer to a body that is announced and not sent is waited for.
    """

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
    poll_every: float = 2.0
    patience: float = 900.0
    queue_form: str = ""
    announce_for: float = 5.0
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
        """A control call of a kirin-mock, on this run's tenant. Raises NotExercised for another kind of server."""
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

    def settle(self, seconds: float = 3600) -> None:
        """Let time pass in which nothing more may happen: ``seconds``, or a moment where time cannot be moved."""
        if self.controlled:
            self.advance(seconds)
        else:
            pause(self.poll_every)

    def steps(self) -> Iterator[None]:
        """The moments at which a task is looked at, time passing between them, until a task should have ended."""
        until = stopwatch() + self.patience
        for _ in range(MOST_STEPS) if self.controlled else iter(lambda: stopwatch() >= until, True):
            yield
            if self.controlled:
                self.advance(STEP)
            else:
                pause(self.poll_every)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "",
        scheme: str = "Bearer",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        content_type: str | None = "application/json",
    ) -> Exchange:
        """One call with this run's key, another ``key``, or none; ``path`` may be a whole URL of this server. Raises
        BudgetSpent or Unreachable.
        """
        self._count()
        (host, path), sent = self._parts(path), dict(headers or {})
        if content is None and body is not None:
            content = json.dumps(body).encode()
        if content is not None and content_type is not None:
            sent.setdefault("Content-Type", content_type)
        secret = {} if key is None else {"Authorization": f"{scheme} {key or self.key}"}
        shown = sent.get("Authorization") if key is None else f"{scheme} $KEY"
        try:
            answer = self._client.request(
                method, (host or self.base_url) + path, content=content, headers={**secret, **sent}
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{method} {path}: {error or type(error).__name__}") from None
        try:
            value = answer.json()
        except ValueError:
            value = None
        exchange = Exchange(
            method, path, content or b"", answer.status_code, dict(answer.headers), value, answer.content, shown, sent,
            host,
        )  # fmt: skip
        self.exchanges.append(exchange)
        self.judge(exchange)
        return exchange

    def _count(self) -> None:
        """Count a call, and keep the distance to the one before. Raises BudgetSpent."""
        if self.max_calls is not None and self.calls >= self.max_calls:
            raise BudgetSpent
        self.calls += 1
        if self.min_gap:
            pause(max(0.0, self._called_at + self.min_gap - stopwatch()))
            self._called_at = stopwatch()

    def _parts(self, path: str) -> tuple[str, str]:
        """The other name of this server in a path that is a whole URL, and the path alone. Raises NotExercised for a
        URL of another server: the key is for this one.
        """
        if "://" not in path[:10]:
            return "", path
        for name, known in (("", self.base_url), (self.other_name, self.other_name)):
            if known is not None and path.startswith(f"{known}/"):
                return name or "", path.removeprefix(known)
        raise NotExercised(f"{path} is not on {self.base_url}, whose key is not sent to others")

    def fetch(self, url: str) -> bytes | None:
        """What is at the URL of a video, fetched without the key; None where it cannot be had."""
        self._count()
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL):
            answer = self._client.get(url, follow_redirects=True)
            return answer.content if answer.status_code == 200 else None
        return None

    def announce(self, path: str, length: int) -> Exchange:
        """A POST that announces a body of ``length`` bytes and sends none of it. Raises NotExercised when that is not
        answered within seconds: then the server waits for the body.
        """
        self._count()
        base = urlsplit(self.base_url)
        connect = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
        connection = connect(base.hostname or "", base.port, timeout=self.announce_for)
        headers = {"Content-Type": "application/json", "Content-Length": str(length)}
        try:
            connection.request("POST", base.path + path, headers={"Authorization": f"Bearer {self.key}", **headers})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            told = f"a body that is announced and not sent gets no answer: {error or type(error).__name__}"
            raise NotExercised(told) from None
        finally:
            connection.close()
        try:
            value = json.loads(content)
        except ValueError:
            value = None
        given = {name.lower(): one for name, one in answer.headers.items()}
        exchange = Exchange("POST", path, b"", answer.status, given, value, content, sent=headers)
        self.exchanges.append(exchange)
        self.judge(exchange)
        return exchange

    @cached_property
    def knows_keys(self) -> bool:
        """Whether it tells good keys from others; a kirin-mock that was started without keys takes all."""
        return self.call("GET", "/api/v1/user/balance", key="a-key-of-nobody").status == 401

    @property
    def other_name(self) -> str | None:
        """The base URL by another name of the same server; None unless it is on this machine."""
        parts = urlsplit(self.base_url)
        other = {"localhost": "127.0.0.1", "127.0.0.1": "localhost"}.get(parts.hostname or "")
        return None if other is None else self.base_url.replace(f"//{parts.hostname}", f"//{other}", 1)

    def submit(
        self, endpoint: Endpoint, params: Json, shape: str = "documented", key: str | None = "", **how: Any
    ) -> Exchange:
        """Submit bare parameters in one of the shapes: documented, wrapped, or queue. ``how`` as for a call."""
        if shape == "queue":
            return self.call("POST", f"/model/v1/queue/{endpoint.model}", params, key=key, **how)
        wrap = wrapped_body(endpoint.model, params) if shape == "wrapped" else documented_body(endpoint, params)
        return self.call("POST", "/model/v1/generation", wrap, key=key, **how)

    def poll(self, task_id: str, key: str | None = "", **how: Any) -> Exchange:
        """Ask for a task."""
        return self.call("GET", f"/model/v1/generation/task/{quote(task_id, safe='')}", key=key, **how)

    def queue(self, endpoint: Endpoint, task_id: str, what: str, key: str | None = "", **how: Any) -> Exchange:
        """Ask the queue for ``status``, ``response`` or ``status/stream``, or ``cancel``."""
        path = f"/model/v1/queue/{endpoint.model}/requests/{quote(task_id, safe='')}/{what}"
        return self.call("PUT" if what == "cancel" else "GET", path, key=key, **how)

    def fresh_name(self) -> str:
        """An external id that was not used before in this run."""
        return f"verify-{next(self._names)}"
