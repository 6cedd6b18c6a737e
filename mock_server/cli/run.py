"""``kirin-mock run``: a command whose calls to the platform come to a server that lives as long as it does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType

from mock_server.cli.serve import judged, prepare, spare_the_collector
from mock_server.conformance.report import concluded, summary
from mock_server.settings import Settings
from mock_server.web.app import Built, create_app
from mock_server.web.bounded_http import Patience
from mock_server.web.interception.listener import Interceptor
from mock_server.web.interception.proxy import Proxy, open_proxy
from mock_server.web.serving import LiveServer, listen, listening_url

#: Exit codes of a command that could not be started, as shells have them; and what a signal's number is added to.
NOT_FOUND, CANNOT_RUN, SIGNALLED = 127, 126, 128
FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
MOST_REFUSED_SHOWN = 10


class NotStarted(Exception):
    """The command could not be started: why, and the exit code that says so."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def run_command(settings: Settings, command: Sequence[str]) -> int:
    """Run it. The exit code is the command's; 1 when that is 0 and ``--conformance-fail`` has something to say."""
    prepare(settings)
    with Signals() as signals:
        spare_the_collector()
        try:
            with serving(settings, os.environ) as (built, proxy):
                code = signals.early or _ran(command, proxy.changes.of(os.environ), signals)
        except NotStarted as error:
            _say(f"{command[0]!r} cannot be started: {error}")
            return error.code
        clean = _conclude(settings, built, proxy)
    return 1 if code == 0 and settings.conformance_fail and not clean else code


@contextlib.contextmanager
def serving(
    settings: Settings, environment: Mapping[str, str], patience: Patience | None = None
) -> Iterator[tuple[Built, Proxy]]:
    """A server with a proxy, in a thread, for clients in this environment. Raises UsageError."""
    with (
        listen(settings) as listening,
        open_proxy(settings, listening_url(listening), environment, "--host", patience) as proxy,
    ):
        built = create_app(settings, stand_in=proxy.stand_in, log_to=sys.stderr)
        server = LiveServer(built, interceptor=proxy.interceptor)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="kirin-mock", daemon=True)
        thread.start()
        try:
            while not server.ready.wait(0.5):
                if not thread.is_alive():
                    raise RuntimeError("the server ended while it started")
            yield built, proxy
        finally:
            server.should_exit = True
            thread.join()


class Signals:
    """Hands signals on to the command, and lets none of them end this process before it."""

    def __init__(self) -> None:
        self._command: subprocess.Popen[bytes] | None = None
        self._pending: list[int] = []
        self._before: dict[int, object] = {}
        #: The terminal sends its own signals to the command too, as long as both are of one process group. Who sends
        #: them cannot be told: an interrupt that another program sends to this process alone is left out as well.
        self.of_terminal = _in_foreground()

    @property
    def early(self) -> int:
        """The exit code when a signal came before there was a command; 0 when none did."""
        return SIGNALLED + self._pending[0] if self._pending else 0

    def __enter__(self) -> Signals:
        """From now on."""
        for name in FORWARDED:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(self, *_: object) -> None:
        """Until now; what came before stays as it was."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal itself gave

    def hand_to(self, command: subprocess.Popen[bytes]) -> None:
        """Hand what comes, and what came while it was started, to a command."""
        self._command = command
        for number in self._pending:
            self._send(number)

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self._command is None:
            self._pending.append(number)
        elif not (self.of_terminal and number in {signal.SIGINT, getattr(signal, "SIGQUIT", None)}):
            self._send(number)

    def _send(self, number: int) -> None:
        if self._command is None or self._command.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self.of_terminal or not hasattr(os, "killpg"):
                self._command.send_signal(number)
            else:
                os.killpg(self._command.pid, number)


def _in_foreground() -> bool:
    """Whether a terminal is ours to read from, by whatever name: a command opens /dev/tty when its input is another."""
    if not hasattr(os, "tcgetpgrp"):
        return False
    with contextlib.ExitStack() as stack:
        asked = [0, 1, 2]
        with contextlib.suppress(OSError):
            terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
            stack.callback(os.close, terminal)
            asked.insert(0, terminal)
        return any(map(_is_ours, asked))


def _is_ours(descriptor: int) -> bool:
    """Whether it is our terminal, and our process group is the one that it listens to."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


def _ran(command: Sequence[str], environment: Mapping[str, str], signals: Signals) -> int:
    """The exit code of a command, as a shell would have it. Raises NotStarted."""
    # A group of its own gets all signals at once; at a terminal it could not read from it.
    group = {} if signals.of_terminal or not hasattr(os, "killpg") else {"process_group": 0}
    try:
        # What was handed to us is the command's: <(...) of a shell, say. Python's own descriptors are not inherited.
        started = subprocess.Popen(command, env=environment, close_fds=False, **group)  # type: ignore[call-overload]  # no keywords from a mapping
    except FileNotFoundError:
        raise NotStarted(NOT_FOUND, "there is no such command, or what it is written in is missing") from None
    except (OSError, ValueError) as error:
        raise NotStarted(CANNOT_RUN, getattr(error, "strerror", None) or str(error)) from None
    signals.hand_to(started)
    # A signal that comes just before a wait without an end would be handled after it; so the end is another thread's.
    waiting = threading.Thread(target=started.wait, name="command", daemon=True)
    waiting.start()
    while waiting.is_alive():
        waiting.join(0.2)
    code: int = started.returncode
    return SIGNALLED - code if code < 0 else code


def _say(line: str) -> None:
    """All that is ours goes to stderr; when that is closed there is nobody to tell."""
    with contextlib.suppress(OSError, ValueError):
        print("kirin-mock:", line, file=sys.stderr, flush=True)


def _conclude(settings: Settings, built: Built, proxy: Proxy) -> bool:
    """Report the conformance of the command; whether it violated no property."""
    verdicts, began_at = judged(built)
    clean = concluded(verdicts, began_at, settings.conformance)
    refused = proxy.interceptor.refused
    for target, times in list(refused.items())[:MOST_REFUSED_SHOWN]:
        _say(f"blocked {target}{f' ({times} times)' if times > 1 else ''}, which is not an intercepted host")
    if len(refused) > MOST_REFUSED_SHOWN:
        _say(f"blocked {len(refused) - MOST_REFUSED_SHOWN} other targets too")
    for line in summary(verdicts, began_at):
        _say(line)
    if not built.service.tenants and not len(built.service.unauthenticated):
        _advise(proxy.interceptor)
    return clean


def _advise(interceptor: Interceptor) -> None:
    """Tell why no call for the platform may have come, as far as what did come shows it."""
    if not interceptor.reached:
        _say("no call came; does the command use HTTPS_PROXY? (docs/interception.md)")
    elif interceptor.untrusted:
        _say("no call came, and TLS was broken off; does the command trust SSL_CERT_FILE? (docs/interception.md)")
