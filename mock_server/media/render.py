"""Turns a clip into H.264 in an mp4 with its index in front. PyAV brings the codecs, Pillow draws.

The encoder runs on one thread, so that the bytes do not depend on how many cores a machine has.
"""

from __future__ import annotations

import colorsys
import io
import os
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

from mock_server.errors import MissingExtra
from mock_server.media.clip import Clip

try:
    import av
    from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
except ImportError:
    raise MissingExtra("making videos", "video") from None

#: How far the view closes in on the picture over the whole clip, and how much larger a drawn card is than the view.
ZOOM = 0.14

#: A picture of more pixels than this is not decoded; its clip shows a card instead.
MAX_PIXELS = 60_000_000


def render(clip: Clip, picture: bytes | None, path: Path) -> None:
    """Write the clip's file; ``path`` appears only when it is whole."""
    canvas, overlay = _canvas(clip, picture)
    handle, name = tempfile.mkstemp(suffix=".mp4", dir=path.parent)
    os.close(handle)
    try:
        _encode(clip, _frames(clip, canvas, overlay), name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _encode(clip: Clip, images: Iterator[Image.Image], name: str) -> None:
    with av.open(name, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata["title"] = clip.title[:200]
        container.metadata["comment"] = clip.caption
        stream = container.add_stream("libx264", rate=clip.fps, options={"preset": "superfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "yuv420p"
        stream.codec_context.thread_count = 1
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]  # PyAV has no types here
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _frames(clip: Clip, canvas: Image.Image, overlay: Image.Image) -> Iterator[Image.Image]:
    """The view closes in slowly on one corner of the canvas, the words stand still."""
    corner_x, corner_y = clip.drift & 1, clip.drift >> 1
    size = (clip.width, clip.height)
    inked = overlay.getbbox() or (0, 0, 1, 1)
    words = overlay.crop(inked)
    for number in range(clip.frames):
        part = number / max(1, clip.frames - 1)
        eased = part * part * (3 - 2 * part)
        width, height = canvas.width * (1 - ZOOM * eased), canvas.height * (1 - ZOOM * eased)
        left, top = (canvas.width - width) * corner_x, (canvas.height - height) * corner_y
        box = (left, top, left + width, top + height)
        image = canvas.resize(size, Image.Resampling.BILINEAR, box)
        image.paste(words, inked[:2], words)
        yield image


def _canvas(clip: Clip, picture: bytes | None) -> tuple[Image.Image, Image.Image]:
    """What the view moves over, and what lies still on top of it."""
    overlay = Image.new("RGBA", (clip.width, clip.height), (0, 0, 0, 0))
    _caption(overlay, clip)
    pixels = clip.picture.width * clip.picture.height if clip.picture is not None else 0
    if picture is not None and pixels <= MAX_PIXELS:
        try:
            with Image.open(io.BytesIO(picture)) as opened:
                image = opened.convert("RGB")
            return ImageOps.fit(image, (clip.width, clip.height), Image.Resampling.LANCZOS), overlay
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            pass  # its header was good and its pixels are not: show the card instead
    _title(overlay, clip)
    return _card(clip), overlay


def _card(clip: Clip) -> Image.Image:
    """A soft two-coloured ground with a few drifting discs, its colours drawn from the task."""
    hue = clip.palette / 256
    dark, light = _rgb(hue, 0.75, 0.22), _rgb(hue + 0.09, 0.65, 0.55)
    ramp = Image.linear_gradient("L").resize((clip.width, clip.height))
    card = Image.composite(Image.new("RGB", ramp.size, light), Image.new("RGB", ramp.size, dark), ramp)
    discs = Image.new("L", ramp.size, 0)
    draw = ImageDraw.Draw(discs)
    reach = min(clip.width, clip.height)
    for number in range(5):
        place = (clip.palette * 37 + number * 61) % 100 / 100, (clip.palette * 53 + number * 43) % 100 / 100
        radius = reach * (0.08 + 0.05 * number)
        x, y = place[0] * clip.width, place[1] * clip.height
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=60 + 12 * number)
    discs = discs.filter(ImageFilter.GaussianBlur(reach / 60))
    return Image.composite(Image.new("RGB", ramp.size, _rgb(hue + 0.18, 0.5, 0.85)), card, discs)


def _rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _title(overlay: Image.Image, clip: Clip) -> None:
    text = " ".join(clip.title.split())[:280] or "no prompt"
    reach = min(clip.width, clip.height)
    size = max(18, round(reach / (13 if len(text) < 90 else 20)))
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(overlay)
    wrapped = textwrap.fill(text, max(10, round(clip.width * 0.8 / (size * 0.52))))
    middle = (clip.width / 2, clip.height / 2)
    shadow = (middle[0] + size / 18, middle[1] + size / 18)
    draw.multiline_text(shadow, wrapped, (0, 0, 0, 110), font, "mm", spacing=size * 0.35, align="center")
    draw.multiline_text(middle, wrapped, (255, 255, 255, 245), font, "mm", spacing=size * 0.35, align="center")


def _caption(overlay: Image.Image, clip: Clip) -> None:
    size = max(12, round(min(clip.width, clip.height) / 40))
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(overlay)
    place = (size * 1.2, clip.height - size * 1.2)
    box = draw.textbbox(place, clip.caption, font, "ls")
    pad = size * 0.5
    draw.rounded_rectangle((box[0] - pad, box[1] - pad, box[2] + pad, box[3] + pad), radius=pad, fill=(0, 0, 0, 120))
    draw.text(place, clip.caption, (255, 255, 255, 220), font, "ls")
