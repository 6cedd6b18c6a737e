"""Puts coded pictures and sound into an mp4, its index in front. Section numbers are those of ISO/IEC 14496-12."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

#: Ticks a second of the whole film; each track counts in its own.
_SCALE = 1000
_UNITY = b"".join(one.to_bytes(4) for one in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))


@dataclass(frozen=True, slots=True)
class Track:
    """Coded samples that follow each other. ``entry`` is the box that describes their coding, ``handler`` is vide or
    soun, ``scale`` the ticks a second, ``lengths`` how many each sample takes; the first ``skipped`` ticks are not
    played. ``width`` and ``height`` are those of pictures.
    """

    handler: bytes
    entry: bytes
    scale: int
    samples: Sequence[bytes]
    lengths: Sequence[int]
    skipped: int = 0
    width: int = 0
    height: int = 0


def box(name: bytes, *parts: bytes) -> bytes:
    """One box [4.2]."""
    return b"".join(((8 + sum(map(len, parts))).to_bytes(4), name, *parts))


def full(name: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    """One box with version and flags [4.2]."""
    return box(name, bytes([version]), flags.to_bytes(3), *parts)


def _u32(*values: int) -> bytes:
    return b"".join(value.to_bytes(4) for value in values)


def mp4(tracks: Sequence[Track], title: str, comment: str) -> bytes:
    """A whole file. Each track is one chunk, in order."""
    ftyp = box(b"ftyp", b"isom", _u32(0x200), b"isomiso2avc1mp41")
    size = len(_moov(tracks, [0] * len(tracks), title, comment))
    place, places = len(ftyp) + size + 8, []
    for track in tracks:
        places.append(place)
        place += sum(map(len, track.samples))
    content = b"".join(sample for track in tracks for sample in track.samples)
    return ftyp + _moov(tracks, places, title, comment) + box(b"mdat", content)


def _moov(tracks: Sequence[Track], places: Sequence[int], title: str, comment: str) -> bytes:
    longest = max(_played(track) for track in tracks)
    mvhd = full(
        *(b"mvhd", _u32(0, 0, _SCALE, longest, 0x10000), b"\1\0", bytes(10), _UNITY, bytes(24)), _u32(len(tracks) + 1)
    )
    traks = (_trak(track, number, place) for number, (track, place) in enumerate(zip(tracks, places, strict=True), 1))
    return box(b"moov", mvhd, *traks, _words(title, comment))


def _played(track: Track) -> int:
    """How long it plays, in ticks of the film."""
    return round((sum(track.lengths) - track.skipped) * _SCALE / track.scale)


def _trak(track: Track, number: int, place: int) -> bytes:
    loud = b"\1\0" if track.handler == b"soun" else b"\0\0"
    size = _u32(track.width << 16, track.height << 16)
    tkhd = full(
        *(b"tkhd", _u32(0, 0, number, 0, _played(track)), bytes(8), bytes(4), loud, bytes(2), _UNITY, size), flags=3
    )
    edit = full(b"elst", _u32(1, _played(track), track.skipped, 0x10000))
    mdhd = full(b"mdhd", _u32(0, 0, track.scale, sum(track.lengths)), b"\x55\xc4\0\0")
    hdlr = full(b"hdlr", bytes(4), track.handler, bytes(12), b"kirin-mock\0")
    return box(b"trak", tkhd, box(b"edts", edit), box(b"mdia", mdhd, hdlr, _minf(track, place)))


def _minf(track: Track, place: int) -> bytes:
    head = full(b"vmhd", bytes(8), flags=1) if track.handler == b"vide" else full(b"smhd", bytes(4))
    here = full(b"url ", flags=1)
    dinf = box(b"dinf", full(b"dref", _u32(1), here))
    runs = [(len(list(run)), length) for length, run in groupby(track.lengths)]
    sizes = [len(sample) for sample in track.samples]
    same = sizes[0] if len(set(sizes)) == 1 else 0
    tables = [
        full(b"stsd", _u32(1), track.entry),
        full(b"stts", _u32(len(runs)), *(_u32(count, length) for count, length in runs)),
        full(b"stsc", _u32(1, 1, len(sizes), 1)),
        full(b"stsz", _u32(same, len(sizes)), *([] if same else [_u32(*sizes)])),
        full(b"stco", _u32(1, place)),
    ]
    if track.handler == b"vide":
        tables.append(full(b"stss", _u32(1, 1)))
    return box(b"minf", head, dinf, box(b"stbl", *tables))


def avc_entry(width: int, height: int, sps: bytes, pps: bytes) -> bytes:
    """How H.264 is described [14496-15, 5.4.2]."""
    sets = b"\xe1" + len(sps).to_bytes(2) + sps + b"\1" + len(pps).to_bytes(2) + pps
    settings = box(b"avcC", b"\1", sps[1:4], b"\xff", sets)
    size = width.to_bytes(2) + height.to_bytes(2)
    return box(
        *(b"avc1", bytes(6), b"\0\1", bytes(16), size, _u32(0x480000, 0x480000), bytes(4), b"\0\1", bytes(32)),
        *(b"\0\x18\xff\xff", settings),
    )


def aac_entry(rate: int, config: bytes) -> bytes:
    """How mono AAC is described [14496-14, 5.6]."""
    decoder = b"\x40\x15" + bytes(11) + b"\5" + bytes([len(config)]) + config
    stream = b"\0\0\0" + b"\4" + bytes([len(decoder)]) + decoder + b"\6\1\2"
    esds = full(b"esds", b"\3" + bytes([len(stream)]) + stream)
    return box(b"mp4a", bytes(6), b"\0\1", bytes(8), b"\0\1\0\x10", bytes(4), _u32(rate << 16), esds)


def _words(title: str, comment: str) -> bytes:
    """Title and comment, as players read them."""

    def word(name: bytes, text: str) -> bytes:
        return box(name, box(b"data", _u32(1, 0), text.encode()))

    hdlr = full(b"hdlr", bytes(4), b"mdirappl", bytes(9))
    return box(b"udta", full(b"meta", hdlr, box(b"ilst", word(b"\xa9nam", title), word(b"\xa9cmt", comment))))
