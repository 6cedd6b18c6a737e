"""Clients with one bug each in how they end: cancelling, deadlines, and what they leave behind."""

from __future__ import annotations

import asyncio
import threading
from urllib.parse import quote

import httpx

from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.reference_clients.asynchronous import Asynchronous
from mock_server.verify.client.reference_clients.light import LightQueued
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Policy, Reference

# Cancelling on the platform


def _on_queue(called_off):
    return {"base": LightQueued, "called_off": called_off}


def _cancels(method, path):
    """Cancels with another call."""

    def called_off(self):
        send, body = getattr(self.http, method), {"json": {}} if method == "post" else {}
        send(path(self), **body, headers=self.headers())
        return Outcome("cancelled")

    return _on_queue(called_off)


def _order(self):
    return quote(self.order, safe="")


def _cancels_the_first(self):
    first = self.__dict__.setdefault("first_order", self.order)
    self.order, own = first, self.order
    outcome = Queued.called_off(self)
    self.order = own
    return outcome


def _remembers_the_first(self, intent):
    self.__dict__.setdefault("first_order", self.order)
    return Queued.submit(self, intent)


def _only_after_an_answer(self):
    return Outcome("cancelled") if self.unsure else Queued.called_off(self)


def _only_while_it_waits(self):
    answer = self.http.get(self.poll_path(), headers=self.headers())
    waits = answer.is_success and str(answer.json().get("status")).lower() in {"in_queue", "queued"}
    return Queued.called_off(self) if waits else Outcome("cancelled")


# Going on


def _polls_to_the_end(self):
    while self.kit.now() < self.ends_by:
        self.kit.sleep(10)
        try:
            self.http.get(self.poll_path(), headers=self.headers())
        except httpx.TransportError:
            continue
    return Outcome("cancelled")


def _waits_for_the_end(self):
    self.kit.sleep(max(self.ends_by - self.kit.now(), 0))
    return Outcome("cancelled")


def _buys_all_the_same(self, send):
    for attempt in range(5):
        answer = None
        try:
            answer = send()
            if self.is_the_answer(answer):
                return answer
        except httpx.TransportError:
            pass
        self.kit.sleep(self.wait_after(answer, attempt))
    return None


def _remembers_its_end(self, intent, deadline):
    self.ended_with = None
    self.ended_with = Reference.run(self, intent, deadline)
    return self.ended_with


def _tells_it_again(self, headers, body):
    status = Policy.on_callback(self, headers, body)
    if self.ended_with is not None and status == 200:
        self.kit.emit(Outcome("timeout"))
    return status


# Deadlines


def _polls_past(self):
    while True:
        self.sleep(self.poll_gap)
        answer = self.tried(self.poll)
        if answer is None:
            return Outcome("gave_up")
        if answer.is_success and self.is_final(answer.json()):
            return self.ended(answer.json())


def _late(seconds):
    """Ends so many seconds after its deadline."""

    def require_time(self, _):
        if self.kit.now() >= self.ends_by + seconds:
            Policy.require_time(self, 0)

    return {"require_time": require_time, "followed": _polls_past}


# What is left behind


def _with_a_heartbeat(self, intent, deadline):
    stop = threading.Event()
    threading.Thread(target=stop.wait, daemon=True, name="heartbeat").start()
    return Reference.run(self, intent, deadline)


def _with_a_timer(self, intent, deadline):
    timer = threading.Timer(3600, self.cancel)
    timer.daemon = True
    timer.start()
    return Reference.run(self, intent, deadline)


async def _with_a_task(self, intent, deadline):
    self.ticking = asyncio.create_task(asyncio.sleep(3600))
    return await Asynchronous.run(self, intent, deadline)


STOPPING = {
    "cancels nothing on the platform": ("I03", _on_queue(Reference.called_off)),
    "cancels with a POST": ("I03", _cancels("post", lambda self: self.request_path("cancel"))),
    "cancels with a GET": ("I03", _cancels("get", lambda self: self.request_path("cancel"))),
    "cancels on the generation side": (
        "I03",
        _cancels("put", lambda self: f"/model/v1/generation/task/{_order(self)}/cancel"),
    ),
    "cancels without the word": ("I03", _cancels("put", lambda self: f"{self.queue}/requests/{_order(self)}")),
    "cancels what is current": ("W12", _cancels("put", lambda self: f"{self.queue}/requests/current/cancel")),
    "cancels the first request": (
        "I03",
        {"base": LightQueued, "called_off": _cancels_the_first, "submit": _remembers_the_first},
    ),
    "cancels only what was answered": ("I03", _on_queue(_only_after_an_answer)),
    "cancels only what waits": ("I03", _on_queue(_only_while_it_waits)),
    "polls to the end after a cancel": ("A20", {"called_off": _polls_to_the_end}),
    "waits for its deadline after a cancel": ("A20", {"called_off": _waits_for_the_end}),
    "buys though it was cancelled": ("A20", {"tried": _buys_all_the_same}),
    "tells it again after its end": ("A17", {"run": _remembers_its_end, "on_callback": _tells_it_again}),
    "ten seconds over": ("W14", _late(10)),
    "a minute over": ("W14", _late(60)),
    "a deadline for polls alone": ("W14", {"require_time": lambda self, seconds: None}),
    "a heartbeat goes on": ("I04", {"run": _with_a_heartbeat}),
    "a timer goes on": ("I04", {"run": _with_a_timer}),
    "a task goes on": ("I04", {"base": Asynchronous, "run": _with_a_task}),
}
