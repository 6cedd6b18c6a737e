"""The pipeline that every call passes: routes by method, answers what is raised, and sees that each answer is complete.

Complete means an ``X-Request-Id``, the CORS headers of a local web page, a line in the journal and one in the log.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from starlette.types import Receive, Scope, Send

from mock_server.core.clock import Clock, stopwatch
from mock_server.core.errors import GatewayError, Trouble
from mock_server.core.json_bounds import json_or_text
from mock_server.core.redaction import safe_text
from mock_server.platform.journal import kept_body, packed_headers, size_of
from mock_server.platform.service import Service
from mock_server.web.api.authentication import Access
from mock_server.web.control.guard import Guard, is_loopback
from mock_server.web.gateway_errors import error_answer
from mock_server.web.log import Log
from mock_server.web.messages import Answer, AnsweredEarly, Call, ClientGone, Handler, Headers, bearer
from mock_server.web.queue_errors import IdentifiedAnswer

#: The API is what clients call; control is for the person who runs the server; open is what lies between: it is
#: there for any program, and for no web page.
Plane = Literal["api", "control", "open"]
ErrorsOf = Callable[[Exception], Answer]
_LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})
_REQUEST_ID = re.compile(rb"[!-~]{1,200}", re.ASCII)
_EXPOSED = (
    b"X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Allow, Content-Range, ETag"
)


class Pipeline:
    """Makes ASGI apps of handlers. ``clock`` times the calls that belong to no tenant."""

    def __init__(self, service: Service, access: Access, clock: Clock, guard: Guard, log: Log) -> None:
        self._service = service
        self.access = access
        self._clock = clock
        self._guard = guard
        self._log = log
        self._others = 0

    def serve(self, plane: Plane, handlers: Mapping[str, Handler], errors: ErrorsOf = error_answer) -> EndpointApp:
        """An app that serves one path with a handler for each method; ``*`` stands for all. ``errors`` makes answers of
        what is raised.
        """
        return EndpointApp(self, plane, dict(handlers), errors)

    def admit(self, plane: Plane, call: Call) -> None:
        """Raise GatewayError for a call that may not come to this plane."""
        if plane == "control":
            call.arrived_at = self._clock_of(self._key(call)).now()
            self._guard.check(call)
        elif plane == "open":
            self._guard.check_open(call)

    def finish(self, plane: Plane, call: Call, answer: Answer, began: float) -> None:
        """Complete an answer that is about to be sent."""
        given = call.header(b"x-request-id")
        echoed = given if given is not None and _REQUEST_ID.fullmatch(given) is not None else None
        if plane == "api":
            request_id = self._record(call, answer, echoed, began)
            if call.headers:
                answer.headers += call.headers
            if call.header(b"origin") is not None:
                answer.headers += _cors(call)
        else:
            self._others += 1
            if plane == "control" and call.method not in _LOOKS and answer.status < 400:
                self._record_control_action(call)
            request_id = echoed or b"control-%d" % self._others
        answer.headers.append((b"x-request-id", request_id))
        self._log(call, answer)

    def _record_control_action(self, call: Call) -> None:
        """Remember a control call that changed something."""
        self._service.note(call.arrived_at, self._key(call), call.method, call.path, json_or_text(call.content))

    @staticmethod
    def _key(call: Call) -> str | None:
        """The key whose tenant a control call is about, if it names one."""
        return bearer(call) or dict(parse_qsl(call.scope["query_string"].decode("latin-1"))).get("key")

    def _clock_of(self, key: str | None) -> Clock:
        tenant = self._service.tenants.get(key) if key is not None else None
        return tenant.clock if tenant is not None else self._clock

    def _record(self, call: Call, answer: Answer, request_id: bytes | None, began: float) -> bytes:
        """Write one call into the journal of its tenant; the id it has from now on."""
        tenant = call.tenant
        journal = tenant.journal if tenant is not None else self._service.unauthenticated
        journal.calls += 1
        if request_id is None:
            request_id = b"%s-%x" % (tenant.mark if tenant is not None else b"nobody", journal.calls)
        if isinstance(answer, IdentifiedAnswer):
            answer.identify(request_id)
        scope, content, body = call.scope, call.content, answer.body
        size, answer_size = len(content), len(body)
        if size > journal.max_kept:
            content = kept_body(content)
        if answer_size > journal.max_kept:
            body = kept_body(body)
        headers = packed_headers(scope["headers"])
        journal.add(
            (  # the fields of Exchange
                journal.calls,
                call.order or self._service.next_order(),
                at := call.at or (tenant.clock if tenant is not None else self._clock).now(),
                call.arrived_at or at,
                stopwatch() - began,
                request_id,
                scope["method"],
                raw_path := scope.get("raw_path") or scope["path"].encode("utf-8", "replace"),
                scope["query_string"],
                headers,
                content,
                size,
                answer.status,
                body,
                answer_size,
                call.model,
                call.task_id,
                call.violations,
                answer.note,
                call.fault,
                retry_after(answer, at),
                size_of(raw_path, scope["query_string"], content, body, headers, call.violations, answer.note),
            )
        )
        return request_id


class EndpointApp:
    """One path as an ASGI app."""

    def __init__(self, pipeline: Pipeline, plane: Plane, handlers: dict[str, Handler], errors: ErrorsOf) -> None:
        self._pipeline = pipeline
        self._error_answer = errors
        self._plane: Plane = plane
        if "GET" in handlers:
            handlers.setdefault("HEAD", handlers["GET"])
        self._handlers = handlers
        self._any = handlers.pop("*", None)
        self._allow = ", ".join(sorted({*handlers, "OPTIONS"})) if self._any is None else "*"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        began = stopwatch()
        call = Call(scope, receive)
        handler = self._handlers.get(scope["method"], self._any) or self._unserved
        try:
            try:
                if self._plane != "api":
                    self._pipeline.admit(self._plane, call)
                answer = await handler(call)
            except AnsweredEarly as refused:
                answer = refused.answer
            except ClientGone:
                return
            except Exception as error:  # noqa: BLE001 - the one place where anything at all becomes an answer
                answer = self._error_answer(error)
            if call.ending is not None:
                answer = await self._ended(call.ending, answer)
            self._pipeline.finish(self._plane, call, answer, began)
            _ready(call, answer)
            await answer(scope, receive, send)
        finally:
            if call.sleeper is not None:
                call.sleeper.leave()

    async def _ended(self, ending: Callable[[Answer], Awaitable[Answer]], answer: Answer) -> Answer:
        """An answer as a scenario ends it; what goes wrong with that is an answer too."""
        try:
            return await ending(answer)
        except Exception as error:  # noqa: BLE001 - as above
            return self._error_answer(error)

    async def _unserved(self, call: Call) -> Answer:
        """OPTIONS, or a method that this path is not served for."""
        if call.method != "OPTIONS":
            call.tenant = self._pipeline.access.known_tenant(call)
            message = f"this path is served for {self._allow} only"
            raise GatewayError(Trouble.METHOD_NOT_ALLOWED, message, headers={"allow": self._allow})
        answer = Answer(204, b"", ())
        answer.headers = [(b"allow", self._allow.encode())]
        if _local_origin(call) is not None and self._plane == "api":
            wanted = call.header(b"access-control-request-headers")
            answer.headers += [
                (b"access-control-allow-methods", self._allow.encode()),
                (b"access-control-allow-headers", wanted or b"Authorization, Content-Type"),
                (b"access-control-max-age", b"600"),
            ]
        return answer


def _ready(call: Call, answer: Answer) -> None:
    """Make an answer ready to be sent; to advance the clock waits for what is decided, not for what is sent."""
    if call.method == "HEAD":
        answer.body = b""
    if call.sleeper is not None and not answer.drips:
        call.sleeper.leave()


def retry_after(answer: Answer, at: float) -> str | None:
    """When an answer asks to be called again, if it does. Where it has a date, and a ``Date`` of its own that is ahead,
    it is what lies between: a client may count from either clock, and need not wait for the later moment.
    """
    if answer.status not in {429, 503}:
        return None
    asked = next((value.decode("latin-1") for name, value in answer.headers if name == b"retry-after"), None)
    said = next((value.decode("latin-1") for name, value in answer.headers if name == b"date"), None)
    if asked is None or said is None or asked.isdigit():
        return asked
    date, now = parsedate_to_datetime(said).timestamp(), parsedate_to_datetime(asked).timestamp()
    return str(max(int(now - date), 0)) if date > at else asked


def _local_origin(call: Call) -> bytes | None:
    """The origin of a web page that was loaded from this machine."""
    origin = call.header(b"origin")
    if origin is None:
        return None
    try:
        parts = urlsplit(origin.decode("latin-1"))
        return origin if parts.scheme in {"http", "https"} and is_loopback(parts.hostname or "") else None
    except ValueError:
        return None


def _cors(call: Call) -> Headers:
    origin = _local_origin(call)
    if origin is None:
        return [(b"vary", b"Origin")]
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"Origin"),
    ]


def not_found(access: Access) -> Handler:
    """The handler of every path that is not served."""

    async def handler(call: Call) -> Answer:
        call.tenant = access.known_tenant(call)
        message = f"nothing is served at {safe_text(call.path)[:100]!r}; submit to /model/v1/generation, or see /docs"
        raise GatewayError(Trouble.NOT_FOUND, message)

    return handler
