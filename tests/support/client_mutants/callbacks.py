"""Clients with one bug each in their receiver of callbacks, and in what they hand on to their user when."""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import json

from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.reference_clients.reference import TOLERANCE, Cancelled, Policy, Reference

_FINAL = frozenset({"completed", "failed"})


# Signatures


def _key(self):
    return base64.b64decode(self.kit.secret.removeprefix("whsec_"))


def _signed(key, message):
    return "v1," + base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def _message(headers, body):
    return f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body


def _given(headers):
    return headers.get("webhook-signature", "")


def _timestamp(headers):
    given = headers.get("webhook-timestamp", "")
    return int(given) if given.isdigit() else 0


def _is_fresh(self, headers):
    return abs(self.kit.now() - _timestamp(headers)) <= TOLERANCE


def believing(test):
    """Another check, from the client, the headers and the body."""
    return {"is_believed": test}


def _whatever_its_age(self, headers, body):
    return _signed(_key(self), _message(headers, body)) in _given(headers).split()


def _age_the_wrong_way(self, headers, body):
    fresh = _timestamp(headers) - self.kit.now() <= TOLERANCE
    return fresh and _whatever_its_age(self, headers, body)


def _if_it_is_signed(self, headers, body):
    return "webhook-signature" not in headers or Policy.is_believed(self, headers, body)


def _looks_signed(self, headers, body):
    return _is_fresh(self, headers) and _given(headers).startswith("v1,")


def _whole_header(self, headers, body):
    return _is_fresh(self, headers) and _given(headers) == _signed(_key(self), _message(headers, body))


def _first_signature(self, headers, body):
    return _is_fresh(self, headers) and _given(headers).partition(" ")[0] == _signed(
        _key(self), _message(headers, body)
    )


def _of_the_body(self, headers, body):
    return _is_fresh(self, headers) and _signed(_key(self), body) in _given(headers).split()


def _secret_as_it_is(self, headers, body):
    return _signed(self.kit.secret.encode(), _message(headers, body)) in _given(headers).split()


def _written_anew(self, headers, body):
    try:
        return Policy.is_believed(self, headers, json.dumps(json.loads(body)).encode())
    except ValueError:
        return False


def _timestamp_in_milliseconds(self, headers, body):
    age = self.kit.now() - _timestamp(headers) / 1000
    return abs(age) <= TOLERANCE and Policy.is_believed(self, headers, body)


# Receivers


def _crashes_at_garbage(self, headers, body):
    task = json.loads(body)
    if self.is_believed(headers, body) and task.get("external_task_id") == self.order:
        self.heard(task)
        return 200
    return 401


def _taken_for_a_test(self, headers, body):
    try:
        json.loads(body)
    except ValueError:
        return 200
    return Policy.on_callback(self, headers, body)


def _ours_by_name(self, headers, body):
    if not self.is_believed(headers, body):
        return 401
    try:
        task = json.loads(body)
    except ValueError:
        return 400
    {self.order: self}[task["external_task_id"]].heard(task)
    return 200


class _Status(enum.Enum):
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


def _statuses_it_knows(self, task):
    _Status(task["status"])
    Policy.heard(self, task)


def _raises_at_what_came_twice(self, headers, body):
    status = Policy.on_callback(self, headers, body)
    if status == 200:
        self.seen = getattr(self, "seen", {})
        if headers["webhook-id"] in self.seen:
            raise KeyError(headers["webhook-id"])
        self.seen[headers["webhook-id"]] = body
    return status


def _known_by_id(self, headers, body):
    if not self.is_believed(headers, body):
        return 401
    try:
        task = json.loads(body)
    except ValueError:
        return 400
    if task["id"] != self.made["id"]:
        return 404
    self.heard(task)
    return 200


def _keeps_its_answer(self, intent):
    answer = Reference.submit(self, intent)
    self.made = answer.json() if answer.status_code == 200 and self.understood(answer) else {"id": None}
    return answer


def _no_longer_than_a_run(self, headers, body):
    if self.told:
        return 404
    return Policy.on_callback(self, headers, body)


def _run_and_forget(self, intent, deadline):
    self.told = False
    outcome = Reference.run(self, intent, deadline)
    self.told = True
    return outcome


def answering(change):
    """Another answer to a callback, from the right one."""

    def on_callback(self, headers, body):
        return change(Policy.on_callback(self, headers, body))

    return {"on_callback": on_callback}


def _conflict(self, headers, body):
    status = Policy.on_callback(self, headers, body)
    self.seen = getattr(self, "seen", set())
    if status == 200 and headers["webhook-id"] in self.seen:
        return 409
    self.seen.add(headers.get("webhook-id"))
    return status


def _once_per_state(self, task):
    Policy.heard(self, task)
    self.states = [*getattr(self, "states", []), task["status"]]


def _only_news(self, headers, body):
    status = Policy.on_callback(self, headers, body)
    states = getattr(self, "states", [])
    return 422 if status == 200 and states.count(states[-1]) > 1 else status


def _no_other_fields(self, headers, body):
    status = Policy.on_callback(self, headers, body)
    known = {"id", "model", "status", "progress", "created_at", "external_task_id", "metadata", "output", "usage"}
    return 422 if status == 200 and set(json.loads(body)) - known - {"error"} else status


def _anything_of_anybody(self, headers, body):
    try:
        task = json.loads(body)
    except ValueError:
        return 400
    if not self.is_believed(headers, body):
        return 401
    self.heard(task)
    return 200


def _keeps_before_it_checks(self, headers, body):
    try:
        task = json.loads(body)
        if task.get("external_task_id") == self.order:
            self.heard(task)
    except ValueError:
        return 400
    return 200 if self.is_believed(headers, body) else 401


# What is handed on


def _hands_on(self, task):
    if self.is_final(task):
        self.task = task
        self.kit.emit(self.ended(task))


def _run_without_telling(self, intent, deadline):
    self.begin(intent, deadline)
    try:
        outcome = self.carried_out(intent)
    except Cancelled:
        outcome = Outcome("cancelled")
    if self.task is None:
        self.kit.emit(outcome)
    return outcome


def _last_news_count(self, task):
    self.task = task
    if self.is_final(task):
        self.kit.emit(self.ended(task))


def _waits_for_news(self):
    while self.kit.now() + 5 < self.ends_by:
        self.sleep(5)
        if self.task is not None and self.is_final(self.task):
            return self.ended(self.task)
        if self.task is None:
            answer = self.tried(self.poll)
            if answer is not None and answer.is_success and self.is_final(answer.json()):
                return self.ended(answer.json())
    return Outcome("timeout")


def _says_failed_meanwhile(self, answer, attempt):
    self.kit.emit(Outcome("failed", self.order, code=str(answer.status_code) if answer is not None else "NETWORK"))
    return Policy.wait_after(self, answer, attempt)


CALLBACKS = {
    "acknowledges before it reads": ("W15", answering(lambda status: 200 if status == 400 else status)),
    "takes what is no JSON for a test call": (
        "W15",
        {"on_callback": _taken_for_a_test},
    ),
    "acknowledges what is not its own": ("W16", answering(lambda status: 200 if status == 404 else status)),
    "takes news of anybody's tasks": ("W16", {"on_callback": _anything_of_anybody}),
    "409 to what came twice": ("W17", {"on_callback": _conflict}),
    "422 to a state that it has": ("W17", {"heard": _once_per_state, "on_callback": _only_news}),
    "takes unsigned callbacks": ("W18", believing(lambda self, headers, body: True)),
    "any signature will do": ("W18", believing(_looks_signed)),
    "signed, whatever its age": ("W18", believing(_whatever_its_age)),
    "reckons the age the wrong way": ("W18", believing(_age_the_wrong_way)),
    "acknowledges what it does not believe": ("W18", answering(lambda status: 200 if status == 401 else status)),
    "compares the whole header": ("W21", believing(_whole_header)),
    "compares the first signature": ("W21", believing(_first_signature)),
    "checks the body's signature alone": ("W21", believing(_of_the_body)),
    "takes the secret as it is written": ("W21", believing(_secret_as_it_is)),
    "checks what it has written anew": ("W21", believing(_written_anew)),
    "a timestamp in milliseconds": ("W21", believing(_timestamp_in_milliseconds)),
    "302 in place of an answer": ("W21", answering(lambda status: 302 if status == 200 else status)),
    "422 to fields that it does not know": ("W21", {"on_callback": _no_other_fields}),
    "404 once it has told": ("W21", {"run": _run_and_forget, "on_callback": _no_longer_than_a_run, "told": False}),
    "believes who calls itself the platform": (
        "A15",
        believing(lambda self, headers, body: headers.get("user-agent") == "kirin-mock"),
    ),
    "keeps the news before it checks them": ("A15", {"on_callback": _keeps_before_it_checks}),
    "crashes at a garbled callback": ("A16", {"on_callback": _crashes_at_garbage}),
    "looks foreign news up among its own": ("A16", {"on_callback": _ours_by_name}),
    "an enum of statuses for callbacks": ("A16", {"heard": _statuses_it_knows}),
    "raises at what came twice": ("A16", {"on_callback": _raises_at_what_came_twice}),
    "needs the answer to the submit for a callback": (
        "A16",
        {"on_callback": _known_by_id, "submit": _keeps_its_answer},
    ),
    "hands on each callback": ("A17", {"heard": _hands_on, "run": _run_without_telling}),
    "hands on what is called back, and what is polled": ("A17", {"heard": _hands_on}),
    "late news of running undo the end": ("A18", {"heard": _last_news_count, "followed": _waits_for_news}),
    "says failed meanwhile": ("A18", {"wait_after": _says_failed_meanwhile}),
    "the last event counts, from any sender": (
        "A18",
        {**believing(lambda self, headers, body: True), "heard": _hands_on, "run": _run_without_telling},
    ),
    "checks only what is signed": ("A15", believing(_if_it_is_signed)),
}
