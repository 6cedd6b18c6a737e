"""The platform of a run: the server itself, in this process, on a clock that moves when the client sleeps.

No call of it ever waits, so its coroutines are run to their end by hand: no event loop, no sockets, no real time.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import httpx

from mock_server.callback import Courier, Outcome, after_attempt
from mock_server.clock import MANUAL
from mock_server.conduct.sources import of_journal
from mock_server.conduct.traffic import Traffic
from mock_server.moments import moment
from mock_server.scenarios.model import Scenario
from mock_server.settings import of_keywords
from mock_server.task import Attempt, Delivery, DeliveryState, Task
from mock_server.web.app import create_app
from mock_server.world import World

Result = TypeVar("Result")
BASE_URL = "http://kirin.test"
SECRET = "whsec_a2lyaW4tbW9jayB2ZXJpZmllcyBjbGllbnRz"  # noqa: S105 - everybody may know it
OnCallback = Callable[[Mapping[str, str], bytes], int]


def finished(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    work.close()
    raise RuntimeError("the platform of a run waits for something")


class HandCourier(Courier):
    """Hands callbacks to the client under test."""

    receive: OnCallback | None = None

    async def _post(self, url: str, headers: dict[str, str], body: bytes, now: float) -> Outcome:
        if self.receive is None:
            return Outcome(Attempt(now, None, "nobody listens", 0.0, headers))
        return Outcome(Attempt(now, self.receive(headers, body), None, 0.0, headers))


class Quiet:
    """In place of a scheduler: what is owed is delivered when the client sleeps, or before a submit has answered."""

    def __init__(self, deliver: Callable[[], None]) -> None:
        self._deliver = deliver

    def wake(self) -> None:
        """Nothing is to be done now."""

    async def tell(self, task: Task) -> None:
        """Deliver what is due now."""
        self._deliver()

    async def stop(self) -> None:
        """Nothing is under way."""


class Stage:
    """A server in this process; each run has a world of its own on it."""

    def __init__(self, seed: int) -> None:
        settings = of_keywords(
            {
                "speed": MANUAL,
                "seed": seed,
                "profile": "fast",
                "log_format": "off",
                "public_url": BASE_URL,
                "image_fetch": "never",
                "callback_secret": [SECRET],
                "callback_allow": ["any"],
                "media_dir": "/nowhere",
            }
        )
        self.built = create_app(settings, httpx.MockTransport(lambda _: httpx.Response(500)), make_courier=HandCourier)

    def run(self, key: str, scenario: Scenario) -> Run:
        """A new world in which a scenario is for every task."""
        self.built.service.forget(key)
        self.built.service.strangers.clear()
        self.built.state.book.remove(None)
        self.built.state.book.post([scenario], None)
        return Run(self, key)


class Run:
    """One client's world; a Platform."""

    def __init__(self, stage: Stage, key: str) -> None:
        self._app = stage.built.app
        self._service = stage.built.service
        self._courier = cast("HandCourier", stage.built.state.courier)
        self.key = key
        self.world: World = stage.built.service.world(key)
        self.world.scheduler = Quiet(self._deliver_due)  # type: ignore[assignment]  # all that a world asks of one
        self.began_at = self.world.clock.now()

    def listen(self, receive: OnCallback | None) -> None:
        """Let callbacks go there."""
        self._courier.receive = receive

    def now(self) -> float:
        """Virtual Unix seconds."""
        return self.world.clock.now()

    def sleep(self, seconds: float) -> None:
        """Let time pass, delivering what is due meanwhile."""
        target = moment(self.now() + max(seconds, 0.0))
        while (due := finished(self.world.store.next_due())) is not None and due <= target:
            self.world.clock.move_to(due)
            self._deliver_due()
        self.world.clock.move_to(target)

    def _deliver_due(self) -> None:
        while (delivery := finished(self.world.store.claim_due(self.now()))) is not None:
            task = finished(self.world.store.get(delivery.task_id))
            if task is not None:
                self._deliver(task, delivery)

    def _deliver(self, task: Task, delivery: Delivery) -> None:
        body = delivery.body if delivery.body is not None else self._service.news_body(task, delivery.tells_of)
        outcome = finished(self._courier.carry(task, delivery, body, self.now()))
        owed = replace(delivery, state=DeliveryState.OWED, body=body)
        finished(self.world.store.settle(after_attempt(owed, outcome), self.now()))

    def answer(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> httpx.Response:
        """One call. Raises ConnectionResetError when the connection ends."""
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": httpx.URL(f"{BASE_URL}{path}").path,
            "raw_path": path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "root_path": "",
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            "server": ("kirin.test", 80),
            "client": ("127.0.0.1", 1),
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        finished(self._app(scope, receive, send))
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=content)

    def tasks(self) -> list[Task]:
        """The tasks there are, in order."""
        return finished(self.world.store.tasks())

    def traffic(self) -> Traffic:
        """All that the client did."""
        deliveries = [one for task in self.tasks() for one in finished(self.world.store.deliveries(task.id))]
        calls = sorted([*self.world.journal, *self._service.strangers], key=lambda call: call.order)
        return of_journal((call._replace(number=place) for place, call in enumerate(calls, 1)), deliveries)
