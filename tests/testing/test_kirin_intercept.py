"""Laws of ``kirin.intercept()``, for every library it covers: nothing but the way of the bytes is another."""

from __future__ import annotations

import io
import json
import threading

import httpx
import pytest

from mock_server import MockServer
from mock_server.core.hosts import PLATFORM_HOSTS
from tests.support.intercepted import LIBRARIES

BASE = f"https://{PLATFORM_HOSTS[0]}"
KEY = {"Authorization": "Bearer sk-test"}
JSON = {**KEY, "Content-Type": "application/json"}
SUBMIT, TASK = f"{BASE}/model/v1/generation", f"{BASE}/model/v1/generation/task"
T2V = json.dumps({"model": "kirin_v1_t2v", "prompt": "An apple"}).encode()
EVERY = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)


@pytest.fixture(scope="module", params=["on a socket", "in memory"])
def server(request):
    """Both forms of a server."""
    one = MockServer(speed="manual", seed=3, max_wait=3600)
    if request.param == "on a socket":
        one.start()
    with one.intercept():
        yield one
    one.stop()


@pytest.fixture(scope="module")
def only_listening():
    with MockServer(speed="manual", seed=3, max_wait=3600) as one, one.intercept():
        yield one


@pytest.fixture
def listening(only_listening):
    only_listening.reset()
    return only_listening


@pytest.fixture
def kirin(server):
    server.reset()
    return server


def _submit(library):
    answer = library.call("POST", SUBMIT, JSON, T2V, 60.0)
    assert answer.status == 200
    return json.loads(answer.content)["id"]


def _video(library, kirin):
    """The URL of a finished video."""
    task = _submit(library)
    kirin.complete(task)
    polled = json.loads(library.get(f"{TASK}/{task}", KEY).content)
    return polled["output"][0]["content"][0]["url"]


def _journal(kirin):
    return list(kirin.built.service.tenants["sk-test"].journal)


def _wait_until(kirin, condition):
    """What the server notes of a call that was given up, it notes a little later."""
    seen = threading.Event()
    for _ in range(2000):
        if condition():
            return
        seen.wait(0.005)
    raise AssertionError(f"it never came to that: {_journal(kirin)[-1]}")


@EVERY
def test_a_task_is_made_polled_and_its_video_fetched_under_the_platforms_own_url(kirin, library):
    url = _video(library, kirin)
    assert url.startswith(f"{BASE}/media/")
    video = library.get(url)
    assert (video.status, video.headers["content-type"]) == (200, "video/mp4")
    assert video.content[4:8] == b"ftyp"
    assert [(one.method, one.status) for one in _journal(kirin)] == [("POST", 200), ("GET", 200), ("GET", 200)]


@EVERY
def test_an_answer_comes_in_parts_as_it_is_read(kirin, library):
    url = _video(library, kirin)
    parts = list(library.chunks(url))
    assert len(parts) > 1
    assert b"".join(parts) == library.get(url).content


@EVERY
@pytest.mark.parametrize("form", ["bytes", "file", "parts"])
def test_a_large_body_in_any_form_arrives_whole_and_comes_back_whole(kirin, library, form):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    inside = bytes(range(256)) * 3500
    whole = head + inside + b"\r\n--x--\r\n"
    body = {
        "bytes": lambda: whole,
        "file": lambda: io.BytesIO(whole),
        "parts": lambda: iter([whole[start : start + 100_000] for start in range(0, len(whole), 100_000)]),
    }[form]()
    headers = {**KEY, "Content-Type": "multipart/form-data; boundary=x"}
    answer = library.call("POST", f"{BASE}/api/v1/storage/files", headers, body, 60.0)
    url = json.loads(answer.content)["data"]["url"]
    assert url.startswith(BASE)
    assert library.get(url).content == inside


@EVERY
def test_text_is_a_body_too(kirin, library):
    assert library.call("POST", SUBMIT, JSON, T2V.decode(), 60.0).status == 200


@EVERY
def test_ranges_heads_and_redirects_are_as_ever(kirin, library):
    url = _video(library, kirin)
    part = library.get(url, {"Range": "bytes=4-7"})
    assert (part.status, part.content) == (206, b"ftyp")
    size = part.headers["content-range"].partition("/")[2]
    head = library.call("HEAD", url, None, None, 60.0)
    assert (head.status, head.headers["content-length"], head.content) == (200, size, b"")
    sent_on = library.get(f"{BASE}/")
    assert (sent_on.status, sent_on.headers["location"]) == (307, "/docs")
    refused = library.call("POST", SUBMIT, {"Content-Type": "application/json"}, T2V, 60.0)
    assert refused.status == 401


@EVERY
def test_a_client_that_loses_patience_raises_its_own_error_and_the_server_hears_of_it(kirin, library):
    kirin.scenario({"name": "bad", "match": {}, "faults": [{"fault": "latency", "on": "poll", "seconds": 60}]})
    task = _submit(library)
    with pytest.raises(library.timed_out):
        library.get(f"{TASK}/{task}", KEY, 0.05)
    _wait_until(kirin, lambda: len(_journal(kirin)) == 2)
    assert _journal(kirin)[-1].fault == "bad: latency (the client hung up)"


@EVERY
def test_a_call_that_is_kept_waiting_is_answered_once_the_clock_has_moved(kirin, library):
    kirin.scenario({"name": "bad", "match": {}, "faults": [{"fault": "latency", "on": "poll", "seconds": 60}]})
    task = _submit(library)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(library.get(f"{TASK}/{task}", KEY)))
    waiting.start()
    kirin.clock.wait_for_calls(1)
    kirin.clock.advance(60)
    waiting.join(60)
    assert [answer.status for answer in answers] == [200]


CUTS = [
    {"fault": "reset", "when": "before"},
    {"fault": "reset", "when": "during"},
    {"fault": "empty"},
    {"fault": "truncate"},
    {"fault": "lost_answer", "how": "reset", "on": "poll"},
    {"fault": "lost_answer", "how": "close", "on": "poll"},
]


@EVERY
@pytest.mark.parametrize("fault", CUTS, ids=lambda fault: " ".join(map(str, fault.values())))
def test_what_breaks_a_connection_is_the_librarys_own_error(kirin, library, fault):
    task = _submit(library)
    kirin.scenario({"name": "bad", "match": {}, "faults": [{**fault, "on": ["poll"]}]})
    with pytest.raises(library.cut):
        library.get(f"{TASK}/{task}", KEY)
    _wait_until(kirin, lambda: _journal(kirin)[-1].fault is not None)
    assert _journal(kirin)[-1].fault == f"bad: {fault['fault']}"


@EVERY
@pytest.mark.parametrize("fault", ["truncate", "wrong_length", "reset", "empty"])
def test_a_video_that_breaks_off_is_the_librarys_own_error(kirin, library, fault):
    url = _video(library, kirin)
    kirin.scenario({"name": "bad", "match": {}, "faults": [{"fault": fault, "on": "media"}]})
    with pytest.raises(library.cut):
        library.get(url)


def _outcome(work, *given):
    """What comes of a call: its answer, or the kinds of error it raises, with all they came of. httpx takes its async
    network from anyio, whose errors are one more link in that chain.
    """
    try:
        answer = work(*given)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        kinds = []
        cause: BaseException | None = error
        while cause is not None:
            if type(cause).__module__.partition(".")[0] != "anyio":
                kinds.append(type(cause))
            cause = cause.__cause__ or cause.__context__
        return kinds
    return (answer.status, answer.content) if hasattr(answer, "status") else b"".join(answer)


@EVERY
@pytest.mark.parametrize("fault", [*CUTS, {"fault": "wrong_length"}], ids=lambda fault: " ".join(fault.values()))
def test_a_fault_looks_as_it_does_over_a_socket(listening, library, fault):
    url = _video(library, listening)
    task = f"/model/v1/generation/task/{url.split('/')[-2]}"
    listening.scenario({"name": "bad", "match": {}, "faults": [{**fault, "on": ["poll", "media"]}]})
    here, there = url.partition("/media")[0], listening.url
    seen = _outcome(library.get, here + task, KEY)
    assert seen == _outcome(library.get, there + task, KEY)
    video = url.removeprefix(here)
    assert _outcome(library.get, here + video) == _outcome(library.get, there + video)


@EVERY
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_proxies_of_the_environment_do_not_matter(kirin, library, scheme, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    answer = library.get(f"{scheme}://{PLATFORM_HOSTS[1]}/api/v1/skill/models", KEY)
    assert answer.status == 200


@EVERY
def test_a_host_is_known_however_it_is_written(kirin, library):
    for written in ("Cloud.SeaArt.AI", "cloud.seaart.ai:443", "cloud.seaart.ai."):
        assert library.get(f"https://{written}/api/v1/skill/models", KEY).status == 200


@EVERY
def test_another_host_is_really_called(kirin, library, image_host, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    answer = library.get(f"{image_host}/landscape.jpg")
    assert (answer.status, answer.content[:3]) == (200, b"\xff\xd8\xff")
    assert "SimpleHTTP" in answer.headers["server"]
    assert _journal_size(kirin) == 0


def _journal_size(kirin):
    return len(kirin.built.service.tenants["sk-test"].journal) if "sk-test" in kirin.built.service.tenants else 0


@EVERY
def test_the_conformance_of_these_calls_is_judged_as_of_any(kirin, library):
    library.call("POST", SUBMIT, JSON, b'{"model": "kirin_v1_t2v"}', 60.0)
    assert _journal(kirin)[-1].violations


def test_each_host_of_the_platform_is_intercepted(kirin):
    for host in PLATFORM_HOSTS:
        listed = httpx.get(f"https://{host}/api/v1/skill/models", headers=KEY)
        assert (listed.status_code, host) == (200, listed.request.url.host)
