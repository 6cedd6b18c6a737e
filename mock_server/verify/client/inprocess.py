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

from mock_server.verify.client.door import Door
from mock_server.verify.client.judge import Played
from mock_server.verify.client.kit import Adapter, Kit, MakeAdapter, Outcome
from mock_server.verify.client.platform import BASE_URL, CALLBACK_URL, KEY, SECRET, Counted, Run
from mock_server.verify.client.scripts import Script


class Endless(BaseException):
    """The client is not going to end; a BaseException, so that it cannot catch it."""


class InProcess:
    """Plays scripts with one client. ``make`` makes an adapter for each run."""

    def __init__(self, make: MakeAdapter) -> None:
        self._make = make
        self._door: Door | None = None

    def close(self) -> None:
        """Let go of what was opened; without it that comes with the end of this object."""
        if self._door is not None:
            self._door.close()

    @property
    def complaints(self) -> Mapping[str, str]:
        """Nothing: it has no end of its own."""
        return {}

    def play(self, script: Script, platform: Run) -> Played:
        """Run one script."""
        counted = Counted(platform, script.deadline, Endless)
        played = Played()
        kit = Kit(BASE_URL, KEY, CALLBACK_URL, SECRET, counted, lambda: self._open_door(counted, platform))
        with _watched(KEY) as leaks:
            try:
                adapter = self._make(kit)
                receive = _listening(adapter, played)
                played.receives = receive is not None
                platform.listen(receive)
                self._plan(script, platform, adapter, played)
                played.outcome = self._said(
                    adapter.run(script.intent_for(receives=played.receives), script.deadline), played
                )
                platform.conclude()
            except Endless as endless:
                played.blamed["W14"] = str(endless)
            except Exception as error:  # noqa: BLE001 - whatever a client does wrong is a finding
                played.crash = _told(error)
        played.emitted = kit.emitted
        played.leak = _leak(KEY, leaks, played)
        return played

    def _open_door(self, counted: Counted, platform: Run) -> str:
        platform.only_while_asleep()
        if self._door is None:
            self._door = Door()
            weakref.finalize(self, self._door.close)
        self._door.lead_to(counted)
        return self._door.url

    def _plan(self, script: Script, platform: Run, adapter: Adapter, played: Played) -> None:
        if script.forge_after is not None:
            platform.plan(script.forge_after, partial(platform.forge, script.forgery))
        cancel: Callable[[], None] | None = getattr(adapter, "cancel", None)
        if script.cancel_after is not None and cancel is not None:
            platform.plan(script.cancel_after, lambda: _cancel(cancel, platform, played))

    def _said(self, returned: Any, played: Played) -> Outcome:
        """The outcome that a run returned. Raises TypeError when it is none."""
        if inspect.isawaitable(returned):

            async def waited() -> Any:
                return await returned

            try:
                returned = asyncio.run(waited())
            except asyncio.CancelledError:
                if played.cancelled_at is None:
                    raise TypeError("run was cancelled, and nobody had cancelled it") from None
                returned = Outcome("cancelled")
        if not isinstance(returned, Outcome):
            raise TypeError(f"run returned {type(returned).__name__}, not an Outcome")
        return returned


def _cancel(cancel: Callable[[], None], platform: Run, played: Played) -> None:
    if played.outcome is None:
        played.cancelled_at = platform.now()
        cancel()


def _listening(adapter: Any, played: Played) -> Callable[[Mapping[str, str], bytes], int] | None:
    """The client's receiver of callbacks, whose crash is a 500."""
    receive = getattr(adapter, "on_callback", None)
    if receive is None:
        return None

    def listening(headers: Mapping[str, str], body: bytes) -> int:
        try:
            return int(receive(headers, body))
        except Exception as error:  # noqa: BLE001 - as above
            played.callback_crash = _told(error)
            return 500

    return listening


class _Listener(logging.Handler):
    """Hears everything that is logged, and remembers where it heard a word."""

    def __init__(self, word: str) -> None:
        super().__init__(logging.DEBUG)
        self.word = word
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        if self.word in record.getMessage() or (record.exc_text is not None and self.word in record.exc_text):
            self.heard.append(f"a log message of {record.name}")


@contextlib.contextmanager
def _watched(key: str) -> Iterator[list[str]]:
    """Look at all that is logged and printed meanwhile; what had the key in it comes into the list at the end."""
    listener, printed, root = _Listener(key), io.StringIO(), logging.getLogger()
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
        if key in printed.getvalue():
            leaks.append("what it printed")


def _leak(key: str, leaks: Sequence[str], played: Played) -> str | None:
    """Where the key was seen, if anywhere."""
    if played.outcome is not None and key in repr(played.outcome):
        return "what it told its user"
    if played.crash is not None and key in played.crash:
        return "the message of its crash"
    return next(iter(leaks), None)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
