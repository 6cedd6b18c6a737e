"""Images that decoders stumble over make a video or a card, and harm nobody."""

from __future__ import annotations

import base64
import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from mock_server.core.images import MIB, Limits, inspect
from mock_server.core.resources import resource
from mock_server.media.paint import opened
from tests.support.clips import V15, completed, encoded
from tests.support.looking import alike, decoded


def _png_of(width, height):
    """A PNG whose header promises more than there is."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _sample():
    return Image.open(io.BytesIO(resource("fixtures", "images", "landscape.jpg").read_bytes())).convert("RGB")


def _turned():
    exif = Image.Exif()
    exif[274] = 6  # the picture lies on its left side
    return encoded(_sample().rotate(90, expand=True), "JPEG", quality=95, exif=exif)


def _deep():
    values = (np.asarray(_sample().convert("L"), dtype=np.uint16) * 257).astype(np.uint16)
    return encoded(Image.fromarray(values), "PNG")


def _animated():
    frames = [_sample(), _sample().rotate(180)]
    written = io.BytesIO()
    frames[0].save(written, "PNG", save_all=True, append_images=frames[1:])
    return base64.b64encode(written.getvalue()).decode()


def _cut():
    whole = resource("fixtures", "images", "landscape.jpg").read_bytes()
    return base64.b64encode(whole[: len(whole) // 3] + b"\xff\xd9").decode()


def _see_through():
    palette = _sample().quantize(200)
    palette.info["transparency"] = 0
    return encoded(palette, "PNG", transparency=0)


#: Images that decoders stumble over; and whether the landscape is to be seen nevertheless.
HOSTILE = {
    "a bomb": (lambda: base64.b64encode(_png_of(30_000, 30_000)).decode(), False),
    "less than it promises": (lambda: base64.b64encode(_png_of(1280, 720)).decode(), False),
    "cut off": (_cut, False),
    "sixteen bits": (_deep, True),
    "a palette": (lambda: encoded(_sample().quantize(200), "PNG"), True),
    "a palette, see-through": (_see_through, False),
    "CMYK": (lambda: encoded(_sample().convert("CMYK"), "JPEG", quality=95), True),
    "turned by Exif": (_turned, True),
    "animated": (_animated, True),
}


#: These are tried always, the others at greater depth.
ALWAYS = {"a bomb", "less than it promises", "sixteen bits"}


@pytest.mark.parametrize(
    "name", [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.deep) for name in HOSTILE]
)
def test_a_hostile_image_makes_a_video_or_a_card_and_harms_nobody(name, kirin, http):
    make, seen_as_it_is = HOSTILE[name]
    _, url = completed(http, kirin, V15, {"image": make()})
    answer = http.get(url)
    assert answer.status_code == 200
    first = decoded(answer.content, keep={0}).frames[0]
    if seen_as_it_is:
        assert first.size == (1280, 720)
        above = (0, 0, 1280, 600)
        assert alike(first.crop(above), _sample().convert("L").crop(above)) > 0.85
    assert http.get(f"{kirin.url}/_mock/health").status_code == 200


def test_a_header_that_promises_too_much_keeps_nobody_waiting():
    """Exif that says it has 65535 entries, again and again; and a picture of 81 million pixels."""
    exif = b"Exif\0\0" + b"MM\0\x2a\0\0\0\x08" + b"\xff\xff"
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif
    whole = resource("fixtures", "images", "landscape.jpg").read_bytes()
    began = time.thread_time()
    assert inspect(whole[:2] + segment * 200_000 + whole[2:], Limits(10 * MIB, aspect=True)).width == 1280
    assert time.thread_time() - began < 5
    assert opened(_png_of(9000, 9000), (1280, 720)) is None
