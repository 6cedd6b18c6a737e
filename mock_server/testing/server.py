"""MockServer: the whole server in this process, on a free port or as an ASGI app."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import orjson

from mock_server.core.clock import MANUAL, REAL, Pace, pause, stopwatch
from mock_server.core.errors import UsageError
from mock_server.core.other_host import other_host
from mock_server.core.outgoing import StandIn
from mock_server.platform.inbox import InboxMessage
from mock_server.platform.task import Delivery, Task
from mock_server.platform.tenant import Tenant
from mock_server.scenarios.reading import read_text
from mock_server.settings import Settings, of_keywords
from mock_server.testing.transport import OwnTransport
from mock_server.web.app import Built, create_app
from mock_server.web.control.guard import is_loopback
from mock_server.web.control.scenarios import scenario_view
from mock_server.web.serving import LiveServer, listen, listening_url, url_of

if TYPE_CHECKING:
    from mock_server.scenarios.model import Scenario
    from mock_server.testing.intercept.connections import Connections
    from mock_server.testing.intercept.interception import Interception

Result = TypeVar("Result")

#: The address of a server that is used as an ASGI app and listens on no socket.
ASGI_URL = "http://kirin.test"


class MockServer:
    """A server of your own.

    As a context manager it listens on a free port of this machine, in a thread: ``with MockServer() as kirin:
    Client(kirin.url, kirin.api_key)``. Not entered, ``app`` is an ASGI app that calls itself ``http://kirin.test``.
    Keywords are the settings of ``kirin-mock serve``: ``timing``, ``speed``, ``seed`` and the others. All times are in
    seconds. Raises UsageError for a wrong setting.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = of_keywords({"port": 0, "log_format": "off", **settings})
        if self.settings.intercept is not None:
            raise UsageError("intercept: a MockServer has no proxy; kirin-mock run and kirin-mock serve have one")
        self.api_key = self.settings.api_key[0] if self.settings.api_key else "sk-test"
        self._built: Built | None = None
        self._server: LiveServer | None = None
        self._thread: threading.Thread | None = None
        self._in_memory = False
        self._connections: Connections | None = None
        self._lock = threading.Lock()
        self._url = ASGI_URL
        #: Where its own requests to itself go: its URL without a path, not one that only others reach.
        self.reached_at = ASGI_URL
        self._port = 0
        self.clock = ServerClock(self)

    @property
    def app(self) -> Any:
        """The ASGI app, for a server that listens on no socket."""
        return self._require_app()

    def _require_app(self) -> Any:
        if self._built is None:
            named = self.settings.model_copy(update={"public_url": self.settings.public_url or ASGI_URL})
            transport = OwnTransport()
            self._built = self._create(named, transport)
            self._url = named.public_url or ASGI_URL
            self.reached_at = StandIn.of_url(self._url).via
            transport.serve(self._url, self._built.app)
        return self._built.app

    def _create(self, settings: Settings, transport: OwnTransport | None = None) -> Built:
        """Put the server together."""
        return create_app(settings, transport)

    @property
    def built(self) -> Built:
        """The parts of a server in use."""
        return self._require_started()

    def _require_started(self) -> Built:
        if self._built is None:
            raise RuntimeError("this MockServer is not started: use it in a with statement, or take its .app")
        return self._built

    @property
    def url(self) -> str:
        """Where it is reached, without a slash at the end."""
        return self._url

    @property
    def port(self) -> int:
        """The port it listens on; 0 while it listens on none."""
        return self._port

    def start(self) -> MockServer:
        """Listen; returns once it serves. Raises UsageError when the address cannot be had."""
        if self._thread is not None:
            raise RuntimeError("this MockServer is already started")
        self._built = self._create(self.settings)
        listening = listen(self.settings)
        self._url, self._port = url_of(self.settings, listening), listening.getsockname()[1]
        self.reached_at = listening_url(listening)
        self._serve(LiveServer(self._built), [listening])
        return self

    def _serve(self, server: LiveServer, sockets: list[socket.socket]) -> None:
        """Run a server in a thread; returns once it serves."""

        def serve() -> None:
            with contextlib.ExitStack() as stack:
                for listening in sockets:
                    stack.enter_context(listening)
                server.run(sockets=sockets)

        self._server = server
        self._thread = threading.Thread(target=serve, name="kirin-mock", daemon=True)
        self._thread.start()
        while not server.ready.wait(0.5):
            if not self._thread.is_alive():
                raise RuntimeError("the server ended while it started")

    def stop(self) -> None:
        """End it; harmless when it is not running."""
        self._end_thread()
        self._built = None

    def _end_thread(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._server = self._thread = None
        self._in_memory = False

    def intercept(self, *hosts: str) -> Interception:
        """Answer the calls of this process to the platform's hosts, or to those named: a context manager, and a
        decorator. Several may be in use at once, nested or in several threads. See the page about it for the clients
        that are covered. Raises UsageError for what is not a host.
        """
        from mock_server.testing.intercept.interception import Interception

        return Interception(self, hosts)

    @property
    def connections(self) -> Connections:
        """What its interceptions share."""
        from mock_server.testing.intercept.connections import Connections

        with self._lock:
            if self._connections is None:
                self._connections = Connections(self)
            return self._connections

    def hold_open(self) -> None:
        """Run a server that does not, without a socket, until ``let_go``."""
        if self._server is None:
            self._require_app()
            self._serve(LiveServer(self.built, lifespan="off"), [])
            self._in_memory = True

    def let_go(self) -> None:
        """The end of what ``hold_open`` began."""
        if self._in_memory:
            self._end_thread()

    @property
    def live(self) -> LiveServer | None:
        """The server that runs."""
        return self._server

    @property
    def own_hosts(self) -> frozenset[str]:
        """The names that lead to a server without a socket, and that nothing resolves; none while it listens. Names of
        this machine are not among them: other programs answer to these.
        """
        if not self._in_memory:
            return frozenset()
        names = (urlsplit(url).hostname or "" for url in (self._url, other_host(self._url)))
        return frozenset(name for name in names if not is_loopback(name))

    def __enter__(self) -> MockServer:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def run(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Run a coroutine where the server runs, and wait for it."""
        self._require_started()
        loop = self._server.loop if self._server is not None else None
        if loop is None:
            return asyncio.run(work())
        return asyncio.run_coroutine_threadsafe(work(), loop).result()

    def reset(self, *, scenarios: bool = True) -> None:
        """Forget all tasks, calls, files, inboxes and added scenarios, and start the clock again."""
        self.run(lambda: self.built.state.reset(None, scenarios=scenarios))

    def scenario(self, rule: str | Mapping[str, Any], **match: Any) -> list[str]:
        """Add scenarios: a mapping as a file has it, YAML or JSON text, or the name of one in the library, which then
        applies to all tasks, or to those that ``match`` describes. Returns their names. Raises UsageError.
        """
        if isinstance(rule, str) and re.fullmatch(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?", rule):
            rule = self.built.state.registry.names.current(rule, self.built.state.registry.known(None))
            rule = {"name": rule, "use": rule, "match": match}
        elif match:
            raise UsageError("match goes with the name of a scenario; one that is written out says it itself")
        text = rule if isinstance(rule, str) else orjson.dumps(rule).decode()
        scenarios = read_text(text, "the scenario")
        if self._server is not None:
            self.run(lambda: self._post(scenarios))
        else:
            self.built.state.post_scenarios(scenarios, None)
        self.built.service.note(self.clock.now(), None, "POST", "/_mock/scenarios", list(map(scenario_view, scenarios)))
        return [scenario.name for scenario in scenarios]

    def inbox(self, name: str = "inbox") -> ServerInbox:
        """A receiver of callbacks by its name."""
        return ServerInbox(self, name)

    async def _post(self, scenarios: Sequence[Scenario]) -> None:
        self.built.state.post_scenarios(scenarios, None)

    def task(self, task_id: str) -> Task:
        """A task by its id or external id. Raises GatewayError when there is none."""
        return self._found(task_id)[1]

    def deliveries(self, task_id: str) -> list[Delivery]:
        """The callbacks of a task, delivered and due, with every attempt."""
        tenant, task = self._found(task_id)
        return self.run(lambda: tenant.store.deliveries(task.id))

    def complete(self, task_id: str) -> Task:
        """Complete a task now. Raises GatewayError when it has ended."""
        return self._steer(task_id, "complete")

    def fail(self, task_id: str, code: str | None = None, message: str | None = None) -> Task:
        """Fail a task now; without a code, with its model's own for a failed generation."""
        return self._steer(task_id, "fail", code, message)

    def cancel(self, task_id: str) -> Task:
        """Cancel a task now, as its client can over the queue protocol."""
        return self._steer(task_id, "cancel")

    def pause(self, task_id: str) -> Task:
        """Pause a task: time goes on, the task does not."""
        return self._steer(task_id, "hold")

    def resume(self, task_id: str) -> Task:
        """Let a paused task go on."""
        return self._steer(task_id, "release")

    #: The same by the names that the control API has in its document.
    hold, release = pause, resume

    def _found(self, task_id: str) -> tuple[Tenant, Task]:
        return self.run(lambda: self.built.state.find(self.api_key, task_id))

    def _steer(self, task_id: str, action: str, code: str | None = None, message: str | None = None) -> Task:
        tenant, task = self._found(task_id)
        asked = {"code": code, "message": message} if action == "fail" else {}
        self.built.service.note(tenant.clock.now(), tenant.key, "POST", f"/_mock/tasks/{task.id}/{action}", asked)
        return self.run(lambda: self.built.service.steer(tenant, task, action, code, message))


class ServerClock:
    """The clock of a MockServer."""

    def __init__(self, server: MockServer) -> None:
        self._server = server

    def now(self) -> float:
        """Virtual Unix seconds, in the tenant of ``api_key``."""
        return self._server.built.state.clock_of(self._server.api_key).now()

    def advance(self, seconds: float) -> int:
        """Move time on; returns, once all due by then were attempted, how many callbacks were since the last time."""
        if seconds < 0:
            raise ValueError(f"seconds must not be negative, not {seconds}")

        return self._server.run(lambda: self._server.built.state.advance(None, seconds))

    def wait_for_calls(self, count: int = 1, timeout: float = 10.0) -> None:
        """Return once so many calls are kept waiting by this clock. Raises TimeoutError after so many real seconds."""
        until = stopwatch() + timeout
        while (waiting := self._sleeping()) < count:
            if stopwatch() > until:
                raise TimeoutError(f"{waiting} of {count} calls are kept waiting after {timeout:g} s")
            pause(0.001)

    def _sleeping(self) -> int:
        return sum(tenant.clock.sleeping for tenant in list(self._server.built.service.tenants.values()))

    def manual(self) -> None:
        """Stand still until advanced."""
        self._set(MANUAL)

    def real(self) -> None:
        """Run in real time."""
        self._set(REAL)

    def scaled(self, speed: float) -> None:
        """Run ``speed`` seconds a second."""
        if not 0 < speed <= 1_000_000:
            raise ValueError(f"speed must be above 0, not {speed}")
        self._set(Pace(speed))

    def _set(self, pace: Pace) -> None:
        async def work() -> None:
            for clock in self._server.built.state.clocks(None):
                clock.set_pace(pace)

        self._server.run(work)


class ServerInbox:
    """A receiver of callbacks: give its ``url`` as ``callback_url``, then read it."""

    def __init__(self, server: MockServer, name: str) -> None:
        self._server = server
        self.name = name
        self.url = f"{server.url}/_mock/inbox/{name}"

    @property
    def messages(self) -> list[InboxMessage]:
        """What has arrived so far."""
        return list(self._server.built.inboxes.open(self.name).messages)

    @property
    def bodies(self) -> list[Any]:
        """The JSON bodies of what has arrived so far."""
        return [message.body for message in self.messages]

    def wait_for(self, count: int, timeout: float = 10.0) -> list[InboxMessage]:
        """The messages once ``count`` have arrived. Raises TimeoutError, with what has come, after ``timeout`` real
        seconds.
        """
        inbox = self._server.built.inboxes.open(self.name)
        if not self._server.run(lambda: inbox.wait_for(count, timeout)):
            shown = orjson.dumps([message.body for message in inbox.messages]).decode()
            raise TimeoutError(f"{len(inbox.messages)} of {count} messages arrived within {timeout:g} s: {shown}")
        return list(inbox.messages)
