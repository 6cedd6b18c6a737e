"""Who is due next. One scheduler a world; it sleeps while nothing is owed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from mock_server.callback import Courier, after_attempt
from mock_server.clock import Clock
from mock_server.stores import Store
from mock_server.task import Delivery, DeliveryState, Task

logger = logging.getLogger("kirin-mock")

Render = Callable[[Task, float], bytes]

#: Deliveries under way to one host at once while time runs; under a manual clock one, so that order never varies.
PER_HOST = 8


class Scheduler:
    """Hands what is due to the courier. ``render`` makes the body: a task as the poll shows it at a moment."""

    def __init__(self, clock: Clock, store: Store, courier: Courier, render: Render) -> None:
        self._clock = clock
        self._store = store
        self._courier = courier
        self._render = render
        self._woken = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._lanes: dict[tuple[str, bool], asyncio.Semaphore] = {}
        self._advancing = asyncio.Lock()
        self.attempted = 0

    def wake(self) -> None:
        """Something may be owed now; see to it."""
        self._woken.set()
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            await self._send_due()
            due = await self._store.next_due()
            if due is None and not self._under_way:
                return
            await self._clock.wait(due, self._woken)

    async def advance_to(self, target: float) -> int:
        """Move time on, stopping at every due moment; the number of attempts that ended meanwhile.

        Returns when everything due by then has been attempted. Works while time runs as well.
        """
        async with self._advancing:
            before = self.attempted
            while True:
                await self._send_due()
                while self._under_way:
                    await asyncio.wait(set(self._under_way))
                due = await self._store.next_due()
                if due is None or due > target:
                    break
                self._clock.move_to(due)
            self._clock.move_to(target)
            return self.attempted - before

    async def _send_due(self) -> None:
        while (delivery := await self._store.claim_due(self._clock.now())) is not None:
            task = await self._store.get(delivery.task_id)
            if task is None or task.callback_url is None:
                continue
            # Rendered now: what is steered from here on is news of its own.
            body = delivery.body if delivery.body is not None else self._render(task, delivery.tells_of)
            work = self._attempt(task.callback_url, replace(delivery, body=body), body)
            attempt = asyncio.get_running_loop().create_task(work)
            self._under_way.add(attempt)
            attempt.add_done_callback(self._finished)

    def _finished(self, attempt: asyncio.Task[None]) -> None:
        self._under_way.discard(attempt)
        self._woken.set()

    async def _attempt(self, url: str, delivery: Delivery, body: bytes) -> None:
        async with self._lane(url):
            outcome = await self._courier.carry(url, delivery, body, self._clock.now())
        self.attempted += 1
        settled = after_attempt(delivery, outcome)
        if settled.state in {DeliveryState.REFUSED, DeliveryState.GIVEN_UP}:
            why = outcome.attempt.error or f"the last answer was {outcome.attempt.status}"
            logger.warning("callback of task %s (%s) is %s: %s", delivery.task_id, delivery.status, settled.state, why)
        await self._store.settle(settled, self._clock.now())

    def _lane(self, url: str) -> asyncio.Semaphore:
        manual = self._clock.pace.mode == "manual"
        try:
            host = urlsplit(url).netloc.rpartition("@")[2].lower()
        except ValueError:
            host = ""
        return self._lanes.setdefault((host, manual), asyncio.Semaphore(1 if manual else PER_HOST))

    async def stop(self) -> None:
        """End all that is under way."""
        begun = [*self._under_way, *([self._pump] if self._pump is not None else [])]
        running = [one for one in begun if not one.done()]
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._under_way.clear()
        self._pump = None
