"""Callbacks that the platform did not send, or sends in another form: made from what the run's task is just then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from mock_server.conformance.traffic import CallbackSeen
from mock_server.core.clock import stopwatch
from mock_server.lifecycle.timeline import FINAL
from mock_server.platform.courier import TIMEOUT, Courier, Outcome
from mock_server.platform.task import Attempt, Delivery
from mock_server.verify.repertoire.forged import FORGED
from mock_server.verify.repertoire.genuine import GENUINE
from mock_server.verify.repertoire.message import Event, Kind, Message
from mock_server.verify.repertoire.nonsense import NONSENSE

OnCallback = Callable[[Mapping[str, str], bytes], int]
SECRET = "whsec_a2lyaW4tbW9jayB2ZXJpZmllcyBjbGllbnRz"  # noqa: S105 - everybody may know it
#: The one that comes after it, during a rotation.
NEXT_SECRET = "whsec_dGhlIG9uZSB0aGF0IGNvbWVzIGFmdGVyIGl0"  # noqa: S105 - as above
#: The ids of callbacks that are not the platform's begin so.
FORGED_ID = "msg_forged"
FORGED_URL = "https://forged.example.com/video.mp4"
#: All that may be sent beside the platform's own callbacks.
UNASKED: dict[str, Kind] = {**FORGED, **NONSENSE}
#: What marks them, and the forms of genuine ones, among the faults of a callback.
FORGED_MARK, FORM_MARK, AFTER_THE_END = "forged: ", "form: ", "after the end: "
SLOW = "slow: "
#: What is about seconds, and is left out where no clock is exact: properties, and forgeries.
OF_THE_CLOCK = frozenset({"W32"})
ON_THE_EDGE = frozenset({"too new", "too old"})
_COMPLETED = {
    "status": "completed",
    "progress": 1,
    "output": [{"content": [{"type": "video", "url": FORGED_URL}]}],
    "usage": {"cost": "0", "discount": 1},
}
#: The end that a later callback claims.
_COMPLETED_AFTER_ALL = {**_COMPLETED, "output": [{"content": [{"type": "video", "url": f"{FORGED_URL}?later"}]}]}
_FAILED = {"status": "failed", "error": {"code": "00000000", "error_message": "too late", "message": "too late"}}
_RUNNING = {"status": "in_progress", "progress": 0.5}
#: What a signed callback says of a task once it has ended, by how it has ended.
AFTERTHOUGHTS: dict[str, dict[str, Mapping[str, Any]]] = {
    "the other end": {"completed": _FAILED, "failed": _COMPLETED_AFTER_ALL},
    "running again": {"completed": _RUNNING, "failed": _RUNNING},
}
_OF_AN_END = ("output", "usage", "error", "progress")


def other_task(task: Mapping[str, Any], says: Mapping[str, Any]) -> dict[str, Any]:
    """A task that says something else than it is."""
    return {**{name: value for name, value in task.items() if name not in _OF_AN_END}, **says}


class InProcessCourier(Courier):
    """Hands callbacks to the client under test. ``form`` is how genuine ones are written and signed. ``now`` tells the
    time that a receiver takes, ``exact`` whether it can be measured to the second: it cannot where time is real and
    goes faster.
    """

    receive: OnCallback | None = None
    form: str | None = None
    now: Callable[[], float] = staticmethod(stopwatch)
    exact: Callable[[], bool] = staticmethod(lambda: True)

    async def _post(self, url: str, headers: dict[str, str], body: bytes, now: float) -> Outcome:
        if self.receive is None:
            return Outcome(Attempt(now, None, "nobody listens", 0.0, headers))
        fault = None
        exact = self.exact()
        if self.form is not None and (exact or GENUINE[self.form].property not in OF_THE_CLOCK):
            fault, (headers, body) = f"{FORM_MARK}{self.form}", _formed(self.form, headers, body)
        began = self.now()
        status = self.receive(headers, body)
        took = self.now() - began
        if took > TIMEOUT and exact:
            return Outcome(Attempt(now, None, "no answer in time", took, headers, fault=f"{SLOW}{took:.0f}"))
        return Outcome(Attempt(now, status, None, took, headers, fault=fault))


def _formed(form: str, headers: Mapping[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    """A genuine callback in another form."""
    at = int(headers["webhook-timestamp"])
    made = GENUINE[form].make(Event(headers["webhook-id"], at, SECRET, orjson.loads(body), {}))
    return dict(made.headers), made.body


@dataclass
class Forger:
    """Sends what the platform does not, to the receiver of the ``courier``; ``sent`` is what came of it."""

    courier: InProcessCourier
    #: The task as a poll shows it now.
    shown: Callable[[], tuple[str, dict[str, Any]] | None]
    now: Callable[[], float]
    sent: list[CallbackSeen] = field(default_factory=list)
    #: What is sent once the end of the task was taken, if anything.
    afterthought: str | None = None

    def forge(self, names: Sequence[str]) -> bool:
        """Send these, if there is a task already. Whether there is."""
        found = self.shown()
        if found is None:
            return False
        for number, name in enumerate(names):
            if name in ON_THE_EDGE and not self.courier.exact():
                continue
            task = found[1]
            lie = other_task(task, _COMPLETED)
            event = Event(f"{FORGED_ID}_{number}", int(self.now()), SECRET, task, lie)
            self._send(found[0], f"{FORGED_MARK}{name}", event.id, UNASKED[name].make(event))
        return True

    def after(self, delivery: Delivery, attempt: Attempt) -> None:
        """Contradict the end of a task, once it was taken."""
        good = attempt.status is not None and 200 <= attempt.status < 300
        as_usual = not attempt.fault or attempt.fault.startswith(FORM_MARK)
        found = self.shown()
        if self.afterthought is None or found is None or not (good and as_usual) or delivery.status not in FINAL:
            return
        ended, says = str(found[1].get("status")), AFTERTHOUGHTS[self.afterthought]
        self.afterthought = None
        if ended in says:
            event = Event(f"{FORGED_ID}_after", int(self.now()), SECRET, other_task(found[1], says[ended]), {})
            mark = f"{AFTER_THE_END}{says[ended]['status']} after {ended}"
            self._send(found[0], mark, event.id, event.message(event.body))

    def _send(self, task_id: str, mark: str, name: str, message: Message) -> None:
        if self.courier.receive is None:
            return
        at = self.now()
        status = self.courier.receive(dict(message.headers), message.body)
        signed = "webhook-signature" in message.headers
        self.sent.append(CallbackSeen(at, task_id, name, (mark,), status, signed))
