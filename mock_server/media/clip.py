"""Clip: all that a video shows, as a plain value, planned from its task. The same clip always makes the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from mock_server.contract.endpoint import ClipFormat, Endpoint
from mock_server.contract.rules import Json
from mock_server.core.images import Picture, is_url
from mock_server.core.version import __version__
from mock_server.media.camera import REST, CameraPath, drift, way_of
from mock_server.platform.task import Task

#: Of a shot that ends on another picture than it starts on: the part after which the one gives way to the other.
DISSOLVE = (0.3, 0.7)
#: How far the camera closes in by itself: on one picture, and on several, of which all are to stay in view.
FAR, CLOSE = 0.12, 0.05
#: Pixels beyond which a coordinate makes no difference.
FAR_OUT = 20_000


@dataclass(frozen=True, slots=True)
class StaticFrame:
    """What a shot looks at: one picture that fills the frame, several ``together``, or a card with words if none."""

    pictures: tuple[Picture, ...] = ()
    together: bool = False
    words: str = ""


@dataclass(frozen=True, slots=True)
class BrushStroke:
    """What a motion brush moves: where ``mask`` is bright, along ``points``, in its pixels from the bottom left."""

    mask: Picture
    image: Picture
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot: its frames, what it starts and ends on, the ways of the camera before each, the strokes of a brush and
    the mask of what they leave alone, the words below and the badge in the corner.
    """

    frames: int
    starts: StaticFrame
    way: CameraPath
    ends: StaticFrame | None = None
    end_way: CameraPath = (REST, REST)
    strokes: tuple[BrushStroke, ...] = ()
    kept: Picture | None = None
    words: str = ""
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Clip:
    """Pixels, frames per second, the shots; ``title`` and ``comment`` for players, ``caption`` to be seen, one line
    each; ``palette`` decides the colours of what is drawn.
    """

    width: int
    height: int
    fps: int
    seconds: int
    shots: tuple[Shot, ...]
    title: str
    comment: str
    caption: tuple[str, ...]
    palette: int
    sound: bool = False
    watermark: bool = False

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.fps * self.seconds

    @property
    def name(self) -> str:
        """A file name that no other clip has, nor this one of another version."""
        described = f"{__version__} {astuple(self)}"
        return hashlib.blake2b(described.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    @property
    def pictures(self) -> dict[str, Picture]:
        """All pictures that it shows or goes by, by their digest."""
        found: list[Picture | None] = []
        for shot in self.shots:
            found += [*shot.starts.pictures, *(shot.ends.pictures if shot.ends is not None else ()), shot.kept]
            found += [picture for stroke in shot.strokes for picture in (stroke.mask, stroke.image)]
        return {picture.digest: picture for picture in found if picture is not None}


def clip_of(endpoint: Endpoint, task: Task, number: int = 0) -> Clip:
    """The clip of a task, of several the ``number``-th: a pure function of it."""
    plan = _Plan(endpoint.clip(task.params, task.pictures), task, number)
    form = plan.form
    return Clip(
        width=form.width,
        height=form.height,
        fps=form.fps,
        seconds=form.seconds,
        shots=plan.shots(),
        title=form.title or task.model,
        comment=f"{task.model} {task.id}",
        caption=tuple(_caption(task, form)),
        palette=plan.draw[0],
        sound=form.sound,
        watermark=bool((task.params.get("watermark_info") or {}).get("enabled")),
    )


class _Plan:
    def __init__(self, form: ClipFormat, task: Task, number: int) -> None:
        self.form = form
        self.params = task.params
        self.pictures = task.pictures
        drawn = f"{form.title}/{task.params.get('seed', task.id)}/{number}"
        self.draw = hashlib.blake2b(drawn.encode(), digest_size=8).digest()

    def shots(self) -> tuple[Shot, ...]:
        form = self.form
        if not form.shots:
            words = form.title if form.first or form.last or form.together else ""
            shots = [replace(self._shot(form.fps * form.seconds, 0), words=words)]
        else:
            shots = [
                replace(self._shot(shot.seconds * form.fps, place), words=shot.prompt, badge=f"{shot.index}")
                for place, shot in enumerate(form.shots)
            ]
        if form.last is not None:
            shots[-1] = self._ended(shots[-1], form.last, alone=form.first is None)
        return tuple(shots)

    def _shot(self, frames: int, place: int) -> Shot:
        """The shot at a place, without its words."""
        still = self._start()
        shot = Shot(frames, still, drift(self.draw[1] + place, CLOSE if still.together else FAR))
        if place:  # another view of the same: each shot starts closer in, and moves elsewhere
            near, aside = drift(self.draw[1] + place, FAR)[1], drift(self.draw[1] + place + 2, 2 * FAR)[1]
            shot = replace(shot, way=(near, aside))
        control = self.params.get("camera_control")
        if isinstance(control, Mapping):
            shot = replace(shot, way=way_of(control)[0])
        return self._brushed(shot)

    def _start(self) -> StaticFrame:
        form = self.form
        if form.together:
            pictures = tuple(self.pictures[path] for path in form.together if path in self.pictures)
            return StaticFrame(pictures, together=True) if pictures else StaticFrame(words=_elsewhere(self.params))
        path = form.first or form.last
        if path is None:
            return StaticFrame(words=form.title)
        return self._photo(path)

    def _photo(self, path: str) -> StaticFrame:
        found = self.pictures.get(path)
        return StaticFrame((found,)) if found is not None else StaticFrame(words=_elsewhere(self.params, path))

    def _ended(self, shot: Shot, path: str, *, alone: bool) -> Shot:
        """A shot that ends on a picture, and comes to rest there."""
        to_rest = (drift(self.draw[2], FAR)[1], REST)
        if alone and shot.starts == self._photo(path):
            return replace(shot, way=to_rest)
        return replace(shot, ends=self._photo(path), end_way=to_rest)

    def _brushed(self, shot: Shot) -> Shot:
        """A shot in which a motion brush moves its part of the image. The camera stands still for it."""
        image, kept = self.pictures.get("image"), self.pictures.get("static_mask")
        strokes = tuple(self._strokes(image)) if image is not None else ()
        if image is None or not (strokes or kept):
            return shot
        return replace(shot, way=(REST, REST) if strokes else shot.way, strokes=strokes, kept=kept)

    def _strokes(self, image: Picture) -> Iterator[BrushStroke]:
        for place, stroke in enumerate(self.params.get("dynamic_masks") or ()):
            mask = self.pictures.get(f"dynamic_masks[{place}].mask")
            if mask is not None:
                points = tuple((_within(point["x"]), _within(point["y"])) for point in stroke["trajectories"])
                yield BrushStroke(mask, image, points)


def _within(place: float) -> int:
    """A coordinate; what is far out of every picture is only as far as that."""
    return int(max(-FAR_OUT, min(FAR_OUT, place)))


def _elsewhere(params: Json, path: str | None = None) -> str:
    """What stands for pictures that were given as URLs, and not fetched."""
    given = [params.get(path)] if path else [one.get("image") for one in params.get("image_list") or ()]
    return "\n".join(url for url in given if isinstance(url, str) and is_url(url)) or "no picture"


def _caption(task: Task, form: ClipFormat) -> Iterator[str]:
    """What was asked for, in few words: the model and form, then the parameters, then what is not wanted."""
    params = task.params
    size = f"{form.width}x{form.height}"
    first = [task.model, params.get("mode"), f"{form.seconds} s", size, f"{form.fps} fps", task.id[:8]]
    yield _line(first)
    parts = [f"{name} {params[name]:g}" for name in ("seed", "cfg_scale") if name in params and name != "seed"]
    if "seed" in params:
        parts.insert(0, f"seed {params['seed']}")
    if isinstance(params.get("camera_control"), Mapping):
        parts.append(f"camera {way_of(params['camera_control'])[1]}")
    if params.get("sound") == "on":
        parts.append("sound on")
    elements = [str(one["element_id"]) for one in params.get("element_list") or ()]
    if elements:
        parts.append(f"elements {', '.join(elements)}")
    if parts:
        yield _line(parts)
    if params.get("negative_prompt"):
        yield f"not: {params['negative_prompt']}"


def _line(parts: Sequence[Any]) -> str:
    return "  ·  ".join(str(part) for part in parts if part)
