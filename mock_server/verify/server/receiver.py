"""Receives callbacks: at an address of its own for each case on this machine, or at one public address for all.

``target.receiver(answers)`` gives a receiver that the target can reach.
"""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mock_server.core.clock import stopwatch
from mock_server.verify.server.exchange import read_json

#: A receiver keeps so many messages, and reads so many bytes of each.
MOST_MESSAGES, MOST_BYTES = 200, 1_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """How one message is answered: with a status and headers, or by closing the connection."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    closes: bool = False


#: The status, or the whole reply, with which the n-th message, from 1, is answered.
Answers = Callable[[int], int | Reply]


@dataclass(frozen=True, slots=True)
class Message:
    """One callback as it came: ``path`` with its query, and ``at`` by the stopwatch."""

    headers: dict[str, str]
    content: bytes
    json: Any
    path: str = ""
    method: str = "POST"
    at: float = 0.0

    @property
    def timestamp(self) -> int | None:
        """Its webhook-timestamp; None when it is no whole number."""
        found = self.headers.get("webhook-timestamp", "")
        return int(found) if found.isascii() and found.isdigit() and len(found) < 20 else None

    @property
    def id(self) -> str | None:
        """What tells an event from others; all attempts at one event have the same."""
        return self.headers.get("webhook-id")

    @property
    def status(self) -> Any:
        """The status of the task that it tells."""
        return self.json.get("status") if isinstance(self.json, dict) else None


class Receiver:
    """A receiver that answers the n-th message, from 1, with ``answers(n)``. A context manager."""

    def __init__(self, listener: Listener, answers: Answers, *, own: bool) -> None:
        self.messages: list[Message] = []
        self.listener, self._answers, self._own, self._came = listener, answers, own, 0
        self._lock = threading.Lock()
        self._path = f"/callback/{secrets.token_hex(8)}"
        self.url = listener.base + self._path

    def __enter__(self) -> Receiver:
        """Listen."""
        self.listener.receivers[self._path] = self
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.listener.receivers.pop(self._path, None)
        if self._own:
            self.listener.close()

    def take(self, message: Message) -> Reply:
        """Keep a message; how it is answered."""
        with self._lock:
            self._came += 1
            if len(self.messages) < MOST_MESSAGES:
                self.messages.append(message)
            reply = self._answers(self._came)
            return reply if isinstance(reply, Reply) else Reply(reply)

    @property
    def events(self) -> list[Message]:
        """The messages without those that came before under the same id: delivery is at least once."""
        found: dict[str, Message] = {}
        for place, message in enumerate(self.messages):
            found.setdefault(message.id or f"none {place}", message)
        return list(found.values())

    @property
    def statuses(self) -> list[Any]:
        """The statuses that the events tell, in order."""
        return [message.status for message in self.events]


class Listener:
    """Listens at ``host`` and ``port`` for many receivers; senders know it as ``base``. Raises OSError."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, base: str = "") -> None:
        self.receivers: dict[str, Receiver] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 30

            def do_POST(self) -> None:
                receiver = outer.receivers.get(outer.known_path(self.path))
                content = self.rfile.read(min(MOST_BYTES, outer.length_of(self.headers.get("content-length"))))
                reply = Reply(404)
                if receiver is not None:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    value, at = read_json(content), stopwatch()
                    reply = receiver.take(Message(headers, content, value, self.path, self.command, at))
                if reply.closes:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(reply.status)
                for name, value in {"content-length": "0", **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_PUT = do_POST  # noqa: N815 - the names that http.server looks for

            def log_message(self, *args: Any) -> None:
                pass

        self._server = _Quiet((host, port), Handler)
        self.base = base.rstrip("/") or f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()  # how soon it stops

    def known_path(self, path: str) -> str:
        """The path of a receiver, whatever a public address put before it."""
        at = path.rfind("/callback/")
        return path[at:].partition("?")[0] if at >= 0 else path

    def length_of(self, given: str | None) -> int:
        """A Content-Length; 0 for what is none."""
        return int(given) if given is not None and given.isascii() and given.isdigit() else 0

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Quiet(ThreadingHTTPServer):
    """Says nothing of senders that break off."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing to say."""
