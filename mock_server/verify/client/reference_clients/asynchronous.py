"""The reference client for asyncio: the same policy, and other ways to wait and to send."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import httpx

from mock_server.verify.client.kit import Intent, Kit, Outcome
from mock_server.verify.client.reference_clients.reference import MOST_TRIES, SUBMIT, Policy, TimeIsUp


class Asynchronous(Policy):
    """Submits, polls and downloads as a coroutine; a user who cancels cancels it."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self.http = httpx.AsyncClient(transport=kit.transport, base_url=kit.base_url, trust_env=False)
        self.work: asyncio.Task[Outcome] | None = None

    async def run(self, intent: Intent, deadline: float) -> Outcome:
        """Carry out an intent."""
        self.begin(intent, deadline)
        self.work = asyncio.create_task(self.carried_out(intent))
        try:
            outcome = await self.work
        except asyncio.CancelledError:
            outcome = Outcome("cancelled")
        except TimeIsUp:
            outcome = Outcome("timeout")
        self.kit.emit(outcome)
        return outcome

    def cancel(self) -> None:
        """The user does not want it any more."""
        if self.work is not None:
            self.work.cancel()

    async def carried_out(self, intent: Intent) -> Outcome:
        """What comes of an intent."""
        answer = await self.tried(lambda: self.sent(intent))
        if answer is None:
            return Outcome("gave_up")
        if not self.is_made(answer):
            return self.rejected(answer)
        outcome = await self.followed()
        if not intent.download or outcome.said != "completed":
            return outcome
        saved = [digest for url in outcome.urls if (digest := await self.digest(url))]
        return Outcome("completed", outcome.task_id, outcome.urls, cost=outcome.cost, saved=saved)

    async def sent(self, intent: Intent) -> httpx.Response:
        """Submit, and remember when nobody can say what came of it. Raises httpx.TransportError."""
        self.orders.add(self.order)
        try:
            return self.learned(await self.http.post(SUBMIT, json=self.body(intent), headers=self.headers()))
        except httpx.TransportError:
            self.unsure = True
            raise

    async def tried(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response | None:
        """A call, tried again while that makes sense; None when it never worked. Raises TimeIsUp."""
        for attempt in range(MOST_TRIES):
            answer = None
            try:
                answer = await send()
                if self.is_the_answer(answer):
                    return answer
            except httpx.HTTPError:
                pass  # also a body that is not encoded as it says
            await self.sleep(self.wait_after(answer, attempt))
        return None

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises TimeIsUp."""
        self.require_time(seconds)
        await self.kit.asleep(seconds)

    async def followed(self) -> Outcome:
        """Wait for the end of the task."""
        gap = self.poll_gap
        while self.kit.now() + gap < self.ends_by:
            await self.sleep(gap)
            gap = self.next_gap(gap)
            if self.task is not None:
                return self.ended(self.task)
            answer = await self.tried(lambda: self.http.get(self.poll_path(), headers=self.headers()))
            if answer is None:
                return Outcome("gave_up")
            if (denied := self.denied(answer)) is not None:
                return denied
            if answer.is_success and self.is_final(answer.json()):
                return self.ended(answer.json())
        return Outcome("timeout")

    async def digest(self, url: str) -> str:
        """Fetch a video, again if it breaks off; the digest of what came, or nothing."""
        for attempt in range(MOST_TRIES):
            try:
                answer = (await self.http.get(url)).raise_for_status()
                return hashlib.sha256(answer.content).hexdigest()
            except httpx.HTTPError:
                await self.sleep(self.wait_after(None, attempt))
        return ""
