"""The composition root: the one place that puts the parts together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import tempfile
import weakref
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Lifespan, Receive, Scope, Send

from mock_server.blobs import Blobs
from mock_server.callback import Courier
from mock_server.clock import Clock
from mock_server.endpoint import Endpoint
from mock_server.endpoints import discover
from mock_server.files import FILES_PATH, Files
from mock_server.gallery import Gallery
from mock_server.images import MIB
from mock_server.inbox import Inboxes
from mock_server.login import Logins
from mock_server.media.studio import Studio
from mock_server.outgoing import AddressPolicy, Outgoing, StandIn
from mock_server.scenarios.book import Book
from mock_server.service import Parts, Service
from mock_server.settings import Settings
from mock_server.stores.memory import MemoryStore
from mock_server.web import docs
from mock_server.web.access import Access
from mock_server.web.address import Address
from mock_server.web.conformance import Conformance
from mock_server.web.control import Control
from mock_server.web.convertors import REST
from mock_server.web.desk import Desk, ErrorsOf, Plane, not_found
from mock_server.web.fetching import ImageFetcher
from mock_server.web.gateway import error_answer
from mock_server.web.generation import SUBMIT_PATH, TASK_PATH, Generation
from mock_server.web.guard import Guard, is_loopback
from mock_server.web.history import History
from mock_server.web.http import Handler
from mock_server.web.log import call_log
from mock_server.web.login import DEVICE_PAGE, LoginEndpoints
from mock_server.web.making import Making
from mock_server.web.media import Media
from mock_server.web.platform import Platform
from mock_server.web.queue import MODEL_PATH, REQUEST_PATH, Queue
from mock_server.web.queue_errors import queue_error_answer
from mock_server.web.receiver import INBOX, Receiver
from mock_server.web.records import TASKS, Records
from mock_server.web.scenes import SCENARIOS, Scenes
from mock_server.web.stage import Stage
from mock_server.web.state import ControlledState
from mock_server.web.submission import Submission

if TYPE_CHECKING:
    import httpx

    from mock_server.scenarios.files import ScenarioFiles

logger = logging.getLogger("kirin-mock")


@dataclass(frozen=True, slots=True)
class Built:
    """A server put together, not yet listening: the ASGI app, and the parts that tests and the CLI speak to."""

    app: Starlette
    service: Service
    inboxes: Inboxes
    clock: Clock
    state: ControlledState
    media: Media
    outgoing: Outgoing


def create_app(
    settings: Settings,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    endpoints: Mapping[str, Endpoint] | None = None,
    make_courier: type[Courier] = Courier,
    make_media: type[Media] = Media,
    stand_in: StandIn | None = None,
    log_to: IO[str] | None = None,
) -> Built:
    """Put one server together. Several in one process share nothing.

    ``transport`` carries this server's own requests, for a server that listens on no socket; ``endpoints`` are the
    models it serves, all of them unless told; ``stand_in`` the hosts that are this server too; ``log_to`` is where
    calls are logged, the standard output unless told.
    """
    folder = Path(settings.media_dir) if settings.media_dir else Path(tempfile.mkdtemp(prefix="kirin-mock-"))
    clock = Clock(settings.speed)
    own_host = _own_host(settings)
    own = urlsplit(settings.public_url or "").netloc if transport is not None else None
    outgoing = Outgoing(transport, own, stand_in=stand_in)
    blobs = Blobs()
    policy = AddressPolicy(settings.callback_allow, own_hosts=own_host)
    courier = make_courier(outgoing, policy, settings.callback_secret, settings.callback_timeout)
    service = Service(
        Parts(
            endpoints=discover() if endpoints is None else endpoints,
            courier=courier,
            gallery=Gallery(blobs),
            new_clock=clock.fork,
            new_store=MemoryStore,
            profile=settings.profile,
            seed=settings.seed,
            balance=settings.balance,
            journal_size=settings.journal_size,
            max_running=settings.max_running,
            rate_limit=settings.rate_limit,
            usage_details=settings.usage_details,
        )
    )
    inboxes, files, book = Inboxes(), Files(blobs), Book()
    logins = Logins(clock, settings.seed)
    scenario_files = _scenario_files(settings, book)
    stage = Stage(service, book, settings.max_hold)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(scenario_files.watch()) if scenario_files is not None else None
        yield
        if watching is not None:
            watching.cancel()
        await service.stop()
        await outgoing.aclose()
        handlers.media.close()
        if not settings.media_dir:
            shutil.rmtree(folder, ignore_errors=True)

    max_body = settings.max_body * MIB
    address = Address(settings.public_url, trust_proxy=settings.trust_proxy)
    access = Access(service, settings.api_key)
    fetcher = ImageFetcher(outgoing, files, settings.image_fetch, own_host, stand_in)
    submission = Submission(service, stage, fetcher, address, max_body)
    exposed = settings.trust_proxy or settings.admin_token is not None or not is_loopback(settings.host)
    names = {settings.host, *(own_host if transport is not None else ()), *(stand_in.hosts if stand_in else ())}
    guard = Guard(settings.admin_token, names, exposed=exposed)
    state = ControlledState(service, inboxes, files, clock, courier, book, logins)
    if scenario_files is not None:
        scenario_files.on_change = state.count_anew
    media = make_media(service, stage, blobs, Studio(folder, settings.media_cache * MIB), settings)
    handlers = Handlers(
        generation=Generation(service, stage, access, submission, address),
        queue=Queue(service, stage, access, submission, address, media.file_size, settings.queue_form),
        platform=Platform(service, stage, access, files, address, max_body),
        login=LoginEndpoints(logins, stage, access, address),
        media=media,
        control=Control(state),
        records=Records(state),
        receiver=Receiver(state, guard),
        scenes=Scenes(state, book, scenario_files),
        history=History(state, settings, scenario_files),
        making=Making(state, stage, address),
        conformance=Conformance(state),
    )
    desk = Desk(service, access, clock, guard, call_log(settings.log_format, log_to))
    app = App(_routes(desk, access, handlers), lifespan)
    app.router.redirect_slashes = False
    if not settings.media_dir:
        weakref.finalize(app, shutil.rmtree, folder, ignore_errors=True)
    return Built(app, service, inboxes, clock, state, handlers.media, outgoing)


@dataclass(frozen=True, slots=True)
class Handlers:
    """Everything that answers calls."""

    generation: Generation
    queue: Queue
    platform: Platform
    login: LoginEndpoints
    media: Media
    control: Control
    records: Records
    receiver: Receiver
    scenes: Scenes
    history: History
    making: Making
    conformance: Conformance


def _scenario_files(settings: Settings, book: Book) -> ScenarioFiles | None:
    """The files of ``--scenarios``, read. Raises UsageError."""
    if settings.scenarios is None:
        return None
    from mock_server.scenarios.files import ScenarioFiles

    files = ScenarioFiles(Path(settings.scenarios), book, logger.warning)
    files.load()
    return files


def _own_host(settings: Settings) -> tuple[str, ...]:
    host = urlsplit(settings.public_url or "").hostname
    return (host,) if host is not None else ()


class App(Starlette):
    """A Starlette app that knows its two busiest paths by heart: submit and poll. Their apps answer every error by
    themselves, and need nothing that routing finds out.
    """

    def __init__(self, routes: list[Route], lifespan: Lifespan[Starlette]) -> None:
        super().__init__(routes=routes, lifespan=lifespan)
        by_path = {route.path: route.app for route in routes}
        self._submit, self._poll = by_path[SUBMIT_PATH], by_path[TASK_PATH + REST]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path == SUBMIT_PATH:
                return await self._submit(scope, receive, send)
            if path.startswith(TASK_PATH) and len(path) > len(TASK_PATH):
                return await self._poll(scope, receive, send)
        return await super().__call__(scope, receive, send)


def _routes(desk: Desk, access: Access, handlers: Handlers) -> list[Route]:
    """Every path and who answers it. Those called most come first."""
    api = partial(_route, desk, "api", error_answer)
    queued = partial(_route, desk, "api", queue_error_answer)
    control = partial(_route, desk, "control", error_answer)
    opened = partial(_route, desk, "open", error_answer)
    generation, queue, platform = handlers.generation, handlers.queue, handlers.platform
    login = handlers.login
    steering, records, scenes = handlers.control, handlers.records, handlers.scenes
    unknown = not_found(access)
    return [
        api(SUBMIT_PATH, POST=generation.submit),
        api(TASK_PATH + REST, GET=generation.poll),
        queued(MODEL_PATH, POST=queue.submit),
        queued(f"{REQUEST_PATH}/status", GET=queue.status),
        queued(f"{REQUEST_PATH}/response", GET=queue.response),
        queued(f"{REQUEST_PATH}/cancel", PUT=queue.cancel),
        queued(f"{REQUEST_PATH}/status/stream", GET=queue.stream),
        queued(f"{MODEL_PATH}/{REST}", **{"*": queue.nothing}),
        api("/media/" + REST, GET=handlers.media.clip),
        api("/api/v1/skill/models", GET=platform.models),
        api("/api/v1/skill/models/{model}/spec", GET=platform.spec),
        api("/api/v1/skill/model-contracts/{model}", GET=platform.contract),
        api("/model/v1/models/skill/search", GET=platform.search),
        api("/model/v1/models/skill/{model}", GET=platform.skill),
        api("/api/v1/cli/device/code", POST=login.device_code),
        api("/api/v1/cli/token", POST=login.token),
        api("/api/v1/auth/me", GET=login.me),
        api(DEVICE_PAGE, GET=login.page),
        api("/api/v1/storage/files", POST=platform.upload),
        api("/api/v1/user/balance", GET=platform.balance),
        api(FILES_PATH + REST, GET=platform.file),
        opened("/_mock/health", GET=steering.health),
        control("/_mock/clock", GET=steering.show_clock, PUT=steering.set_clock),
        control("/_mock/clock/advance", POST=steering.advance),
        control("/_mock/tasks", GET=records.tasks, POST=handlers.making.make),
        control(TASKS + REST, GET=records.task, POST=steering.steer),
        control("/_mock/requests", GET=records.requests),
        control("/_mock/callbacks", GET=records.callbacks),
        control("/_mock/callbacks/secrets", PUT=steering.set_secrets),
        control("/_mock/callbacks/{delivery}", GET=records.callback),
        control("/_mock/callbacks/{delivery}/replay", POST=steering.replay),
        control(SCENARIOS, GET=scenes.listed, POST=scenes.post, DELETE=scenes.remove),
        control(f"{SCENARIOS}/explain", GET=scenes.explain),
        control(f"{SCENARIOS}/schema", GET=scenes.schema),
        control(f"{SCENARIOS}/reload", POST=scenes.reload),
        control(f"{SCENARIOS}/{{name}}", GET=scenes.one, DELETE=scenes.remove),
        control("/_mock/conformance", GET=handlers.conformance.show),
        control("/_mock/history", GET=handlers.history.show),
        control("/_mock/account", GET=records.accounts, PUT=steering.set_balance),
        control("/_mock/reset", POST=steering.reset),
        opened(INBOX + REST, **{"*": handlers.receiver.inbox}),
        control("/_mock/" + REST, **{"*": unknown}),
        api("/openapi.json", GET=docs.openapi_json),
        api("/openapi.yaml", GET=docs.openapi_yaml),
        api("/docs", GET=docs.page),
        api("/", GET=docs.front),
        api("/" + REST, **{"*": unknown}),
    ]


def _route(desk: Desk, plane: Plane, errors: ErrorsOf, path: str, /, **handlers: Handler) -> Route:
    return Route(path, desk.serve(plane, handlers, errors))
