"""Clip: all that a video shows, as a plain value. The same clip always makes the same bytes."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass

from mock_server.endpoint import Endpoint
from mock_server.images import Picture
from mock_server.task import Task


@dataclass(frozen=True, slots=True)
class Clip:
    """Pixels, frames per second, seconds; the picture it starts on, if any; the words on it; ``palette`` and
    ``drift`` decide its colours and its motion.
    """

    width: int
    height: int
    fps: int
    seconds: int
    picture: Picture | None
    title: str
    caption: str
    palette: int
    drift: int

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.fps * self.seconds

    @property
    def name(self) -> str:
        """A file name that no other clip has."""
        return hashlib.blake2b(repr(astuple(self)).encode(), digest_size=16).hexdigest()


def clip_of(endpoint: Endpoint, task: Task) -> Clip:
    """The clip of a task: a pure function of it."""
    form = endpoint.clip(task.params, task.pictures)
    draw = hashlib.blake2b(task.id.encode(), digest_size=4).digest()
    mode = f" {task.params['mode']}" if "mode" in task.params else ""
    return Clip(
        width=form.width,
        height=form.height,
        fps=form.fps,
        seconds=form.seconds,
        picture=task.pictures[form.reference] if form.reference is not None else None,
        title=form.title,
        caption=f"{task.model}{mode}  {task.id[:8]}",
        palette=draw[0],
        drift=draw[1] % 4,
    )
