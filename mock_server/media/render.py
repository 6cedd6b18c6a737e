"""Turns a clip into H.264, and AAC if it has sound, in an mp4 with its index in front. PyAV brings the codecs.

The encoder runs on one thread, so that the bytes do not depend on how many cores a machine has; the frames are drawn on
another one meanwhile.
"""

from __future__ import annotations

import io
import os
import queue
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mock_server.core.errors import MissingExtra
from mock_server.media.clip import Clip

try:
    import av

    from mock_server.media.frames import Planes, frame_of, frames
    from mock_server.media.paint import canvas, overlay
    from mock_server.media.sound import RATE, samples
except ImportError:
    raise MissingExtra("making videos", "video") from None

#: Frames that are drawn ahead of the encoder.
AHEAD = 6
ENCODER = {"preset": "superfast", "crf": "22"}
#: BT.709 in limited range, as players expect of video of this size.
_BT709, _LIMITED = 1, 1
#: Samples that an AAC encoder takes at once.
_AT_ONCE = 1024


def render(clip: Clip, contents: Mapping[str, bytes], path: Path) -> None:
    """Write the clip's file; ``path`` appears only when it is whole. ``contents`` are its pictures by digest."""
    _whole(path, lambda name: _encode(clip, _drawn_ahead(clip, contents), name))


def thumbnail(clip: Clip, contents: Mapping[str, bytes], path: Path) -> None:
    """Write the clip's first frame as a JPEG, 640 pixels on its longer side."""
    shot = clip.shots[0]
    image = canvas(clip, shot.starts, (clip.width, clip.height), (0, 0), contents).convert("RGBA")
    image.alpha_composite(overlay(clip, shot))
    image.thumbnail((640, 640))
    written = io.BytesIO()
    image.convert("RGB").save(written, "JPEG", quality=86)
    _whole(path, lambda name: Path(name).write_bytes(written.getvalue()))


def _whole(path: Path, write: Callable[[str], object]) -> None:
    handle, name = tempfile.mkstemp(suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        write(name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def all_frames(clip: Clip, contents: Mapping[str, bytes]) -> Iterator[Planes]:
    """The frames of all shots."""
    for shot in clip.shots:
        yield from frames(clip, shot, contents)


def _drawn_ahead(clip: Clip, contents: Mapping[str, bytes]) -> Iterator[av.VideoFrame]:
    """All frames, drawn on a thread of their own."""
    drawn: queue.Queue[av.VideoFrame | BaseException | None] = queue.Queue(AHEAD)

    given_up = threading.Event()

    def draw() -> None:
        try:
            for image in all_frames(clip, contents):
                drawn.put(frame_of(image))
                if given_up.is_set():
                    return
            drawn.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            drawn.put(error)

    threading.Thread(target=draw, daemon=True, name="kirin-mock frames").start()
    try:
        while (frame := drawn.get()) is not None:
            if isinstance(frame, BaseException):
                raise frame
            yield frame
    finally:
        given_up.set()
        while not drawn.empty():  # so that nobody waits for room in it
            drawn.get_nowait()


def _encode(clip: Clip, drawn: Iterator[av.VideoFrame], name: str) -> None:
    with av.open(name, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata["title"] = clip.title[:2500]
        container.metadata["comment"] = clip.comment
        stream = container.add_stream("libx264", rate=clip.fps, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.colorspace = context.color_trc = context.color_primaries = _BT709
        context.color_range = _LIMITED
        sound = container.add_stream("aac", rate=RATE, options={"b": "64k"}, layout="mono") if clip.sound else None
        for number, frame in enumerate(drawn):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _encode_sound(container, sound, samples(clip.seconds))


def _encode_sound(container: av.container.OutputContainer, stream: av.AudioStream, sound: bytes) -> None:
    size = 2 * _AT_ONCE
    for place in range(0, len(sound), size):
        part = sound[place : place + size]
        frame = av.AudioFrame("s16", "mono", len(part) // 2, 1)
        frame.planes[0].update(part)
        frame.sample_rate, frame.pts = RATE, place // 2
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
