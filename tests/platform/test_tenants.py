"""One API key is one tenant: whatever happens in one, another goes on as if it were alone."""

from __future__ import annotations

import asyncio
import socket
import threading

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server import MockServer
from mock_server.platform.inbox import Inboxes, InboxMessage
from tests.support.driving import drive_tenants, timeless

KEYS = ("alpha", "beta")

LATER = ("advance", 2_000)
steps = st.one_of(
    st.tuples(st.just("submit"), st.integers(0, 4)),
    st.tuples(st.just("submit elsewhere"), st.integers(0, 4)),
    st.tuples(st.just("advance"), st.integers(0, 200_000)),
    st.tuples(st.just("poll"), st.integers(0, 3)),
    st.tuples(st.just("cancel"), st.integers(0, 3)),
    st.tuples(st.just("hold"), st.integers(0, 3)),
    st.tuples(st.just("fail"), st.integers(0, 3)),
    st.tuples(st.just("reset"), st.just(0)),
)
#: Both tenants have a task with callbacks, and time enough to tell of it, whatever else happens.
scripts = st.builds(
    lambda first, second, further: [(0, first), (1, second), *further, (0, LATER), (1, LATER)],
    st.tuples(st.just("submit"), st.integers(0, 4)),
    st.tuples(st.just("submit"), st.integers(0, 4)),
    st.lists(st.tuples(st.sampled_from([0, 1]), steps), max_size=14),
)


async def _step(one, step, number):
    """One step of a script; what came of it."""
    what, value = step
    if what == "advance":
        return await one.advance(value / 1000)
    if what.startswith("submit"):
        # Both tenants use the same inbox and the same external ids; the inbox refuses the first two of each.
        inbox = "news?status=503&times=2" if what == "submit" else None
        answer = await one.submit_raw(value, inbox, external_task_id=f"task-{number % 3}")
        one.ids += [answer.json()["id"]] if answer.status_code == 200 else []
        return answer.json()
    if what == "reset":
        one.ids.clear()
        return (await one.call("POST", "/_mock/reset")).json()
    return await _touch(one, what, one.ids[value % len(one.ids)]) if one.ids else None


async def _touch(one, what, task_id):
    if what == "poll":
        return await one.poll(task_id)
    if what == "cancel":
        return await one.cancel(task_id)
    return timeless((await one.call("POST", f"/_mock/tasks/{task_id}/{what}")).json())


async def _played(script, *tenants):
    """What a script gives the named tenants, of which only those take part."""
    limits = {"balance": "3", "max_running": 3, "rate_limit": "40/min"}
    async with drive_tenants(*KEYS, timing="fast", **limits) as both:
        seen = {tenant: [] for tenant in tenants}
        for number, (tenant, step) in enumerate(script):
            if tenant in tenants:
                seen[tenant].append(await _step(both[tenant], step, number))
        return {
            tenant: (seen[tenant], await both[tenant].history(), await both[tenant].journal()) for tenant in tenants
        }


@pytest.mark.deep
@settings(max_examples=60, deadline=None)
@given(scripts)
def test_two_tenants_driven_at_once_give_what_each_gives_alone(script):
    together = asyncio.run(_played(script, 0, 1))
    for tenant in (0, 1):
        alone = asyncio.run(_played(script, tenant))
        assert together[tenant] == alone[tenant]


def _headers(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def url():
    with MockServer(speed="manual") as server:
        yield server.url


def test_an_inbox_shows_a_key_its_own_messages_and_those_of_nobody(url, http):
    inbox = f"{url}/_mock/inbox/shared"
    for key in KEYS:
        body = {"model": "kirin_v1_t2v", "prompt": key, "callback_url": inbox}
        http.post(f"{url}/model/v1/generation", json=body, headers=_headers(key))
    http.post(inbox, json={"from": "nobody"})
    http.post(f"{url}/_mock/clock/advance", json={"seconds": 10})
    counts = [http.get(f"{inbox}/messages", headers=_headers(key)).json()["count"] for key in KEYS]
    assert counts == [3, 3]
    assert http.get(f"{inbox}/messages").json()["count"] == 5
    assert http.get(f"{inbox}/messages", params={"key": "gamma"}).json()["count"] == 1
    http.post(f"{url}/_mock/reset", headers=_headers("alpha"))
    assert [http.get(f"{inbox}/messages", headers=_headers(key)).json()["count"] for key in KEYS] == [1, 3]


def test_a_media_url_works_without_a_key_and_belongs_to_its_tenant(url, http):
    body = {"model": "kirin_v1_t2v", "prompt": "A red apple"}
    made = http.post(f"{url}/model/v1/generation", json=body, headers=_headers("alpha")).json()
    clip = f"{url}/media/{made['id']}/0.mp4"
    assert http.get(clip).status_code == 404
    http.post(f"{url}/_mock/clock/advance", json={"seconds": 10}, headers=_headers("beta"))
    assert http.get(clip).status_code == 404
    http.post(f"{url}/_mock/clock/advance", json={"seconds": 10}, headers=_headers("alpha"))
    assert http.head(clip).status_code == 200
    fetched = http.get(f"{url}/_mock/requests", params={"path": "/media/"}, headers=_headers("alpha")).json()
    assert [call["status"] for call in fetched["requests"]] == [404, 404, 200]
    http.post(f"{url}/_mock/reset", headers=_headers("alpha"))
    assert http.get(clip).status_code == 404


def test_an_uploaded_file_goes_with_its_tenant(url, http):
    picture = {"file": ("cat.png", b"cat", "image/png")}
    files = [
        http.post(f"{url}/api/v1/storage/files", files=picture, headers=_headers(key)).json()["data"]["url"]
        for key in KEYS
    ]
    assert len(set(files)) == 2
    http.post(f"{url}/_mock/reset", headers=_headers("alpha"))
    assert [http.get(file).status_code for file in files] == [404, 200]


def test_the_clock_of_one_key_is_its_own(url, http):
    clock = f"{url}/_mock/clock"
    started = http.get(clock, headers=_headers("beta")).json()["now"]
    moved = http.post(f"{clock}/advance", json={"seconds": 60}, headers=_headers("alpha")).json()["now"]
    assert http.get(clock, headers=_headers("beta")).json()["now"] == started
    assert http.get(clock, params={"key": "alpha"}).json()["now"] == moved
    assert http.put(clock, json={"mode": "real"}, headers=_headers("alpha")).json()["mode"] == "real"
    assert http.get(clock, headers=_headers("beta")).json()["mode"] == "manual"


def test_a_reset_forgets_nothing_that_is_not_the_servers(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "family.jpg").write_bytes(b"x")
    with MockServer(media_dir=str(tmp_path)) as server:
        server.reset()
    assert (tmp_path / "pictures" / "family.jpg").read_bytes() == b"x"


def test_a_callback_on_its_way_at_a_reset_is_news_to_nobody(http):
    with MockServer(speed=1000) as server:
        inbox = server.inbox()
        for _ in range(30):
            for key in KEYS:
                body = {"model": "kirin_v1_t2v", "prompt": key, "callback_url": inbox.url}
                http.post(f"{server.url}/model/v1/generation", json=body, headers=_headers(key))
            http.post(f"{server.url}/_mock/reset", headers=_headers("alpha"))
            seen = http.get(f"{inbox.url}/messages", params={"key": "gamma"}).json()["messages"]
            assert seen == []


def test_a_tenant_born_during_an_advance_is_not_left_behind(http):
    with MockServer(speed="manual", callback_timeout=0.2) as server, socket.create_server(("127.0.0.1", 0)) as mute:
        hook = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        body = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": hook}
        http.post(f"{server.url}/model/v1/generation", json=body, headers=_headers("alpha"))
        clock = f"{server.url}/_mock/clock"
        mover = threading.Thread(target=lambda: http.post(f"{clock}/advance", json={"seconds": 100}))
        mover.start()
        connection, _ = mute.accept()  # it is under way now
        http.get(f"{server.url}/api/v1/user/balance", headers=_headers("newborn"))
        mover.join()
        connection.close()
        times = [http.get(clock, headers=_headers(key)).json()["now"] for key in ("alpha", "newborn")]
    assert times[0] == times[1]


def _message(number, tenant=None, size=0):
    return InboxMessage(number, 0.0, "POST", "", {}, b"%d" % number + b" " * size, 200, tenant)


def _bodies(inboxes, name):
    return [message.body for message in inboxes.open(name).messages]


def test_inboxes_are_bounded_each_and_all_together():
    inboxes = Inboxes(max_messages=8)
    for number in range(10):
        inboxes.put(f"inbox-{number % 5}", _message(number, tenant=f"key-{number % 5}"))
    assert [_bodies(inboxes, f"inbox-{place}") for place in range(5)] == [[5], [6], [2, 7], [3, 8], [4, 9]]
    for number in range(10, 14):
        inboxes.put("inbox-4", _message(number, tenant=f"key-{number}"))
    assert _bodies(inboxes, "inbox-4") == [12, 13], "an inbox has a quarter of all"
    assert _bodies(inboxes, "inbox-3") == [3, 8], "and no other inbox is the poorer for it"


def test_the_messages_of_one_tenant_are_half_of_all_at_most():
    inboxes = Inboxes(max_messages=8)
    inboxes.put("of-another", _message(0, tenant="another"))
    for number in range(1, 9):
        inboxes.put(f"inbox-{number}", _message(number, tenant="one"))
    assert [number for number in range(1, 9) if _bodies(inboxes, f"inbox-{number}")] == [5, 6, 7, 8]
    assert _bodies(inboxes, "of-another") == [0]


def test_the_bytes_of_inboxes_are_counted_as_they_are_kept():
    inboxes = Inboxes(max_bytes=40_000)
    for number in range(5):
        inboxes.put("large", _message(number, size=7_000))
    assert _bodies(inboxes, "large") == [4], "a quarter of all bytes is one message"
    assert 7_000 < inboxes.bytes <= 10_000
    inboxes.put("large", _message(5, size=100_000))
    assert _bodies(inboxes, "large") == [5], "the latest is kept though it is too large"
    inboxes.clear()
    assert inboxes.bytes == 0


def test_an_app_without_a_socket_serves_one_loop_after_another():
    """Whatever a loop leaves undone when it ends, the next one does."""
    server = MockServer(timing="instant", speed="manual")
    key = _headers(server.api_key)

    async def calls(*requests):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(server.app), base_url=server.url, headers=key
        ) as one:
            return [await one.request(method, path, json=body) for method, path, body in requests]

    hook = f"{server.url}/_mock/inbox/news"
    body = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": hook}
    submit, advance = ("POST", "/model/v1/generation", body), ("POST", "/_mock/clock/advance", {"seconds": 5})
    read = ("GET", "/_mock/inbox/news/messages?wait_for=1&timeout=5", None)
    for number in range(1, 4):
        asyncio.run(calls(submit))  # ends before the callback is delivered
        messages = asyncio.run(calls(advance, read))[-1].json()["messages"]
        assert [message["body"]["status"] for message in messages] == ["completed"] * number
