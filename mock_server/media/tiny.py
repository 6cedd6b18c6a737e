"""Small clips: real and valid, as long and as large as those that are rendered, in a few kilobytes and no time.

They are of one colour, drawn from the task, and silent where there is sound. It takes no codec to make them.
"""

from __future__ import annotations

import colorsys

from mock_server.media.avc import Stream
from mock_server.media.boxes import Track, aac_entry, avc_entry, mp4
from mock_server.media.clip import Clip

_RATE, _AT_ONCE = 48_000, 1024
#: AAC-LC, 48 kHz, mono; and 1024 samples of silence in it [14496-3, 1.6.2.1 and 4.4.2.1].
_CONFIG, _SILENCE = b"\x11\x88", b"\x01\x18\x20\x07"


def tiny(clip: Clip) -> bytes:
    """The file."""
    tracks = [_video(clip), _sound(clip.seconds)] if clip.sound else [_video(clip)]
    return mp4(tracks, clip.title[:2500], clip.comment)


def _video(clip: Clip) -> Track:
    stream = Stream(clip.width, clip.height, _colour(clip.palette / 256))
    units = [stream.first(), *(stream.unchanged(number) for number in range(1, clip.frames))]
    samples = [len(unit).to_bytes(4) + unit for unit in units]
    entry = avc_entry(clip.width, clip.height, stream.sps(), stream.pps())
    return Track(b"vide", entry, clip.fps, samples, [1] * clip.frames, width=clip.width, height=clip.height)


def _sound(seconds: int) -> Track:
    """Silence. What a decoder gives first is its delay; of the last part there is as much as there is room for."""
    whole, rest = divmod(seconds * _RATE + _AT_ONCE, _AT_ONCE)
    lengths = [_AT_ONCE] * whole + ([rest] if rest else [])
    return Track(b"soun", aac_entry(_RATE, _CONFIG), _RATE, [_SILENCE] * len(lengths), lengths, skipped=_AT_ONCE)


def _colour(hue: float) -> tuple[int, int, int]:
    """Luma, blue and red difference of a deep colour, in limited range by BT.709."""
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.6, 0.5)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    differences = (blue - luma) / 1.8556, (red - luma) / 1.5748
    return round(16 + 219 * luma), round(128 + 224 * differences[0]), round(128 + 224 * differences[1])
