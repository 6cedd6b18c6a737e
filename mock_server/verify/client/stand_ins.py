"""What stands in for parts of the server on the platform of a run, where nothing waits and nothing is rendered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from mock_server.media.clip import Clip
from mock_server.platform.task import Task
from mock_server.web.api.media import Media
from mock_server.web.messages import Answer, Call

Result = TypeVar("Result")


def finished(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    work.close()
    raise RuntimeError("the platform of a run waits for something")


class SmallMedia(Media):
    """In place of clips: a few bytes for each, other ones for every clip."""

    async def answer(self, call: Call, clip: Clip, ended_at: float) -> Answer:
        """See Media."""
        return Answer(200, clip_bytes(call.path), [(b"content-type", b"video/mp4")])


def clip_bytes(path: str) -> bytes:
    """What stands for the clip at a path: the boxes of an MP4, and something of its own in them."""
    own = hashlib.shake_256(path.encode()).digest(1_500)
    return b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + (len(own) + 8).to_bytes(4) + b"free" + own


class Quiet:
    """In place of a scheduler: what is owed is delivered when the client sleeps, or before a submit has answered where
    somebody can take it then.
    """

    def __init__(self, deliver: Callable[[], None]) -> None:
        self._deliver = deliver

    def wake(self) -> None:
        """Nothing is to be done now."""

    async def tell(self, task: Task) -> None:
        """Deliver what is due now."""
        self._deliver()

    async def stop(self) -> None:
        """Nothing is under way."""


def key_of(authorization: bytes) -> bytes:
    """The key in a header that says ``Bearer KEY`` or ``Key KEY``."""
    return authorization.strip().partition(b" ")[2].strip()
