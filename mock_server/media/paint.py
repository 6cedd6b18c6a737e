"""Draws what a shot looks at, and what lies still on top of it. Nothing moves here."""

from __future__ import annotations

import colorsys
import io
import math
from collections.abc import Mapping, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from mock_server.media.clip import BrushStroke, Clip, Shot, StaticFrame
from mock_server.media.lettering import Block, fitted, line_of

Size = tuple[int, int]
Contents = Mapping[str, bytes]

#: A picture of more pixels than this is not decoded; a card stands in its place.
MAX_PIXELS = 60_000_000
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
_WHITE, _SOFT, _SHADE = (255, 255, 255, 255), (255, 255, 255, 205), (8, 10, 18, 150)
_CANNOT = "this picture cannot be decoded"


def opened(content: bytes, most: Size) -> Image.Image | None:
    """A picture as it is meant to be seen, upright and in RGB, not much larger than ``most``; None if it cannot be
    decoded.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            image.draft("RGB", (most[0] * 2, most[1] * 2))
            image.load()
            return _flat(_upright(image))
    except Exception:  # noqa: BLE001 - a decoder that stumbles is no reason to have no video
        return None


def _upright(image: Image.Image) -> Image.Image:
    """A photograph as it was seen. Only JPEGs are turned, as where their sizes are judged."""
    return ImageOps.exif_transpose(image) if image.format == "JPEG" else image


def _flat(image: Image.Image) -> Image.Image:
    """In RGB: sixteen bits by their upper eight, what is transparent over grey."""
    if image.mode.startswith(("I", "F")):
        return image.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    if "A" in image.mode or "transparency" in image.info:
        ground = Image.new("RGBA", image.size, (128, 128, 128, 255))
        return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def canvas(clip: Clip, still: StaticFrame, size: Size, margin: Size, contents: Contents) -> Image.Image:
    """What the camera looks at: the frame of ``size`` and a margin around it, in which the picture goes on."""
    pictures = [opened(contents[one.digest], size) if one.digest in contents else None for one in still.pictures]
    seen = [picture for picture in pictures if picture is not None]
    if still.together and seen:
        return _collage(clip, seen, size, margin)
    if seen:
        return _mirrored(ImageOps.fit(seen[0], size, Image.Resampling.LANCZOS), margin)
    return _card(clip, still.words or _CANNOT, size, margin)


def _mirrored(image: Image.Image, margin: Size) -> Image.Image:
    """An image that goes on beyond its edges as its own mirror image."""
    across, down = margin
    if not across and not down:
        return image
    width, height = image.size
    wide = Image.new("RGB", (width + 2 * across, height))
    wide.paste(image, (across, 0))
    if across:
        wide.paste(ImageOps.mirror(image.crop((0, 0, across, height))), (0, 0))
        wide.paste(ImageOps.mirror(image.crop((width - across, 0, width, height))), (across + width, 0))
    whole = Image.new("RGB", (wide.width, height + 2 * down))
    whole.paste(wide, (0, down))
    if down:
        whole.paste(ImageOps.flip(wide.crop((0, 0, wide.width, down))), (0, 0))
        whole.paste(ImageOps.flip(wide.crop((0, height - down, wide.width, height))), (0, down + height))
    return whole


def rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    """A colour, each part from 0 to 1; a hue of 1 is one of 0 again."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _ground(clip: Clip, size: Size, reach: float) -> Image.Image:
    """Dusk in the colours of a clip: one runs into the other, with soft lights in front."""
    hue = clip.palette / 256
    small = (max(2, size[0] // 8), max(2, size[1] // 8))
    around = max(small) * 2
    tilted = Image.linear_gradient("L").resize((around, around), Image.Resampling.BICUBIC).rotate(24)
    left, top = (around - small[0]) // 2, (around - small[1]) // 2
    ramp = ImageOps.autocontrast(tilted.crop((left, top, left + small[0], top + small[1])))
    ground = ImageOps.colorize(ramp, rgb(hue + 0.06, 0.62, 0.13), rgb(hue - 0.05, 0.72, 0.52), rgb(hue, 0.7, 0.27))
    lights = Image.new("L", small, 0)
    draw = ImageDraw.Draw(lights)
    for number in range(6):
        x = (clip.palette * 37 + number * 61) % 97 / 97 * small[0]
        y = (clip.palette * 53 + number * 43) % 89 / 89 * small[1]
        radius = reach / 8 * (0.07 + 0.045 * number)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=88 - 11 * number)
    lights = lights.filter(ImageFilter.GaussianBlur(reach / 8 / 14))
    ground = Image.composite(Image.new("RGB", small, rgb(hue + 0.13, 0.45, 0.95)), ground, lights)
    return ground.resize(size, Image.Resampling.BICUBIC)


def _card(clip: Clip, words: str, size: Size, margin: Size) -> Image.Image:
    """A title card: the words, well set, on the clip's own ground."""
    width, height = size
    reach = min(size)
    card = _ground(clip, (width + 2 * margin[0], height + 2 * margin[1]), reach).convert("RGBA")
    largest = reach / (8.5 if len(words) < 60 else 12)
    sizes = [max(11, round(largest * 0.88**step)) for step in range(18)]
    block = fitted(" ".join(words.split()) if "\n" not in words else words, width * 0.74, height * 0.6, sizes)
    left = margin[0] + (width - block.width) / 2
    top = margin[1] + (height - block.height) / 2
    shade = Image.new("RGBA", card.size)
    block.draw(shade, left, top + block.size * 0.06, (0, 0, 0, 170), 0.5)
    card.alpha_composite(shade.filter(ImageFilter.GaussianBlur(block.size / 9)))
    block.draw(card, left, top, _WHITE, 0.5)
    _rules(card, clip, (margin[0] + width / 2, top - block.size * 0.55), block.size)
    return card.convert("RGB")


def _rules(card: Image.Image, clip: Clip, middle: tuple[float, float], size: int) -> None:
    """A short line over the words, in the clip's bright colour."""
    colour = (*rgb(clip.palette / 256 + 0.13, 0.35, 1.0), 235)
    half, thick = size * 0.7, max(2, size / 18)
    box = (middle[0] - half, middle[1] - thick, middle[0] + half, middle[1] + thick)
    ImageDraw.Draw(card).rounded_rectangle(box, thick, fill=colour)


def places(count: int, size: Size) -> list[tuple[float, float, float, float]]:
    """Where pictures stand that are seen together: the boxes they are to fit in, as left, top, width and height."""
    width, height = size
    across = {1: 1, 2: 2, 3: 3, 4: 2}[count] if width >= height else {1: 1, 2: 1, 3: 1, 4: 2}[count]
    down = math.ceil(count / across)
    gap = min(size) * 0.05
    room = (width - gap * (across + 1), (height * 0.86) - gap * (down + 1))
    each = (room[0] / across, room[1] / down)
    return [
        (gap + (place % across) * (each[0] + gap), gap + (place // across) * (each[1] + gap), *each)
        for place in range(count)
    ]


def _collage(clip: Clip, pictures: Sequence[Image.Image], size: Size, margin: Size) -> Image.Image:
    """All pictures whole, as prints on the clip's own ground."""
    reach = min(size)
    ground = _ground(clip, (size[0] + 2 * margin[0], size[1] + 2 * margin[1]), reach).convert("RGBA")
    border = max(2, round(reach / 110))
    for picture, (left, top, width, height) in zip(pictures, places(len(pictures), size), strict=True):
        print_ = ImageOps.contain(picture, (round(width) - 2 * border, round(height) - 2 * border))
        print_ = ImageOps.expand(print_, border, (250, 250, 248))
        at = (
            round(margin[0] + left + (width - print_.width) / 2),
            round(margin[1] + top + (height - print_.height) / 2),
        )
        shadow = Image.new("RGBA", ground.size)
        box = (at[0], at[1] + 2 * border, at[0] + print_.width, at[1] + print_.height + 3 * border)
        ImageDraw.Draw(shadow).rectangle(box, fill=(0, 0, 0, 150))
        ground.alpha_composite(shadow.filter(ImageFilter.GaussianBlur(border * 2.2)))
        ground.paste(print_, at)
    return ground.convert("RGB")


def overlay(clip: Clip, shot: Shot) -> Image.Image:
    """What lies still on top: the caption, the words of the shot, its badge, the watermark."""
    layer = Image.new("RGBA", (clip.width, clip.height))
    reach = min(clip.width, clip.height)
    small = max(11, round(reach / 48))
    edge = round(small * 1.1)
    bottom = float(clip.height - edge)
    for line in reversed(clip.caption):
        block = line_of(line, small, clip.width - 4 * edge)
        bottom = _label(layer, block, edge, bottom - block.height * 1.12)
    if shot.words:
        size = max(13, round(reach / 26))
        block = fitted(" ".join(shot.words.split()), clip.width * 0.84, reach * 0.16, [size, round(size * 0.8), small])
        left, top = (clip.width - block.width) / 2, bottom - block.height - small
        shade = Image.new("RGBA", layer.size)
        block.draw(shade, left, top + 1, (0, 0, 0, 255), 0.5)
        soft = shade.filter(ImageFilter.GaussianBlur(max(1.5, size / 9)))
        layer.alpha_composite(soft)
        layer.alpha_composite(soft)
        block.draw(layer, left, top, _WHITE, 0.5)
    if shot.badge:
        _badge(layer, shot.badge, small)
    if clip.watermark:
        block = line_of("kirin-mock", round(small * 1.5), clip.width)
        block.draw(layer, clip.width - block.width - 2 * edge, edge, (255, 255, 255, 150))
    return layer


def _label(layer: Image.Image, block: Block, left: float, top: float) -> float:
    """A line of the caption on a shade of its own; where it begins."""
    pad = block.size * 0.42
    box = (left, top, left + block.width + 2 * pad, top + block.height * 1.04)
    ImageDraw.Draw(layer).rounded_rectangle(box, pad * 0.8, fill=_SHADE)
    block.draw(layer, left + pad, top + block.size * 0.02, _SOFT)
    return top


def _badge(layer: Image.Image, text: str, small: int) -> None:
    """The place of a shot, in a ring at the top left."""
    radius = small * 1.7
    middle = radius + small * 1.3
    draw = ImageDraw.Draw(layer)
    box = (middle - radius, middle - radius, middle + radius, middle + radius)
    draw.ellipse(box, fill=_SHADE, outline=_WHITE, width=max(2, small // 8))
    block = line_of(text, round(small * 1.5), radius * 2.4)
    block.draw(layer, middle - block.width / 2, middle - block.size * 0.66, _WHITE)


def area(mask: bytes, size: Size) -> Image.Image:
    """Where a mask is painted, as big as the frame: where it is bright, or where it is opaque if it is see-through."""
    try:
        with Image.open(io.BytesIO(mask)) as image:
            if image.width * image.height > MAX_PIXELS:
                return Image.new("L", size, 0)
            image.load()
            alpha = image.getchannel("A") if "A" in image.mode else None
            see_through = alpha is not None and alpha.histogram()[255] < alpha.width * alpha.height
            painted = alpha if alpha is not None and see_through else _flat(_upright(image)).convert("L")
    except Exception:  # noqa: BLE001 - as in opened
        return Image.new("L", size, 0)
    fitting = ImageOps.fit(painted, size, Image.Resampling.BILINEAR)
    return fitting.point(lambda value: 255 if value >= 128 else 0).filter(ImageFilter.GaussianBlur(1.2))


def healed(image: Image.Image, gone: Image.Image) -> Image.Image:
    """An image whose ``gone`` areas are filled from what is around them."""
    wide = gone.filter(ImageFilter.MaxFilter(9))
    small = (max(1, image.width // 8), max(1, image.height // 8))
    known = image.convert("RGBA").resize(small)
    known.putalpha(ImageChops.invert(wide).resize(small))
    for radius in (4, 12, 40):
        spread = known.convert("RGBa").filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        spread.putalpha(spread.getchannel("A").point(lambda value: 255 if value > 2 else 0))
        known = Image.alpha_composite(spread, known)
    filled = known.convert("RGB").resize(image.size, Image.Resampling.BICUBIC)
    return Image.composite(filled, image, wide.filter(ImageFilter.GaussianBlur(2)))


def scale_of(stroke: BrushStroke, size: Size) -> float:
    """How many pixels of the frame one of the image is."""
    return max(size[0] / stroke.image.width, size[1] / stroke.image.height)
