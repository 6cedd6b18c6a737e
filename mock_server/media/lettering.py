"""Sets text in any script: by the built-in typeface, else by one of the system's, and as codes what none of them has.

Sizes are in pixels. What a machine's typefaces have decides what is seen, so the same clip may differ between machines
whose typefaces differ.
"""

from __future__ import annotations

import functools
import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont
Colour = tuple[int, int, int, int]

#: What comes first of the system's typefaces, by words in their file's name.
_LIKED = ("notosans-regular", "dejavusans.", "notosanscjk", "notosans", "arial", "helvetica", "emoji", "symbol")
#: Typefaces of coloured pictures have them in one size only.
_BITMAP_SIZE = 109
_MOST_FILES = 2_000
#: How many typefaces are looked at, and by how many characters of a block.
_MOST_FACES, _SAMPLES = 100, 6
#: A character that no typeface has; what is drawn for it is drawn for all that are missing.
_NOBODYS = "\U0010fffe"
_JOINERS = frozenset("\u200d\ufe0e\ufe0f\u20e3")


@dataclass(frozen=True, slots=True)
class Run:
    """Characters that one typeface has; of ``face`` None none has them."""

    text: str
    face: str | None

    def width(self, size: int) -> float:
        """How wide it is."""
        if self.face is None:
            return sum(_code_width(size) for _ in self.text)
        font, scale = _font(self.face, size)
        return float(font.getlength(self.text)) * scale


Line = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of text in one size."""

    lines: tuple[Line, ...]
    size: int

    @property
    def leading(self) -> int:
        """From one line to the next."""
        return round(self.size * 1.28)

    @property
    def height(self) -> int:
        """Of all lines."""
        return self.leading * len(self.lines)

    @property
    def width(self) -> int:
        """Of the widest line."""
        return round(max((_width(line, self.size) for line in self.lines), default=0))

    def draw(self, image: Image.Image, left: float, top: float, colour: Colour, align: float = 0.0) -> None:
        """Draw it with its top left corner there; ``align`` is 0 for lines that start together, 0.5 for the middle."""
        for place, line in enumerate(self.lines):
            at = left + (self.width - _width(line, self.size)) * align
            for run in line:
                _draw_run(image, run, (at, top + place * self.leading + self.size), self.size, colour)
                at += run.width(self.size)


def fitted(text: str, width: float, height: float, sizes: Sequence[int]) -> Block:
    """Text in the largest of ``sizes`` in which it fits; in the smallest it is cut off."""
    for size in sizes:
        block = Block(tuple(_wrapped(text, width, size)), size)
        if block.height <= height and block.width <= width:
            return block
    most = max(1, int(height // Block((), sizes[-1]).leading))
    lines = block.lines[:most]
    return Block((*lines[:-1], (*lines[-1], Run("…", ""))) if len(block.lines) > most else lines, sizes[-1])


def line_of(text: str, size: int, width: float) -> Block:
    """Text in one line, cut off where it is too long."""
    text = " ".join(text.split())
    kept = text[:400]
    while kept and _width(tuple(_runs(kept)), size) > width:
        kept = kept[: int(len(kept) * 0.95) or 0]
    return Block((tuple(_runs(kept if kept == text else f"{kept.rstrip()}…")),), size)


def _wrapped(text: str, width: float, size: int) -> Iterator[Line]:
    for paragraph in text.splitlines() or [""]:
        line = ""
        for piece in _pieces(paragraph):
            if line and _width(tuple(_runs((line + piece).rstrip())), size) > width:
                yield tuple(_runs(line.rstrip()))
                line = piece.lstrip()
            else:
                line += piece
        yield tuple(_runs(line.rstrip()))


def _pieces(paragraph: str) -> Iterator[str]:
    """Where a line may be broken: after spaces, between wide characters, and in words that are very long."""
    piece = ""
    for character in paragraph:
        wide = unicodedata.east_asian_width(character) in "WF" and character not in _JOINERS
        if piece and (wide or piece[-1].isspace() or len(piece) >= 24) and not _joins(character, piece):
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def _joins(character: str, before: str) -> bool:
    """Whether a character belongs to the one before it."""
    return character in _JOINERS or unicodedata.combining(character) > 0 or before.endswith("\u200d")


@functools.lru_cache(4096)
def _width(line: Line, size: int) -> float:
    return sum(run.width(size) for run in line)


@functools.lru_cache(4096)
def _run_list(text: str) -> tuple[Run, ...]:
    runs: list[Run] = []
    for character in text:
        if not character.isprintable() and character not in _JOINERS and not character.isspace():
            face: str | None = None
        elif runs and runs[-1].face is not None and (_joins(character, runs[-1].text) or _neutral(character, runs[-1])):
            face = runs[-1].face
        else:
            face = _face_of(character)
        if runs and runs[-1].face == face:
            runs[-1] = Run(runs[-1].text + character, face)
        else:
            runs.append(Run(character, face))
    return tuple(runs)


def _runs(text: str) -> tuple[Run, ...]:
    return _run_list(" ".join(text.split(" ")).replace("\t", " "))


def _neutral(character: str, run: Run) -> bool:
    """Whether a space or mark goes on in the typeface of what is before it."""
    return not character.isalnum() and ord(character) < 128 and _has(run.face or "", character)


@functools.lru_cache(4096)
def _face_of(character: str) -> str | None:
    """The file of a typeface that has a character; "" is the built-in one."""
    if character.isspace() or _has("", character):
        return ""
    return next((file for file in _faces_near(ord(character) >> 8) if _has(file, character)), None)


@functools.lru_cache(512)
def _faces_near(block: int) -> tuple[str, ...]:
    """The files of typefaces that have any of some characters of a block of 256: to look for each in all takes long."""
    assigned = [
        chr(code) for code in range(block << 8, (block + 1) << 8) if unicodedata.category(chr(code))[0] in "LSNP"
    ]
    samples = assigned[:: max(1, len(assigned) // _SAMPLES)]
    return tuple(file for file in _files() if any(_has(file, sample) for sample in samples))


@functools.lru_cache(16_384)
def _has(file: str, character: str) -> bool:
    if character == " ":
        return True
    for mode in ("L", "RGBA"):  # typefaces of coloured pictures have nothing to draw in one colour
        try:
            font, _ = _font(file, 24)
            drawn, none = font.getmask(character, mode), font.getmask(_NOBODYS, mode)
        except (OSError, ValueError):
            continue
        if drawn.getbbox() is not None and (drawn.size != none.size or list(drawn) != list(none)):
            return True
    return False


@functools.lru_cache(256)
def _font(file: str, size: int) -> tuple[Font, float]:
    """A typeface in a size, and by how much what it draws is to be scaled."""
    if not file:
        built_in = ImageFont.load_default(size)
        if not isinstance(built_in, ImageFont.FreeTypeFont):
            raise OSError("Pillow is without FreeType")
        return built_in, 1.0
    try:
        return ImageFont.truetype(file, size), 1.0
    except OSError:
        return ImageFont.truetype(file, _BITMAP_SIZE), size / _BITMAP_SIZE


@functools.lru_cache(1)
def _files() -> tuple[str, ...]:
    """The system's typefaces, those that are liked first."""
    found: list[Path] = []
    for folder in _folders():
        for pattern in ("*.ttf", "*.otf", "*.ttc"):
            found += sorted(folder.rglob(pattern))[:_MOST_FILES]
    upright = [path for path in found if not any(word in path.name.lower() for word in ("italic", "oblique", "bold"))]
    return tuple(str(path) for path in sorted(upright, key=_rank)[:_MOST_FACES])


def _rank(path: Path) -> tuple[int, str]:
    name = path.name.lower()
    return next((place for place, word in enumerate(_LIKED) if word in name), len(_LIKED)), str(path)


def _folders() -> Iterator[Path]:
    home = Path.home()
    named = ["/usr/share/fonts", "/usr/local/share/fonts", f"{home}/.fonts", f"{home}/.local/share/fonts"]
    if sys.platform == "darwin":
        named = ["/System/Library/Fonts", "/Library/Fonts", f"{home}/Library/Fonts"]
    elif sys.platform == "win32":
        named = [f"{os.environ.get('WINDIR', 'C:/Windows')}/Fonts"]
    yield from (Path(one) for one in named if Path(one).is_dir())


def _draw_run(image: Image.Image, run: Run, base: tuple[float, float], size: int, colour: Colour) -> None:
    """Draw a run with the start of its base line there."""
    if run.face is None:
        _draw_codes(image, run.text, base, size, colour)
        return
    font, scale = _font(run.face, size)
    if scale == 1.0:
        ImageDraw.Draw(image).text(base, run.text, colour, font, "ls", embedded_color=True)
        return
    left, top, right, bottom = font.getbbox(run.text, anchor="ls")
    patch = Image.new("RGBA", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(patch).text((-left, -top), run.text, colour, font, "ls", embedded_color=True)
    patch = patch.resize((max(1, round(patch.width * scale)), max(1, round(patch.height * scale))))
    image.alpha_composite(patch, (max(0, round(base[0] + left * scale)), max(0, round(base[1] + top * scale))))


def _code_width(size: int) -> float:
    return size * 1.02


def _draw_codes(image: Image.Image, text: str, base: tuple[float, float], size: int, colour: Colour) -> None:
    """Characters that no typeface here has: each a box with its code."""
    draw = ImageDraw.Draw(image)
    small, _ = _font("", max(6, round(size * 0.3)))
    for place, character in enumerate(text):
        left, bottom = base[0] + place * _code_width(size) + size * 0.06, base[1] + size * 0.1
        box = (left, bottom - size * 0.92, left + size * 0.9, bottom)
        draw.rounded_rectangle(box, size * 0.12, outline=colour, width=max(1, size // 24))
        code = f"{ord(character):04X}"
        half = len(code) // 2
        middle = (box[0] + box[2]) / 2
        draw.text((middle, box[1] + size * 0.3), code[:half], colour, small, "mm")
        draw.text((middle, box[1] + size * 0.62), code[half:], colour, small, "mm")
