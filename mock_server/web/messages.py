"""Calls and answers, with as little between them and the socket as can be. The hot paths go through here."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import orjson
from starlette.types import Message, Receive, Scope, Send

from mock_server.core.clock import Sleeper
from mock_server.core.errors import GatewayError, Trouble, Violation
from mock_server.core.images import MIB
from mock_server.core.json_bounds import SHORT, JsonScanner, JsonTooLarge, check_bounds
from mock_server.platform.tenant import Tenant

#: A body of base64 or text becomes a few times larger, and small ones may become more.
MAX_RATIO = 200
#: A gzip body may be several put one after another; more than so many are no honest body.
MAX_MEMBERS = 16

Headers = list[tuple[bytes, bytes]]
JSON_TYPE = (b"content-type", b"application/json")


class ClientGone(Exception):
    """The client hung up before its request was whole; nobody is there to answer."""


class Answer:
    """Status, body and headers of one answer; ``note`` is for the log."""

    __slots__ = ("body", "headers", "note", "status")

    @property
    def drips(self) -> bool:
        """Whether it is sent over a stretch of the clock's time."""
        return False

    def __init__(self, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = (JSON_TYPE,)) -> None:
        self.status = status
        self.body = body
        self.headers: Headers = [*headers, (b"content-length", b"%d" % len(body))]
        self.note = ""

    async def content(self) -> bytes:
        """The body, whatever it is kept in."""
        return self.body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        start: Message = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})


def json_answer(value: Any, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status, orjson.dumps(value, default=str))


class AnsweredEarly(Exception):
    """Carries the answer to a call that ends before its handler does, where no gateway error says it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.note)
        self.answer = answer


class Call:
    """One request: its headers and, when asked for, its body; and what its handler found out about it.

    ``headers`` are sent with the answer, whatever it is. ``at`` is its moment by the clock of its tenant, later than it
    ``arrived_at`` if it was kept waiting; ``order`` its place among all calls; ``queue`` whether it is one of the queue
    side, whose errors have bodies of their own; ``fault`` what
    a scenario did to it, ``ending`` what is still to be done to its answer, and ``sleeper`` who sleeps for it.
    """

    __slots__ = (
        "_by_name",
        "arrived_at",
        "at",
        "content",
        "ending",
        "fault",
        "headers",
        "model",
        "order",
        "queue",
        "receive",
        "scope",
        "sleeper",
        "task_id",
        "tenant",
        "violations",
    )

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self._by_name: dict[bytes, bytes] | None = None
        self.content = b""
        self.headers: Headers = []
        self.tenant: Tenant | None = None
        self.model: str | None = None
        self.task_id: str | None = None
        self.violations: list[Violation] = []
        self.at = self.arrived_at = 0.0
        self.order = 0
        self.queue = False
        self.fault: str | None = None
        self.ending: Callable[[Answer], Awaitable[Answer]] | None = None
        self.sleeper: Sleeper | None = None

    @property
    def method(self) -> str:
        """GET, POST and so on."""
        method: str = self.scope["method"]
        return method

    def header(self, name: bytes) -> bytes | None:
        """A header's value by its lower-case name; of several the first."""
        if self._by_name is None:
            self._by_name = dict(reversed(self.scope["headers"]))
        return self._by_name.get(name)

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        path: str = self.scope["path"]
        return path

    def param(self, name: str) -> str:
        """What the route calls ``name`` in its path, percent-decoded."""
        value: str = self.scope["path_params"][name]
        return value

    async def body(self, max_bytes: int) -> bytes:
        """The whole body, unpacked. Raises GatewayError as soon as it is known to be too large or packed in an unknown
        way, ClientGone on a hang-up.
        """
        return await self._body(max_bytes, None)

    async def beginning(self, most: int) -> bytes:
        """About the first ``most`` bytes of the body, as they were sent; the rest is not waited for. Raises ClientGone
        on a hang-up.
        """
        content = b""
        while len(content) < most:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            content += message.get("body", b"")[:most]
            if not message.get("more_body", False):
                break
        self.content = content
        return content

    async def json(self, max_bytes: int, *, empty: Any = None) -> Any:
        """The body as JSON in UTF-8; ``empty`` is what a body of no bytes means, if it may be. Raises as ``body`` does,
        and GatewayError where it is not JSON, or breaks a bound: that is found out before it becomes objects.
        """
        try:
            content = await self._body(max_bytes, JsonScanner())
            if len(content) <= SHORT:
                check_bounds(content)  # what is longer was looked at on its way
            return orjson.loads(content) if content or empty is None else empty
        except JsonTooLarge as error:
            raise GatewayError(Trouble.MALFORMED, f"the body {error}") from None
        except orjson.JSONDecodeError as error:
            raise GatewayError(Trouble.MALFORMED, f"the body is not JSON in UTF-8: {error}") from None

    async def _body(self, max_bytes: int, scanner: JsonScanner | None) -> bytes:
        packing = self.header(b"content-encoding")
        if packing is None or packing.strip().lower() in {b"", b"identity"}:
            self.content = await self._raw_body(max_bytes, scanner)
            return self.content
        unpacking = Unpacking(packing, max_bytes)
        packed, pieces = await self._raw_body(max_bytes, None), []
        for piece in unpacking.pieces(packed):
            if scanner is not None:
                scanner.feed(piece)
            pieces.append(piece)
            if len(pieces) % 16 == 0:
                await asyncio.sleep(0)  # let other calls go on
        self.content = b"".join(pieces)
        return self.content

    async def _raw_body(self, max_bytes: int, scanner: JsonScanner | None) -> bytes:
        declared = self.header(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > max_bytes:
            raise _too_large(max_bytes)
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > max_bytes:
                raise _too_large(max_bytes)
            chunks.append(chunk)
            more = message.get("more_body", False)
            if scanner is not None and (more or size > SHORT):
                scanner.feed(chunk)
            if not more:
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class Unpacking:
    """Frees a body of its Content-Encoding, a piece at a time. Raises GatewayError for one that is not gzip."""

    def __init__(self, packing: bytes, max_bytes: int) -> None:
        if packing.strip().lower() not in {b"gzip", b"x-gzip"}:
            message = f"Content-Encoding may be gzip or left out, not {packing[:40].decode('latin-1')}"
            raise GatewayError(Trouble.MEDIA_TYPE, message, headers={"accept-encoding": "gzip"})
        self._max_bytes = max_bytes

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        """The unpacked body, in pieces of at most 64 KiB. Raises GatewayError when it is too large, is cut off, or
        becomes much larger than its packed size, as only a body that is made for that does.
        """
        size, most = 0, max(MIB, len(packed) * MAX_RATIO)
        members, member, place, waiting = 1, zlib.decompressobj(wbits=31), 0, b""
        while place < len(packed) or waiting:
            if not waiting:
                waiting, place = packed[place : place + SHORT], place + SHORT
            piece, waiting = self._piece(member, waiting)
            size += len(piece)
            if size > self._max_bytes:
                raise _too_large(self._max_bytes)
            if size > most:
                raise _not_gzip(f"it grows to more than {MAX_RATIO} times its size")
            yield piece
            if member.eof and (waiting or place < len(packed)):
                members, member = members + 1, zlib.decompressobj(wbits=31)
                if members > MAX_MEMBERS:
                    raise _not_gzip(f"it has more than {MAX_MEMBERS} parts")
        if not member.eof:
            raise _not_gzip("it is cut off")

    @staticmethod
    def _piece(member: Any, packed: bytes) -> tuple[bytes, bytes]:
        """What some packed bytes become, and those of them that are left for the next call."""
        try:
            piece = member.decompress(packed, SHORT)
            while not member.eof and not member.unconsumed_tail and len(piece) % SHORT == 0 and piece:
                more = member.decompress(b"", SHORT)
                if not more:
                    break
                piece += more
        except zlib.error as error:
            raise _not_gzip(str(error)) from None
        return piece, member.unused_data if member.eof else member.unconsumed_tail


def _not_gzip(why: str) -> GatewayError:
    return GatewayError(Trouble.MALFORMED, f"the body is not gzip as Content-Encoding says: {why}")


def _too_large(max_bytes: int) -> GatewayError:
    return GatewayError(Trouble.TOO_LARGE, f"the body is larger than {max_bytes // MIB} MiB, the most that is accepted")


def require_json(call: Call) -> None:
    """Raise GatewayError unless the body is said to be JSON."""
    given = call.header(b"content-type")
    if given == b"application/json":
        return
    kind, _, rest = (given or b"").partition(b";")
    if kind.strip().lower() != b"application/json":
        shown = "nothing" if given is None else given[:60].decode("latin-1")
        raise GatewayError(Trouble.MEDIA_TYPE, f"Content-Type must be application/json, not {shown}")
    charset = rest.strip(b" ;").lower()
    if charset and charset.replace(b'"', b"").replace(b" ", b"") not in {b"charset=utf-8", b"charset=utf8"}:
        raise GatewayError(Trouble.MEDIA_TYPE, "JSON is sent in UTF-8; leave the charset out")


_SCHEMES = frozenset({b"bearer", b"key"})


def bearer(call: Call) -> str | None:
    """The key of ``Authorization: Bearer KEY`` or ``Key KEY``, if there is one."""
    given = call.header(b"authorization")
    if given is None:
        return None
    scheme, _, key = given.partition(b" ")
    if scheme.lower() not in _SCHEMES:
        return None
    return key.strip().decode("latin-1") or None


Handler = Callable[[Call], Awaitable[Answer]]
