"""How tasks go under a scenario: every key of ``task``, on every model and both protocols."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from mock_server import MockServer
from tests.support.scenario_users import MASTER, MULTI, PARAMS, T2V, V3, V15, TaskUser, queue_state

#: A moment, as a binary fraction of a second, so that sums of times are exact.
STEP = 2**-10


@pytest.fixture
def user(manual_server, fresh_key):
    with TaskUser(manual_server, fresh_key()) as made:
        yield made


def _everywhere(test):
    """A test of every model on both protocols."""
    return pytest.mark.parametrize("model", PARAMS)(pytest.mark.parametrize("protocol", ["generation", "queue"])(test))


#: What the queue side says in place of these codes; of all others it has a sentence alone.
QUEUE_CODES = {"40101": "UNAUTHORIZED", "42901": "RATE_LIMIT_EXCEEDED", "42902": "RATE_LIMIT_EXCEEDED"}


def assert_queue_refusal(answer, code=None):
    """Checks the shape of a refusal on the queue side; gives its message."""
    told = answer.json()
    if code is None:
        assert list(told) == ["detail"]
        message = told["detail"]
    else:
        message = told["error"]["message"]
        assert told == {"error": {"code": code, "message": message}, "request_id": answer.headers["x-request-id"]}
    assert message
    return message


GATEWAY = {
    "40101": 401, "40201": 402, "40401": 404, "40501": 405, "40901": 409, "40902": 409, "40903": 409, "41301": 413,
    "41501": 415, "42901": 429, "42902": 429, "50301": 503,
}  # fmt: skip


@pytest.mark.parametrize("code", GATEWAY)
@_everywhere
def test_a_refusal_with_a_gateway_code_has_its_status_and_shape_and_makes_no_task(user, model, protocol, code):
    before = user.balance()
    answer = user.ask(model, protocol, f"refuse={code}")
    assert answer.status_code == GATEWAY[code]
    if protocol == "queue":
        assert_queue_refusal(answer, QUEUE_CODES.get(code))
    else:
        message = answer.json()["status"]["message"]
        status = {"code": GATEWAY[code], "message": message, "error_code": int(code)}
        assert (answer.json(), bool(message)) == ({"status": status, "data": None}, True)
    assert ("retry-after" in answer.headers) == (answer.status_code == 429)
    assert (user.balance(), user.tasks()) == (before, [])


OWN = {
    (V15, "00200301"): 400, (V15, "00200302"): 400, (V15, "00200303"): 400, (V15, "00200304"): 400,
    (V15, "00200305"): 400, (V15, "00200306"): 401, (V15, "00200399"): 503, (V15, "40001"): 400, (MULTI, "40001"): 400,
    (T2V, "002001099"): 400, (MASTER, "002015099"): 400, (V3, "006001099"): 400,
}  # fmt: skip


def _key(model):
    return "message" if model == MULTI else "error_message"


@pytest.mark.parametrize("said", ["", "no luck"])
@pytest.mark.parametrize("protocol", ["generation", "queue"])
@pytest.mark.parametrize(("model", "code"), OWN)
def test_a_refusal_with_a_code_of_the_model_is_a_task_failure(user, model, code, protocol, said):
    before = user.balance()
    answer = user.ask(model, protocol, f"refuse={code} message='{said}'" if said else f"refuse={code}")
    if protocol == "queue" and OWN[model, code] != 400:  # the queue side has words of its own for keys and outages
        assert_queue_refusal(answer, "UNAUTHORIZED" if OWN[model, code] == 401 else None)
        assert (answer.status_code, user.balance(), user.tasks()) == (OWN[model, code], before, [])
        return
    message = said or answer.json()["error"][_key(model)]
    assert message
    error = {"code": code, _key(model): message}
    beside = {"detail": message} if protocol == "queue" else {"status": "failed"}
    assert answer.json() == {"error": error, **beside}
    assert (answer.status_code, user.balance(), user.tasks()) == (OWN[model, code], before, [])


def test_a_refusal_by_a_rule_is_the_same_and_takes_other_words(user):
    user.add(task={"refuse": "40501", "message": "not so"})
    answers = [user.ask(MULTI, protocol) for protocol in ("generation", "queue")]
    assert [answer.status_code for answer in answers] == [405] * 2
    assert (answers[0].json()["status"]["message"], answers[1].json()) == ("not so", {"detail": "not so"})
    assert [answer.headers.get("allow") for answer in answers] == ["POST", "POST"]


FAILURES = {
    T2V: ["002001095", "002001096", "002001097", "002001098"], V15: ["00200398", "00200305"], MULTI: ["X-17"],
    V3: ["006001094", "006001095"], MASTER: ["002015095", "002015096", "002015097", "002015098"],
}  # fmt: skip


@pytest.mark.parametrize("said", ["", "it broke"])
@_everywhere
def test_a_task_fails_with_its_code_and_message_in_polls_result_and_callback(user, model, protocol, said):
    for code in FAILURES[model]:
        words = f"fail={code} after=20s" + (f" message='{said}'" if said else "")
        task = user.submit(model, protocol, words, callback_url=user.inbox)
        user.advance(20)
        read, queue = user.read(task), user.queue(task)
        message = said or read["error"][_key(model)]
        assert read["status"] == queue_state(queue) == "failed"
        assert read["error"] == {"code": code, _key(model): message}
        assert queue["provider_error"] == {"code": code, "message": message}
        assert queue["error"] == queue["logs"][0]["message"] == message
        assert user.queue(task, "response") == queue
        assert message
        assert not {"output", "usage"} & read.keys()
        assert user.events()[-1] == read


ENDS = {
    "after=20": (0.2, 20, "completed"), "after=500ms": (0.2, 0.5, "completed"), "after=2m": (0.2, 120, "completed"),
    "after=1h": (0.2, 3600, "completed"), "after=1d": (0.2, 86400, "completed"),
    "after=20s fail=x1": (0.2, 20, "failed"), "queued=5 after=20": (5, 20, "completed"),
    "queued=5 after=20 fail=x1": (5, 20, "failed"), "queued=10 running=100": (10, 110, "completed"),
    "queued=1m running=2m": (60, 180, "completed"), "queued=10 running=100 fail=x1 at=40%": (10, 50, "failed"),
    "queued=10 running=100 fail=x1 at=0.4": (10, 50, "failed"),
    "queued=10 running=100 fail=x1 at=100%": (10, 110, "failed"),
}  # fmt: skip


@pytest.mark.parametrize("words", ENDS)
@_everywhere
def test_a_task_runs_and_ends_exactly_when_it_should(user, model, protocol, words):
    begins, ends, how = ENDS[words]
    task = user.submit(model, protocol, words)
    if begins >= 1:
        user.advance(begins - STEP)
        assert user.state(task) == ("queued", 0)
        user.advance(STEP)
        ends -= begins
    if words.startswith("queued"):
        assert user.state(task) == ("in_progress", 0)
    user.advance(ends - STEP)
    assert user.state(task)[0] == "in_progress"
    user.advance(STEP)
    assert user.state(task)[0] == how


JOURNEYS = {
    "after=0": [(0, ("completed", 1))],
    "queued=0 running=0": [(0, ("completed", 1))],
    "queued=10 running=100 fail=x1 at=0%": [(10, ("failed", 0))],
    "queued=10 running=100 fail=x1 at=25%": [(34, ("in_progress", 0.24)), (1, ("failed", 0.25))],
    "queued=10 running=100 hold=40% fail=x1 at=20%": [(29, ("in_progress", 0.19)), (1, ("failed", 0.2))],
    "queued=10 running=40 progress=0.3,0.6 fail=x1 at=75%": [(10, ("in_progress", 0.3)), (30, ("failed", 0.6))],
}


@pytest.mark.parametrize("words", JOURNEYS)
def test_the_keys_go_together(user, words):
    for protocol in ("generation", "queue"):
        task = user.submit(T2V, protocol, words)
        for seconds, state in JOURNEYS[words]:
            user.advance(seconds)
            assert user.state(task) == state


@_everywhere
def test_a_failure_without_a_moment_comes_within_the_running_time(user, model, protocol):
    task = user.submit(model, protocol, "queued=10 running=100 fail=x1")
    user.advance(10)
    assert user.state(task)[0] == "in_progress"
    user.advance(100)
    assert user.state(task)[0] == "failed"


def _drawn(seed, count=300, **task):
    """How long tasks of all models are queued, and how long they run, by their plans."""
    with MockServer(speed="manual", seed=seed) as server, TaskUser(server, "k") as user:
        user.add(task=task)
        for place in range(count):
            user.submit(list(PARAMS)[place % 5], ["generation", "queue"][place % 2])
        plans = [[step["at"] for step in task["plan"]] for task in user.tasks()]
    return [plan[1] - plan[0] for plan in plans], [plan[2] - plan[1] for plan in plans]


def test_times_are_drawn_within_their_bounds_and_again_from_the_same_seed():
    uniform, normal = {"uniform": [10, 20]}, {"median": 60, "sigma": 0.5}
    queued, running = _drawn(1, queued=uniform, running=normal)
    assert 10 <= min(queued) < 11
    assert 19 < max(queued) <= 20
    assert len(set(queued)) == len(set(running)) == 300
    assert 120 < sum(time < 60 for time in running) < 180
    assert 60 / 8 < min(running) < 30
    assert 120 < max(running) < 60 * 8
    assert _drawn(1, queued=uniform, running=normal) == (queued, running)
    other = _drawn(2, queued=uniform, running=normal)
    assert not set(other[0]) & set(queued)
    assert not set(other[1]) & set(running)


def test_the_other_way_round_and_without_spread():
    normal, uniform = _drawn(1, 20, queued={"median": 60, "sigma": 0}, running={"uniform": ["5s", "5s"]})
    assert (set(normal), set(uniform)) == ({60.0}, {5.0})


@_everywhere
def test_progress_takes_its_steps_exactly_at_their_moments(user, model, protocol):
    task = user.submit(model, protocol, "queued=10 running=40 progress=0.1,0.9,0.9,0.2")
    seen = []
    for seconds in (10 - STEP, STEP, 10 - STEP, STEP, 10, 10 - STEP, STEP, 10 - STEP, STEP):
        user.advance(seconds)
        seen.append(user.state(task)[1])
    assert seen == [0, 0.1, 0.1, 0.9, 0.9, 0.9, 0.2, 0.2, 1]
    assert user.state(task) == ("completed", 1)


HELD = "queued=10 running=100 hold=40%"


@_everywhere
def test_a_task_stands_still_at_its_progress_until_released_and_then_goes_on(user, model, protocol):
    before = user.balance()
    task = user.submit(model, protocol, HELD, callback_url=user.inbox)
    user.advance(49)
    assert user.state(task) == ("in_progress", 0.39)
    for seconds in (1, STEP, 1000, 100_000):
        user.advance(seconds)
        assert user.state(task) == ("in_progress", 0.4)
    user.steer(task, "release")
    assert user.state(task) == ("in_progress", 0.4)
    user.advance(30)
    assert user.state(task) == ("in_progress", 0.7)
    user.advance(30 - STEP)
    assert user.state(task)[0] == "in_progress"
    assert [events["status"] for events in user.events()] == ["in_progress"]
    user.advance(STEP)
    assert user.state(task) == ("completed", 1)
    assert [events["status"] for events in user.events()] == ["in_progress", "completed"]
    assert before - user.balance() == Decimal(user.read(task)["usage"]["cost"]) > 0


@pytest.mark.parametrize(("how", "end"), [("complete", "completed"), ("fail", "failed"), ("cancel", "cancelled")])
@_everywhere
def test_a_held_task_is_paid_for_until_it_fails_or_is_cancelled(user, model, protocol, how, end):
    before = user.balance()
    task = user.submit(model, protocol, HELD)
    charged = user.balance()
    assert charged < before
    user.advance(500)
    assert (user.state(task), user.balance()) == (("in_progress", 0.4), charged)
    if how == "cancel":
        assert user.queue(task, how)["status"] == "CANCELLATION_REQUESTED"
    else:
        user.steer(task, how)
    for _ in range(2):
        assert (user.state(task)[0], user.balance()) == (end, charged if how == "complete" else before)
        user.advance(500)


def test_a_task_held_by_hand_before_stands_still_at_its_own_progress_as_well(user):
    task = user.submit(words=HELD)
    user.advance(20)
    user.steer(task, "hold")
    user.advance(500)
    assert user.state(task) == ("in_progress", 0.1)
    user.steer(task, "release")
    user.advance(29)
    assert user.state(task) == ("in_progress", 0.39)
    for seconds in (1, 500):
        user.advance(seconds)
        assert user.state(task) == ("in_progress", 0.4)
    user.steer(task, "release")
    user.advance(60 - STEP)
    assert user.state(task)[0] == "in_progress"
    user.advance(STEP)
    assert user.state(task) == ("completed", 1)


@pytest.mark.parametrize(("words", "progress"), [("fail=x1 hold=40%", 0.4), ("hold=0%", 0)])
def test_a_hold_comes_before_the_end_and_at_the_beginning(user, words, progress):
    task = user.submit(words=f"queued=10 running=100 {words}")
    user.advance(1000)
    assert user.state(task) == ("in_progress", progress)
    user.steer(task, "release")
    user.advance(1000)
    assert user.state(task)[0] == ("failed" if "fail" in words else "completed")


def _urls(told):
    items = told["outputs"] if "outputs" in told else [one for output in told["output"] for one in output["content"]]
    return [item["url"] for item in items]


@pytest.mark.parametrize("output", ["empty", "missing", 1, 2, 3])
@_everywhere
def test_a_completed_task_has_so_many_videos_or_no_output(user, model, protocol, output):
    task = user.submit(model, protocol, f"after=5 output={output}", callback_url=user.inbox)
    user.advance(5)
    read = user.read(task)
    for told in (read, user.queue(task, "response"), user.events()[-1]):
        assert (told["status"].lower(), told["usage"]) == ("completed", read["usage"])
        assert bool({"output", "outputs"} & told.keys()) == (output != "missing")
        urls = _urls(told) if output != "missing" else []
        assert len(urls) == len(set(urls)) == (0 if isinstance(output, str) else output)
        assert not urls or urls == _urls(read)
    assert user.get(f"/media/{read['id']}/{len(urls)}.mp4").status_code == 404


@pytest.mark.parametrize(("model", "count"), [(T2V, 1), (V3, 2), (MASTER, 3)])
def test_every_video_is_served_and_the_next_one_is_not(user, model, count):
    task = user.submit(model, "generation", f"after=5 output={count}", duration="3" if model == V3 else "5")
    user.advance(5)
    urls = _urls(user.read(task))
    assert [httpx.URL(url).path for url in urls] == [f"/media/{task}/{n}.mp4" for n in range(count)]
    answers = [user.get(url) for url in [*urls, f"/media/{task}/{count}.mp4"]]
    assert [answer.status_code for answer in answers] == [200] * count + [404]
    assert {answer.headers["content-type"] for answer in answers[:-1]} == {"video/mp4"}


@_everywhere
def test_the_status_word_is_shown_until_the_end(user, model, protocol):
    task = user.submit(model, protocol, "queued=10 running=10 status_word=processing", callback_url=user.inbox)
    for seconds in (0, 10 - STEP, STEP, 10 - STEP):
        user.advance(seconds)
        assert user.read(task)["status"] == user.queue(task)["status"] == "processing"
    user.advance(STEP)
    assert (user.read(task)["status"], user.queue(task)["status"]) == ("completed", "COMPLETED")
    assert [events["status"] for events in user.events()] == ["processing", "completed"]


FIELDS = {"eta": None, "debug": {"worker": [1, "ü"]}, "progress": "50%"}


@pytest.mark.parametrize("end", ["completed", "failed"])
@_everywhere
def test_fields_are_added_or_replaced_in_polls_result_and_callbacks(user, model, protocol, end):
    user.add(task={"queued": 10, "after": 20, "fields": FIELDS} | ({} if end == "completed" else {"fail": "x1"}))
    task, told = user.submit(model, protocol, callback_url=user.inbox), []
    for seconds in (0, 10, 10):
        user.advance(seconds)
        told += [user.read(task), user.queue(task)]
    told += [user.queue(task, "response"), *user.events()]
    assert [{key: one.get(key, "none") for key in FIELDS} for one in told] == [FIELDS] * 9
    assert [one["status"] for one in told[-3:]] == ["COMPLETED", "in_progress", end]
    assert user.read(task)["model"] == model


@_everywhere
def test_the_answer_to_the_submit_has_the_fields_and_the_status_word_as_well(user, model, protocol):
    user.add(task={"status_word": "processing", "fields": FIELDS})
    answer = user.ask(model, protocol).json()
    assert {key: answer.get(key, "none") for key in FIELDS} == FIELDS
    assert answer.get("status") == (None if protocol == "queue" else "processing")


def test_another_task_is_as_it_would_be(user):
    user.add(match={"prompt": "apple"}, task={"status_word": "x", "fields": {"a": 1}, "output": "empty", "after": 500})
    odd, plain = user.submit(T2V), user.submit(V3)
    user.advance(100)
    assert (user.read(odd)["status"], user.read(odd)["a"]) == ("x", 1)
    assert (user.state(plain), "a" in user.read(plain)) == (("completed", 1), False)
    assert len(_urls(user.read(plain))) == 1
