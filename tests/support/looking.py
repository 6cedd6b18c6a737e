"""Looks at decoded videos: how alike two pictures are, how a camera moved, where a colour is."""

from __future__ import annotations

import heapq
import io
import itertools
import math
from typing import NamedTuple

import av
import numpy as np
import pytest
from PIL import Image

WORDS = 0.14  # of the height, from below: where captions are


class Seen(NamedTuple):
    """A decoded video: frames per second, its frames, and the seconds and samples of its sound, None without."""

    fps: float
    frames: list
    width: int
    height: int
    sound_seconds: float | None
    sound: np.ndarray | None


def decoded(content, keep=None):
    """All of a video; of its frames those whose numbers ``keep`` has, the others are None."""
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        frames = [
            frame.to_image() if keep is None or number in keep else None
            for number, frame in enumerate(container.decode(stream))
        ]
        fps, size = float(stream.average_rate), (stream.width, stream.height)
        assert float(stream.duration * stream.time_base) == pytest.approx(len(frames) / fps, abs=1e-6)
    with av.open(io.BytesIO(content)) as container:
        if not container.streams.audio:
            return Seen(fps, frames, *size, None, None)
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "aac"
        seconds = float(stream.duration * stream.time_base)
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
    return Seen(fps, frames, *size, seconds, sound)


def gray(image, size=None):
    """Luma as numbers."""
    image = image.convert("L")
    return np.asarray(image if size is None else image.resize(size, Image.Resampling.BOX), dtype=float)


def alike(one, other):
    """The structural similarity of two pictures of one size, in blocks of eight pixels (Wang and others, 2004)."""
    first, second = (_blocks(gray(image)) for image in (one, other))
    means = first.mean(axis=1), second.mean(axis=1)
    spreads = first.var(axis=1), second.var(axis=1)
    both = ((first - means[0][:, None]) * (second - means[1][:, None])).mean(axis=1)
    small, smaller = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    shared = (2 * means[0] * means[1] + small) * (2 * both + smaller)
    return float((shared / ((means[0] ** 2 + means[1] ** 2 + small) * (sum(spreads) + smaller))).mean())


def _blocks(values):
    height, width = (side // 8 * 8 for side in values.shape)
    values = values[:height, :width].reshape(height // 8, 8, width // 8, 8)
    return values.transpose(0, 2, 1, 3).reshape(-1, 64)


class Move(NamedTuple):
    """How a camera moved: to the right and up, in widths and heights; clockwise, in degrees; the view it ended with."""

    x: float = 0.0
    y: float = 0.0
    turn: float = 0.0
    view: float = 1.0


def _steps(most, step):
    return np.arange(-round(most / step), round(most / step) + 1) * step


VIEWS = [math.exp(0.025 * step) for step in range(-22, 23)]
#: What is looked through: every move aside, every zoom with a move along one axis, every turn.
SEARCHED = [
    *(Move(x, y) for x, y in itertools.product(_steps(0.34, 0.01), (0.0,))),
    *(Move(0.0, y) for y in _steps(0.34, 0.01)),
    *(Move(x, 0.0, 0.0, view) for x, view in itertools.product(_steps(0.24, 0.02), VIEWS)),
    *(Move(0.0, y, 0.0, view) for y, view in itertools.product(_steps(0.14, 0.02), VIEWS)),
    *(Move(turn=turn) for turn in _steps(24, 0.5)),
]
#: How many of them are looked at once more, at every pixel.
BEST = 60


def camera_move(first, last):
    """The move that explains best how the last frame came from the first: all are tried, none is assumed.

    All are tried on every second pixel each way, and the best of them on all pixels.
    """
    keep = (0, 0, first.width, round(first.height * (1 - WORDS)))
    size = (160, round(160 * first.height / first.width))
    before, after = gray(first, size), gray(last, size)
    visible = np.zeros(after.shape, bool)
    visible[: round(size[1] * keep[3] / first.height)] = True
    best = heapq.nlargest(BEST, SEARCHED, key=lambda move: _agreement(before, after, move, visible, 2))
    return max(best, key=lambda move: _agreement(before, after, move, visible, 1))


def _agreement(before, after, move, visible, step):
    """How well a view of the first frame fits the last, where it can be seen in the first, by pixels ``step`` apart."""
    height, width = after.shape
    angle = math.radians(move.turn)
    down, across = np.mgrid[0:height:step, 0:width:step].astype(float)
    after, visible = after[::step, ::step], visible[::step, ::step]
    dx, dy = across - (width - 1) / 2, down - (height - 1) / 2
    source_x = (width - 1) / 2 + move.x * width + move.view * (math.cos(angle) * dx - math.sin(angle) * dy)
    source_y = (height - 1) / 2 - move.y * height + move.view * (math.sin(angle) * dx + math.cos(angle) * dy)
    known_rows = round(height * (1 - WORDS))
    inside = visible & (source_x >= 0) & (source_x <= width - 1) & (source_y >= 0) & (source_y <= known_rows - 1)
    if inside.sum() < 0.25 * visible.sum():
        return -1.0
    x, y = source_x[inside], source_y[inside]
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    fx, fy = x - left, y - top
    guess = (
        before[top, left] * (1 - fx) * (1 - fy)
        + before[top, left + 1] * fx * (1 - fy)
        + before[top + 1, left] * (1 - fx) * fy
        + before[top + 1, left + 1] * fx * fy
    )
    truth = after[inside]
    spread = guess.std() * truth.std()
    return float(((guess - guess.mean()) * (truth - truth.mean())).mean() / spread) if spread else -1.0


def middle_of(image, wanted):
    """The centre of all pixels of which ``wanted`` (of red, green and blue) is true, from the left and from below."""
    values = np.asarray(image.convert("RGB"), dtype=int)
    down, across = np.nonzero(wanted(values[..., 0], values[..., 1], values[..., 2]))
    return float(across.mean()), values.shape[0] - 1 - float(down.mean())
