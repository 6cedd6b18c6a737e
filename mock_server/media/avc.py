"""Writes H.264 of one colour, with no codec at hand: real, valid, and a few bytes a frame.

The first picture is spelt out: its first block as raw samples, every other one as a copy of its neighbour. Each later
picture says that nothing has changed. Section numbers in brackets are those of ITU-T H.264.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Bits of frame_num, and how often it may be counted before it starts again.
FRAME_NUM_BITS = 4
_SPS, _PPS, _IDR, _OTHER = 0x67, 0x68, 0x65, 0x61
_HIGHEST_LEVEL = 51
_LIKE_A_START = re.compile(rb"\0\0(?=[\0-\3])")


class _Bits:
    """Bits one after another."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def u(self, value: int, width: int) -> None:
        """A number of a fixed width [7.2]."""
        self._parts.append(f"{value:0{width}b}")

    def ue(self, *values: int) -> None:
        """Exp-Golomb numbers [9.1]."""
        for value in values:
            written = f"{value + 1:b}"
            self._parts.append("0" * (len(written) - 1) + written)

    def repeat(self, bits: str, times: int) -> None:
        """The same bits several times."""
        self._parts.append(bits * times)

    def align(self) -> None:
        """Zeros up to the next byte."""
        size = sum(map(len, self._parts))
        self._parts = ["".join(self._parts), "0" * (-size % 8)]

    def nal(self, header: int) -> bytes:
        """All of it as one unit, closed [7.3.2.11] and escaped [7.4.1]."""
        self.u(1, 1)
        self.align()
        written = "".join(self._parts)
        return bytes([header]) + escaped(int(written, 2).to_bytes(len(written) // 8))


def escaped(content: bytes) -> bytes:
    """Freed of what would look like the start of a unit [7.4.1]."""
    return _LIKE_A_START.sub(b"\0\0\3", content)


@dataclass(frozen=True, slots=True)
class Stream:
    """A video of one colour. ``width`` and ``height`` are even; ``colour`` is luma, blue and red difference."""

    width: int
    height: int
    colour: tuple[int, int, int]

    @property
    def _across(self) -> int:
        return -(-self.width // 16)

    @property
    def _down(self) -> int:
        return -(-self.height // 16)

    def sps(self) -> bytes:
        """What holds for the whole stream [7.3.2.1.1]: Baseline, one reference, pictures in the order of decoding."""
        bits = _Bits()
        for value in (66, 0b1100_0000, _HIGHEST_LEVEL):
            bits.u(value, 8)
        bits.ue(0, FRAME_NUM_BITS - 4, 2, 1)
        bits.u(0, 1)
        bits.ue(self._across - 1, self._down - 1)
        bits.u(0b11, 2)
        right, bottom = self._across * 16 - self.width, self._down * 16 - self.height
        bits.u(1, 1)
        bits.ue(0, right // 2, 0, bottom // 2)
        bits.u(0, 1)
        return bits.nal(_SPS)

    def pps(self) -> bytes:
        """What holds for its pictures [7.3.2.2]: CAVLC, slices that say whether they are smoothed."""
        bits = _Bits()
        bits.ue(0, 0)
        bits.u(0, 2)
        bits.ue(0, 0, 0)
        bits.u(0, 3)
        bits.ue(0, 0, 0)
        bits.u(0b100, 3)
        return bits.nal(_PPS)

    def first(self) -> bytes:
        """The first picture [7.3.4]."""
        bits = _Bits()
        bits.ue(0, 7, 0)
        bits.u(0, FRAME_NUM_BITS)
        bits.ue(0)
        bits.u(0, 2)
        bits.ue(0, 1)
        bits.ue(25)  # I_PCM
        bits.align()
        for sample, count in zip(self.colour, (256, 64, 64), strict=True):
            bits.repeat(f"{max(1, sample):08b}", count)
        # I_16x16 with nothing to add, copied from the left in the first row, from above in the others [7.3.5]. How "no
        # coefficients" is written depends on the neighbours, and raw samples count as sixteen [9.2.1].
        left, above, none, none_beside_raw = "011" + "1" + "1", "010" + "1" + "1", "1", "000011"
        if self._across > 1:
            bits.repeat(left + none_beside_raw, 1)
            bits.repeat(left + none, self._across - 2)
        if self._down > 1:
            bits.repeat(above + none_beside_raw, 1)
            bits.repeat(above + none, self._across * (self._down - 1) - 1)
        return bits.nal(_IDR)

    def unchanged(self, number: int) -> bytes:
        """Any later picture, the same as the one before [7.3.3, 7.3.4]."""
        bits = _Bits()
        bits.ue(0, 5, 0)
        bits.u(number % (1 << FRAME_NUM_BITS), FRAME_NUM_BITS)
        bits.u(0, 3)
        bits.ue(0, 1, self._across * self._down)
        return bits.nal(_OTHER)
