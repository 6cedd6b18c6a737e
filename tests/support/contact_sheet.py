"""Every feature of the videos on one sheet: ``make contact-sheet``."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
from PIL import Image, ImageDraw

from mock_server import MockServer
from mock_server.media.frames import frame_of
from mock_server.media.lettering import line_of
from mock_server.media.render import all_frames
from tests.support.clips import ROWS, planned

PAPER, INK, SOFT = (24, 26, 32), (236, 238, 244, 255), (140, 148, 166, 255)
HEIGHT, GAP, ACROSS, LINE = 150, 14, 3, 22


def strip(clip, contents):
    """The first, the middle and the last frame, side by side."""
    wanted = {0, clip.frames // 2, clip.frames - 1}
    kept = [frame_of(planes).to_image() for number, planes in enumerate(all_frames(clip, contents)) if number in wanted]
    width = round(HEIGHT * clip.width / clip.height)
    made = Image.new("RGB", (width * 3 + 8, HEIGHT), PAPER)
    for place, image in enumerate(kept):
        made.paste(image.resize((width, HEIGHT), Image.Resampling.LANCZOS), (place * (width + 4), 0))
    return made


def scorecard(strips):
    """All strips with their names, in columns."""
    widest = max(image.width for _, image in strips)
    rows = -(-len(strips) // ACROSS)
    size = (ACROSS * (widest + GAP) + GAP, rows * (HEIGHT + LINE + GAP) + GAP + 44)
    made = Image.new("RGBA", size, (*PAPER, 255))
    line_of("kirin-mock: the first, the middle and the last frame of each", 24, size[0]).draw(made, GAP, GAP - 4, INK)
    for place, (name, image) in enumerate(strips):
        left = GAP + place % ACROSS * (widest + GAP)
        top = 44 + GAP + place // ACROSS * (HEIGHT + LINE + GAP)
        line_of(name, 14, widest).draw(made, left, top - 2, SOFT)
        made.paste(image, (left, top + LINE - 2))
    ImageDraw.Draw(made).line((GAP, 44, size[0] - GAP, 44), SOFT, 1)
    return made.convert("RGB")


def main():
    """Draw it, into the file that is named."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "contact-sheet.jpg")
    strips = []
    with MockServer(speed="manual", media="off") as server, httpx.Client(trust_env=False) as http:
        for name, row in ROWS.items():
            strips.append((name, strip(*planned(http, server, row.model, row.params))))
            print(f"\r{len(strips)} of {len(ROWS)}", end="", flush=True)
    scorecard(strips).save(target, quality=90)
    print(f"\r{target} shows {len(strips)} videos")


if __name__ == "__main__":
    main()
