"""What a video file is: pixels, seconds, frames and tracks, from the boxes of its mp4, and whether it can be decoded.

Section numbers are those of ISO/IEC 14496-12. Whatever the bytes are, reading ends, and says what is wrong with them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec

#: Boxes that hold boxes which are of interest here.
_HOLDERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
#: More boxes than any film here has; reading ends there.
_MOST_BOXES = 2000
#: Whether frames can be decoded here; without PyAV only the boxes are read.
DECODES = find_spec("av") is not None


class NoFilm(Exception):
    """The bytes are no mp4 with pictures; the text says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Film:
    """An mp4. ``frames`` are those of the pictures, ``rate`` how many of them a second has, ``sound`` whether it has a
    track of sound. ``seconds`` and ``frames`` are 0 where the file is in fragments, which are not read here.
    """

    width: int = 0
    height: int = 0
    seconds: float = 0.0
    frames: int = 0
    sound: bool = False

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class _Track:
    handler: bytes = b""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    samples: int = 0


def read(content: bytes) -> Film:
    """The film that the bytes are. Raises NoFilm."""
    if content[4:8] != b"ftyp":
        raise NoFilm(f"the file does not begin like an mp4, but with {content[:16]!r}")
    found = list(_boxes(content))
    names = {name for name, _, _ in found}
    for due in (b"moov", b"mdat"):
        if due not in names:
            raise NoFilm(f"the mp4 has no {due.decode()} box")
    tracks = _tracks(content, found)
    pictures = next((track for track in tracks if track.handler == b"vide"), None)
    if pictures is None or not (pictures.samples or b"mvex" in names):
        raise NoFilm("the mp4 has no pictures")
    sound = any(track.handler == b"soun" for track in tracks)
    return Film(pictures.width, pictures.height, pictures.seconds, pictures.samples, sound)


def decoded(content: bytes) -> int:
    """How many of its frames can be decoded. Raises NoFilm. Call it only where DECODES is true."""
    import av

    try:
        with av.open(io.BytesIO(content), mode="r") as container:
            return sum(1 for _ in container.decode(container.streams.video[0]))  # one frame at a time in memory
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise NoFilm(f"the video cannot be decoded: {error}") from None


def _boxes(content: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """The boxes with their name, and where their content begins and ends [4.2]. Raises NoFilm."""
    spans, count = [(start, len(content) if end is None else end)], 0
    while spans:
        place, last = spans.pop()
        if place + 8 > last:
            continue
        size, name, head = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8], 8
        if size == 1:
            size, head = int.from_bytes(content[place + 8 : place + 16]), 16
        elif size == 0:
            size = last - place
        count += 1
        if size < head or place + size > last or count > _MOST_BOXES:
            raise NoFilm(f"the mp4 is cut off or broken at byte {place}, in its box {name!r}")
        spans.append((place + size, last))
        yield name, place + head, place + size
        if name in _HOLDERS:
            spans.append((place + head, place + size))


def _tracks(content: bytes, found: list[tuple[bytes, int, int]]) -> list[_Track]:
    """The tracks, in the order of the file."""
    tracks: list[_Track] = []
    for name, start, end in found:
        if name == b"trak":
            tracks.append(_Track())
        elif tracks and name in _FACTS:
            tracks[-1] = _FACTS[name](tracks[-1], content[start:end])
    return tracks


def _u32(content: bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 4])


def _header(track: _Track, box: bytes) -> _Track:
    """Track header [8.3.2]: width and height are its last two numbers, in 16.16."""
    return replace(track, width=_u32(box, len(box) - 8) >> 16, height=_u32(box, len(box) - 4) >> 16)


def _media(track: _Track, box: bytes) -> _Track:
    """Media header [8.4.2]: how long it is, in ticks of its scale."""
    scale, ticks = (_u32(box, 20), int.from_bytes(box[24:32])) if box[:1] == b"\1" else (_u32(box, 12), _u32(box, 16))
    return replace(track, seconds=ticks / scale if scale else 0.0)


def _handler(track: _Track, box: bytes) -> _Track:
    """Handler [8.4.3]: vide or soun."""
    return replace(track, handler=box[8:12])


def _sizes(track: _Track, box: bytes) -> _Track:
    """Sizes of samples [8.7.3]: how many there are."""
    return replace(track, samples=_u32(box, 8))


_FACTS = {b"tkhd": _header, b"mdhd": _media, b"hdlr": _handler, b"stsz": _sizes}
