"""The frames of a shot, one by one, in planes of luma and colour: half the work of pixels in red, green and blue."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import av
from av.video.reformatter import Colorspace
from PIL import Image

from mock_server.core.images import Picture
from mock_server.media.camera import CameraPath, CameraTransform, pose, reach
from mock_server.media.clip import DISSOLVE, BrushStroke, Clip, Shot, StaticFrame
from mock_server.media.paint import area, canvas, healed, overlay, scale_of

Contents = Mapping[str, bytes]
Size = tuple[int, int]
#: No view goes further than this beyond the frame, whatever is asked for.
_MOST_MARGIN = 0.9
#: How much a still is enlarged, once, that is seen from turned views.
FINER = 3


@dataclass(frozen=True, slots=True)
class Planes:
    """An image as luma in full size, and blue and red difference in half of it."""

    luma: Image.Image
    blue: Image.Image
    red: Image.Image

    def __iter__(self) -> Iterator[tuple[Image.Image, int]]:
        """Each plane, and how many pixels of the image one of it is across."""
        return iter(((self.luma, 1), (self.blue, 2), (self.red, 2)))

    def copy(self) -> Planes:
        """One that can be drawn on."""
        return Planes(self.luma.copy(), self.blue.copy(), self.red.copy())


def planes(image: Image.Image) -> Planes:
    """An image of even width and height in planes, by BT.709."""
    frame = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]  # PyAV has no types here
    frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
    return Planes(*(_plane(frame, place) for place in range(3)))


def _plane(frame: av.VideoFrame, place: int) -> Image.Image:
    plane = frame.planes[place]
    size = (plane.width, plane.height)
    return Image.frombytes("L", size, bytes(plane), "raw", "L", plane.line_size, 1)


def frame_of(image: Planes) -> av.VideoFrame:
    """Planes as the encoder takes them."""
    frame = av.VideoFrame(image.luma.width, image.luma.height, "yuv420p")
    for place, (plane, _) in enumerate(image):
        target = frame.planes[place]
        target.update(plane.tobytes("raw", "L", target.line_size, 1))
    return frame


@dataclass(frozen=True, slots=True)
class Layer:
    """Planes that lie over a frame where ``mask`` says so; ``left`` and ``top`` are even."""

    image: Planes
    mask: Planes
    left: int
    top: int

    def over(self, frame: Planes, dx: int = 0, dy: int = 0) -> None:
        """Draw it, so many pixels further to the right and down."""
        left, top = self.left + dx, self.top + dy
        for (target, part), (source, _), (mask, _) in zip(frame, self.image, self.mask, strict=True):
            target.paste(source, (left // part, top // part), mask)


def layer(image: Image.Image, mask: Image.Image) -> Layer | None:
    """The part of an image that a mask shows; None if it shows none."""
    box = mask.getbbox()
    if box is None:
        return None
    left, top = box[0] & ~1, box[1] & ~1
    right, bottom = min(image.width, box[2] + 1 & ~1), min(image.height, box[3] + 1 & ~1)
    part = mask.crop((left, top, right, bottom))
    half = part.reduce(2)
    return Layer(planes(image.crop((left, top, right, bottom))), Planes(part, half, half), left, top)


class Scene:
    """A still that a camera looks at on its way."""

    def __init__(self, clip: Clip, still: StaticFrame, way: CameraPath, contents: Contents) -> None:
        self._size = (clip.width, clip.height)
        sides, ups = (min(beyond, _MOST_MARGIN) for beyond in reach(way, clip.width / clip.height))
        self.margin = (_even(sides * clip.width), _even(ups * clip.height))
        self._way = way
        self._finer = FINER if any(one.turn for one in way) else 1
        self._last: tuple[CameraTransform, Planes] | None = None
        self.put(canvas(clip, still, self._size, self.margin, contents))

    def put(self, image: Image.Image) -> None:
        """Look at an image from now on; it has the margin too."""
        self.image = image
        found = planes(image)
        if self._finer > 1:
            sizes = [(plane.width * self._finer, plane.height * self._finer) for plane, _ in found]
            enlarged = (
                plane.resize(size, Image.Resampling.BICUBIC) for (plane, _), size in zip(found, sizes, strict=True)
            )
            found = Planes(*enlarged)
        self._planes = found

    def at(self, part: float) -> Planes:
        """What the camera sees after that part of its way. It is not to be drawn on."""
        here = pose(self._way, part)
        if self._last is None or self._last[0] != here:
            self._last = here, Planes(*(self._seen(plane, part_of, here) for plane, part_of in self._planes))
        return self._last[1]

    def _seen(self, plane: Image.Image, part: int, here: CameraTransform) -> Image.Image:
        width, height = self._size[0] // part, self._size[1] // part
        x = self.margin[0] / part + width * (0.5 + here.x)
        y = self.margin[1] / part + height * (0.5 - here.y)
        if self._finer > 1:
            return _turned(plane, (width, height), (x * self._finer, y * self._finer), here)
        half = width * here.view / 2, height * here.view / 2
        box = (
            max(0.0, x - half[0]),
            max(0.0, y - half[1]),
            min(float(plane.width), x + half[0]),
            min(float(plane.height), y + half[1]),
        )
        if here.view == 1 and all(edge == int(edge) for edge in box):
            return plane.crop((int(box[0]), int(box[1]), int(box[2]), int(box[3])))
        return plane.resize((width, height), Image.Resampling.BILINEAR, box)


def _turned(plane: Image.Image, size: Size, middle: tuple[float, float], here: CameraTransform) -> Image.Image:
    """A turned view of a plane that was enlarged beforehand: then the nearest sample is near enough, and soon found."""
    angle = math.radians(here.turn)
    across, along = math.cos(angle) * here.view * FINER, math.sin(angle) * here.view * FINER
    width, height = size
    start = (
        middle[0] - across * width / 2 + along * height / 2,
        middle[1] - along * width / 2 - across * height / 2,
    )
    terms = (across, -along, start[0], along, across, start[1])
    return plane.transform(size, Image.Transform.AFFINE, terms, Image.Resampling.NEAREST)


def _even(length: float) -> int:
    return math.ceil(length / 2) * 2


def frames(clip: Clip, shot: Shot, contents: Contents) -> Iterator[Planes]:
    """All frames of a shot."""
    start = Scene(clip, shot.starts, shot.way, contents)
    end = Scene(clip, shot.ends, shot.end_way, contents) if shot.ends is not None else None
    on_top = overlay(clip, shot)
    words = layer(on_top.convert("RGB"), on_top.getchannel("A"))
    brush = _Brush(clip, shot, start, contents)
    for number in range(shot.frames):
        part = number / max(1, shot.frames - 1)
        frame = _dissolved(start, end, part).copy()
        brush.draw(frame, part)
        if words is not None:
            words.over(frame)
        yield frame


def _dissolved(start: Scene, end: Scene | None, part: float) -> Planes:
    """What is seen of two scenes, the one giving way to the other."""
    if end is None or part <= DISSOLVE[0]:
        return start.at(part)
    if part >= DISSOLVE[1]:
        return end.at(part)
    along = (part - DISSOLVE[0]) / (DISSOLVE[1] - DISSOLVE[0])
    share = along * along * (3 - 2 * along)
    pairs = zip(start.at(part), end.at(part), strict=True)
    return Planes(*(Image.blend(one, other, share) for (one, _), (other, _) in pairs))


class _Brush:
    """The strokes of a motion brush: what each has cut out of the picture, and the way it takes."""

    def __init__(self, clip: Clip, shot: Shot, scene: Scene, contents: Contents) -> None:
        self._strokes: list[tuple[Layer, BrushStroke, float]] = []
        self._kept: Layer | None = None
        size = (clip.width, clip.height)
        if not shot.strokes and shot.kept is None:
            return
        across, down = scene.margin
        image = scene.image.crop((across, down, across + size[0], down + size[1]))
        for stroke in shot.strokes:
            cut = self._cut(image, stroke.mask, scene, contents)
            if cut is not None:
                self._strokes.append((cut, stroke, scale_of(stroke, size)))
        if shot.kept is not None:
            self._kept = self._cut(image, shot.kept, scene, contents)

    def _cut(self, image: Image.Image, mask: Picture, scene: Scene, contents: Contents) -> Layer | None:
        """What a mask shows of an image; the scene is left without it, as if it had never been there."""
        painted = area(contents[mask.digest], image.size) if mask.digest in contents else None
        cut = layer(image, painted) if painted is not None else None
        if cut is not None and painted is not None:
            gone = Image.new("L", scene.image.size)
            gone.paste(painted, scene.margin)
            scene.put(healed(scene.image, gone))
        return cut

    def draw(self, frame: Planes, part: float) -> None:
        """Draw everything where it is after that part of the shot."""
        for cut, stroke, scale in self._strokes:
            x, y = along(stroke.points, part)
            moved = (x - stroke.points[0][0]) * scale, (stroke.points[0][1] - y) * scale
            cut.over(frame, round(moved[0] / 2) * 2, round(moved[1] / 2) * 2)
        if self._kept is not None:
            self._kept.over(frame)


def along(points: tuple[tuple[int, int], ...], part: float) -> tuple[float, float]:
    """Where something is on a polyline after that part of its length."""
    legs = [math.dist(one, other) for one, other in itertools.pairwise(points)]
    left = sum(legs) * part
    for place, leg in enumerate(legs):
        if leg and (left <= leg or place == len(legs) - 1):
            share = min(1.0, left / leg)
            (x, y), (to_x, to_y) = points[place], points[place + 1]
            return x + (to_x - x) * share, y + (to_y - y) * share
        left -= leg
    return float(points[-1][0]), float(points[-1][1])
