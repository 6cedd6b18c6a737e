"""Laws of the whole server, as property tests: time, polls, seeds, and servers that do not see each other."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.driving import drive

#: Milliseconds, so that sums of steps are exact.
moments = st.integers(0, 4_000)
plans = st.fixed_dictionaries(
    {
        "timing": st.sampled_from(["instant", "fast", "realistic"]),
        "seed": st.integers(0, 3),
        "submits": st.lists(st.tuples(moments, st.integers(0, 4)), min_size=1, max_size=4),
        # A receiver that refuses the first few, so that retries are part of the history.
        "refused": st.integers(0, 5),
    }
)
laws = settings(max_examples=25, deadline=None)


async def _submit_all(one, plan):
    inbox = f"news?status=503&times={plan['refused']}"
    for wait, place in plan["submits"]:
        await one.advance(wait / 1000)
        await one.submit(place, inbox)


async def _played(plan, steps, *, polled=False):
    async with drive(timing=plan["timing"], seed=plan["seed"]) as one:
        await _submit_all(one, plan)
        attempted = 0
        for step in steps:
            if polled:
                for task_id in one.ids:
                    await one.poll(task_id)
            attempted += await one.advance(step / 1000)
        return await one.history(), attempted


@laws
@given(plans, st.lists(st.integers(0, 300_000), min_size=1, max_size=6))
def test_many_steps_make_the_same_history_as_one_leap(plan, steps):
    stepped, attempted = asyncio.run(_played(plan, steps))
    leapt, attempted_at_once = asyncio.run(_played(plan, [sum(steps)]))
    assert stepped == leapt
    assert attempted == attempted_at_once


@laws
@given(plans, st.lists(st.integers(0, 20_000), min_size=1, max_size=5))
def test_polling_changes_nothing(plan, steps):
    assert asyncio.run(_played(plan, steps, polled=True)) == asyncio.run(_played(plan, steps))


@laws
@given(plans)
def test_the_same_seed_and_calls_give_the_same_transcript(plan):
    first, second = (asyncio.run(_played(plan, [500, 400_000])) for _ in range(2))
    assert first == second


def test_another_seed_gives_another_transcript():
    plan = {"timing": "fast", "submits": [(0, 0)], "refused": 0}
    first, second = (asyncio.run(_played({**plan, "seed": seed}, [5_000]))[0] for seed in (1, 2))
    assert first["polls"][0]["id"] != second["polls"][0]["id"]
    assert first["tasks"][0]["plan"][-1]["at"] != second["tasks"][0]["plan"][-1]["at"]


@laws
@given(plans, plans, st.lists(st.tuples(st.booleans(), st.integers(0, 3_000)), min_size=1, max_size=8))
def test_two_servers_in_one_process_do_not_see_each_other(left, right, steps):
    async def together():
        async with (
            drive(timing=left["timing"], seed=left["seed"]) as one,
            drive(timing=right["timing"], seed=right["seed"]) as other,
        ):
            await asyncio.gather(_submit_all(one, left), _submit_all(other, right))
            for first, step in steps:
                await (one if first else other).advance(step / 1000)
            return await one.history(), await other.history()

    alone = [
        asyncio.run(_played(plan, [step for first, step in steps if first is mine]))[0]
        for plan, mine in ((left, True), (right, False))
    ]
    assert list(asyncio.run(together())) == alone


@laws
@given(plans, st.lists(st.integers(0, 30_000), min_size=2, max_size=12))
def test_progress_never_falls_and_the_end_never_changes(plan, steps):
    async def watched():
        async with drive(timing=plan["timing"], seed=plan["seed"]) as one:
            await _submit_all(one, plan)
            seen = []
            for step in steps:
                seen.append([await one.poll(task_id) for task_id in one.ids])
                await one.advance(step / 1000)
            return list(zip(*seen, strict=True))

    for polls in asyncio.run(watched()):
        for earlier, later in pairwise(polls):
            assert all(("progress" in poll) == (poll["status"] == "in_progress") for poll in (earlier, later))
            assert earlier.get("progress", 1) <= later.get("progress", 1)
            if earlier["status"] != "in_progress":
                assert later == earlier


@laws
@given(plans)
def test_each_callback_is_the_poll_of_its_moment(plan):
    async def compared():
        async with drive(timing=plan["timing"], seed=plan["seed"]) as one:
            await _submit_all(one, {**plan, "refused": 0})
            found = []
            for _ in range(400):
                tasks = (await one.call("GET", "/_mock/tasks")).json()["tasks"]
                now = (await one.call("GET", "/_mock/clock")).json()["now"]
                ahead = [frame["at"] - now for task in tasks for frame in task["plan"] if frame["at"] > now]
                if not ahead:
                    break
                before = len(await one.events())
                await one.advance(round(min(ahead), 6))
                found += [(m["body"], await one.poll(m["body"]["id"])) for m in (await one.events())[before:]]
            return found

    for told, polled in asyncio.run(compared()):
        assert told == polled


def test_an_hour_passes_at_once():
    async def an_hour():
        async with drive(timing="realistic") as one:
            for place in range(20):
                await one.submit(place)
            await one.advance(3600)
            return [body["body"]["status"] for body in await one.events()]

    assert sorted(asyncio.run(an_hour())) == ["completed"] * 20 + ["in_progress"] * 20
