"""What a client in this process leaves behind: threads, asyncio tasks, and connections."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
from collections.abc import Collection
from typing import Any

from mock_server.core.clock import stopwatch
from mock_server.verify.client.http_bridge import HttpBridge

#: So many connections may stay open for a client's next intent.
MOST_OPEN = 8
#: Real seconds in which what is let go of ends.
TO_END = 0.5
#: How often the loop runs for tasks that were cancelled.
ROUNDS = 5
_OURS = "kirin-mock"
_IDLE = frozenset({"concurrent/futures/thread.py"})


def threads() -> frozenset[threading.Thread]:
    """The threads there are."""
    return frozenset(threading.enumerate())


def close_adapter(adapter: Any, runner: asyncio.Runner) -> None:
    """Let an adapter close its client, if it has a method for that."""
    close = getattr(adapter, "close", None)
    if not callable(close):
        return
    closed = close()
    if inspect.iscoroutine(closed):
        runner.run(closed)


async def pending_tasks() -> str:
    """The tasks of the running loop that are still there, beside the one that asks."""
    own = asyncio.current_task()
    for _ in range(ROUNDS):
        others = [task for task in asyncio.all_tasks() if task is not own]
        if not others:
            return ""
        await asyncio.sleep(0)
    return f"an asyncio task ({getattr(others[0].get_coro(), '__qualname__', others[0].get_name())})"


def left_behind(before: Collection[threading.Thread], bridge: HttpBridge | None) -> str:
    """What is there that was not before, once the client could be collected; empty if nothing is."""
    if _new(before):
        gc.collect()  # a pool without an owner ends its threads
        until = stopwatch() + TO_END
        for thread in _new(before):
            thread.join(max(until - stopwatch(), 0.0))
    found = _new(before)
    if found:
        return f"the thread {found[0].name!r}"
    if bridge is not None and bridge.open_connections > MOST_OPEN:
        gc.collect()
    return open_connections(bridge)


def open_connections(bridge: HttpBridge | None) -> str:
    """More connections than a client keeps for its next intent, in words."""
    if bridge is None or bridge.open_connections <= MOST_OPEN:
        return ""
    return f"{bridge.open_connections} open connections"


def _new(before: Collection[threading.Thread]) -> list[threading.Thread]:
    """The threads that came since, but not the harness's own, nor those of a pool that wait for work."""
    frames = sys._current_frames()  # noqa: SLF001 - documented, in spite of its name
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before
        and not thread.name.startswith(_OURS)
        and not _waits_in_pool(frames.get(thread.ident or 0))
    ]


def _waits_in_pool(frame: Any) -> bool:
    return frame is not None and any(frame.f_code.co_filename.replace("\\", "/").endswith(one) for one in _IDLE)
