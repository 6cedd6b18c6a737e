"""Callbacks: signed as the standard says, in order, tried again on the clock, to allowed addresses only."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from mock_server.lifecycle.timeline import Status
from mock_server.platform.courier import Outcome, _seconds_asked, after_attempt, secret_key, signature
from mock_server.platform.task import Attempt, Delivery, DeliveryState
from tests.support.driving import drive

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
OTHER_SECRET = "whsec_b3RoZXJzZWNyZXRvdGhlcnNlY3JldG90aGVyc2VjcmU="
START = 1_767_225_600.0


def test_the_published_vector_is_signed_as_published():
    body = (
        b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}'
    )
    assert signature(SECRET, "9876543210", 1781080794, body) == "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="
    assert signature(SECRET, "9876543210", 1781080794, body + b" ") != signature(SECRET, "9876543210", 1781080794, body)


@pytest.mark.parametrize("secret", ["dGVzdA==", "whsec_", "whsec_not base64", "whsec_dGVzdA"])
def test_a_bad_secret_is_refused(secret):
    with pytest.raises(ValueError, match="whsec_"):
        secret_key(secret)


def _history(settings, *, inbox="news", seconds=(2_000,), place=0):
    async def work():
        async with drive(**settings) as one:
            made = await one.submit(place, inbox)
            for step in seconds:
                await one.advance(step)
            task = (await one.call("GET", f"/_mock/tasks/{made['id']}")).json()
            return task, await one.events(inbox.partition("?")[0])

    return asyncio.run(work())


def test_every_status_change_is_told_in_order():
    task, events = _history({})
    assert [message["body"]["status"] for message in events] == ["in_progress", "completed"]
    assert [message["received_at"] for message in events] == [change["at"] for change in task["transitions"]]
    assert events[1]["body"] == task["answer"]


def test_headers_are_those_of_standard_webhooks_and_verify():
    _, events = _history({"callback_secret": (SECRET, OTHER_SECRET)})
    for message in events:
        headers = message["headers"]
        assert headers["webhook-timestamp"] == str(int(message["received_at"]))
        assert len(headers["webhook-signature"].split(" ")) == 2  # a rotation: the old and the new secret both sign
    assert len({message["headers"]["webhook-id"] for message in events}) == 2


def test_the_signature_is_over_the_very_bytes_sent():
    async def work():
        async with drive(callback_secret=(SECRET,)) as one:
            made = await one.submit(0)
            await one.advance(10)
            tenant = one.server.built.service.tenants[one.server.api_key]
            return await tenant.store.deliveries(made["id"]), await one.events()

    deliveries, events = asyncio.run(work())
    for delivery, message in zip(deliveries, events, strict=True):
        headers = message["headers"]
        expected = signature(SECRET, headers["webhook-id"], int(headers["webhook-timestamp"]), delivery.body)
        assert headers["webhook-signature"] == expected


def test_a_refused_callback_is_tried_again_on_the_schedule_with_the_same_id():
    task, events = _history({}, inbox="news?status=500&times=3")
    first = [message for message in events if message["headers"]["webhook-id"] == events[0]["headers"]["webhook-id"]]
    waits = [later["received_at"] - earlier["received_at"] for earlier, later in pairwise(first)]
    assert [round(wait, 6) for wait in waits] == [1, 5, 30]
    assert [message["body"] for message in first] == [first[0]["body"]] * 4
    assert first[0]["body"]["status"] == "in_progress"
    assert [delivery["state"] for delivery in task["deliveries"]] == ["delivered", "delivered"]


def test_the_end_is_told_only_after_the_start_was_received():
    _, events = _history({}, inbox="news?status=500&times=2")
    assert [message["body"]["status"] for message in events] == ["in_progress"] * 3 + ["completed"]


def test_after_the_last_retry_it_is_given_up_and_the_next_news_goes_out():
    task, events = _history({}, inbox="news?status=500", seconds=[100] * 40)
    assert [delivery["state"] for delivery in task["deliveries"]] == ["given_up", "given_up"]
    assert [len(delivery["attempts"]) for delivery in task["deliveries"]] == [6, 6]
    assert len(events) == 12


def test_gone_ends_a_delivery_at_once():
    task, events = _history({}, inbox="news?status=410")
    assert [delivery["state"] for delivery in task["deliveries"]] == ["given_up", "given_up"]
    assert len(events) == 2


def test_a_refused_target_is_told_on_the_task_and_does_it_no_harm():
    async def work():
        async with drive() as one:
            made = await one.submit(0, None, callback_url="http://192.0.2.7/hook")
            await one.advance(10)
            return (await one.call("GET", f"/_mock/tasks/{made['id']}")).json()

    task = asyncio.run(work())
    assert task["status"] == "completed"
    assert [delivery["state"] for delivery in task["deliveries"]] == ["refused", "refused"]
    assert "--callback-allow 192.0.2.7" in task["deliveries"][0]["attempts"][0]["error"]


def _delivery(attempts=()):
    return Delivery("msg_1", "t", 0, Status.COMPLETED, START, START, attempts=attempts)


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 1.0), (40.0, 40.0), (0.5, 1.0)])
def test_retry_after_can_only_make_the_wait_longer(asked, waited):
    after = after_attempt(_delivery(), Outcome(Attempt(START, 503, None, 0.0), wait=asked))
    assert (after.state, after.due_at) == (DeliveryState.OWED, START + waited)


@pytest.mark.parametrize("asked", ["Mon, 01 Jan 99999999999 00:00:00 GMT", "soon", "-5", "1e9", ""])
def test_a_retry_after_that_says_nothing_is_ignored(asked):
    assert _seconds_asked(asked, START) == 0.0


def test_a_retry_after_may_be_a_date_and_is_bounded():
    assert _seconds_asked("Thu, 01 Jan 2026 00:01:30 GMT", START) == 90.0
    assert _seconds_asked("Fri, 01 Jan 2027 00:00:00 GMT", START) == 86_400.0
    assert _seconds_asked("999999999", START) == 86_400.0


def test_redirects_count_as_failures():
    after = after_attempt(_delivery(), Outcome(Attempt(START, 302, None, 0.0)))
    assert after.state is DeliveryState.OWED


@pytest.mark.parametrize("first", ["complete", "fail", "hold"])
def test_steering_tells_the_new_end_and_never_the_planned_one(first):
    async def work():
        async with drive() as one:
            made = await one.submit(0)
            await one.advance(1)
            await one.call("POST", f"/_mock/tasks/{made['id']}/{first}")
            await one.advance(100)
            if first == "hold":
                held = await one.poll(made["id"])
                assert held["status"] == "in_progress"
                await one.call("POST", f"/_mock/tasks/{made['id']}/release")
                await one.advance(100)
            return [message["body"]["status"] for message in await one.events()]

    end = {"complete": "completed", "fail": "failed", "hold": "completed"}[first]
    assert asyncio.run(work()) == ["in_progress", end]


def test_a_task_steered_at_the_very_moment_it_starts_still_tells_its_end():
    async def work():
        async with drive() as one:
            made = await one.submit(0)
            await one.advance(0.2)
            await one.call("POST", f"/_mock/tasks/{made['id']}/fail", json={"code": "002001097"})
            await one.advance(100)
            shown = (await one.call("GET", f"/_mock/tasks/{made['id']}")).json()
            return [message["body"] for message in await one.events()], shown

    bodies, task = asyncio.run(work())
    assert [body["status"] for body in bodies] == ["in_progress", "failed"]
    assert [change["status"] for change in task["transitions"]] == ["in_progress", "failed"]
    assert bodies[-1]["error"]["code"] == "002001097"
