"""Runs a Python adapter as a program of its own: ``python -m kirin_mock.adapters.stdio MODULE:NAME``.

The adapter is the same as in process. Its kit speaks real HTTP, and JSON lines for time.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import http.client
import inspect
import json
import os
import select
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from mock_server.core.clock import stopwatch
from mock_server.verify.client.kit import USUAL_TIMEOUT, Intent, Kit, Outcome, Reply


class Lines:
    """JSON lines from one file descriptor and to another."""

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._target = target
        self._waiting = b""

    def read(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next message; None at the end. Raises TimeoutError after so many seconds."""
        until = None if timeout is None else stopwatch() + timeout
        while b"\n" not in self._waiting:
            left = None if until is None else max(until - stopwatch(), 0.0)
            if not select.select([self._source], [], [], left)[0]:
                raise TimeoutError
            part = os.read(self._source, 65_536)
            if not part:
                return None
            self._waiting += part
        line, _, self._waiting = self._waiting.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def say(self, **message: Any) -> None:
        """Send a message."""
        left = json.dumps(message).encode() + b"\n"
        while left:
            left = left[os.write(self._target, left) :]


class _Emitted(list[Outcome]):
    """Says at once what is put into it."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def append(self, outcome: Outcome) -> None:
        """See list."""
        self._lines.say(type="emit", **_told(outcome))


class Harness:
    """The other side, as a Platform."""

    def __init__(self, make: Callable[[Kit], Any], lines: Lines) -> None:
        self._make = make
        self._lines = lines
        self._adapter: Any = None
        self._now = 0.0
        self._heard_at = 0.0
        self._hello: dict[str, Any] = {}
        self._connection: http.client.HTTPConnection | None = None
        self._runner = asyncio.Runner()
        #: What was stored in another life, until the next run; and what was said last of what is stored in this one.
        self._restored: Any = None
        self._stored: Any = None

    def serve(self) -> None:
        """Take messages until there are no more."""
        while (message := self._lines.read()) is not None:
            if message["type"] == "hello":
                self._hello = message
                made = self._make(self._kit())  # to see what it can do
                able = {"callbacks": hasattr(made, "on_callback"), "cancel": hasattr(made, "cancel")}
                able["restarts"] = hasattr(made, "save") and hasattr(made, "restore")
                self._lines.say(type="ready", protocol=1, intents=getattr(made, "intents", "in_turn"), **able)
            elif message["type"] == "run":
                self._hear(message)
                self._run(message)
            else:
                self._take(message)

    def _kit(self) -> Kit:
        hello = self._hello
        url = hello["base_url"]
        secrets = hello["api_key"], hello["callback_url"], hello["secret"]
        return Kit(url, *secrets, self, lambda: str(url), _Emitted(self._lines))

    def _run(self, message: dict[str, Any]) -> None:
        if self._adapter is None or not message.get("again", False):
            self._adapter = self._make(self._kit())
        if self._restored is not None:
            state, self._restored = self._restored, None
            self._adapter.restore(state)
        returned = self._adapter.run(Intent(**message["intent"]), message["deadline"])
        if inspect.isawaitable(returned):
            returned = self._runner.run(_waited(returned))
        self._lines.say(type="outcome", id=message["id"], **_told(returned))

    def _hear(self, message: dict[str, Any]) -> None:
        if "now" in message:
            self._now, self._heard_at = message["now"], stopwatch()

    def _take(self, message: dict[str, Any]) -> None:
        """A callback or a cancel."""
        self._hear(message)
        if message["type"] == "restore":
            self._restored = message["state"]
        elif message["type"] == "callback":
            receive = getattr(self._adapter, "on_callback", None)
            status = 404 if receive is None else receive(message["headers"], base64.b64decode(message["body_base64"]))
            self._lines.say(type="callback_result", id=message["id"], status=int(status))
        elif message["type"] == "cancel" and hasattr(self._adapter, "cancel"):
            self._adapter.cancel()

    def _store(self) -> None:
        """Say what the client has stored, where that has changed."""
        save = getattr(self._adapter, "save", None)
        state = save() if callable(save) and hasattr(self._adapter, "restore") else None
        if state is not None and state != self._stored:
            self._stored = state
            self._lines.say(type="save", state=state)

    def now(self) -> float:
        """See Platform."""
        if self._hello["time"] == "virtual":
            return self._now
        return self._now + (stopwatch() - self._heard_at) * float(self._hello["scale"])

    def sleep(self, seconds: float) -> None:
        """See Platform."""
        self._store()
        virtual = self._hello["time"] == "virtual"
        if virtual:
            self._lines.say(type="sleep", seconds=max(seconds, 0.0))
        until = stopwatch() + seconds / self._hello["scale"]
        while True:
            try:
                message = self._lines.read(None if virtual else max(until - stopwatch(), 0.0))
            except TimeoutError:
                return
            if message is None:
                raise SystemExit(0)
            if message["type"] == "resume":
                self._hear(message)
                return
            self._take(message)

    def answer(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        timeout: float | None = USUAL_TIMEOUT,
    ) -> Reply:
        """See Platform. How long a silent server is waited for is up to the bridge."""
        self._store()
        own = [(name, value) for name, value in headers if name.lower() != b"content-length"]
        if self._connection is None:
            self._connection = http.client.HTTPConnection(urlsplit(self._hello["base_url"]).netloc, timeout=30)
        connection = self._connection
        try:
            connection.request(method, target, body or None, {name.decode(): value.decode() for name, value in own})
            answer = connection.getresponse()
            given = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.getheaders()]
            return Reply(answer.status, given, answer.read())
        except http.client.IncompleteRead as error:
            self._hang_up()
            return Reply(answer.status, given, error.partial, cut=True)
        except (OSError, http.client.HTTPException) as error:
            self._hang_up()
            raise ConnectionResetError(str(error)) from None

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


async def _waited(returned: Awaitable[Any]) -> Any:
    return await returned


def _told(outcome: Outcome) -> dict[str, Any]:
    return dataclasses.asdict(outcome)


def main() -> None:
    """Serve the adapter that the command line names."""
    from mock_server.core.errors import UsageError
    from mock_server.verify.client.loading import load

    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m kirin_mock.adapters.stdio MODULE:NAME")
    try:
        make = load(sys.argv[1])
    except UsageError as error:
        raise SystemExit(str(error)) from None
    serve(make)


def serve(make: Callable[[Kit], Any]) -> None:
    """Serve an adapter on standard input and output; what else is printed goes to standard error."""
    target = os.dup(1)
    os.dup2(2, 1)
    Harness(make, Lines(0, target)).serve()


if __name__ == "__main__":
    main()
