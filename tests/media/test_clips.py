"""Videos show what was asked for: decoded back, and looked at."""

from __future__ import annotations

import io
import itertools
import threading
from dataclasses import replace

import av
import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from mock_server import MockServer
from mock_server.core.resources import resource
from mock_server.media.camera import NAMED as WAYS
from mock_server.media.camera import ROLL, STEP, SWEEP, VIEW
from mock_server.media.paint import places
from mock_server.media.render import render
from mock_server.media.tiny import tiny
from tests.support.clips import AXES, CAMERAS, LANDSCAPE, NAMED, ROWS, SQUARE, TAIL, encoded, mask, planned
from tests.support.depth import first
from tests.support.looking import WORDS, Move, alike, camera_move, decoded, middle_of

#: What is rendered is kept for the other tests of this file, so one process has all of them.
pytestmark = pytest.mark.xdist_group("clips")

#: A camera ends where it is to end after any number of frames: two show it, and all of them at greater depth.
LENGTHS = [pytest.param(False, id="two frames of a shot"), pytest.param(True, id="whole", marks=pytest.mark.deep)]
#: Rows that are rendered whole by ``make test``: each model, frame rate, sound, and several shots.
WHOLE = {
    *("title card", "from an image", "one reference", "master", "v3 with sound"),
    *("two shots", "three shots with sound", "six shots"),
}


def of(names, kept=()):
    """These rows to parametrize with; all but ``kept`` at greater depth only."""
    return [pytest.param(name, marks=() if name in kept else pytest.mark.deep) for name in names]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Renders a row, once: whole, or two frames of each shot."""
    folder = tmp_path_factory.mktemp("videos")
    rendered = {}
    with MockServer(speed="manual", media="off") as server, httpx.Client(trust_env=False) as http:

        def video(row, whole=True):
            key = repr(row), whole
            if key not in rendered:
                path = folder / f"{len(rendered)}.mp4"
                clip, contents = planned(http, server, row.model, row.params)
                render(clip if whole else brief(clip), contents, path)
                rendered[key] = path.read_bytes()
            return rendered[key]

        video.plan = lambda row: planned(http, server, row.model, row.params)
        yield video


def brief(clip):
    """The same with two frames in each shot: the first and the last."""
    return replace(clip, shots=tuple(replace(shot, frames=2) for shot in clip.shots))


def image(name, size):
    """A sample image as it would be cropped to fill a frame."""
    with Image.open(io.BytesIO(resource("fixtures", "images", name[1:]).read_bytes())) as opened:
        return ImageOps.fit(opened.convert("RGB"), size, Image.Resampling.LANCZOS)


def test_there_are_rows_enough():
    assert len(ROWS) >= 60
    assert len({row.model for row in ROWS.values()}) == 5


def _as_promised(row, seen, frames):
    assert len(seen.frames) == frames
    assert (seen.width, seen.height, seen.fps) == (row.width, row.height, row.fps)
    assert seen.sound_seconds == (row.seconds if row.sound else None)


@pytest.mark.parametrize("name", first(2, of(ROWS, WHOLE)))
def test_a_video_is_as_long_and_large_as_promised(name, videos):
    row = ROWS[name]
    _as_promised(row, decoded(videos(row), keep=()), row.seconds * row.fps)


@pytest.mark.parametrize("name", first(12, ROWS))
def test_a_small_clip_and_the_frames_of_a_video_are_planned_and_drawn_as_promised(name, videos):
    row = ROWS[name]
    clip, _ = videos.plan(row)
    assert clip.frames == row.seconds * row.fps
    _as_promised(row, decoded(tiny(clip), keep=()), clip.frames)
    _as_promised(row, decoded(videos(row, whole=False), keep=()), 2 * len(clip.shots))


def ends(content):
    """The first and the last frame."""
    frames = decoded(content).frames
    return frames[0], frames[-1]


EXPECTED = {
    "horizontal": lambda value: Move(x=STEP * value),
    "vertical": lambda value: Move(y=STEP * value),
    "pan": lambda value: Move(x=SWEEP * value),
    "tilt": lambda value: Move(y=SWEEP * value),
    "roll": lambda value: Move(turn=ROLL * value),
    "zoom": lambda value: Move(view=float(np.exp(VIEW * value))),
}


def close(found, expected):
    """As near as the search looks: 1 % of the frame, a degree, and 5 % of the view."""
    return (
        abs(found.x - expected.x) <= 0.011
        and abs(found.y - expected.y) <= 0.011
        and abs(found.turn - expected.turn) <= 1.0
        and abs(np.log(found.view / expected.view)) <= 0.05
    )


@pytest.mark.parametrize("whole", LENGTHS)
@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.deep
def test_the_camera_moves_as_it_was_told(name, whole, videos):
    axis, value = name.split()
    found = camera_move(*ends(videos(ROWS[f"camera {name}"], whole)))
    assert close(found, EXPECTED[axis](int(value))), found


def test_the_directions_are_those_of_the_documents():
    """Negative is left, down, counter-clockwise and a narrower view."""
    signs = {axis: EXPECTED[axis](-10) for axis in AXES}
    assert signs["horizontal"].x < 0 > signs["pan"].x
    assert signs["vertical"].y < 0 > signs["tilt"].y
    assert signs["roll"].turn < 0
    assert signs["zoom"].view < 1


@pytest.mark.parametrize("whole", LENGTHS)
@pytest.mark.parametrize("name", NAMED)
def test_the_moves_that_have_a_name_go_where_it_says(name, whole, videos):
    end = WAYS[name][-1]
    found = camera_move(*ends(videos(ROWS[f"card, {name}"], whole)))
    assert close(found, Move(end.x, end.y, 0.0, end.view)), found
    where = {
        "down_back": found.y < 0 and found.view > 1,
        "forward_up": found.y > 0 and found.view < 1,
        "right_turn_forward": found.x > 0 and found.view < 1,
        "left_turn_forward": found.x < 0 and found.view < 1,
    }
    assert where[name]


#: The name of a row, the image its first frame is to show, and its last.
SHOWN = {
    "from an image": (LANDSCAPE, None),
    "portrait": ("@portrait.jpg", None),
    "square": (SQUARE, None),
    "image and tail": (LANDSCAPE, TAIL),
    "tail of another aspect": (LANDSCAPE, SQUARE),
    "tail alone": (None, TAIL),
    "camera roll +10": (LANDSCAPE, None),
    "v3": (LANDSCAPE, None),
    "v3 image and tail": (LANDSCAPE, TAIL),
    "v3 tail alone": (None, SQUARE),
    "two shots and a tail": (LANDSCAPE, TAIL),
    "master": (LANDSCAPE, None),
}
#: How alike a frame and the image it shows are at least, where no words are; and how unlike another one is at most.
SAME, OTHER = 0.93, 0.88


@pytest.mark.parametrize("whole", LENGTHS)
@pytest.mark.parametrize("name", SHOWN)
def test_a_video_starts_and_ends_on_the_images_that_were_given(name, whole, videos):
    row = ROWS[name]
    size = (row.width, row.height)
    above = (0, round(row.height * 0.16), row.width, round(row.height * (1 - WORDS) * 0.94))
    first, last = ends(videos(row, whole))
    for frame, wanted in zip((first, last), SHOWN[name], strict=True):
        if wanted is not None:
            assert alike(frame.crop(above), image(wanted, size).crop(above)) > SAME
    assert alike(first.crop(above), last.crop(above)) < OTHER, "nothing moves"


def magenta(red, green, blue):
    return (red > 170) & (blue > 170) & (green < 110)


def cyan(red, green, blue):
    return (blue > 170) & (green > 170) & (red < 110)


def discs(*drawn):
    """A grey image with discs, each a colour and a box."""
    picture = Image.new("RGB", (1280, 720), (96, 100, 96))
    draw = ImageDraw.Draw(picture)
    for colour, box in drawn:
        draw.ellipse(box, fill=colour)
    return encoded(picture, "PNG")


def _brushed(videos, params, drawn):
    row = ROWS["brush"]._replace(params={"mode": "pro", "image": discs(*drawn), **params})
    return decoded(videos(row), keep=set(range(0, 150, 10)) | {149}).frames


def test_what_a_brush_has_painted_takes_its_way_from_the_bottom_left(videos):
    """Two legs of equal length, so that it is at the corner halfway; y counts upwards."""
    points = [(300, 200), (700, 200), (700, 600)]
    box = (240, 460, 360, 580)  # around (300, 200) from below
    way = [{"x": x, "y": y} for x, y in points]
    masks = [{"mask": mask((236, 456, 364, 584)), "trajectories": way}]
    frames = _brushed(videos, {"dynamic_masks": masks}, [((255, 0, 255), box)])
    for number in range(0, 150, 10):
        gone = 800 * number / 149
        wanted = (300 + min(gone, 400), 200 + max(0.0, gone - 400))
        x, y = middle_of(frames[number], magenta)
        assert abs(x - wanted[0]) <= 3, (number, x, y, wanted)
        assert abs(y - wanted[1]) <= 3, (number, x, y, wanted)


def test_several_strokes_go_their_own_ways_and_leave_no_copy_behind(videos):
    ways = [[{"x": 300, "y": 500}, {"x": 800, "y": 500}], [{"x": 900, "y": 300}, {"x": 500, "y": 300}]]
    boxes = [(250, 170, 350, 270), (850, 370, 950, 470)]
    masks = [
        {"mask": mask(tuple(np.add(box, (-4, -4, 4, 4)))), "trajectories": way}
        for box, way in zip(boxes, ways, strict=True)
    ]
    frames = _brushed(videos, {"dynamic_masks": masks}, [((255, 0, 255), boxes[0]), ((0, 255, 255), boxes[1])])
    first, second = middle_of(frames[149], magenta), middle_of(frames[149], cyan)
    assert np.allclose(first, (800, 499), atol=3)
    assert np.allclose(second, (500, 299), atol=3)


def test_a_way_that_leads_out_of_the_picture_is_gone(videos):
    way = [{"x": 300, "y": 200}, {"x": 10**30, "y": -(10**30)}]
    masks = [{"mask": mask((236, 456, 364, 584)), "trajectories": way}]
    frames = _brushed(videos, {"dynamic_masks": masks}, [((255, 0, 255), (240, 460, 360, 580))])
    assert magenta(*np.moveaxis(np.asarray(frames[0], dtype=int), 2, 0)).any()
    assert not magenta(*np.moveaxis(np.asarray(frames[149], dtype=int), 2, 0)).any()


def test_what_a_static_mask_covers_stays_where_it_is(videos):
    drawn = [((255, 0, 255), (100, 100, 220, 220)), ((0, 255, 255), (900, 420, 1000, 520))]
    frames = _brushed(videos, {"static_mask": mask((896, 416, 1004, 524)), "seed": 2}, drawn)  # which decides the drift
    still = [middle_of(frames[number], cyan) for number in (0, 149)]
    moved = [middle_of(frames[number], magenta) for number in (0, 149)]
    assert np.allclose(*still, atol=1)
    assert np.linalg.norm(np.subtract(*moved)) > 30, "the rest drifts"


@pytest.mark.parametrize("whole", LENGTHS)
@pytest.mark.parametrize("name", [name for name in ROWS if "references" in name and "not fetched" not in name])
def test_all_references_appear(name, whole, videos):
    row = ROWS[name]
    frame = decoded(videos(row, whole), keep={0}).frames[0]
    given = [one["image"] for one in row.params["image_list"]]
    for wanted, (left, top, width, height) in zip(given, places(len(given), (row.width, row.height)), strict=True):
        with Image.open(io.BytesIO(resource("fixtures", "images", wanted[1:]).read_bytes())) as opened:
            border = max(2, round(min(row.width, row.height) / 110))
            inner = ImageOps.contain(opened.convert("RGB"), (round(width) - 2 * border, round(height) - 2 * border))
        corner = round(left + (width - inner.width) / 2), round(top + (height - inner.height) / 2)
        seen = frame.crop((*corner, corner[0] + inner.width, corner[1] + inner.height))
        found = np.corrcoef(np.asarray(seen.convert("L")).ravel(), np.asarray(inner.convert("L")).ravel())[0, 1]
        assert found > 0.9, wanted


@pytest.mark.parametrize("name", ["two shots", "three shots with sound", "six shots"])
@pytest.mark.deep
def test_shots_change_to_the_frame(name, videos):
    row = ROWS[name]
    frames = decoded(videos(row)).frames
    steps = [
        np.abs(np.subtract(*(np.asarray(one.convert("L"), dtype=int) for one in pair))).mean()
        for pair in itertools.pairwise(frames)
    ]
    lengths = [int(shot["duration"]) * row.fps for shot in row.params["multi_prompt"]]
    cuts = list(np.cumsum(lengths)[:-1])
    assert sorted(int(place) + 1 for place in np.argsort(steps)[-len(cuts) :]) == cuts


@pytest.mark.parametrize("name", of(["v3 with sound", "three shots with sound", "v3 in fifteen seconds"], WHOLE))
def test_there_is_a_tick_at_every_second(name, videos):
    row = ROWS[name]
    seen = decoded(videos(row), keep=())
    loud = [np.abs(seen.sound[second * 48_000 : second * 48_000 + 1_000]).max() for second in range(row.seconds)]
    quiet = [
        np.abs(seen.sound[second * 48_000 + 12_000 : second * 48_000 + 36_000]).max() for second in range(row.seconds)
    ]
    assert min(loud) > 5 * max(quiet) > 0
    assert max(loud) < 0.25, "it is to be quiet"


def test_the_same_clip_makes_the_same_bytes(videos, tmp_path):
    plan = videos.plan(ROWS["two shots"])
    for name in ("a.mp4", "b.mp4"):
        render(*plan, tmp_path / name)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert tiny(plan[0]) == tiny(plan[0])


def test_metadata_carry_the_task_and_the_prompt(videos):
    row = ROWS["title card"]
    clip, _ = videos.plan(row)
    for content in (videos(row), tiny(clip)):
        with av.open(io.BytesIO(content)) as container:
            assert container.metadata["title"] == row.params["prompt"]
            assert container.metadata["comment"].startswith("kirin_v1_t2v ")


@pytest.mark.parametrize("name", ROWS)
def test_a_small_clip_is_a_few_kilobytes(name, videos):
    assert len(tiny(videos.plan(ROWS[name])[0])) < 18_000


def test_the_caption_tells_what_was_asked(videos):
    row = ROWS["with a seed"]._replace(params={**ROWS["with a seed"].params, "negative_prompt": "fog"})
    clip, _ = videos.plan(row)
    assert clip.caption[0].startswith("kirin_v1_5_i2v  ·  pro  ·  5 s  ·  1280x720  ·  30 fps  ·  ")
    assert clip.caption[1:] == ("seed 7  ·  cfg_scale 0.5", "not: fog")
    clip, _ = videos.plan(ROWS["v3 with elements"])
    assert clip.caption[1] == "elements 829312, 9007199254740993"
    clip, _ = videos.plan(ROWS["camera pan -10"])
    assert clip.caption[1] == "camera pan -10"


@pytest.mark.parametrize("prompt", ["中文 と 日本語", "😀" * 600, "\ufe0f", "a\u200d\u0007b", "\U00012000", "x" * 2500])
def test_any_prompt_makes_a_card(prompt, tmp_path, videos):
    row = ROWS["title card"]._replace(params={"prompt": prompt})
    clip, contents = videos.plan(row)
    short = replace(clip, shots=(replace(clip.shots[0], frames=2),))
    render(short, contents, tmp_path / "a.mp4")
    assert len(decoded((tmp_path / "a.mp4").read_bytes()).frames) == 2


def test_an_encoder_that_fails_leaves_no_thread_behind(tmp_path, videos, monkeypatch):
    def fails(clip, drawn, name):
        next(drawn)
        raise OSError("the disk is full")

    monkeypatch.setattr("mock_server.media.render._encode", fails)
    with pytest.raises(OSError, match="disk is full"):
        render(*videos.plan(ROWS["title card"]), tmp_path / "a.mp4")
    for thread in threading.enumerate():
        if thread.name == "kirin-mock frames":
            thread.join(20)
            assert not thread.is_alive()
    assert list(tmp_path.iterdir()) == []
