"""A thread of its own for the client under test, so that one that hangs can be left behind."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class WorkerThread:
    """Does one thing after another. What it is given raises nothing."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[None] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True, name="kirin-mock client").start()

    def start(self, job: Callable[[], None]) -> None:
        """Begin with something; it goes on by itself."""
        self._jobs.put(job)

    def ended(self, timeout: float) -> bool:
        """Whether it is done, after so many real seconds at the latest."""
        try:
            self._ended.get(timeout=timeout)
        except queue.Empty:
            return False
        return True

    def let_go(self) -> None:
        """There is nothing more to do."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            self._ended.put(None)
