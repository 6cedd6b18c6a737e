"""Sends one call over HTTP, and reads its answer whatever the server does: hang, drip, break off, talk nonsense."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import httpx

from mock_server.core.clock import stopwatch
from mock_server.verify.server.plain_http import IDLE, MOST_BYTES, Answer, Broken, Late, PlainHttp, writes

__all__ = ("Answer", "Broken", "Connection", "Transport")

#: Once a server has left a call without an answer, the next calls wait so many seconds at least, and so many times as
#: long as its slowest answer.
LATER_WAIT, LATER_TIMES = 3.0, 4.0


@dataclass(frozen=True, slots=True)
class Connection:
    """How the server is reached: a proxy, the file of a CA, headers that go with every call, and how long an answer may
    take in seconds.
    """

    proxy: str | None = None
    ca: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 30.0

    def context(self) -> ssl.SSLContext | bool:
        """Which servers are trusted: those of the usual CAs, and of ``ca``. Raises OSError when that is none."""
        if self.ca is None:
            return True
        context = ssl.create_default_context()
        context.load_verify_locations(self.ca)
        return context


class Transport:
    """The connections to one server; any number of threads may use it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._timeout, self._slowest, self._hung = connection.timeout, 0.0, False
        self._lock = threading.Lock()
        direct = connection.proxy is None and writes("http://any/", connection.headers)
        self._plain = PlainHttp(connection.headers) if direct else None

    @cached_property
    def _client(self) -> httpx.Client:
        """For all that is not plain: TLS, a proxy, redirects, unusual requests."""
        return httpx.Client(
            timeout=self._timeout,
            follow_redirects=False,
            trust_env=False,
            proxy=self._connection.proxy,
            verify=self._connection.context(),
            headers=dict(self._connection.headers),
            limits=httpx.Limits(max_connections=None, keepalive_expiry=IDLE),
        )

    def close(self) -> None:
        """Close all connections."""
        if self._plain is not None:
            self._plain.close()
        if "_client" in self.__dict__:
            self._client.close()

    def send(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None,
             *, follow: bool = False) -> Answer:  # fmt: skip
        """One call. Raises Broken when there is no whole answer. Redirects are followed only with ``follow``."""
        limit = max(LATER_WAIT, LATER_TIMES * self._slowest) if self._hung else self._timeout
        limit, began = min(limit, self._timeout), stopwatch()
        if self._plain is not None and not follow and writes(url, headers):
            answer = self._sent(self._plain, method, url, headers, content, limit)
        else:
            answer = self._general(method, url, headers, content, limit, follow)
        with self._lock:
            self._slowest = max(self._slowest, stopwatch() - began)
        return answer

    def _sent(self, plain: PlainHttp, method: str, url: str, headers: Mapping[str, str], content: bytes | None,
              limit: float) -> Answer:  # fmt: skip
        try:
            return plain.send(method, url, headers, content, limit)
        except Late as late:
            self._hung = True
            raise Broken(str(late)) from None
        except (OSError, ValueError) as error:  # a URL without a right port is a ValueError
            raise Broken(str(error) or type(error).__name__) from None

    def _general(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, limit: float,
                 follow: bool) -> Answer:  # fmt: skip
        began = stopwatch()
        try:
            with self._client.stream(
                method, url, headers=headers, content=content, timeout=limit, follow_redirects=follow
            ) as answer:
                read = self._read(answer, began, limit)
        except httpx.TimeoutException:
            self._hung = True
            raise Broken(f"no answer within {limit:.3g} s") from None
        except httpx.DecodingError as error:
            raise Broken(f"the answer's Content-Encoding is wrong: {error}") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Broken(str(error) or type(error).__name__) from None
        except (ValueError, UnicodeError) as error:  # headers and URLs that no client can write or read
            raise Broken(f"{type(error).__name__}: {error}") from None
        return Answer(answer.status_code, {name.lower(): one for name, one in answer.headers.items()}, read)

    def _read(self, answer: httpx.Response, began: float, limit: float) -> bytes:
        """The body, in bounded time and space."""
        parts, size = [], 0
        for part in answer.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise Broken(f"the answer is longer than {MOST_BYTES} bytes")
            if stopwatch() - began > 2 * limit:
                self._hung = True
                raise Broken(f"the answer was not complete within {2 * limit:.3g} s")
        return b"".join(parts)
