"""The harness for clients: the reference client is clean, and each client with one bug is caught for that bug."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from mock_server.cli import main
from mock_server.conduct.properties import Thresholds
from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.properties import ALL
from mock_server.verify.client.reference import PASSING, SUBMIT, Reference
from mock_server.verify.client.run import Harness
from tests.test_packaging import ROOT

SCRIPTS = 300


def _params(change):
    def body(self, intent):
        made = Reference.body(self, intent)
        params = made["input"][0]["params"]
        made["input"][0]["params"] = change(params)
        return made

    return body


def _outcome(**change):
    def ended(self, task):
        found = Reference.ended(self, task)
        return Outcome(
            **{name: change.get(name, lambda value: value)(getattr(found, name)) for name in Outcome.__slots__}
        )

    return ended


def _raising(self, answer, attempt):
    if answer is None:
        raise httpx.ReadError("the connection is gone")
    return Reference.wait_after(self, answer, attempt)


def _polls_on(self, task):
    outcome = Reference.ended(self, task)
    self.poll()
    return outcome


def _never_done(self, task):
    return task.get("status") == "completed"


def _crashing_callback(self, headers, body):
    self.task = self.task or (json.loads(body) if json.loads(body)["status"] in {"completed", "failed"} else None)
    return 200


def _once(self, send):
    answer = send()
    answer.json()
    return answer if answer.status_code < 500 and answer.status_code not in PASSING else None


def _without_deadline(self):
    self.ends_by = self.kit.now() + 10**6
    return Reference.followed(self)


#: A bug: the property that has to notice it, and what is other than in the reference client.
MUTANTS = {
    "no Bearer": ("W01", {"headers": lambda self: {"Authorization": self.kit.api_key}}),
    "text as content type": (
        "W02",
        {
            "submit": lambda self, intent: self.http.post(
                SUBMIT, content=json.dumps(self.body(intent)), headers={**self.headers(), "Content-Type": "text/plain"}
            )
        },
    ),
    "NaN for what is not set": (
        "W03",
        {
            "submit": lambda self, intent: self.http.post(
                SUBMIT,
                content=json.dumps({**self.body(intent), "cfg_scale": float("nan")}),
                headers={**self.headers(), "Content-Type": "application/json"},
            )
        },
    ),
    "null for what is not set": ("W04", {"body": _params(lambda params: {"negative_prompt": None, **params})}),
    "a number as duration": ("W04", {"body": _params(lambda params: {**params, "duration": 5})}),
    "an id of its own for each try": (
        "W06",
        {"body": _params(lambda params: {**params, "external_task_id": f"try-{next(_NUMBERS)}"})},
    ),
    "no external id": (
        "W05",
        {"body": _params(lambda params: {key: value for key, value in params.items() if key != "external_task_id"})},
    ),
    "waits a second, whatever it is told": ("W07", {"wait_after": lambda self, answer, attempt: 1.0}),
    "does not wait after a failure": ("W08", {"wait_after": lambda self, answer, attempt: 0.0}),
    "polls ten times a second": ("W09", {"poll_gap": 0.1}),
    "sends again what was refused": ("W10", {"rejected": lambda self, answer: self.followed_by_force(answer)}),
    "polls after the end": ("W11", {"ended": _polls_on}),
    "never sees a failure": ("A13", {"is_final": _never_done}),
    "takes unsigned callbacks": ("W18", {"is_believed": lambda self, headers, body: True}),
    "crashes at a garbled callback": (
        "A04",
        {"is_believed": lambda self, headers, body: True, "on_callback": _crashing_callback},
    ),
    "drops false, zero and empty": (
        "A01",
        {"body": _params(lambda params: {key: value for key, value in params.items() if value})},
    ),
    "cuts the prompt": ("A01", {"body": _params(lambda params: {**params, **_cut(params)})}),
    "adds a default": ("A01", {"body": _params(lambda params: {"mode": "std", **params})}),
    "raises at a reset": ("A04", {"wait_after": _raising}),
    "raises at a page of HTML": (
        "A04",
        {
            "understood": lambda self, answer: isinstance(answer.json(), dict),
            "tried": _once,
        },
    ),
    "codes as numbers": ("A13", {"ended": _outcome(code=lambda code: str(int(code)) if code else None)}),
    "refusals without their code": ("A05", {"rejected": lambda self, answer: Outcome("rejected")}),
    "gives up at the first failure": ("A06", {"wait_after": lambda self, answer, attempt: 2000.0}),
    "every end is a success": (
        "A07",
        {"ended": lambda self, task: Outcome("completed", task["id"], [], cost=task.get("usage", {}).get("cost"))},
    ),
    "the first video only": ("A08", {"ended": _outcome(urls=lambda urls: list(urls)[:1])}),
    "videos in reverse": ("A08", {"ended": _outcome(urls=lambda urls: list(urls)[::-1])}),
    "cost as a float": ("A09", {"ended": _outcome(cost=lambda cost: str(float(cost)) if cost else None)}),
    "its own id for the task's": ("A10", {"ended": _outcome(task_id=lambda task_id: "1")}),
    "any status but running is the end": (
        "A04",
        {"is_final": lambda self, task: task["status"] != "in_progress"},
    ),
    "no deadline": ("W14", {"followed": _without_deadline}),
}
_NUMBERS = iter(range(10**9))


def _cut(params):
    return {"prompt": params["prompt"][:100]} if "prompt" in params else {}


def _by_force(self, answer):
    for _ in range(2):
        self.kit.sleep(5)
        self.http.send(answer.request)
    return Reference.rejected(self, answer)


def _client(changed):
    return type("Mutant", (Reference,), {"followed_by_force": _by_force, **changed})


@pytest.mark.parametrize("seed", [0, 1])
def test_the_reference_client_is_clean(seed):
    report = Harness(Reference, Thresholds(), seed).verify(SCRIPTS)
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
    assert {name for name in ALL if name not in report.verdict.exercised} <= {"W10", "W13", "W19", "W20"}


@pytest.mark.parametrize("bug", MUTANTS)
def test_a_client_with_one_bug_is_caught_for_the_right_thing(bug):
    property_id, changed = MUTANTS[bug]
    report = Harness(_client(changed), Thresholds()).verify(SCRIPTS, shrink=False, until=property_id)
    assert property_id in report.shown, sorted(report.shown)


def test_what_is_found_is_told_by_the_smallest_script():
    report = Harness(_client(MUTANTS["codes as numbers"][1]), Thresholds()).verify(40)
    told = report.shown["A13"].script.told()
    assert not any(line.startswith("fault") for line in told)
    assert "to come   failed with 0" in told[-1]


class Asynchronous(Reference):
    """The same as a coroutine."""

    async def run(self, intent, deadline):
        async with httpx.AsyncClient(transport=self.kit.transport, base_url=self.kit.base_url) as client:
            answer = await client.get("/api/v1/user/balance", headers=self.headers())
            assert answer.status_code == 200
        return super().run(intent, deadline)


def test_an_asyncio_client_is_run_as_well():
    assert Harness(Asynchronous, Thresholds()).verify(20, shrink=False).shown == {}


def test_the_command_tells_and_its_exit_code_too(capsys, tmp_path):
    report = tmp_path / "report.json"
    assert main(["verify", "client", "mock_server.verify.client.reference:Reference", "--scripts", "40"]) == 0
    out = capsys.readouterr().out
    assert "40 scripts" in out
    assert "0 wrong" in out
    command = ["verify", "client", "tests.test_verify_client:Careless", "--scripts", "40", "--json", str(report)]
    assert main(command) == 1
    out = capsys.readouterr().out
    assert "WRONG  A08" in out
    assert "right     urls = [item['url']" in out
    assert json.loads(report.read_text())["clean"] is False


Careless = _client(MUTANTS["the first video only"][1])


@pytest.mark.parametrize(
    "adapter", ["nothing", "no.such.module:x", "json:nothing", "math:pi", ":", "tests.test_verify_client:"]
)
def test_an_adapter_that_is_not_there_costs_one_line(adapter, capsys):
    assert main(["verify", "client", adapter]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def _endless(kit):
    class Endless(Reference):
        def run(self, intent, deadline):
            while True:
                self.poll()

    return Endless(kit)


def _wrong_return(kit):
    class Returns(Reference):
        def run(self, intent, deadline):
            return {"said": "completed"}

    return Returns(kit)


@pytest.mark.parametrize(("make", "property_id"), [(_endless, "W14"), (_wrong_return, "A04")])
def test_a_client_that_misbehaves_altogether_is_a_finding_and_no_hang(make, property_id):
    assert property_id in Harness(make, Thresholds()).verify(3, shrink=False).shown


def test_the_adapter_that_the_documentation_shows_is_told_what_is_wrong_with_it():
    (shown,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "clients.md").read_text("utf-8"), re.DOTALL)
    made = {}
    exec(shown, made)  # noqa: S102 - it is ours
    report = Harness(made["Adapter"], Thresholds()).verify(100, shrink=False)
    assert set(report.shown) == {"A04", "A09", "W04", "W14"}
