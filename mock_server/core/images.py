"""Base64 or URL in, format, size in bytes, width and height out. Reads headers; never decodes pixels.

Sizes are of the decoded bytes, widths and heights in pixels.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import pybase64

MIB = 1024 * 1024
MIN_SIDE = 300
#: The tag of Exif that says which side is up; from ``LYING`` on width and height change places.
ORIENTATION, LYING = 274, 5
Format = Literal["png", "jpeg"]


class NotAnImage(ValueError):
    """The value is not an image this platform takes; the text says why, to be read after the parameter's name."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of an accepted image; ``digest`` finds its bytes again."""

    format: Format
    width: int
    height: int
    size: int
    digest: str

    def __str__(self) -> str:
        return f"<{self.format} {self.width}x{self.height}, {self.size} bytes, {self.digest[:12]}>"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a parameter asks of its image. ``max_bytes`` is the largest size still accepted."""

    max_bytes: int
    aspect: bool

    def asked(self) -> list[str]:
        """What is asked, in words to be read after "must be"."""
        asked = ["a .jpg, .jpeg or .png", self.size_asked(), f"at least {MIN_SIDE} pixels wide and high"]
        return [*asked, "between 1:2.5 and 2.5:1 in aspect ratio"] if self.aspect else asked

    def size_asked(self) -> str:
        """The bound on its size, in words."""
        return "at most 10 MiB" if self.max_bytes >= 10 * MIB else "less than 10 MiB"


def is_url(value: str) -> bool:
    """Whether an image parameter is meant as a URL rather than base64."""
    return value[:8].lower().startswith(("http://", "https://"))


def check_url(value: str) -> None:
    """Raise NotAnImage unless ``value`` can be the URL of a .jpg, .jpeg or .png."""
    try:
        parts = urlsplit(value)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
    if not host or re.search(r"[\s\x00-\x1f]", value):
        raise NotAnImage("is not a URL that can be fetched")
    extension = re.search(r"\.([A-Za-z][A-Za-z0-9]{1,4})$", parts.path)
    if extension and extension[1].lower() not in {"jpg", "jpeg", "png"}:
        raise NotAnImage(f"is the URL of a .{extension[1]}; the formats are .jpg, .jpeg and .png")


def decode(value: str, limits: Limits) -> bytes:
    """The bytes of a raw base64 string."""
    if value[:5].lower() == "data:":
        raise NotAnImage("has a data: prefix; send the base64 text alone")
    if len(value) * 3 // 4 - 2 > limits.max_bytes:
        raise NotAnImage(_too_large(len(value) * 3 // 4, limits))
    try:
        return pybase64.b64decode(value, validate=True)
    except ValueError:
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", value):
            raise NotAnImage("is a URL of another scheme; use http:// or https://, or raw base64") from None
        raise NotAnImage("is neither raw base64 nor an http(s) URL") from None


def inspect(content: bytes, limits: Limits) -> Picture:
    """What the bytes are. Raises NotAnImage for a wrong format, size or shape, but leaves the aspect ratio alone."""
    if len(content) > limits.max_bytes:
        raise NotAnImage(_too_large(len(content), limits))
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = _png_size(content)
        kind: Format = "png"
    elif content.startswith(b"\xff\xd8"):
        width, height = _jpeg_size(content)
        kind = "jpeg"
    else:
        raise NotAnImage(f"is {_looks_like(content)}; the formats are .jpg, .jpeg and .png")
    if width < MIN_SIDE or height < MIN_SIDE:
        raise NotAnImage(f"is {width}x{height} pixels; width and height must be at least {MIN_SIDE}")
    return Picture(kind, width, height, len(content), hashlib.blake2b(content, digest_size=20).hexdigest())


def aspect_allowed(picture: Picture) -> bool:
    """Between 1:2.5 and 2.5:1, both included, in whole numbers."""
    return 5 * picture.width >= 2 * picture.height and 5 * picture.height >= 2 * picture.width


def same_aspect(one: Picture, other: Picture) -> bool:
    """Equal up to the rounding of a side to whole pixels."""
    return abs(one.width * other.height - one.height * other.width) < max(one.width, other.width)


def _too_large(size: int, limits: Limits) -> str:
    return f"is {size} bytes; it must be {limits.size_asked()}"


def _looks_like(content: bytes) -> str:
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "a GIF"
    if content.startswith(b"BM"):
        return "a BMP"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "a WebP"
    return "not an image" if content else "empty"


def _png_size(content: bytes) -> tuple[int, int]:
    if len(content) < 33 or content[12:16] != b"IHDR":
        raise NotAnImage("is a PNG that is cut off or damaged")
    place, end = 8, len(content)
    while place + 12 <= end:
        length = int.from_bytes(content[place : place + 4], "big")
        if content[place + 4 : place + 8] == b"IEND":
            width, height = struct.unpack_from(">II", content, 16)
            return width, height
        place += 12 + length
    raise NotAnImage("is a PNG that is cut off or damaged")


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Width and height as it is to be seen: a camera that was turned says so, and the picture is stored as it lay."""
    place, end, lies = 2, len(content), None
    while place + 9 < end:
        if content[place] != 0xFF:
            break
        marker = content[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        size = int.from_bytes(content[place + 2 : place + 4], "big")
        if marker == 0xE1 and lies is None and content.startswith(b"Exif\0\0", place + 4):
            lies = _orientation(content[place + 10 : place + 2 + size]) >= LYING
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack_from(">HH", content, place + 5)
            if content.rfind(b"\xff\xd9") > place:
                return (height, width) if lies else (width, height)
            break
        place += 2 + size
    raise NotAnImage("is a JPEG that is cut off or damaged")


def _orientation(tiff: bytes) -> int:
    """Which side is up, as Exif has it (TIFF 6.0, tag 274): 1 where it says nothing."""
    order: Literal["big", "little"] = "little" if tiff.startswith(b"II") else "big"
    start = int.from_bytes(tiff[4:8], order)
    entries = int.from_bytes(tiff[start : start + 2], order)
    for place in range(min(entries, max(0, len(tiff) - start - 2) // 12)):
        entry = tiff[start + 2 + 12 * place : start + 14 + 12 * place]
        if int.from_bytes(entry[:2], order) == ORIENTATION:
            found = int.from_bytes(entry[8:10], order)
            return found if 1 <= found <= 8 else 1
    return 1
