"""Pictures made to measure: PNG and JPEG files of any width, height and size in bytes, and files that are neither."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.core.images import ORIENTATION, Picture, decode, inspect, is_url


def png(width: int, height: int, size: int | None = None) -> bytes:
    """A grey PNG; with ``size`` it is filled up to so many bytes by a chunk that no reader looks at. Such a large one
    is made each time: several of them would fill the memory.
    """
    start, end = _grey(width, height)
    if size is None:
        return start + end
    return start + _chunk(b"prVt", bytes(size - len(start) - len(end) - 12)) + end


@cache
def _grey(width: int, height: int) -> tuple[bytes, bytes]:
    """The two parts of a grey PNG, between which other chunks may stand."""
    row = b"\0" + b"\x80" * width
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    end = _chunk(b"IDAT", zlib.compress(row * height, 9)) + _chunk(b"IEND", b"")
    return start, end


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@cache
def picture(kind: str, width: int, height: int, mode: str = "L", **how: Any) -> bytes:
    """A picture as Pillow saves it; ``turned`` is its orientation by Exif, and ``how`` else what Pillow is told."""
    from PIL import Image

    turned = how.pop("turned", None)
    made = Image.new(mode, (width, height), 1 if mode in {"1", "P"} else None)
    if turned is not None:
        exif = Image.Exif()
        exif[ORIENTATION] = turned
        how["exif"] = exif
    out = io.BytesIO()
    made.save(out, kind, **how)
    return out.getvalue()


def jpeg(width: int, height: int) -> bytes:
    """A grey JPEG."""
    return picture("JPEG", width, height)


@cache
def interlaced_png(width: int, height: int) -> bytes:
    """A grey PNG in the seven passes of Adam7."""
    starts = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b""
    for left, top, across, down in starts:
        wide, high = -(-(width - left) // across), -(-(height - top) // down)
        rows += (b"\0" + b"\x80" * wide) * high if wide > 0 else b""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    content = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def lawful_pictures() -> Iterator[tuple[str, bytes]]:
    """Files that are PNG or JPEG in one of the many ways in which they can be, by name."""
    for mode, name in (("RGB", "in colour"), ("RGBA", "see-through"), ("P", "with a palette"), ("1", "black and white"),
                       ("I;16", "of 16 bits"), ("LA", "grey and see-through")):  # fmt: skip
        yield f"a PNG {name}", picture("PNG", 320, 320, mode)
    yield "an interlaced PNG", interlaced_png(320, 320)
    yield "a PNG of odd sides", png(301, 517)
    yield "a JPEG in colour", picture("JPEG", 320, 320, "RGB")
    yield "a CMYK JPEG", picture("JPEG", 320, 320, "CMYK")
    yield "a progressive JPEG", picture("JPEG", 320, 320, "RGB", progressive=True)
    yield "a JPEG of other Huffman tables", picture("JPEG", 320, 320, "RGB", optimize=True, subsampling=0)
    yield "a JPEG with a comment", picture("JPEG", 320, 320, "RGB", comment=b"\xff\xd8 not here " * 40)
    yield "a JPEG with a colour profile", picture("JPEG", 320, 320, "RGB", icc_profile=bytes(3000))
    for turned in (3, 6, 8):
        yield f"a JPEG that Exif turns ({turned})", picture("JPEG", 480, 320, "RGB", turned=turned)


def unlawful_files() -> Iterator[tuple[str, bytes]]:
    """Files that are no PNG and no JPEG, or not a whole one, by name."""
    yield "a coloured GIF", picture("GIF", 320, 320, "P")
    yield "a WebP", picture("WEBP", 320, 320, "RGB")
    yield "a BMP", picture("BMP", 320, 320)
    yield "a TIFF", picture("TIFF", 320, 320)
    yield "an ICO", picture("ICO", 256, 256)
    yield "an SVG", b'<svg xmlns="http://www.w3.org/2000/svg" width="320" height="320"/>' + b" " * 300
    yield "a PDF", b"%PDF-1.4\n" + b" " * 400
    yield "an MP4", b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + bytes(400)
    yield "a page of HTML", b"<!doctype html><title>404</title><p>Not found</p>" + b" " * 300
    yield "a text", b"this is no picture"
    yield "the signature of a PNG alone", png(320, 320)[:8]
    yield "a PNG that is cut off", png(320, 320)[:-20]
    yield "half a PNG", png(320, 320)[: len(png(320, 320)) // 2]
    yield "a JPEG that is cut off", jpeg(320, 320)[:-20]
    yield "half a JPEG", jpeg(320, 320)[: len(jpeg(320, 320)) // 2]
    yield "the first bytes of a JPEG", jpeg(320, 320)[:20]


def raw(content: bytes) -> str:
    """Raw base64, as the models take it."""
    return base64.b64encode(content).decode("ascii")


@cache
def plain() -> str:
    """A picture that every model takes, in few bytes."""
    return raw(png(320, 320))


def no_pictures() -> Iterator[tuple[str, str]]:
    """Texts that are neither raw base64 nor the URL of a picture, by name."""
    right = plain()
    for prefix in ("data:image/png;base64,", "data:image/jpeg;base64,", "DATA:image/png;base64,", "data:;base64,"):
        yield f"prefixed with {prefix}", prefix + right
    yield "prefixed with base64,", f"base64,{right}"
    yield "not base64", "this is no base64!"
    yield "base64 with a blank inside", f"{right[:40]} {right[40:]}"
    url_safe = base64.urlsafe_b64encode(jpeg(320, 320)).decode()
    yield "URL-safe base64", url_safe if set(url_safe) & set("-_") else f"_-{url_safe[2:]}"
    yield "hexadecimal", png(320, 320).hex()
    yield "base64 twice over", raw(right.encode())
    yield "a blank", " "
    for url in ("ftp://pictures.example.com/lake.jpg", "file:///etc/lake.jpg", "//pictures.example.com/lake.jpg",
                "/lake.jpg", "lake.jpg", "s3://pictures/lake.png", "javascript:alert(1)", "http://", "https:///lake.jpg",
                "http:lake.jpg", "https://pictures.example.com/lake.gif", "https://pictures.example.com/lake.webp",
                "https://pictures.example.com/lake.mp4?x=.png"):  # fmt: skip
        yield f"the URL {url}", url


#: URLs that are lawful and unusual.
URLS = (
    "http://pictures.example.com/lake.jpg", "https://pictures.example.com/lake.jpeg", "https://pictures.example.com:8443/lake.png",
    "https://pictures.example.com/LAKE.JPG", "https://pictures.example.com/lake.Png", "HTTPS://pictures.example.com/lake.jpg",
    "Http://Pictures.Example.COM/lake.jpg", "https://pictures.example.com/lake.jpg?w=300&sig=a%2Fb%3D%3D&x=y.gif",
    "https://pictures.example.com/lake.jpg#top", "https://pictures.example.com/a%20b/%E6%BC%81.png", "https://xn--bcher-kva.example/lake.jpg",
    "https://192.0.2.7/lake.jpg", "https://[2001:db8::7]/lake.jpg", "https://pictures.example.com/v1.2/lake.final.jpg",
    "https://pictures.example.com/" + "long/" * 300 + "lake.jpg", "https://pictures.example.com./~me/lake;v=1,2(3).jpg",
)  # fmt: skip


def pictures_of(endpoint: Endpoint, params: Mapping[str, Any]) -> dict[str, Picture]:
    """The pictures of bare parameters by their path, those that are sent as base64."""
    found: dict[str, Picture] = {}
    for image in endpoint.images:
        for path, value in _at(params, image.path):
            if isinstance(value, str) and value and not is_url(value):
                found[path] = inspect(decode(value, image.limits), image.limits)
    return found


def _at(value: Any, path: tuple[str, ...], written: str = "") -> Iterator[tuple[str, Any]]:
    """What stands at a path, ``*`` for each element of a list, with the path as it is written."""
    if not path:
        yield written, value
    elif path[0] == "*":
        for place, element in enumerate(value if isinstance(value, list) else ()):
            yield from _at(element, path[1:], f"{written}[{place}]")
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:], f"{written}.{path[0]}" if written else path[0])
