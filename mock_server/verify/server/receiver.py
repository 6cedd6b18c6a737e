"""Receives callbacks: at an address of its own for each case on this machine, or at one public address for all.

``target.receiver(answers)`` gives a receiver that the target can reach.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mock_server.verify.server.exchange import read_json

#: A receiver keeps so many messages, and reads so many bytes of each.
MOST_MESSAGES, MOST_BYTES = 200, 1_000_000

#: The status with which the n-th message, from 1, is answered.
Answers = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Message:
    """One callback as it came."""

    headers: dict[str, str]
    content: bytes
    json: Any

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
        self._listener, self._answers, self._own, self._came = listener, answers, own, 0
        self._lock = threading.Lock()
        self._path = f"/callback/{secrets.token_hex(8)}"
        self.url = listener.base + self._path

    def __enter__(self) -> Receiver:
        """Listen."""
        self._listener.receivers[self._path] = self
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._listener.receivers.pop(self._path, None)
        if self._own:
            self._listener.close()

    def take(self, message: Message) -> int:
        """Keep a message; the status to answer."""
        with self._lock:
            self._came += 1
            if len(self.messages) < MOST_MESSAGES:
                self.messages.append(message)
            return self._answers(self._came)

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
                status = 404
                if receiver is not None:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    status = receiver.take(Message(headers, content, read_json(content)))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

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
