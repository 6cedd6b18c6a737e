"""Who is due next. One scheduler a tenant; it sleeps while nothing is owed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from mock_server.core.clock import Clock
from mock_server.core.moments import moment
from mock_server.platform.courier import Courier, Outcome, after_attempt, after_replay
from mock_server.platform.stores import Store
from mock_server.platform.task import Attempt, Delivery, DeliveryState, Task

logger = logging.getLogger("kirin-mock")

Render = Callable[[Task, float], bytes]

#: Deliveries under way to one host at once while time runs; under a manual clock one, so that order never varies.
PER_HOST = 64
#: Those to one host and path, so that a receiver which hangs leaves room for its neighbours.
PER_RECEIVER = 8


class Scheduler:
    """Hands what is due to the courier. ``render`` makes the body: a task as the poll shows it at a moment."""

    def __init__(self, clock: Clock, store: Store, courier: Courier, render: Render) -> None:
        self._clock = clock
        self._store = store
        self._courier = courier
        self._render = render
        self._attempted = 0
        self._stopped = False
        #: What was under way when the loop of its attempt ended.
        self._cut_short: list[Delivery] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._woken = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._under_way: dict[asyncio.Task[None], Delivery] = {}
        self._lanes: WeakValueDictionary[tuple[str, str, bool], asyncio.Semaphore] = WeakValueDictionary()
        self._advancing = asyncio.Lock()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the caller. An app without a socket may be used by one after another."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._cut_short += self._under_way.values()
            self._begin_anew()
        return loop

    def wake(self) -> None:
        """Something may be owed now; see to it."""
        if self._stopped:
            return
        loop = self._running_loop()
        self._woken.set()
        if self._pump is None or self._pump.done():
            self._pump = loop.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            await self._send_due()
            due = await self._store.next_due()
            if due is None and not self._under_way and not self._woken.is_set():
                return
            await self._clock.wait(due, self._woken)

    async def advance(self, seconds: float) -> int:
        """Move time on, stopping at every due moment; the number of attempts since the last such move.

        Returns when everything due by then has been attempted. Works while time runs as well.
        """
        self._running_loop()
        async with self._advancing:
            target = moment(self._clock.now() + seconds)
            while True:
                await self._send_due()
                while self._under_way:
                    await asyncio.wait(set(self._under_way))
                await self._clock.settle()
                moments = (await self._store.next_due(), self._clock.next_wake())
                due = min((one for one in moments if one is not None), default=target + 1)
                if due > target or self._stopped:
                    break
                self._clock.move_to(due)
            self._clock.move_to(target)
            attempted, self._attempted = self._attempted, 0
            return attempted

    async def _send_due(self) -> None:
        while self._cut_short:
            await self._store.settle(self._cut_short.pop(0), self._clock.now())  # as it stood, to be tried again
        while not self._stopped and (delivery := await self._store.claim_due(self._clock.now())) is not None:
            task = await self._store.get(delivery.task_id)
            if task is not None and task.callback_url is not None:
                self._begin(task, replace(delivery, state=DeliveryState.OWED))

    async def tell(self, task: Task) -> None:
        """Attempt what is due of one task's events; returns when that has been attempted."""
        await self._send_due()
        attempts = {attempt for attempt, delivery in self._under_way.items() if delivery.task_id == task.id}
        if attempts:
            await asyncio.wait(attempts)

    def _begin(self, task: Task, claimed: Delivery) -> asyncio.Task[None]:
        """Begin an attempt at a delivery that was claimed; ``claimed`` is how it stood before that.

        Its body is rendered now: what is steered from here on is an event of its own.
        """
        body = claimed.body if claimed.body is not None else self._render(task, claimed.occurred_at)
        work = self._attempt(task, replace(claimed, body=body), body)
        attempt = self._running_loop().create_task(work)
        self._under_way[attempt] = claimed
        attempt.add_done_callback(self._finished)
        return attempt

    def _finished(self, attempt: asyncio.Task[None]) -> None:
        claimed = self._under_way.pop(attempt, None)
        if attempt.cancelled() and claimed is not None:
            self._cut_short.append(claimed)
        self._woken.set()

    async def replay(self, task: Task, number: int) -> Delivery | None:
        """Attempt an event again that was delivered, or is being retried; the delivery as it stands then.

        None when it is under way just now.
        """
        claimed = await self._store.claim(task.id, number)
        if claimed is None or task.callback_url is None:
            return None
        attempt = self._begin(task, claimed)
        await asyncio.wait({attempt})
        self.wake()
        events = await self._store.deliveries(task.id)
        return events[number] if number < len(events) else None

    async def _attempt(self, task: Task, delivery: Delivery, body: bytes) -> None:
        host, receiver = self._lanes_of(task.callback_url or "")
        async with receiver, host:
            outcome = await self._carried(task, delivery, body)
        self._attempted += 1
        over = delivery.state in {DeliveryState.DELIVERED, DeliveryState.GIVEN_UP, DeliveryState.REFUSED}
        settled = after_replay(delivery, outcome) if over else after_attempt(delivery, outcome)
        if settled.state in {DeliveryState.REFUSED, DeliveryState.GIVEN_UP}:
            why = outcome.attempt.error or f"the last answer was {outcome.attempt.status}"
            logger.warning("callback of task %s (%s) is %s: %s", delivery.task_id, delivery.status, settled.state, why)
        await self._store.settle(settled, self._clock.now())

    async def _carried(self, task: Task, delivery: Delivery, body: bytes) -> Outcome:
        now = self._clock.now()
        try:
            return await self._courier.carry(task, delivery, body, now)
        except Exception as error:  # noqa: BLE001 - one event must not hold up the events after it
            logger.exception("callback of task %s: %s", delivery.task_id, type(error).__name__)
            return Outcome(Attempt(now, None, f"kirin-mock failed: {type(error).__name__}", 0.0))

    def _lanes_of(self, url: str) -> tuple[asyncio.Semaphore, asyncio.Semaphore]:
        """The lanes of a URL's host and of its receiver, which is host and path. Unused ones vanish by themselves."""
        manual = self._clock.pace.mode == "manual"
        try:
            parts = urlsplit(url)
            host, path = parts.netloc.rpartition("@")[2].lower(), parts.path
        except ValueError:
            host = path = ""
        lane = self._lanes.setdefault((host, "", manual), asyncio.Semaphore(1 if manual else PER_HOST))
        return lane, self._lanes.setdefault((host, f"/{path}", manual), asyncio.Semaphore(PER_RECEIVER))

    async def stop(self) -> None:
        """End all that is under way, for good."""
        self._stopped = True
        if self._loop is not asyncio.get_running_loop():
            return
        begun = [*self._under_way, *([self._pump] if self._pump is not None else [])]
        running = [one for one in begun if not one.done()]
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._under_way.clear()
        self._pump = None
