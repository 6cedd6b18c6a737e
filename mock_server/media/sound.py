"""The sound of a clip: quiet, with a tick at every second, exactly as long as the video."""

from __future__ import annotations

import array
import math

RATE = 48_000
#: Seconds that a tick rings, its pitch, and how loud it and the hum under it are, of 32767.
_RINGS, _PITCH, _LOUD, _HUM = 0.06, 1_320.0, 5_200.0, 260.0


def samples(seconds: int) -> bytes:
    """Mono, signed sixteen bits, in the machine's byte order."""
    tick = [
        math.sin(2 * math.pi * _PITCH * at / RATE) * math.exp(-at / (RATE * _RINGS / 5)) * _LOUD
        for at in range(round(RATE * _RINGS))
    ]
    # a hum of whole waves in each second, so that the seconds join
    hum = [
        (math.sin(2 * math.pi * 110 * at / RATE) + 0.5 * math.sin(2 * math.pi * 165 * at / RATE)) * _HUM
        for at in range(RATE)
    ]
    second = array.array("h", (round(low) for low in hum))
    for at, height in enumerate(tick):
        second[at] = round(hum[at] + height)
    return second.tobytes() * seconds
