"""HTTP/1.1 to one server, by sockets alone: a run makes ten thousand calls, and a general client takes a millisecond of
CPU for each. What is unusual in a request is left to such a client: ``writes`` says what can be sent from here.

Answers are read as strictly as a general client reads them [RFC 9112].
"""

from __future__ import annotations

import re
import select
import socket
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from mock_server.core.clock import stopwatch

#: A longer answer is read no further.
MOST_BYTES = 64 * 1024 * 1024
#: A longer head is none.
MOST_HEAD = 100_000
#: An idle connection is not used again after so many seconds: a server may close it at any time.
IDLE = 1.0
_AT_ONCE = 65_536
#: What a general client would send as it is: other paths it encodes, or cuts.
_PATH = re.compile(r"/(?:[A-Za-z0-9_~/?&=:,+.-]|%[0-9A-Fa-f]{2})*")
_DOTS = re.compile(r"/\.\.?(?:/|$|\?)")
_NAME, _VALUE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"), re.compile(r"[!-~](?:[ -~]*[!-~])?|")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [\t -~\x80-\xff]*)?")
_FIELD = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_DRIVEN = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te"})


class Broken(Exception):
    """No whole answer came; the text says why."""


class Late(Exception):
    """An answer took too long; the text says which part of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes


def writes(url: str, headers: Mapping[str, str]) -> bool:
    """Whether a request can be sent from here, byte for byte as a general client would send it."""
    scheme, _, rest = url.partition("://")
    path = rest[rest.find("/") :] if "/" in rest else ""
    names = [name.lower() for name in headers]
    return (
        scheme == "http"
        and "@" not in rest.partition("/")[0]
        and _PATH.fullmatch(path) is not None
        and _DOTS.search(path) is None
        and len(set(names)) == len(names)
        and _DRIVEN.isdisjoint(names)
        and all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in headers.items())
    )


class PlainHttp:
    """Connections that are kept open; any number of threads may use them. ``headers`` go with every call."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        usual = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "kirin-mock"}
        given = {name.lower() for name in headers}
        self._headers = {name: value for name, value in usual.items() if name.lower() not in given} | dict(headers)
        self._lock = threading.Lock()
        self._closed = False
        self._idle: dict[tuple[str, int], list[tuple[float, socket.socket]]] = {}

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, {}
        for _, one in (pair for pairs in idle.values() for pair in pairs):
            one.close()

    def send(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, limit: float) -> Answer:
        """One call that ``writes`` allows. ``limit`` is how many seconds each part of it may take. Raises Broken, Late,
        or OSError.
        """
        parts = urlsplit(url)
        where = parts.hostname or "", parts.port or 80
        request = self._request(method, parts.netloc, url.partition(parts.netloc)[2], headers, content)
        connection = self._connection(where, limit)
        try:
            _write(connection, request, content)
            reader = _Reader(connection, limit)
            answer, stays = reader.answer(method)
        except TimeoutError:
            connection.close()
            raise Late(f"no answer within {limit:.3g} s") from None
        except BaseException:
            connection.close()
            raise
        with self._lock:
            kept = stays and not reader.rest and not self._closed
            if kept:
                self._idle.setdefault(where, []).append((stopwatch(), connection))
        if not kept:
            connection.close()
        return answer

    def _request(self, method: str, host: str, path: str, headers: Mapping[str, str], content: bytes | None) -> bytes:
        """The head of a request."""
        given = {name.lower() for name in headers}
        fields = {name: value for name, value in self._headers.items() if name.lower() not in given}
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host.removesuffix(':80')}"]
        lines += [f"{name}: {value}" for name, value in (fields | dict(headers)).items()]
        if content or method in {"POST", "PUT", "PATCH"}:
            lines.append(f"Content-Length: {len(content or b'')}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")

    def _connection(self, where: tuple[str, int], limit: float) -> socket.socket:
        """A connection that is open and silent, or a new one."""
        while True:
            with self._lock:
                idle = self._idle.get(where)
                found = idle.pop() if idle else None
            if found is None:
                break
            if stopwatch() - found[0] < IDLE and not _readable(found[1]):
                found[1].settimeout(limit)
                return found[1]
            found[1].close()
        try:
            connection = socket.create_connection(where, limit)
        except TimeoutError:
            raise Late(f"no connection within {limit:.3g} s") from None
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def _readable(connection: socket.socket) -> bool:
    """Whether something came on an idle connection: mostly its end."""
    polled = select.poll()
    polled.register(connection, select.POLLIN)
    return bool(polled.poll(0))


def _write(connection: socket.socket, request: bytes, content: bytes | None) -> None:
    """Send a request. A server may answer, and close, before it has read all of a long body."""
    try:
        if content is None or len(content) < _AT_ONCE:
            connection.sendall(request + (content or b""))
        else:
            connection.sendall(request)
            connection.sendall(content)
    except TimeoutError:
        raise
    except OSError:
        return


class _Reader:
    """Reads one answer. ``rest`` is what came after its end."""

    def __init__(self, connection: socket.socket, limit: float) -> None:
        self._connection, self._limit, self._began = connection, limit, stopwatch()
        self.rest = b""

    def answer(self, method: str) -> tuple[Answer, bool]:
        """The answer, and whether the connection stays open. What comes before the final answer is skipped."""
        status, stays, headers = self._head()
        while 100 <= status < 200 and status != 101:
            status, stays, headers = self._head()
        if method == "HEAD" or status in {204, 304}:
            return Answer(status, headers, b""), stays
        coding, length = headers.get("transfer-encoding"), headers.get("content-length")
        if coding is not None:
            if coding.lower() != "chunked":
                raise Broken(f"the answer's Transfer-Encoding is {coding[:80]}; chunked was due")
            content = self._chunks()
        elif length is not None:
            content = self._bytes(_length(length))
        else:
            content, stays = self._up_to_end(), False
        return Answer(status, headers, _decoded(content, headers.get("content-encoding", ""))), stays

    def _head(self) -> tuple[int, bool, dict[str, str]]:
        while (end := _HEAD_END.search(self.rest)) is None:
            if len(self.rest) > MOST_HEAD:
                raise Broken(f"the head of the answer is longer than {MOST_HEAD} bytes")
            if not self._more():
                told = "in the middle of the head" if self.rest else "without an answer"
                raise Broken(f"the server closed the connection {told}")
        head, self.rest = self.rest[: end.start()], self.rest[end.end() :]
        first, *fields = re.split(rb"\r?\n", head)
        line = _STATUS_LINE.fullmatch(first)
        if line is None:
            raise Broken(f"the answer begins with {first[:80]!r}, which is no status line of HTTP/1.1")
        headers = _fields(fields)
        asked = headers.get("connection", "").lower()
        stays = "close" not in asked and (line[1] == b"1" or "keep-alive" in asked)
        return int(line[2]), stays, headers

    def _more(self) -> bool:
        """Read what comes next; False at the end."""
        if stopwatch() - self._began > 2 * self._limit:
            raise Late(f"the answer was not complete within {2 * self._limit:.3g} s")
        part = self._connection.recv(_AT_ONCE)
        self.rest += part
        return bool(part)

    def _bytes(self, count: int) -> bytes:
        """So many bytes, in linear time."""
        if count > MOST_BYTES:
            raise Broken(f"the answer is longer than {MOST_BYTES} bytes")
        parts, missing = [], count
        while True:
            part, self.rest = self.rest[:missing], self.rest[missing:]
            parts.append(part)
            missing -= len(part)
            if not missing:
                return b"".join(parts)
            if not self._more():
                came = count - missing
                raise Broken(f"the server closed the connection after {came} of {count} bytes of the body")

    def _up_to_end(self) -> bytes:
        parts, size = [self.rest], len(self.rest)
        self.rest = b""
        while self._more():
            parts.append(self.rest)
            size, self.rest = size + len(self.rest), b""
            if size > MOST_BYTES:
                raise Broken(f"the answer is longer than {MOST_BYTES} bytes")
        return b"".join(parts)

    def _chunks(self) -> bytes:
        parts, size = [], 0
        while True:
            length = int(self._line(_CHUNK)[1], 16)
            if not length:
                break
            size += length
            if size > MOST_BYTES:
                raise Broken(f"the answer is longer than {MOST_BYTES} bytes")
            parts.append(self._bytes(length))
            self._line(re.compile(rb"\r?\n"))
        while self._line(re.compile(rb"[^\r\n]*\r?\n"))[0].strip():  # trailers, up to an empty line
            continue
        return b"".join(parts)

    def _line(self, due: re.Pattern[bytes]) -> re.Match[bytes]:
        while b"\n" not in self.rest:
            if len(self.rest) > MOST_HEAD or not self._more():
                raise Broken("the server closed the connection in the middle of a chunked body")
        line, self.rest = self.rest[: self.rest.index(b"\n") + 1], self.rest[self.rest.index(b"\n") + 1 :]
        found = due.fullmatch(line)
        if found is None:
            raise Broken(f"the answer is chunked, and {line[:80]!r} is no length of a chunk")
        return found


def _fields(lines: list[bytes]) -> dict[str, str]:
    """The header fields by their names in lower case; several of one name are one, with commas."""
    found: dict[str, str] = {}
    folded: list[bytes] = []
    for line in lines:
        if line[:1] in {b" ", b"\t"} and folded:
            folded[-1] += b" " + line.strip()
        else:
            folded.append(line)
    for line in folded:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise Broken(f"the answer has a header line that is none: {line[:80]!r}")
        name, value = field[1].decode("ascii").lower(), _text(field[2])
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _length(given: str) -> int:
    """What a Content-Length says; the same number twice is that number."""
    numbers = {one.strip() for one in given.split(",")}
    number = numbers.pop()
    if numbers or not number.isascii() or not number.isdigit() or len(number) > 20:
        raise Broken(f"the answer's Content-Length is {given[:80]!r}, which is no number of bytes")
    return int(number)


def _decoded(content: bytes, coding: str) -> bytes:
    """A body without its Content-Encoding, in bounded space; an unknown coding is left as it is."""
    for one in reversed([part.strip().lower() for part in coding.split(",")]):
        if one in {"gzip", "x-gzip"}:
            content = _inflated(content, 31)
        elif one == "deflate":
            content = _inflated(content, 15 if content[:1] == b"\x78" else -15)
    return content


def _inflated(content: bytes, window: int) -> bytes:
    inflating = zlib.decompressobj(window)
    try:
        found = inflating.decompress(content, MOST_BYTES)
    except zlib.error as error:
        raise Broken(f"the answer's Content-Encoding is wrong: {error}") from None
    if inflating.unconsumed_tail:
        raise Broken(f"the answer is longer than {MOST_BYTES} bytes")
    return found
