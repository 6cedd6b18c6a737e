"""Runs a client that is in this process, through its adapter: it is called, and calls back through its kit."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import logging
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from mock_server.core.clock import in_far_zone, stopwatch
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.counted import Counted
from mock_server.verify.client.forging import SECRET
from mock_server.verify.client.http_bridge import HttpBridge
from mock_server.verify.client.intent_run import IntentRun
from mock_server.verify.client.judge import ClientRun
from mock_server.verify.client.kit import Adapter, AdapterError, Kit, MakeAdapter, Outcome, checked
from mock_server.verify.client.leftovers import close_adapter, left_behind, pending_tasks, threads
from mock_server.verify.client.platform import BASE_URL, CALLBACK_URL, KEY, Run
from mock_server.verify.client.restarting import Life, stored
from mock_server.verify.client.run import Broken
from mock_server.verify.client.tracebacks import brief, trace_of
from mock_server.verify.client.worker_thread import WorkerThread

#: Real seconds between two looks at a client that is running, and how long one may call nothing and let no time pass.
LOOK = 0.2
PATIENCE = 10.0
#: Real seconds that a client has to end in once it was told that it is not going to.
TO_END = 1.0


class Endless(BaseException):
    """The client is not going to end; a BaseException, so that it cannot catch it unless it catches all there is."""


class InProcess:
    """Plays cases with one client. ``make`` makes an adapter for each run."""

    def __init__(self, make: MakeAdapter, patience: float = PATIENCE) -> None:
        self._make = make
        self._patience = patience
        self._bridge: HttpBridge | None = None
        self._hand = WorkerThread()
        weakref.finalize(self, self._hand.let_go)

    def close(self) -> None:
        """Let go of what was opened; without it that comes with the end of this object."""
        self._hand.let_go()
        if self._bridge is not None:
            self._bridge.close()

    @property
    def complaints(self) -> Mapping[str, str]:
        """Nothing: it has no end of its own."""
        return {}

    def play(self, case: ClientCase, platform: Run) -> ClientRun:
        """Run one case. Raises Broken when the adapter is not as it is to be."""
        counted = Counted(platform, case.deadline, Endless)
        running = _Running(self._make, case, platform, counted)
        running.open_bridge = lambda life: self._open_bridge(life, platform)
        before = threads()
        with _watched(KEY) as leaks, in_far_zone():
            self._hand.start(running.run)
            while not self._hand.ended(LOOK):
                why = self._why_it_hangs(counted)
                if why is not None:
                    self._hand = WorkerThread()  # the client keeps the old one
                    return ClientRun(blamed={"W14": why}, receives=running.played.receives, slow=True, fatal=True)
        if running.unfit is not None:
            raise Broken(running.unfit)
        played = running.played
        if counted.endless is not None:
            played.crash, played.blamed["W14"] = None, counted.endless
        played.emitted = running.emitted
        platform.listen(None)
        played.left = played.left or left_behind(before, self._bridge)
        played.leak = _leak(KEY, leaks, played)
        return played

    def _why_it_hangs(self, counted: Counted) -> str | None:
        silent = stopwatch() - counted.called_at
        if counted.endless is not None and stopwatch() - counted.ended_at > TO_END:
            return f"{counted.endless}; it ignores every request to stop"
        if silent > self._patience:
            long = f"{self._patience:g} real seconds"
            return (
                f"it hangs: for {long} it has called nothing and let no time pass (kit.sleep and kit.now are its time)"
            )
        return None

    def _open_bridge(self, life: Life, platform: Run) -> str:
        platform.only_while_asleep()
        if self._bridge is None:
            self._bridge = HttpBridge()
            weakref.finalize(self, self._bridge.close)
        self._bridge.lead_to(life)
        return self._bridge.url


class _Running:
    """One case with a client, in whichever thread."""

    open_bridge: Callable[[Life], str]

    def __init__(self, make: MakeAdapter, case: ClientCase, platform: Run, counted: Counted) -> None:
        self._make = make
        self._case = case
        self._platform = platform
        self._counted = counted
        self.played = ClientRun()
        self.emitted: list[Outcome] = []
        self._life = Life(counted, platform, case.kill)
        #: What is not right about the adapter.
        self.unfit: str | None = None

    def run(self) -> None:
        """All of it. Raises nothing."""
        try:
            self._run()
        except Endless:
            pass  # its Counted knows
        except AdapterError as unfit:
            self.unfit = str(unfit)
        except BaseException as error:  # noqa: BLE001 - whatever a client does wrong is a finding, sys.exit as well
            self.played.crash = brief(error)
            self.played.traces["A04"] = trace_of(error)

    def _run(self) -> None:
        case, platform = self._case, self._platform
        adapter = self._made()
        if not callable(getattr(adapter, "save", None)) or not callable(getattr(adapter, "restore", None)):
            self._life.spare()
        self._listen(adapter)
        with asyncio.Runner() as runner:
            for part in case.parts if getattr(adapter, "intents", "in_turn") != "one" else case.parts[:1]:
                self._one(adapter, part, runner)
            platform.conclude()
            close_adapter(adapter, runner)

    def _one(self, adapter: Adapter, case: ClientCase, runner: asyncio.Runner) -> None:
        """One intent of the case."""
        platform, played, emitted = self._platform, self.played, self.emitted
        if played.parts:
            platform.begin(case.deadline)
            self._counted.begin(case.deadline)
        part = IntentRun(platform.now(), platform.calls, len(emitted))
        played.parts.append(part)
        played.outcome = played.cancelled_at = None
        self._plan(adapter, case)
        try:
            part.outcome = played.outcome = self._carried_out(adapter, case, runner)
        finally:
            part.ended_at, part.last_call, part.last_emitted = platform.now(), platform.calls, len(emitted)
            part.cancelled_at = played.cancelled_at

    def _carried_out(self, adapter: Adapter, case: ClientCase, runner: asyncio.Runner) -> Outcome:
        """What comes of one intent, in one life or in two."""
        began_at, intent = self._platform.now(), case.intent_for(receives=self.played.receives)
        try:
            outcome = self._said(adapter.run(intent, case.deadline), runner)
        except BaseException:
            if not self._life.ended:
                raise
        if not self._life.ended or case.kill is None:
            return outcome
        self.played.killed = True
        saved = self._life.saved
        self._platform.listen(None)
        self._platform.sleep(case.kill.down)
        self._life = Life(self._counted, self._platform, None)
        again = self._made()
        self._listen(again)
        _require_plain(again.restore(saved), "restore")
        left = max(case.deadline - (self._platform.now() - began_at), 0.0)
        with asyncio.Runner() as second:
            return self._said(again.run(intent, left), second)

    def _listen(self, adapter: Adapter) -> None:
        receive = self._listening(adapter)
        self.played.receives = receive is not None
        self._platform.listen(receive)

    def _made(self) -> Any:
        life = self._life
        kit = Kit(*(BASE_URL, KEY, CALLBACK_URL, SECRET), life, lambda: self.open_bridge(life), self.emitted)
        try:
            adapter = self._make(kit)
        except Exception as error:  # noqa: BLE001 - no case has begun yet
            raise AdapterError(f"the adapter cannot be made: {brief(error)}") from None
        if not callable(getattr(adapter, "run", None)):
            raise AdapterError(f"the adapter has no method run(intent, deadline): it is {type(adapter).__name__}")
        made: Any = adapter
        life.save = lambda: stored(made.save())
        return made

    def _plan(self, adapter: Adapter, case: ClientCase) -> None:
        platform = self._platform
        if case.forge_after is not None:
            platform.plan(case.forge_after, partial(platform.forge, case.forgeries))
        if case.cancelled_elsewhere_after is not None:
            platform.plan(case.cancelled_elsewhere_after, platform.cancel_elsewhere)
        cancel: Callable[[], Any] | None = getattr(adapter, "cancel", None)
        if case.cancel_after is not None and cancel is not None:
            platform.plan(case.cancel_after, lambda: self._cancel(cancel))

    def _cancel(self, cancel: Callable[[], Any]) -> None:
        if self.played.outcome is None:
            self.played.cancelled_at = self._platform.now()
            _require_plain(cancel(), "cancel")

    def _listening(self, adapter: Any) -> Callable[[Mapping[str, str], bytes], int] | None:
        """The client's receiver of callbacks, whose crash is a 500."""
        receive = getattr(adapter, "on_callback", None)
        if receive is None:
            return None

        def listening(headers: Mapping[str, str], body: bytes) -> int:
            try:
                status = receive(headers, body)
                _require_plain(status, "on_callback")
                return int(status)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
                self.played.callback_crash = brief(error)
                self.played.traces["A16"] = trace_of(error)
                return 500

        return listening

    def _said(self, returned: Any, runner: asyncio.Runner) -> Outcome:
        """The outcome that a run returned. Raises Unfit when it is none."""
        if inspect.isawaitable(returned):

            async def waited() -> Any:
                result = await returned
                self.played.left = self.played.left or await pending_tasks()
                return result

            try:
                returned = runner.run(waited())
            except asyncio.CancelledError:
                if self.played.cancelled_at is None:
                    raise RuntimeError("run was cancelled, and nobody had cancelled it") from None
                returned = Outcome("cancelled")
        return checked(returned)


def _require_plain(returned: Any, name: str) -> None:
    """Raise Unfit for what would have to be awaited: there is no loop here that is free to do it."""
    if inspect.isawaitable(returned):
        if inspect.iscoroutine(returned):
            returned.close()
        raise AdapterError(f"{name} of the adapter must be a plain function; it may start a task in the running loop")


class _Listener(logging.Handler):
    """Hears everything that is logged, and remembers where it heard a word."""

    def __init__(self, word: str) -> None:
        super().__init__(logging.DEBUG)
        self.word = word
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        with contextlib.suppress(Exception):  # what cannot be put together is told of by logging, and goes nowhere
            if self.word in self.format(record):
                self.heard.append(f"a log message of {record.name}")


@contextlib.contextmanager
def _watched(key: str) -> Iterator[list[str]]:
    """Look at all that is logged and printed meanwhile; what had the key in it comes into the list at the end."""
    listener, printed, root = _Listener(key), io.TextIOWrapper(io.BytesIO(), "utf-8", "replace"), logging.getLogger()
    level, handlers = root.level, root.handlers
    root.handlers = [listener]  # what a client logs here is nobody else's concern
    root.setLevel(logging.DEBUG)
    leaks: list[str] = []
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield leaks
    finally:
        root.setLevel(level)
        root.handlers = handlers
        leaks += listener.heard[:1]
        printed.flush()
        if key.encode() in printed.buffer.getvalue():
            leaks.append("what it printed")


def _leak(key: str, leaks: Sequence[str], played: ClientRun) -> str | None:
    """Where the key was seen, if anywhere."""
    if played.outcome is not None and key in repr(played.outcome):
        return "its outcome"
    if played.crash is not None and key in played.crash:
        return "the message of its crash"
    return next(iter(leaks), None)
