"""Clients in this process that misbehave altogether, and adapters that are none: one clear word, no hang, no praise."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys

import pytest

from mock_server.conformance.properties import Thresholds
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.reference_clients.light import Light
from mock_server.verify.client.run import Harness
from tests.core.test_packaging import ROOT
from tests.support.depth import first


def verified(make, count=20, patience=0.4):
    return Harness(InProcess(make, patience), Thresholds()).verify(count, shrink=False)


def running(run):
    """A client that does this in place of what it should."""
    return type("Misbehaving", (Light,), {"run": run})


def leaves(self, intent, deadline):
    sys.exit(0)


def hangs(self, intent, deadline):
    while True:
        pass


def swallows_all(self, intent, deadline):
    while True:
        with contextlib.suppress(BaseException):
            self.kit.sleep(60)


def hot_behind_the_bridge(self, intent, deadline):
    import httpx

    with httpx.Client(base_url=self.kit.open_http_bridge(), trust_env=False) as http:
        while True:
            with contextlib.suppress(Exception):
                http.get("/model/v1/generation/task/none")


def crashes_when_told_to_end(self, intent, deadline):
    try:
        while True:
            self.kit.sleep(60)
    except BaseException:  # noqa: BLE001 - that is its bug
        raise RuntimeError("interrupted") from None


MISBEHAVIOUR = {
    "leaves": ("A04", "the client crashed: SystemExit: 0, at test_verify_adapters.py:"),
    "hangs": ("W14", "it hangs: for 0.4 real seconds it has called nothing and let no time pass"),
    "swallows_all": ("W14", "it ignores every request to stop"),
    "hot_behind_the_bridge": ("W14", "it ignores every request to stop"),
    "crashes_when_told_to_end": ("W14", "s after its deadline, and still made pauses"),
}
Leaves, Hangs, SwallowsAll, HotBehindTheBridge, CrashesWhenToldToEnd = map(
    running, (leaves, hangs, swallows_all, hot_behind_the_bridge, crashes_when_told_to_end)
)


@pytest.mark.parametrize("name", first(2, MISBEHAVIOUR))
def test_a_client_that_misbehaves_is_a_finding_and_no_hang(name, tmp_path):
    """In a process of its own: what cannot be stopped goes on in this one."""
    property_id, says = MISBEHAVIOUR[name]
    adapter = f"tests.verify.test_verify_adapters:{name.title().replace('_', '')}"
    options = ["--cases", "20", "--patience", "0.4", "--findings", str(tmp_path)]
    command = [sys.executable, "-m", "mock_server", "verify", "client", *options, adapter]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert f"FAIL   {property_id}" in ended.stdout
    assert says in ended.stdout


def test_a_receiver_that_leaves_is_a_crash_of_the_receiver():
    leaving = type("Leaving", (Light,), {"on_callback": lambda self, headers, body: sys.exit(0)})
    assert "SystemExit: 0" in verified(leaving, 60).shown["A16"].fault.says


async def _later(self, *given):
    return 200


ADAPTERS = {
    "no run": (lambda kit: object(), "the adapter has no method run(intent, deadline): it is object"),
    "a crash": (lambda kit: kit.nothing, "the adapter cannot be made: AttributeError: 'Kit' object has no attribute"),
    "a dict": (running(lambda self, *_: {"said": "completed"}), "the adapter must return an Outcome, not dict"),
    "nothing": (running(lambda self, *_: None), "must return an Outcome, not NoneType"),
    "another word": (
        running(lambda self, *_: Outcome("Timeout")),
        "Outcome.said must be one of completed, failed, rejected, timeout, gave_up, cancelled, not 'Timeout'",
    ),
    "no list": (
        running(lambda self, *_: Outcome("completed", urls=None)),
        "Outcome.urls must be a list of",
    ),
    "a list for an id": (
        running(lambda self, *_: Outcome("completed", task_id=["1"])),
        "Outcome.task_id must be a",
    ),
    "emits a word": (running(lambda self, *_: self.kit.emit("completed")), "must return an Outcome, not str"),
    "a coroutine for callbacks": (
        type("Later", (Light,), {"on_callback": _later}),
        "on_callback of the adapter must be a plain function",
    ),
    "a coroutine to cancel": (type("Later", (Light,), {"cancel": _later}), "cancel of the adapter must be a plain"),
}


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_that_is_none_is_told_so_and_not_held_against_the_client(name):
    make, says = ADAPTERS[name]
    report = verified(make, 200)
    assert says in report.stopped
    assert report.shown == {}
    assert not report.clean


def test_a_client_that_sleeps_in_small_slices_is_all_right():
    def sleep(self, seconds):
        until = self.kit.now() + seconds
        while self.kit.now() < until:
            Light.sleep(self, min(0.25, until - self.kit.now()))

    assert verified(type("Sliced", (Light,), {"sleep": sleep}), 150, patience=5).shown == {}


def test_what_a_client_prints_and_logs_badly_is_its_own_affair():
    def run(self, intent, deadline):
        sys.stdout.buffer.write(b"\xff working\n")
        logging.getLogger("client").info("%d of them", "many")
        return Light.run(self, intent, deadline)

    assert verified(running(run), 20, patience=5).shown == {}


def test_a_key_in_the_traceback_of_a_log_message_is_seen():
    def run(self, intent, deadline):
        try:
            return self.kit.nothing[self.kit.api_key]
        except AttributeError as error:
            error.add_note(f"with {self.kit.api_key}")
            logging.getLogger("client").exception("failed")
        return Light.run(self, intent, deadline)

    assert "a log message of client" in verified(running(run), 5, patience=5).shown["A21"].fault.says


def test_another_key_and_another_callback_url_are_noticed():
    def headers(self):
        return {**Light.headers(self), "Authorization": f"Bearer {self.kit.api_key}x"}

    def body(self, intent):
        made = Light.body(self, intent)
        (one,) = made["input"]
        if "callback_url" in one["params"]:
            one["params"]["callback_url"] += "/elsewhere"
        return made

    other_key = verified(type("OtherKey", (Light,), {"headers": headers}), 10, patience=5)
    assert "another key" in other_key.shown["W01"].fault.says
    elsewhere = verified(type("Elsewhere", (Light,), {"body": body}), 60, patience=5)
    assert "changes callback_url" in elsewhere.shown["A02"].fault.says


def test_a_client_that_never_calls_is_told_why_that_may_be():
    from mock_server.verify.client.command import Options, scorecard_of
    from mock_server.verify.client.findings import Client

    report = verified(running(lambda self, *_: Outcome("gave_up")), 5)
    assert (
        "no call came: does the client use kit.transport, or base_url?"
        in scorecard_of(report, {}, Options(Client("a:b"))).notes
    )


def test_a_refusal_that_was_never_heard_of_is_not_held_against_the_client():
    report = verified(running(lambda self, *_: Outcome("gave_up")), 100)
    assert set(report.shown) == {"A06"}
    assert (
        "a task that was never made, because the submit was not tried again, is reported as gave_up"
        in report.shown["A06"].fault.says
    )
