"""A task's state is a pure function of its timeline and the time, steered or not."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mock_server.lifecycle.plan import RandomSource, Timing, plan_of, timeline
from mock_server.lifecycle.timeline import Failure, Frame, Status, Timeline

START = 1_767_225_600.0
FAILURE = Failure("00200398", "it failed")

steps = st.integers(0, 400_000_000).map(lambda micros: micros / 1e6)
draws = st.builds(RandomSource, st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
courses = st.builds(plan_of, st.sampled_from(Timing), draws, st.floats(1, 6), st.sampled_from([None, FAILURE]))
timelines = st.builds(timeline, courses, st.just(START))
moves = st.sampled_from(["complete", "fail", "hold", "release"])


def _moved(line, now, move):
    if line.at(now).final:
        return line
    if move == "complete":
        return line.ended(now, Status.COMPLETED)
    if move == "fail":
        return line.ended(now, Status.FAILED, FAILURE)
    return line.hold(now) if move == "hold" else line.release(now)


@given(timelines, st.lists(st.tuples(steps, moves), max_size=5), st.lists(steps, min_size=2))
def test_progress_never_falls_and_the_end_is_final_however_it_is_steered(line, steering, looks):
    now = START
    for step, move in steering:
        now = round(now + step, 6)
        line = _moved(line, now, move)
    seen = [line.at(round(START + look, 6)) for look in sorted(looks)]
    for earlier, later in pairwise(seen):
        assert earlier.progress <= later.progress
        assert not earlier.final or later == earlier


@given(timelines, steps, moves, st.lists(steps))
def test_steering_leaves_the_past_as_it_was(line, step, move, looks):
    now = round(START + step, 6)
    steered = _moved(line, now, move)
    for look in looks:
        moment = round(START + look, 6)
        if moment < now:
            assert steered.at(moment) == line.at(moment)


@given(timelines, steps, steps)
def test_a_held_task_stands_still_and_then_takes_as_long_as_it_had_left(line, step, pause):
    now = round(START + step, 6)
    if line.at(now).final:
        return
    held = line.hold(now)
    later = round(now + pause, 6)
    assert held.at(later) == held.at(now)
    released = held.release(later)
    assert round(released.frames[-1].at - later, 6) == round(line.frames[-1].at - now, 6)
    assert released.at(later) == line.at(now)


def test_completion_is_seen_at_its_very_moment_and_not_before():
    line = Timeline(
        (
            Frame(START, Status.QUEUED, 0.0),
            Frame(START + 0.2, Status.IN_PROGRESS, 0.0, 0.5),
            Frame(START + 2.2, Status.COMPLETED, 1.0),
        )
    )
    assert line.at(START + 2.2).status is Status.COMPLETED
    before = line.at(START + 2.199999)
    assert (before.status, before.progress) == (Status.IN_PROGRESS, 0.9999)


def test_several_changes_at_one_moment_are_one():
    line = timeline(plan_of(Timing.INSTANT, RandomSource(0.5, 0.5), 1.0, None), START)
    assert [frame.status for frame in line.changes()] == [Status.COMPLETED]


def test_realistic_times_are_as_promised():
    for effort in (1.0, 2.0, 6.0):
        for draw in (RandomSource(0, 0), RandomSource(0.999, 0.999)):
            frames = timeline(plan_of(Timing.REALISTIC, draw, effort, None), START).frames
            assert 2 <= frames[1].at - START <= 8
            assert 45 <= frames[2].at - frames[1].at <= 240
