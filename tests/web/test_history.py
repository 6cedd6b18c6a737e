"""A run is exported whole, is the same to the byte when made again, and can be played again."""

from __future__ import annotations

import asyncio
import contextlib
import time

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server import MockServer
from mock_server.cli.main import main
from tests.support.driving import BODIES, SUBMIT, drive

TIMES = st.sampled_from([0, 0.5, 2, 30, 600])
SPREADS = st.one_of(
    TIMES,
    st.just({"uniform": [1, 90]}),
    st.just({"median": 20, "sigma": 1}),
)
AIM = {
    "on": st.lists(st.sampled_from(["submit", "poll", "result", "cancel", "balance"]), min_size=1, max_size=3),
    "skip": st.integers(0, 2),
    "every": st.integers(1, 3),
    "times": st.integers(1, 4),
    "chance": st.sampled_from([0.3, 0.5, 1]),
}
NEWS = {"times": st.integers(1, 2), "chance": st.sampled_from([0.3, 1])}
OWN = {
    "latency": {},
    "rate_limit": {"retry_after": st.integers(0, 9), "as_date": st.booleans()},
    "error": {"status": st.sampled_from([500, 502, 503]), "html": st.booleans()},
    "reset": {"when": st.sampled_from(["before", "during"])},
    "empty": {},
    "truncate": {"share": st.sampled_from([0, 0.5, 0.9])},
    "malformed": {"how": st.sampled_from(["cut", "page"])},
    "content_type": {},
    "drip": {"size": st.sampled_from([7, 60]), "gap": TIMES},
    "silence": {"seconds": TIMES},
    "lost_answer": {"how": st.sampled_from(["reset", "close", "error", "silence"]), "seconds": TIMES},
}
TOLD = {
    "drop": {},
    "duplicate": {"copies": st.integers(2, 3), "gap": TIMES},
    "reorder": {},
    "late": {"seconds": TIMES},
    "early": {},
    "bad_signature": {},
    "stale_signature": {},
    "unknown_fields": {},
    "foreign_id": {},
    "garbage": {},
}


def _fault(name, own, shared):
    return st.fixed_dictionaries(
        {"fault": st.just(name), **({"seconds": SPREADS} if name == "latency" else {})}, optional={**shared, **own}
    )


FAULTS = st.one_of(
    *[_fault(name, own, AIM) for name, own in OWN.items()], *[_fault(name, own, NEWS) for name, own in TOLD.items()]
)
EFFECTS = st.one_of(
    st.just({}),
    st.just({"refuse": "40201"}),
    st.fixed_dictionaries(
        {},
        optional={
            "queued": SPREADS,
            "running": SPREADS,
            "progress": st.lists(st.sampled_from([0, 0.3, 0.9]), max_size=4),
            "hold": st.sampled_from([0, 0.4]),
            "output": st.sampled_from(["empty", "missing", 2]),
            "fail": st.sampled_from(["own", "002001096"]),
            "status_word": st.just("brewing"),
            "fields": st.just({"eta": 3}),
        },
    ).filter(lambda effects: not {"fail", "output"} <= set(effects)),
)
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["kirin_v1*", "kirin_v3_i2v"]),
        "every": st.integers(1, 2),
        "times": st.integers(1, 3),
        "prompt": st.sampled_from(["apple", "cat"]),
    },
)
RULES = st.lists(
    st.fixed_dictionaries({"match": MATCHES, "task": EFFECTS, "faults": st.lists(FAULTS, max_size=3)}), max_size=4
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(0, 4)),
        st.tuples(st.sampled_from(["poll", "status", "response", "cancel"]), st.integers(0, 5)),
        st.tuples(st.just("advance"), st.sampled_from([0.2, 1, 7, 45, 400])),
        st.tuples(st.just("balance"), st.just(0)),
    ),
    min_size=3,
    max_size=25,
)


class ClientCase:
    """Makes the calls of a script, kept waiting or not."""

    def __init__(self, d):
        self._d = d
        self._waiting = []
        self._tenant = None

    async def call(self, method, path, **content):
        """Make a call; return once it is answered or kept waiting."""
        tenant = self._d.server.built.service.tenant(self._d.server.api_key)
        before = tenant.clock.sleeping
        task = asyncio.ensure_future(self._d.client.request(method, path, **content))
        while not task.done() and tenant.clock.sleeping <= before:
            await asyncio.wait({task}, timeout=0)
        self._waiting.append(task)

    async def step(self, kind, what):
        ids = [task.id for task in await self._d.server.built.service.tenant(self._d.server.api_key).store.tasks()]
        if kind == "advance":
            await self._d.advance(what)
        elif kind == "balance":
            await self.call("GET", "/api/v1/user/balance")
        elif kind == "submit":
            body = {**BODIES[what]}
            url = {"callback_url": f"{self._d.server.url}/_mock/inbox/news"}
            await self.call(
                "POST", SUBMIT, json={**body, "data": {**body["data"], **url}} if "data" in body else body | url
            )
        elif ids:
            task_id = ids[what % len(ids)]
            model = (await self._d.call("GET", f"/_mock/tasks/{task_id}")).json()["model"]
            queue = f"/model/v1/queue/{model}/requests/{task_id}"
            where = {"poll": ("GET", f"{SUBMIT}/task/{task_id}"), "cancel": ("PUT", f"{queue}/cancel")}
            await self.call(*where.get(kind, ("GET", f"{queue}/{kind}")))

    async def end(self):
        await self._d.advance(3600)
        for task in self._waiting:
            with contextlib.suppress(ConnectionResetError, httpx.HTTPError):
                await task


async def _run(rules, steps, seed):
    async with drive(seed=seed, timing="realistic") as d:
        if rules:
            named = [{"name": f"rule-{place}", **rule} for place, rule in enumerate(rules)]
            posted = await d.client.post("/_mock/scenarios", json=named)
            assert posted.status_code == 200, posted.text
        script = ClientCase(d)
        for kind, what in steps:
            await script.step(kind, what)
        await script.end()
        return (await d.call("GET", "/_mock/history")).content


@settings(deadline=None, max_examples=60)
@given(RULES, STEPS, st.integers(0, 3))
def test_any_scenarios_and_faults_run_twice_give_the_same_history_to_the_byte(rules, steps, seed):
    first = asyncio.run(_run(rules, steps, seed))
    assert asyncio.run(_run(rules, steps, seed)) == first


@pytest.mark.deep
@settings(deadline=None, max_examples=60)
@given(rules=RULES, steps=STEPS)
def test_any_run_can_be_played_again_with_the_same_answers(tmp_path_factory, rules, steps):
    file = tmp_path_factory.mktemp("history") / "history.json"
    file.write_bytes(asyncio.run(_run(rules, steps, 0)))
    assert main(["replay", str(file)]) == 0


def test_a_history_that_was_tampered_with_is_found_out(tmp_path, capsys):
    steps = [("submit", 0), ("advance", 400), ("poll", 0)]
    history = orjson.loads(asyncio.run(_run([], steps, 0)))
    polled = [event for event in history["events"] if event["kind"] == "call"][-1]
    assert polled["answer"]["usage"]["cost"] == "0.28"
    polled["answer"]["usage"]["cost"] = "0.29"
    file = tmp_path / "history.json"
    file.write_bytes(orjson.dumps(history))
    assert main(["replay", str(file)]) == 1
    told = capsys.readouterr()
    assert '"cost":"0.29"' in told.err
    assert "2 calls played again, 1 answered otherwise" in told.out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "is no history"),
        (b"[]", "is no history"),
        (b'{"format": 99}', "is no history"),
    ],
)
def test_what_is_no_history_is_refused_in_one_line(tmp_path, capsys, content, says):
    file = tmp_path / "history.json"
    file.write_bytes(content)
    assert main(["replay", str(file)]) == 2
    assert says in capsys.readouterr().err


def test_the_key_of_a_tenant_must_be_named_to_play_it_again(tmp_path, capsys):
    with MockServer(api_key="sk-of-my-own", speed="manual") as server:
        headers = {"Authorization": "Bearer sk-of-my-own"}
        body = {"model": "kirin_v1_t2v", "prompt": "A pear"}
        httpx.post(f"{server.url}{SUBMIT}", json=body, headers=headers, trust_env=False)
        file = tmp_path / "history.json"
        history = httpx.get(f"{server.url}/_mock/history", trust_env=False).content
        assert b"sk-of-my-own" not in history
        file.write_bytes(history)
    assert main(["replay", str(file)]) == 2
    assert "--key" in capsys.readouterr().err
    assert main(["replay", str(file), "--key", "sk-of-my-own"]) == 0


def test_a_run_in_real_time_can_be_played_again(tmp_path):
    with MockServer(timing="fast", speed=50) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {server.api_key}"
        server.scenario("poll/502-sometimes")
        inbox = server.inbox()
        body = {"model": "kirin_v1_t2v", "prompt": "A pear", "callback_url": inbox.url}
        task_id = client.post(SUBMIT, json=body).json()["id"]
        while client.get(f"{SUBMIT}/task/{task_id}").text.find('"completed"') < 0:
            pass
        inbox.wait_for(2)
        file = tmp_path / "history.json"
        file.write_bytes(client.get("/_mock/history").content)
    assert main(["replay", str(file)]) == 0


def test_an_hour_of_faults_takes_less_than_a_second():
    rules = [
        {
            "match": {},
            "task": {"running": {"uniform": [60, 900]}},
            "faults": [
                {"fault": "latency", "on": "poll", "seconds": {"median": 3}},
                {"fault": "error", "on": "poll", "every": 3},
                {"fault": "duplicate", "gap": 30},
            ],
        }
    ]
    steps = [("submit", place % 5) for place in range(10)]
    for minute in range(60):
        steps += [("poll", minute % 10), ("advance", 60)]
    began = time.perf_counter()
    history = orjson.loads(asyncio.run(_run(rules, steps, 0)))
    took = time.perf_counter() - began
    polls = [event for event in history["events"] if event["kind"] == "call" and event["method"] == "GET"]
    assert polls[-1]["at"] - polls[0]["at"] >= 3500
    assert took < 1, took
