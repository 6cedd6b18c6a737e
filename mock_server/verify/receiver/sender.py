"""Sends callbacks to one URL, and tells what came back. Redirects are not followed, and proxies are not used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from mock_server.core.clock import stopwatch
from mock_server.platform.courier import TIMEOUT
from mock_server.verify.repertoire.message import Message

MOST_CONNECTIONS = 16
#: So much of an answer is read.
MOST_READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, or None and the ``error``; after how many seconds, and whether that was ``late``."""

    status: int | None
    took: float
    error: str = ""
    late: bool = False

    @property
    def good(self) -> bool:
        """Whether the receiver says that it has taken it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def broke(self) -> bool:
        """Whether something broke in the receiver."""
        return self.status is None or self.status >= 500

    def __str__(self) -> str:
        if self.status is None:
            return f"no answer ({self.error})"
        return f"an answer, {self.status}, after {self.took:.1f} s" if self.late else f"{self.status}"


class Unreachable(Exception):
    """Nothing listens there; the text says why."""


class Sender:
    """Posts to ``url``, and waits for ``timeout`` seconds."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self._url = url
        self.timeout = timeout
        limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=0)
        self._http: Any = httpx.Client(timeout=httpx.Timeout(timeout, connect=TIMEOUT), trust_env=False, limits=limits)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def post(self, message: Message) -> Answer:
        """Send one callback. Raises Unreachable when no connection can be made."""
        return self.call("POST", message.headers, message.body)

    def call(self, method: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Answer:
        """One call. Raises Unreachable when no connection can be made."""
        began = stopwatch()
        # As bytes: what stands in a forged header may be any.
        given = [(name.title().encode(), value.encode("latin-1", "replace")) for name, value in (headers or {}).items()]
        try:
            with self._http.stream(method, self._url, headers=given, content=body) as answer:
                status = answer.status_code
                took = stopwatch() - began
                _read_some(answer)
            return Answer(status, took, late=took > self.timeout)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise Unreachable(str(error) or type(error).__name__) from None
        except httpx.TimeoutException:
            return Answer(None, stopwatch() - began, f"none came in {self.timeout:g} s", late=True)
        except httpx.HTTPError as error:
            return Answer(None, stopwatch() - began, str(error) or type(error).__name__)


def _read_some(answer: httpx.Response) -> None:
    """Read the body, so that the connection can be used again; only the beginning of a long one."""
    size = 0
    try:
        for part in answer.iter_raw():
            size += len(part)
            if size > MOST_READ:
                return
    except httpx.HTTPError:
        return
