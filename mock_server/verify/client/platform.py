"""The platform of a run: the server itself, in this process, on a clock that moves when the client sleeps.

No call of it ever waits, so its coroutines are run to their end by hand: no event loop, no sockets, no real time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast
from urllib.parse import unquote

import httpx
import orjson

from mock_server.conformance.sources import of_journal
from mock_server.conformance.traffic import Traffic
from mock_server.core.clock import MANUAL
from mock_server.core.images import MIB
from mock_server.core.moments import moment
from mock_server.lifecycle.timeline import FINAL
from mock_server.platform.courier import after_attempt
from mock_server.platform.journal import Exchange, Journal
from mock_server.platform.task import Delivery, DeliveryState, Task
from mock_server.platform.tenant import Tenant
from mock_server.scenarios.model import Scenario
from mock_server.settings import of_keywords
from mock_server.verify.client.call_time import CallTime
from mock_server.verify.client.forging import SECRET, SLOW, Forger, InProcessCourier, OnCallback
from mock_server.verify.client.kit import USUAL_TIMEOUT, CallTimeout, Intent, Reply
from mock_server.verify.client.stand_ins import Quiet, SmallMedia, finished, key_of
from mock_server.web.app import create_app

Result = TypeVar("Result")
KEY = "sk-under-test"
BASE_URL = "http://kirin.test"
CALLBACK_URL = "http://127.0.0.1/callbacks"
#: Until so many seconds a client is to end, unless told.
USUAL_DEADLINE = 900.0
LONGEST_PAUSE = 86_400.0 * 400
MOST_KEPT_CALLS = 20_000
#: Bytes of bodies that are kept as they are, of one call and of all calls of a run.
MOST_BODY = 16 * MIB
MOST_KEPT = 256 * MIB
#: So many seconds after a client is done callbacks may still come to it.
LATEST = 3_600.0
#: So many seconds later somebody looks again for a task to cancel.
LATER = 20.0
#: What somebody else wants who has the same key.
TAKEN_PROMPT = "What somebody else wants"
#: What a receiver should not believe.
BAD_NEWS = frozenset({"garbage", "foreign_id", "bad_signature", "stale_signature", "drop"})


class FaultInjector:
    """A server in this process; each run has a tenant of its own on it."""

    def __init__(self, seed: int) -> None:
        settings = of_keywords(
            {
                "speed": MANUAL,
                "seed": seed,
                "timing": "fast",
                "log_format": "off",
                "image_fetch": "never",
                "callback_secret": [SECRET],
                "callback_allow": ["any"],
                "media_dir": "/nowhere",
            }
        )
        self.built = create_app(
            settings,
            httpx.MockTransport(lambda _: httpx.Response(500)),
            make_courier=InProcessCourier,
            make_media=SmallMedia,
        )

    def run(
        self,
        key: str,
        scenarios: Sequence[Scenario],
        secrets: Sequence[str] = (SECRET,),
        deadline: float = USUAL_DEADLINE,
    ) -> Run:
        """A new tenant with these scenarios for its tasks, in which each of these secrets signs the callbacks. It is
        for a client that has to end by a ``deadline``.
        """
        cast("InProcessCourier", self.built.state.courier).secrets = tuple(secrets)
        self.built.service.forget(key)
        self.built.service.unauthenticated.clear()
        self.built.state.registry.remove(None)
        self.built.state.registry.post(list(scenarios), None)
        return Run(self, key, deadline)


class Run:
    """One client's tenant; a Platform. Calls may come from another thread than the one that lets time pass."""

    def __init__(self, injector: FaultInjector, key: str, deadline: float) -> None:
        self._app = injector.built.app
        self._service = injector.built.service
        self._courier = cast("InProcessCourier", injector.built.state.courier)
        self._courier.receive = None
        self._lock = threading.RLock()
        self._planned: list[tuple[float, Callable[[], None]]] = []
        self.key = key
        self.tenant: Tenant = injector.built.service.tenant(key)
        self.tenant.scheduler = Quiet(self._deliver_due)  # type: ignore[assignment]  # all that a tenant asks of one
        self.tenant.journal = Journal(MOST_KEPT_CALLS, MOST_KEPT, MOST_BODY)
        self.began_at = self.tenant.clock.now()
        self.ended_at: float | None = None
        #: Sends callbacks that do not come from the platform.
        self.forger = Forger(self._courier, self._shown, self.now)
        self._courier.form, self._courier.now = None, self.now
        self._courier.exact = lambda: self.tenant.clock.pace.speed == 0
        #: When the calls without a right key were made: they have no tenant, and so no clock.
        self._moments: list[float] = []
        #: The calls of which only a part of the answer came, as the journal counts them.
        self._broken_off: set[int] = set()
        #: Those whose answer nobody has read.
        self._unread: set[int] = set()
        #: Whether a call carried another key than the one that was given.
        self.other_key = False
        self._only_while_asleep = False
        self._calls = CallTime(self, ends_by=self.began_at + deadline)
        self.tenant.clock.sleeper = self._calls.sleeper  # type: ignore[method-assign]  # no call ever waits for real
        #: The tasks of somebody else with the same key, and how many calls made them.
        self.others: list[Task] = []
        self._other_calls = 0

    def take(self, intent: Intent) -> None:
        """Let somebody else who has the same key use the intent's external_task_id first, for another video."""
        own = dict(self._service.judges[intent.model].endpoint.example)
        own |= {"prompt": TAKEN_PROMPT, "external_task_id": intent.params["external_task_id"]}
        body = orjson.dumps({"model": intent.model, "input": [{"params": own}]})
        headers = [(b"authorization", b"Bearer " + self.key.encode()), (b"content-type", b"application/json")]
        self.answer("POST", "/model/v1/generation", headers, body)
        self.others = self.tasks()
        self._other_calls = len(self._journal())

    def lose_answer(self) -> None:
        """Nobody reads the answer to the last call."""
        self._unread.add(max(call.order for call in self._journal()))

    def begin(self, deadline: float) -> None:
        """One intent more begins, and is to end in so many seconds: do nothing more of what is planned."""
        self._planned.clear()
        self._calls.extend(self.now() + deadline)

    @property
    def calls(self) -> int:
        """How many calls the client has made."""
        return len(self._journal()) - self._other_calls

    def listen(self, receive: OnCallback | None) -> None:
        """Let callbacks go there."""
        self._courier.receive = receive

    def send_as(self, form: str | None, afterthought: str | None) -> None:
        """Send genuine callbacks in this form, and contradict the end of the task with that, if with anything."""
        self._courier.form, self.forger.afterthought = form, afterthought

    def only_while_asleep(self) -> None:
        """Deliver nothing while a call of the client is under way: it would have nobody free to take it."""
        self._only_while_asleep = True
        self.tenant.scheduler = Quiet(lambda: None)  # type: ignore[assignment]  # as above

    def plan(self, after: float, control_action: Callable[[], None]) -> None:
        """Let something be done so many seconds from now, while the client sleeps."""
        self._planned.append((moment(self.now() + after), control_action))
        self._planned.sort(key=lambda planned: planned[0])

    def forge(self, names: Sequence[str]) -> None:
        """Post what somebody would who wants to be taken for the platform; a little later where nothing was submitted
        yet.
        """
        if not self.forger.forge(names) and self.ended_at is None:
            self.plan(LATER, lambda: self.forge(names))

    def _shown(self) -> tuple[str, dict[str, Any]] | None:
        """The first task, as a poll shows it now."""
        task = next(iter(self.tasks()), None)
        return (task.id, self._service.answer(task, self.now(), task.base_url)) if task is not None else None

    def cancel_elsewhere(self) -> None:
        """Cancel what runs, as somebody else would who has the same key; a little later where nothing was submitted."""
        tasks = self.tasks()
        if not tasks:
            self.plan(LATER, self.cancel_elsewhere)
        with self._lock:
            for task in tasks:
                if not task.at(self.now()).final:
                    finished(self._service.steer(self.tenant, task, "cancel"))

    def now(self) -> float:
        """Virtual Unix seconds."""
        return self.tenant.clock.now()

    def sleep(self, seconds: float) -> None:
        """Let time pass, delivering what is due meanwhile."""
        target = moment(self.now() + (min(seconds, LONGEST_PAUSE) if seconds > 0 else 0.0))
        while (due := self.next_due()) is not None and due <= target:
            self.tenant.clock.move_to(due)
            self.do_what_is_due()
        self.tenant.clock.move_to(target)

    def pass_time(self, seconds: float) -> None:
        """See Passing. What is planned for this time is done while the client sleeps next."""
        target = moment(self.now() + seconds)
        while not self._only_while_asleep and (due := self._next_owed()) is not None and due <= target:
            self.tenant.clock.move_to(due)
            self._deliver_due()
        self.tenant.clock.move_to(target)

    def conclude(self) -> None:
        """The client has said what came of it; let the callbacks come that are still to come."""
        self.ended_at = self.now()
        while (due := self.next_due()) is not None and due <= self.ended_at + LATEST:
            self.sleep(due - self.now())

    def next_due(self) -> float | None:
        """The moment of the next callback, or of what is planned."""
        owed = self._next_owed()
        if not self._planned:
            return owed
        planned = self._planned[0][0]
        return planned if owed is None else min(planned, owed)

    def _next_owed(self) -> float | None:
        """The moment of the next callback."""
        with self._lock:
            return finished(self.tenant.store.next_due())

    def do_what_is_due(self) -> None:
        """Deliver what is due now, and do what is planned."""
        while self._planned and self._planned[0][0] <= self.now():
            self._planned.pop(0)[1]()
        self._deliver_due()

    def _deliver_due(self) -> None:
        while (claimed := self._claimed()) is not None:
            task, delivery = claimed
            body = delivery.body if delivery.body is not None else self._service.event_body(task, delivery.occurred_at)
            # Without the lock: the client may well make calls before it answers.
            outcome = finished(self._courier.carry(task, delivery, body, self.now()))
            owed = replace(delivery, state=DeliveryState.OWED, body=body)
            with self._lock:
                finished(self.tenant.store.settle(after_attempt(owed, outcome), self.now()))
            self.forger.after(delivery, outcome.attempt)

    def _claimed(self) -> tuple[Task, Delivery] | None:
        """The next callback that is due now, and its task."""
        with self._lock:
            delivery = finished(self.tenant.store.claim_due(self.now()))
            task = finished(self.tenant.store.get(delivery.task_id)) if delivery is not None else None
        return (task, delivery) if task is not None and delivery is not None else None

    def answer(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        timeout: float | None = USUAL_TIMEOUT,
    ) -> Reply:
        """See Platform. Raises Unanswered for a call that waits past the end of the run."""
        path, _, query = target.partition("?")
        given = [value for name, value in headers if name.lower() == b"authorization"]
        if path.startswith("/model/") and any(key_of(value) != KEY.encode() for value in given):
            self.other_key = True
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in headers],
            "server": ("kirin.test", 80),
            "client": ("127.0.0.1", 1),
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        cut = False
        with self._lock, self._calls.under_way(timeout) as call_time:
            try:
                finished(self._app(scope, receive, send))
            except ConnectionResetError:
                if not sent and call_time.hung_up:
                    raise CallTimeout(f"nothing came for {timeout:g} s") from None
                if not sent:
                    raise
                cut = True
            finally:
                self._moments += [self.now()] * (len(self._service.unauthenticated) - len(self._moments))
        content = b"".join(message.get("body", b"") for message in sent[1:])
        if cut or call_time.hung_up:
            self._broken_off.add(max(call.order for call in self._journal()))
        return Reply(sent[0]["status"], sent[0]["headers"], content, cut or call_time.hung_up, call_time.hung_up)

    def tasks(self) -> list[Task]:
        """The tasks that the client made, in order."""
        others = {task.id for task in self.others}
        return [task for task in finished(self.tenant.store.tasks()) if task.id not in others]

    @property
    def heard(self) -> frozenset[str]:
        """The tasks whose end has come to the client in a callback of the platform itself."""
        deliveries = (one for task in self.tasks() for one in finished(self.tenant.store.deliveries(task.id)))
        return frozenset(
            delivery.task_id
            for delivery in deliveries
            if delivery.status in FINAL
            for attempt in delivery.attempts
            if (attempt.status is not None or SLOW in (attempt.fault or ""))
            and not BAD_NEWS & set((attempt.fault or "").split(", "))
        )

    def traffic(self) -> Traffic:
        """All that the client did."""
        deliveries = [one for task in self.tasks() for one in finished(self.tenant.store.deliveries(task.id))]
        calls = sorted(self._journal(), key=lambda call: call.order)[self._other_calls :]
        seen = of_journal((self._numbered(place, call) for place, call in enumerate(calls, 1)), deliveries)
        return Traffic.of(seen.calls, [*seen.callbacks, *self.forger.sent])

    def _journal(self) -> list[Exchange]:
        unknown = zip(self._service.unauthenticated, self._moments, strict=False)
        return [*self.tenant.journal, *(call._replace(at=at, arrived_at=at) for call, at in unknown)]

    def _numbered(self, place: int, call: Exchange) -> Exchange:
        """A call by its place; an answer of which only a part came says nothing."""
        if call.order in self._unread:
            return call._replace(number=place, status=0, answer=b"", answer_size=0)
        if call.order in self._broken_off:
            return call._replace(number=place, answer=b"", answer_size=0)
        return call._replace(number=place)
