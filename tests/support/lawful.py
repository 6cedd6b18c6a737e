"""Apps around a server: lawful ones that differ from ours, and such that drop, hang, or have no control API."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import Callable
from typing import Any

from mock_server.platform.courier import Courier
from tests.support.broken import BrokenServer, Mutant

#: Wraps an ASGI app.
Wrap = Callable[[Any], Any]


class WrappedServer(BrokenServer):
    """A server with an app around its app, without control API unless it is asked for."""

    def __init__(self, wrap: Wrap, mutant: Mutant | None = None, *, control: bool = False, **settings: Any) -> None:
        settings = {"media": "tiny", **({} if control else {"admin_token": "sesame"}), **settings}
        mutant = Mutant("none", "", "") if mutant is None else mutant
        super().__init__(dataclasses.replace(mutant, settings=settings))
        self._wrap = wrap

    def _create(self, settings, transport=None):
        built = super()._create(settings, transport)
        return dataclasses.replace(built, app=self._wrap(built.app))


def as_it_is(app):
    return app


async def answer(send, status, body, headers=()):
    """Send a whole answer."""
    content = json.dumps(body).encode()
    given = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": content})


class Every:
    """Does something to each n-th call of the API in place of answering it."""

    def __init__(self, app, number, do):
        self._app, self._number, self._do, self._calls = app, number, do, 0

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and not scope["path"].startswith(("/_mock", "/media")):
            self._calls += 1
            if self._calls % self._number == 0:
                await self._do(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def drop(scope, receive, send):
    """Break off in the middle of an answer."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
    await send({"type": "http.response.body", "body": b'{"id"', "more_body": True})
    raise ConnectionResetError


async def hang(scope, receive, send):
    """Accept a call, and never answer."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(3600)


async def garble(scope, receive, send):
    """Say that the body is packed, which it is not."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-encoding", b"gzip")]})
    await send({"type": "http.response.body", "body": b"this is no gzip"})


def limited(form: str) -> Callable[..., Any]:
    """Refuses a call with 429, in one of the forms that clients meet."""
    soon = [(b"retry-after", b"1")]
    dated = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT"), (b"retry-after", b"Thu, 01 Jan 2026 00:00:01 GMT")]
    forms = {
        "gateway": ({"status": {"code": 429, "message": "slow", "error_code": 42901}, "data": None}, soon),
        "queue": ({"error": {"code": "RATE_LIMIT_EXCEEDED", "message": "slow"}, "request_id": "r"}, soon),
        "date": ({"detail": "slow"}, dated),
        "bare": ({}, []),
    }
    body, headers = forms[form]

    async def refuse(scope, receive, send):
        await answer(send, 429, body, headers)

    return refuse


class AtLeastOnce(Courier):
    """Delivers what was received once more under its id, which receivers have to expect."""

    async def _carry(self, url, delivery, body, now):
        outcome = await super()._carry(url, delivery, body, now)
        if outcome.attempt.status is not None and outcome.attempt.status < 300:
            await super()._carry(url, delivery, body, now)
        return outcome
