"""Pictures for intents: URLs of several shapes, and small real PNG and JPEG files as raw base64, each other than all
before it.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cache

SIDE = 320
#: The base64 of a large picture is longer than what a journal of calls keeps of a body.
LARGE = 18 * 1024
_HOST = "pictures.example.com"
URLS: tuple[tuple[str, str], ...] = (
    ("a URL", f"https://{_HOST}/{{}}.jpg"),
    ("a URL with a signed query", f"https://{_HOST}/b%20c{{}}.png?sig=x%2Fy%3D&n=1&empty=&plus=a+b"),
    ("an http URL with upper case and a port", f"http://{_HOST}:8080/Album/{{}}.JPEG"),
    ("a long URL with a fragment", f"https://{_HOST}/{{}}.jpeg?token={'Az09-_.~' * 120}#top"),
)


def _png(salt: int, size: int) -> bytes:
    row = b"\0" + b"\x80" * SIDE
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"prVt", _noise(salt, size)),  # a private chunk, which no reader looks at
        (b"IDAT", zlib.compress(row * SIDE, 9)),
        (b"IEND", b""),
    )
    written = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def _jpeg(salt: int, size: int, width: int = SIDE) -> bytes:
    """A grey JPEG: each of its blocks is two bits long, as its tables know one code each."""
    blocks = (width // 8) * (SIDE // 8)
    frame = struct.pack(">BHHBBBB", 8, SIDE, width, 1, 1, 0x11, 0)
    table = b"\x01" + bytes(15) + b"\0"
    segments = (
        (0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
        (0xFE, _noise(salt, size)),
        (0xDB, b"\0" + b"\x10" * 64),
        (0xC0, frame),
        (0xC4, b"\x00" + table),
        (0xC4, b"\x10" + table),
        (0xDA, b"\x01\x01\0\0\x3f\0"),
    )
    written = b"".join(struct.pack(">BBH", 0xFF, kind, len(data) + 2) + data for kind, data in segments)
    return b"\xff\xd8" + written + bytes(blocks * 2 // 8) + b"\xff\xd9"


def _noise(salt: int, size: int) -> bytes:
    return hashlib.shake_256(b"%d" % salt).digest(size)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


@cache
def padded(salt: int, padding: int, size: int = 64) -> str:
    """A PNG whose base64 ends with so many signs of padding."""
    rest = (3 - padding) % 3 - len(_png(salt, size)) % 3
    return _text(_png(salt, size + rest % 3))


BASE64: tuple[tuple[str, Callable[[int], str]], ...] = (
    ("base64", lambda salt: padded(salt, 0)),
    ("base64 of a JPEG, with padding", lambda salt: _text(_jpeg(salt, 100))),
    ("base64 over 16 kB", lambda salt: padded(salt, 1, LARGE * 3 // 4)),
)


def wide(salt: int) -> str:
    """A JPEG that is more than two and a half times as wide as high, which documents refuse."""
    return _text(_jpeg(salt, 100, SIDE * 3))


class Pictures:
    """Gives a new picture for each place in the bodies of a model: all of one body are URLs, or all are base64. Each
    place gets every kind in turn.
    """

    def __init__(self) -> None:
        self._base64 = False
        self._large = False
        self._begun: Counter[str] = Counter()
        self._turn: Counter[tuple[str, bool]] = Counter()
        self._given = 0

    def begin(self, kind: str) -> None:
        """Begin a body; of each kind every second one has base64."""
        self._base64, self._large = self._begun[kind] % 2 == 1, False
        self._begun[kind] += 1

    def __call__(self, place: str) -> tuple[str, str]:
        """What it is, and the picture. One of a body is large, so that it can still be an argument of a command."""
        turn = self._turn[place, self._base64]
        self._turn[place, self._base64] += 1
        self._given += 1
        if not self._base64:
            label, pattern = URLS[turn % len(URLS)]
            return label, pattern.format(self._given)
        large = turn % len(BASE64) == len(BASE64) - 1
        if large and self._large:
            turn, self._turn[place, True] = turn + 1, turn
        self._large |= large
        label, make = BASE64[turn % len(BASE64)]
        return label, make(self._given)
