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

from mock_server.contract.endpoint import Endpoint
from mock_server.core.blobs import Blobs
from mock_server.core.clock import Clock
from mock_server.core.images import MIB
from mock_server.core.outgoing import AddressPolicy, Outgoing, StandIn
from mock_server.media.renderer import Renderer
from mock_server.models import discover
from mock_server.platform.courier import Courier
from mock_server.platform.files import FILES_PATH, Files
from mock_server.platform.image_inspection import ImageInspector
from mock_server.platform.inbox import Inboxes
from mock_server.platform.login import Logins
from mock_server.platform.service import Parts, Service
from mock_server.platform.stores.memory import MemoryStore
from mock_server.scenarios.registry import ScenarioRegistry
from mock_server.settings import Settings
from mock_server.web.address import Address
from mock_server.web.api import docs
from mock_server.web.api.authentication import Access
from mock_server.web.api.discovery import Platform
from mock_server.web.api.generation import SUBMIT_PATH, TASK_PATH, Generation
from mock_server.web.api.image_fetching import ImageFetcher
from mock_server.web.api.login import DEVICE_PAGE, LoginEndpoints
from mock_server.web.api.media import Media
from mock_server.web.api.queue import MODEL_PATH, QUEUE_ROOTS, REQUEST_PATH, Queue
from mock_server.web.api.submission import Submission
from mock_server.web.control.clock_and_tasks import Control
from mock_server.web.control.conformance import Conformance
from mock_server.web.control.create_task import CreateTask
from mock_server.web.control.guard import Guard, is_loopback
from mock_server.web.control.history import History
from mock_server.web.control.inbox import INBOX, Receiver
from mock_server.web.control.records import TASKS, RecordViews
from mock_server.web.control.scenarios import SCENARIOS, ScenarioEndpoints
from mock_server.web.control.state import ControlledState
from mock_server.web.convertors import REST
from mock_server.web.fault_injection import FaultInjector
from mock_server.web.gateway_errors import error_answer
from mock_server.web.log import call_log
from mock_server.web.messages import Handler
from mock_server.web.pipeline import ErrorsOf, Pipeline, Plane, not_found
from mock_server.web.queue_errors import queue_error_answer

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
    settings: Settings


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
    models it serves, by default all of them; ``stand_in`` hosts that mean this server for life; ``log_to`` is where
    calls are logged, the standard output unless told.
    """
    folder = Path(settings.media_dir) if settings.media_dir else Path(tempfile.mkdtemp(prefix="kirin-mock-"))
    clock = Clock(settings.speed)
    own_host = _own_host(settings)
    own = settings.public_url if transport is not None else None
    outgoing = Outgoing(transport, own, stand_in=stand_in)
    blobs = Blobs()
    policy = AddressPolicy(settings.callback_allow, own_hosts=own_host)
    courier = make_courier(outgoing, policy, settings.callback_secret, settings.callback_timeout)
    service = Service(
        Parts(
            endpoints=discover() if endpoints is None else endpoints,
            courier=courier,
            inspector=ImageInspector(blobs),
            new_clock=clock.fork,
            new_store=MemoryStore,
            timing=settings.timing,
            seed=settings.seed,
            balance=settings.balance,
            journal_size=settings.journal_size,
            max_running=settings.max_running,
            rate_limit=settings.rate_limit,
            usage_details=settings.usage_details,
        )
    )
    inboxes, files, registry = Inboxes(), Files(blobs), ScenarioRegistry()
    logins = Logins(clock, settings.seed)
    scenario_files = _scenario_files(settings, registry)
    injector = FaultInjector(service, registry, settings.max_wait)

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
    fetcher = ImageFetcher(outgoing, files, settings.image_fetch, own_host)
    submission = Submission(service, injector, fetcher, address, max_body)
    exposed = settings.trust_proxy or settings.admin_token is not None or not is_loopback(settings.host)
    names = {settings.host, *(own_host if transport is not None else ())}
    guard = Guard(settings.admin_token, names, outgoing.means_us, exposed=exposed)
    state = ControlledState(service, inboxes, files, clock, courier, registry, logins)
    if scenario_files is not None:
        scenario_files.on_change = state.count_anew
    media = make_media(service, injector, blobs, Renderer(folder, settings.media_cache * MIB), settings)
    handlers = Handlers(
        generation=Generation(service, injector, access, submission, address),
        queue=Queue(
            service,
            injector,
            access,
            submission,
            address,
            media.file_size,
            settings.queue_form,
            outgoing.stood_in_for,
        ),
        platform=Platform(service, injector, access, files, address, max_body),
        login=LoginEndpoints(logins, injector, access, address),
        media=media,
        control=Control(state),
        records=RecordViews(state),
        receiver=Receiver(state, guard),
        scenario_endpoints=ScenarioEndpoints(state, registry, scenario_files),
        history=History(state, settings, scenario_files),
        create_task=CreateTask(state, injector, address),
        conformance=Conformance(state),
    )
    pipeline = Pipeline(service, access, clock, guard, call_log(settings.log_format, log_to))
    app = App(_routes(pipeline, access, handlers), lifespan)
    app.router.redirect_slashes = False
    if not settings.media_dir:
        weakref.finalize(app, shutil.rmtree, folder, ignore_errors=True)
    return Built(app, service, inboxes, clock, state, handlers.media, outgoing, settings)


@dataclass(frozen=True, slots=True)
class Handlers:
    """Everything that answers calls."""

    generation: Generation
    queue: Queue
    platform: Platform
    login: LoginEndpoints
    media: Media
    control: Control
    records: RecordViews
    receiver: Receiver
    scenario_endpoints: ScenarioEndpoints
    history: History
    create_task: CreateTask
    conformance: Conformance


def _scenario_files(settings: Settings, registry: ScenarioRegistry) -> ScenarioFiles | None:
    """The files of ``--scenarios``, read. Raises UsageError."""
    if settings.scenarios is None:
        return None
    from mock_server.scenarios.files import ScenarioFiles

    files = ScenarioFiles(Path(settings.scenarios), registry, logger.warning)
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


def _routes(pipeline: Pipeline, access: Access, handlers: Handlers) -> list[Route]:
    """Every path and who answers it. Those called most come first."""
    api = partial(_route, pipeline, "api", error_answer)
    queued = partial(_route, pipeline, "api", queue_error_answer)
    control = partial(_route, pipeline, "control", error_answer)
    opened = partial(_route, pipeline, "open", error_answer)
    generation, queue, platform = handlers.generation, handlers.queue, handlers.platform
    login = handlers.login
    steering, records, scenario_endpoints = handlers.control, handlers.records, handlers.scenario_endpoints
    unknown = not_found(access)
    return [
        api(SUBMIT_PATH, POST=generation.submit),
        api(TASK_PATH + REST, GET=generation.poll),
        queued(MODEL_PATH, POST=queue.submit),
        queued(f"{REQUEST_PATH}/status", GET=queue.status),
        queued(f"{REQUEST_PATH}/response", GET=queue.response),
        queued(f"{REQUEST_PATH}/cancel", PUT=queue.cancel),
        queued(f"{REQUEST_PATH}/status/stream", GET=queue.stream),
        *(queued(path, **{"*": queue.nothing}) for path in (f"{MODEL_PATH}/{REST}", f"{MODEL_PATH}/", *QUEUE_ROOTS)),
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
        control("/_mock/tasks", GET=records.tasks, POST=handlers.create_task.make),
        control(TASKS + REST, GET=records.task, POST=steering.steer),
        control("/_mock/requests", GET=records.requests),
        control("/_mock/callbacks", GET=records.callbacks),
        control("/_mock/callbacks/secrets", PUT=steering.set_secrets),
        control("/_mock/callbacks/{delivery}", GET=records.callback),
        control("/_mock/callbacks/{delivery}/replay", POST=steering.replay),
        control(
            SCENARIOS, GET=scenario_endpoints.listed, POST=scenario_endpoints.post, DELETE=scenario_endpoints.remove
        ),
        control(f"{SCENARIOS}/explain", GET=scenario_endpoints.explain),
        control(f"{SCENARIOS}/schema", GET=scenario_endpoints.schema),
        control(f"{SCENARIOS}/reload", POST=scenario_endpoints.reload),
        control(f"{SCENARIOS}/{{name:anything}}", GET=scenario_endpoints.one, DELETE=scenario_endpoints.remove),
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


def _route(pipeline: Pipeline, plane: Plane, errors: ErrorsOf, path: str, /, **handlers: Handler) -> Route:
    return Route(path, pipeline.serve(plane, handlers, errors))
