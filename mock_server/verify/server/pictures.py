"""Pictures made to measure: real PNG and JPEG files of any width, height and size in bytes."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.core.images import Picture, decode, inspect, is_url


@cache
def png(width: int, height: int, size: int | None = None) -> bytes:
    """A grey PNG; with ``size`` it is filled up to so many bytes by a chunk that no reader looks at."""
    row = b"\0" + b"\x80" * width
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    end = _chunk(b"IDAT", zlib.compress(row * height, 9)) + _chunk(b"IEND", b"")
    if size is None:
        return start + end
    return start + _chunk(b"prVt", bytes(size - len(start) - len(end) - 12)) + end


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@cache
def jpeg(width: int, height: int) -> bytes:
    """A grey JPEG."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("L", (width, height), 128).save(out, "JPEG")
    return out.getvalue()


@cache
def gif(width: int, height: int) -> bytes:
    """A GIF, which no model takes."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("L", (width, height), 128).save(out, "GIF")
    return out.getvalue()


def raw(content: bytes) -> str:
    """Raw base64, as the models take it."""
    return base64.b64encode(content).decode("ascii")


@cache
def plain() -> str:
    """A picture that every model takes, in few bytes."""
    return raw(png(320, 320))


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
