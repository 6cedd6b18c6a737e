"""Callbacks: one for each change, in order, as the poll shows it, tried again when refused, signed with a secret.

The receiver is hosted here, on this machine, so the target must be able to reach it.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.platform.courier import signature
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Json, Material, task_of, told
from mock_server.verify.server.target import NotExercised, Target


@dataclass(frozen=True, slots=True)
class Message:
    """One callback as it came."""

    headers: dict[str, str]
    content: bytes
    json: Any


class Receiver:
    """A receiver that answers the n-th message, from 1, with ``answers(n)``."""

    def __init__(self, answers: Callable[[int], int]) -> None:
        self.messages: list[Message] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length", 0)))
                try:
                    value = json.loads(content)
                except ValueError:
                    value = None
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.messages.append(Message(headers, content, value))
                self.send_response(answers(len(outer.messages)))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/callback"

    def __enter__(self) -> Receiver:
        """Listen."""
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()  # how soon it stops
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        params = material.bodies[model].cheapest
        cost = material.bodies[model].cost(params)
        kinds: dict[str, tuple[str, Callable[[Endpoint, Json], Tried]]] = {
            "told": ("a callback is sent when the status changes, as the task then is", _told),
            "retried": ("anything but 2xx is tried again, with the same id and body", _retried),
            "cancelled": ("a cancelled task is reported as failed", _cancelled),
            "signed": ("v1,HMAC-SHA256 over id.timestamp.body", _signed),
        }
        for kind, (says, check) in kinds.items():
            yield Case(
                f"{endpoint.short}/callback/{kind}", "calls back", model, (f"callback {model} {kind}",),
                f"{says} ({endpoint.short}#callback_url, wire#5)", 6, cost, check(endpoint, params),
            )  # fmt: skip


@contextlib.contextmanager
def _subscribed(
    target: Target, endpoint: Endpoint, params: Json, answers: Callable[[int], int] = lambda _: 200
) -> Iterator[tuple[str, Receiver]]:
    """A task whose callbacks come to a receiver of ours."""
    with Receiver(answers) as receiver:
        made = target.submit(endpoint, {**params, "callback_url": receiver.url})
        if not task_of(made):
            raise NotExercised(f"a body with callback_url is rejected: {told(made)}")
        yield task_of(made), receiver


def _statuses(receiver: Receiver) -> list[Any]:
    return [message.json.get("status") if isinstance(message.json, dict) else None for message in receiver.messages]


def _told(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        with _subscribed(target, endpoint, params) as (task, receiver):
            target.advance(0.5)
            poll = target.poll(task)
            started = [message.json for message in receiver.messages]
            if _statuses(receiver) != ["in_progress"] or started[0].get("id") != task:
                yield Problem(f"one callback says in_progress when the task starts running; there came {started}", poll)
            elif started[0].get("progress", 1) > poll.json.get("progress", 0):
                yield Problem(f"the callback was ahead of the poll: {started[0]}", poll)
            target.advance(100)
            poll = target.poll(task)
            if _statuses(receiver) != ["in_progress", "completed"]:
                yield Problem(f"two callbacks report two changes, in order; there came {_statuses(receiver)}", poll)
            elif receiver.messages[-1].json != poll.json:
                yield Problem(f"the last callback differs from the poll: {receiver.messages[-1].json}", poll)
            kinds = {message.headers.get("content-type", "").partition(";")[0] for message in receiver.messages}
            if kinds != {"application/json"}:
                yield Problem(f"callbacks are JSON by their Content-Type, not {sorted(kinds)}", poll)
            ids = [message.headers.get("webhook-id") for message in receiver.messages]
            if None in ids or len(set(ids)) != len(ids):
                yield Problem(f"each event has a webhook-id of its own, not {ids}", poll)

    return tried


def _retried(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        with _subscribed(target, endpoint, params, lambda number: 500 if number <= 2 else 200) as (task, receiver):
            target.advance(0.5)
            target.advance(1)
            target.advance(5)
            poll = target.poll(task)
            again = receiver.messages[:3]
            if len(again) < 3 or len({message.headers.get("webhook-id") for message in again}) != 1:
                ids = [message.headers.get("webhook-id") for message in receiver.messages]
                yield Problem(
                    f"a failed callback is tried again after 1 and 5 s with the same id; there came {ids}",
                    poll,
                )
            elif len({message.content for message in again}) != 1:
                yield Problem("a callback that is tried again has another body", poll)
            target.advance(100)
            if _statuses(receiver)[-1:] != ["completed"] or len(receiver.messages) != 4:
                said = _statuses(receiver)
                yield Problem(f"after two failed attempts the end is sent once, last; there came {said}", poll)

    return tried


def _cancelled(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        with _subscribed(target, endpoint, params) as (task, receiver):
            target.advance(0.5)
            target.queue(endpoint, task, "cancel")
            target.advance(1)
            poll = target.poll(task)
            if _statuses(receiver) != ["in_progress", "failed"] or receiver.messages[-1].json != poll.json:
                said = [message.json for message in receiver.messages]
                yield Problem(f"a cancelled task is reported as failed, as the poll shows it; there came {said}", poll)

    return tried


def _signed(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        if not target.callback_secret:
            raise NotExercised("no callback secret is known; give it with --callback-secret")
        with _subscribed(target, endpoint, params) as (task, receiver):
            target.advance(0.5)
            poll = target.poll(task)
            if not receiver.messages:
                yield Problem("no callback came to be looked at", poll)
            for message in receiver.messages:
                given = message.headers.get("webhook-signature", "")
                name, at = message.headers.get("webhook-id", ""), message.headers.get("webhook-timestamp", "")
                due = (
                    signature(target.callback_secret, name, int(at), message.content) if at.isdigit() else "a timestamp"
                )
                if due not in given.split():
                    yield Problem(f"the signature is {given!r}; {due!r} was due", poll)

    return tried
