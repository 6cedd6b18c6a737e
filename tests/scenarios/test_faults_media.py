"""Faults that take time on the server's clock, and faults on the fetching of a clip."""

from __future__ import annotations

import pytest

from mock_server import MockServer
from tests.support.raw import CALLS, FIN, RST, Client

BOTH_POLLS = ["poll", "queue poll"]
LATENCY = {"fault": "latency", "on": "poll", "seconds": 10}
SILENCE = {"fault": "silence", "on": "poll"}
DRIP = {"fault": "drip", "on": "poll"}
WAITS = pytest.mark.parametrize("fault", [LATENCY, SILENCE, DRIP], ids=lambda fault: fault["fault"])


@pytest.fixture(scope="module")
def kirin():
    with MockServer(speed="manual", seed=3, max_wait=3600) as server:
        yield server


@pytest.fixture
def alone():
    """A client of a server that nobody else uses."""
    with MockServer(speed="manual", max_wait=3600) as server:
        yield Client(server, "sk-alone")


@pytest.fixture
def client(kirin, fresh_key):
    return Client(kirin, fresh_key())


def _kept(client, call, task=""):
    """A call that the server has begun to keep waiting."""
    sent = client.open_to(call, task)
    client.kirin.clock.wait_for_calls(1)
    return sent


def _comes_after(client, sent, seconds):
    """The answer, which is not there half a second of the server's clock earlier."""
    assert sent.silent()
    client.advance(seconds - 0.5)
    assert (client.waiting(), sent.silent()) == (1, True)
    client.advance(0.5)
    return sent.rest()


@pytest.mark.parametrize("call", [*CALLS])
def test_latency_answers_after_exactly_its_time(client, call):
    task = client.submit()
    client.rule({**LATENCY, "on": "any"})
    answer = _comes_after(client, _kept(client, call, task), 10)
    assert answer.status == (400 if call == "cancel" else 200)  # by then there is nothing left to cancel
    assert client.journal()[-1] == "bad: latency"


FORMS = [(2.5, 2.5), ("1500ms", 1.5), ("3s", 3), ("2m", 120), ("1h", 3600), ({"uniform": [4, 4]}, 4)]


@pytest.mark.parametrize(("seconds", "exactly"), [*FORMS, ({"median": 7, "sigma": 0}, 7)], ids=str)
def test_latency_takes_a_length_in_all_its_forms(client, seconds, exactly):
    client.rule({"fault": "latency", "on": "balance", "seconds": seconds})
    assert _comes_after(client, _kept(client, "balance"), exactly).status == 200


def test_a_drawn_latency_lies_within_its_bounds_and_repeats_with_the_seed(client):
    def steps(seed):
        with MockServer(speed="manual", seed=seed) as server:
            client = Client(server, "sk-drawn")
            client.rule({"fault": "latency", "on": "balance", "seconds": {"uniform": [2, 6]}})
            waits = []
            for _ in range(5):
                sent, count = _kept(client, "balance"), 0
                while client.waiting():
                    client.advance(0.125)
                    count += 1
                waits.append(count)
                assert sent.rest().status == 200
            return waits

    first = steps(1)
    assert first == steps(1) != steps(2)
    assert all(2 / 0.125 <= count <= 6 / 0.125 for count in first)
    assert len({*first}) > 1


@pytest.mark.parametrize("call", BOTH_POLLS)
def test_a_late_poll_shows_the_task_as_it_is_then(client, call):
    task = client.submit()
    client.rule({**LATENCY, "seconds": 1000})
    assert _comes_after(client, _kept(client, call, task), 1000).json["status"].lower() == "completed"


@pytest.mark.parametrize("call", ["submit", "queue submit"])
def test_a_late_submit_makes_its_task_when_the_time_is_over(client, call):
    client.rule({**LATENCY, "on": "submit"})
    sent = _kept(client, call)
    began = client.control("GET", "clock")["now"]
    assert client.tasks() == []
    assert _comes_after(client, sent, 10).status == 200
    assert [task["created_at"] for task in client.tasks()] == [began + 10]


def test_a_late_cancel_cancels_when_the_time_is_over(client):
    task = client.submit()
    client.rule({**LATENCY, "on": "cancel", "seconds": "100ms"})
    sent = _kept(client, "cancel", task)
    assert client.tasks()[0]["status"] == "queued"
    client.advance(0.1)
    assert (sent.rest().status, client.tasks()[0]["status"]) == (202, "cancelled")


def test_the_clock_says_how_many_calls_of_a_tenant_wait(kirin, client, fresh_key):
    task = client.submit()
    client.rule(LATENCY)
    sent = [client.open_to("poll", task) for _ in range(3)]
    kirin.clock.wait_for_calls(3)
    assert (client.waiting(), Client(kirin, fresh_key()).waiting()) == (3, 0)
    client.advance(10)
    assert [call.rest().status for call in sent] == [200] * 3
    assert client.waiting() == 0


@pytest.mark.parametrize(("keys", "seconds"), [({}, 600), ({"seconds": "3s"}, 3)], ids=["default", "3s"])
@pytest.mark.parametrize("call", [*BOTH_POLLS, "balance", "submit", "queue submit"])
def test_silence_says_nothing_then_hangs_up(client, call, keys, seconds):
    task = client.submit()
    client.rule({**SILENCE, "on": "any", **keys})
    answer = _comes_after(client, _kept(client, call, task), seconds)
    assert (answer.raw, answer.end) == (b"", FIN)
    assert [made["id"] for made in client.tasks()] == [task]


@pytest.mark.parametrize(("keys", "seconds"), [({}, 600), ({"seconds": 5}, 5)], ids=["default", "5"])
@pytest.mark.parametrize("call", ["submit", "queue submit"])
def test_an_answer_lost_to_silence_has_made_its_task(client, call, keys, seconds):
    client.rule({"fault": "lost_answer", "on": "submit", "how": "silence", **keys})
    sent = _kept(client, call)
    assert len(client.tasks()) == 1
    answer = _comes_after(client, sent, seconds)
    assert (answer.raw, answer.end, len(client.tasks())) == (b"", FIN, 1)


@pytest.mark.parametrize(("keys", "size", "gap"), [({}, 20, 1), ({"size": 50, "gap": "3s"}, 50, 3)], ids=str)
@pytest.mark.parametrize("call", [*BOTH_POLLS, "balance"])
def test_drip_sends_a_few_bytes_at_each_step(client, call, keys, size, gap):
    task = client.submit()
    client.rule({**DRIP, "on": "any", "skip": 1, **keys})
    whole = client.to(call, task).body
    sent = _kept(client, call, task)
    assert sent.take_head().promised == len(whole)
    for start in range(0, len(whole) - size, size):
        assert sent.take(size) == whole[start : start + size]
        client.advance(gap - 0.5)
        assert sent.silent()
        client.advance(0.5)
    last = sent.rest()
    assert (last.raw, last.end) == (whole[start + size :], FIN)


def test_one_leap_brings_all_that_is_due_of_a_drip(client):
    task = client.submit(external_task_id="x" * 40)
    client.rule(DRIP)
    sent = _kept(client, "poll", task)
    client.advance(2)
    head = sent.take_head()
    sent.take(60)
    client.kirin.clock.wait_for_calls(1)
    assert sent.silent()
    client.advance(1000)
    assert len(sent.rest().raw) == head.promised - 60


@WAITS
def test_hanging_up_ends_a_wait(alone, fault):
    task = alone.submit()
    alone.rule(fault)
    _kept(alone, "poll", task).hang_up()
    assert alone.freed()


def test_hanging_up_on_a_lost_answer_ends_the_wait_and_leaves_the_task(alone):
    alone.rule({"fault": "lost_answer", "on": "submit", "how": "silence"})
    _kept(alone, "submit").hang_up()
    assert alone.freed()
    assert len(alone.tasks()) == 1


@WAITS
@pytest.mark.parametrize("ending", ["reset", "stop"])
def test_resetting_and_stopping_the_server_end_a_wait(alone, fault, ending):
    task = alone.submit()
    alone.rule(fault)
    sent = _kept(alone, "poll", task)
    alone.kirin.stop() if ending == "stop" else alone.control("POST", "reset")
    assert len(sent.rest().body) <= 20


@pytest.mark.parametrize("call", BOTH_POLLS)
@WAITS
def test_a_clock_that_stands_still_lets_a_call_go_on_in_the_end(fault, call):
    with MockServer(speed="manual", max_wait=0.2) as server:
        client = Client(server, "sk-held")
        task = client.submit()
        right = client.to(call, task).body
        client.rule(fault)
        answer = client.to(call, task)
        assert (answer.body, answer.end) == (b"" if fault is SILENCE else right, FIN)
        assert client.control("GET", "clock")["now"] == client.tasks()[0]["created_at"]


class Clip:
    """A rendered clip, whole, and when its task ended."""

    def __init__(self, kirin):
        self.client = Client(kirin, "sk-clip")
        task = self.client.submit(duration="5")
        self.client.advance(1)
        self.client.control("POST", f"tasks/{task}/complete")
        self.end = self.client.control("GET", "clock")["now"]
        self.path = f"/media/{task}/0.mp4"
        self.whole = self.fetch().body
        self.rules = 0

    def fetch(self, **headers):
        return self.client.call("GET", self.path, **headers)

    def open(self):
        sent = self.client.open("GET", self.path)
        self.client.kirin.clock.wait_for_calls(1)
        return sent

    def bad(self, *faults):
        """Post faults in place of those before, under a name of their own."""
        self.client.control("DELETE", "scenarios")
        self.rules += 1
        self.client.control("POST", "scenarios", {"name": f"bad-{self.rules}", "match": {}, "faults": faults})

    def fired(self):
        return self.client.counts(f"bad-{self.rules}")[2]

    def age(self):
        return self.client.control("GET", "clock")["now"] - self.end


@pytest.fixture(scope="module")
def clip(kirin):
    """A clip, rendered once."""
    return Clip(kirin)


def test_a_clip_without_faults_is_whole(clip):
    answer = clip.fetch()
    assert (answer.status, answer.promised, answer.body, answer.end) == (200, len(clip.whole), clip.whole, FIN)
    assert answer.headers["content-type"] == "video/mp4"


@pytest.mark.parametrize(("keys", "percent"), [({}, 50), ({"share": "10%"}, 10), ({"share": 0.25}, 25)], ids=str)
def test_a_truncated_clip_promises_the_whole_and_ends_early(clip, keys, percent):
    clip.bad({"fault": "truncate", "on": "media", **keys})
    answer = clip.fetch()
    assert (answer.status, answer.promised, answer.end) == (200, len(clip.whole), FIN)
    assert answer.body == clip.whole[: len(clip.whole) * percent // 100]


@pytest.mark.parametrize(
    ("keys", "off"), [({}, 1000), ({"by": 7}, 7), ({"by": -1000}, -1000), ({"by": -1}, -1)], ids=str
)
def test_a_wrong_length_is_off_by_so_many_bytes(clip, keys, off):
    clip.bad({"fault": "wrong_length", **keys})
    answer = clip.fetch()
    assert (answer.status, answer.promised, answer.end) == (200, len(clip.whole) + off, FIN)
    assert answer.body == clip.whole


@pytest.mark.parametrize(("keys", "count"), [({}, 64), ({"count": 1}, 1), ({"count": 5000}, 5000)], ids=str)
def test_a_corrupt_clip_has_its_length_and_so_many_other_bytes(clip, keys, count):
    clip.bad({"fault": "corrupt", **keys})
    answer = clip.fetch()
    assert (answer.status, answer.promised, len(answer.body)) == (200, len(clip.whole), len(clip.whole))
    assert sum(one != right for one, right in zip(answer.body, clip.whole, strict=True)) == count


@pytest.mark.deep
def test_the_same_seed_corrupts_the_same_bytes(clip):
    clip.bad({"fault": "corrupt"})
    with MockServer(speed="manual", seed=3) as server:
        twin = Clip(server)
        twin.rules = clip.rules - 1  # the same name
        twin.bad({"fault": "corrupt"})
        assert twin.whole == clip.whole
        assert twin.fetch().body == clip.fetch().body


def test_a_clip_is_expired_from_the_end_of_its_task_unless_told_otherwise(clip):
    clip.bad({"fault": "expired"})
    assert clip.fetch().status == 403


@pytest.mark.parametrize("status", [None, 403, 404, 410])
def test_a_clip_expires_at_its_time_and_not_before(clip, status):
    after = clip.age() + 10
    clip.bad({"fault": "expired", "after": after} | ({"status": status} if status else {}))
    clip.client.advance(9.5)
    answer = clip.fetch()
    assert (answer.status, answer.body) == (200, clip.whole)
    clip.client.advance(0.5)
    assert [clip.fetch().status, clip.fetch().status] == [status or 403] * 2


def test_what_is_not_yet_expired_has_not_fired(clip):
    clip.bad({"fault": "expired", "after": "1000d"})
    assert clip.fetch().status == 200
    assert clip.fired() == {}


@pytest.mark.parametrize(("fault", "end"), [("reset", RST), ("empty", FIN)])
def test_a_clip_is_withheld(clip, fault, end):
    clip.bad({"fault": fault, "on": "media"})
    answer = clip.fetch()
    assert (answer.raw, answer.end) == (b"", end)


def test_a_clip_is_reset_in_the_middle(clip):
    clip.bad({"fault": "reset", "on": "media", "when": "during"})
    answer = clip.fetch()
    assert (answer.status, answer.promised, answer.end) == (200, len(clip.whole), RST)
    assert 0 < len(answer.body) < len(clip.whole)
    assert clip.whole.startswith(answer.body)


@pytest.mark.parametrize(("fault", "status", "after"), [("error", 500, None), ("rate_limit", 429, "1")])
def test_an_error_takes_the_place_of_a_clip(clip, fault, status, after):
    clip.bad({"fault": fault, "on": "media"})
    answer = clip.fetch()
    assert (answer.status, answer.json["status"]["code"], answer.headers.get("retry-after")) == (status, status, after)


def test_a_clip_comes_under_another_type(clip):
    clip.bad({"fault": "content_type", "on": "media"})
    answer = clip.fetch()
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "text/html", clip.whole)


@pytest.mark.parametrize(("header", "status"), [({}, 200), ({"Range": "bytes=100-199"}, 206)], ids=["whole", "part"])
def test_a_clip_arrives_late_and_right(clip, header, status):
    clip.bad({"fault": "latency", "on": "media", "seconds": 5})
    sent = clip.client.open("GET", clip.path, **header)
    clip.client.kirin.clock.wait_for_calls(1)
    answer = _comes_after(clip.client, sent, 5)
    assert (answer.status, answer.body) == (status, clip.whole[100:200] if header else clip.whole)


def test_a_clip_drips(clip):
    size = len(clip.whole) // 3 + 1
    clip.bad({"fault": "drip", "on": "media", "size": size, "gap": 2})
    sent = clip.open()
    assert sent.take_head().promised == len(clip.whole)
    for start in (0, size):
        assert sent.take(size) == clip.whole[start : start + size]
        clip.client.advance(1.5)
        assert sent.silent()
        clip.client.advance(0.5)
    last = sent.rest()
    assert (last.raw, last.end) == (clip.whole[2 * size :], FIN)


def test_fetches_are_counted_named_and_hit_by_media_alone(clip):
    clip.bad({"fault": "empty", "on": "media", "skip": 1, "times": 1}, {"fault": "reset", "on": "any"})
    assert [clip.fetch().raw == b"" for _ in range(3)] == [False, True, False]
    assert clip.client.journal()[-3:] == [None, f"bad-{clip.rules}: empty", None]
    assert clip.fired() == {"faults[0]": 1}


@pytest.mark.parametrize(
    ("words", "status", "wrong"),
    [("fault=corrupt count=5", 200, 5), ("clip-corrupt", 200, 64), ("fault=expired status=410", 410, None)],
)
def test_a_header_on_a_fetch_hits_that_fetch(clip, words, status, wrong):
    clip.client.control("DELETE", "scenarios")
    answer = clip.fetch(X_Mock_Scenario=words)
    assert answer.status == status
    assert wrong in {None, sum(one != right for one, right in zip(answer.body, clip.whole, strict=False))}
    assert clip.fetch().body == clip.whole
