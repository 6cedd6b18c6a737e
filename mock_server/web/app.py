"""The composition root: the one place that puts the parts together."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mock_server.callback import Courier
from mock_server.clock import Clock
from mock_server.endpoints import discover
from mock_server.gallery import Gallery
from mock_server.images import MIB
from mock_server.inbox import Inboxes
from mock_server.media.studio import Studio
from mock_server.outgoing import AddressPolicy, Outgoing
from mock_server.pictures import Pictures
from mock_server.service import Parts, Service
from mock_server.settings import Settings
from mock_server.stores.memory import MemoryStore
from mock_server.web import docs
from mock_server.web.control import Control
from mock_server.web.convertors import REST
from mock_server.web.fetching import ImageFetcher
from mock_server.web.gateway import error_answer, http_answer
from mock_server.web.generation import TASK_PATH, Generation
from mock_server.web.guard import Guard
from mock_server.web.http import Answer, Call, Handler, HandlerApp
from mock_server.web.log import call_log
from mock_server.web.media import Media

if TYPE_CHECKING:
    import httpx

_HOST = re.compile(rb"[A-Za-z0-9._~\[\]:-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Built:
    """A server put together, not yet listening: the ASGI app, and the parts that tests and the CLI speak to."""

    app: Starlette
    service: Service
    inboxes: Inboxes
    clock: Clock


def create_app(settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> Built:
    """Put one server together. Several in one process share nothing.

    ``transport`` carries this server's own requests, for a server that listens on no socket.
    """
    folder = Path(settings.media_dir) if settings.media_dir else Path(tempfile.mkdtemp(prefix="kirin-mock-"))
    clock = Clock(settings.speed)
    own_host = _own_host(settings)
    outgoing = Outgoing(transport, urlsplit(settings.public_url or "").netloc if transport is not None else None)
    pictures = Pictures(folder / "pictures")
    policy = AddressPolicy((*settings.callback_allow, *own_host))
    service = Service(
        Parts(
            endpoints=discover(),
            courier=Courier(outgoing, policy, settings.callback_secret),
            gallery=Gallery(pictures),
            new_clock=clock.fork,
            new_store=MemoryStore,
            profile=settings.profile,
            seed=settings.seed,
        )
    )
    inboxes = Inboxes()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await service.stop()
        await outgoing.aclose()
        if not settings.media_dir:
            shutil.rmtree(folder, ignore_errors=True)

    generation = Generation(
        service,
        keys=settings.api_key,
        max_body=settings.max_body * MIB,
        fetch=ImageFetcher(outgoing, settings.image_fetch, own_host),
        base_url=_base_url(settings),
    )
    control = Control(service, inboxes, clock, Guard(settings.admin_token, {settings.host, *own_host}))
    media = Media(service, pictures, Studio(folder))
    app = Starlette(
        routes=_routes(generation, control, media, settings),
        lifespan=lifespan,
        exception_handlers={HTTPException: _answer_http, Exception: _answer_error},
    )
    app.router.redirect_slashes = False
    if not settings.media_dir:
        weakref.finalize(app, shutil.rmtree, folder, ignore_errors=True)
    return Built(app, service, inboxes, clock)


def _own_host(settings: Settings) -> tuple[str, ...]:
    host = urlsplit(settings.public_url or "").hostname
    return (host,) if host is not None else ()


def _routes(generation: Generation, control: Control, media: Media, settings: Settings) -> list[Route]:
    log = call_log(settings.log_format)

    def route(path: str, handler: Handler, *methods: str) -> Route:
        endpoint: ASGIApp = HandlerApp(handler, error_answer, log)
        return Route(path, endpoint, methods=list(methods) or None)

    anything = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    return [
        route("/model/v1/generation", generation.submit, "POST"),
        route(TASK_PATH + REST, generation.poll, "GET"),
        route("/media/" + REST, media.clip, "GET"),
        route("/_mock/health", control.health, "GET"),
        route("/_mock/clock", control.clock, "GET", "PUT"),
        route("/_mock/clock/advance", control.advance, "POST"),
        route("/_mock/tasks", control.tasks, "GET"),
        route("/_mock/tasks/" + REST, control.task, "GET", "POST"),
        route("/_mock/inbox/" + REST, control.inbox, *anything),
        route("/_mock/reset", control.reset, "POST"),
        route("/openapi.json", docs.openapi_json, "GET"),
        route("/docs", docs.page, "GET"),
        Route("/", lambda request: RedirectResponse("/docs"), methods=["GET"]),
    ]


def _base_url(settings: Settings) -> Callable[[Call], str]:
    """How a call addressed this server: ``--public-url``, or its Host header."""
    if settings.public_url is not None:
        fixed = settings.public_url
        return lambda call: fixed

    def from_host(call: Call) -> str:
        host = call.header(b"host")
        if host is None or _HOST.fullmatch(host) is None:
            server = call.scope.get("server") or ("127.0.0.1", 80)
            return f"http://{server[0]}:{server[1]}"
        return f"{call.scope['scheme']}://{host.decode('ascii')}"

    return from_host


async def _answer_http(request: Request, error: Exception) -> Response:
    told = http_answer(error, request.url.path) if isinstance(error, HTTPException) else error_answer(error)
    return _as_response(told)


async def _answer_error(request: Request, error: Exception) -> Response:
    return _as_response(error_answer(error))


def _as_response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = answer.headers
    return response
