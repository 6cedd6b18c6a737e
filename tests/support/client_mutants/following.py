"""Clients with one bug each in how they follow a task to its end, and in what they take for it."""

from __future__ import annotations

import httpx

from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.reference_clients.reference import SUBMIT, Policy, Reference

# Polls


def _polls_on(self, task):
    self.poll()
    return Policy.ended(self, task)


def _fresh_urls(self, outcome):
    self.sleep(2)
    return Reference.with_videos(self, Policy.ended(self, self.poll().json()))


def _hears_it_in_the_end(self):
    found = None
    while self.kit.now() + 20 < self.ends_by:
        self.sleep(20)
        answer = self.tried(self.poll)
        if answer is not None and answer.is_success and self.is_final(answer.json()):
            found = answer.json()
    return Outcome("timeout") if found is None else self.ended(found)


def _under_both_ids(self):
    task = self.http.get(self.poll_path(), headers=self.headers())
    if task.is_success and self.understood(task) and "id" in task.json():
        self.http.get(f"{SUBMIT}/task/{task.json()['id']}", headers=self.headers())
    return task


def _readable(self, intent, deadline):
    Policy.begin(self, intent, deadline)
    self.order = f"clip #1 {self.order}"


def _by_task_id(self, intent):
    answer = Reference.submit(self, intent)
    if self.understood(answer):
        self.order = str(answer.json().get("task_id"))
    return answer


def _never_completes(self, task):
    return task.get("status") == "completed"


def _resubmits_when_slow(self):
    for _ in range(12):
        self.sleep(5)
        answer = self.tried(self.poll)
        if answer is None:
            return Outcome("gave_up")
        if answer.is_success and self.is_final(answer.json()):
            return self.ended(answer.json())
    if self.ends_by - self.kit.now() < 120:
        return Outcome("timeout")
    self.order += "x"
    self.tried(lambda: self.submit(self.intent))
    return self.followed()


def _remembers(self, intent):
    self.intent = intent
    return Reference.submit(self, intent)


# Ends


def _until(seconds):
    """A limit of its own, whatever the deadline."""

    def begin(self, intent, deadline):
        Policy.begin(self, intent, deadline)
        self.ends_by = self.kit.now() + seconds(deadline)

    return {"begin": begin}


def _each_poll_is_a_new_start(self, task):
    self.ends_by = self.kit.now() + 900
    return Policy.is_final(self, task)


def told_instead(said, other):
    """One word for another at the end."""

    def followed(self):
        found = Reference.followed(self)
        return Outcome(other, found.task_id or self.order) if found.said == said else found

    return {"followed": followed}


def _every_end_is_a_success(self, task):
    return Outcome("completed", task["id"], [], cost=task.get("usage", {}).get("cost"))


def _not_failed_is_done(self, task):
    if task["status"] == "failed":
        return Policy.ended(self, task)
    return Outcome("completed", task["id"], _urls(task), cost=task.get("usage", {}).get("cost"))


def _not_done_is_failed(self, task):
    if task["status"] == "completed":
        return Policy.ended(self, task)
    error = task.get("error", {})
    said = error.get("error_message", error.get("message"))
    return Outcome("failed", task["id"], code=error.get("code", task["status"]), message=said)


def _urls(task):
    return [item["url"] for output in task.get("output", []) for item in output["content"]]


def _done_by_number(self, task):
    return task.get("progress") == 1 or Policy.is_final(self, task)


def _unreadable_is_done(self):
    while self.kit.now() + 5 < self.ends_by:
        self.sleep(5)
        try:
            task = self.poll().json()
        except httpx.TransportError:
            continue
        except ValueError:
            return Outcome("completed", self.order)  # it was deleted, so it is done
        if self.is_final(task):
            return self.ended(task)
    return Outcome("timeout")


def _first_trouble(said):
    """Whatever is not a 200 ends it."""

    def followed(self):
        while self.kit.now() + 5 < self.ends_by:
            self.sleep(5)
            try:
                answer = self.poll()
            except httpx.TransportError:
                return Outcome(said, self.order, code="NETWORK")
            if answer.status_code != 200 or not self.understood(answer):
                return Outcome(said, self.order, code=str(answer.status_code))
            if self.is_final(answer.json()):
                return self.ended(answer.json())
        return Outcome("timeout")

    return {"followed": followed}


def _stalled(said):
    """The same progress three times is the end of it."""

    def followed(self):
        before: list = []
        while self.kit.now() + 15 < self.ends_by:
            self.sleep(15)
            answer = self.tried(self.poll)
            if answer is not None and answer.is_success and self.is_final(answer.json()):
                return self.ended(answer.json())
            before.append(answer.json().get("progress") if answer is not None and answer.is_success else None)
            if len(before) > 2 and len(set(before[-3:])) == 1:
                return Outcome(said, self.order, code="STALLED")
        return Outcome("timeout")

    return {"followed": followed}


def _once(self, send):
    try:
        answer = send()
    except httpx.TransportError:
        return None
    return answer if self.is_the_answer(answer) else None


def _three_strikes(self, send):
    while getattr(self, "strikes", 0) < 3:
        answer = None
        try:
            answer = send()
            if self.is_the_answer(answer):
                return answer
        except httpx.TransportError:
            pass
        self.strikes = getattr(self, "strikes", 0) + 1
        self.sleep(self.wait_after(answer, self.strikes))
    return None


def _only_a_200_is_taken(self, intent):
    answer = self.tried(lambda: self.submit(intent))
    if answer is None:
        return Outcome("gave_up")
    return self.followed() if answer.status_code == 200 else self.rejected(answer)


def _any_4xx_is_final(self, answer):
    return answer.is_client_error or (answer.status_code < 500 and self.understood(answer))


def _wrong_model_field(self, intent):
    made = Policy.body(self, intent)
    return {"model_name": made["model"], "input": made["input"]}


FOLLOWING = {
    "polls ten times a second": ("W09", {"poll_gap": 0.1, "next_gap": lambda self, gap: 0.1}),
    "halves its pause with every poll": ("W09", {"next_gap": lambda self, gap: gap / 2}),
    "polls under both ids": ("W09", {"poll": _under_both_ids}),
    "polls after the end": ("W11", {"ended": _polls_on}),
    "asks for fresh URLs before it fetches": ("W11", {"with_videos": _fresh_urls}),
    "polls until its deadline, whatever it hears": ("W11", {"followed": _hears_it_in_the_end}),
    "ids that are not quoted": (
        "W12",
        {"base": Reference, "begin": _readable, "poll_path": lambda self: f"{SUBMIT}/task/{self.order}"},
    ),
    "a column that is too short for its ids": ("W12", {"poll_path": lambda self: f"{SUBMIT}/task/{self.order[:20]}"}),
    "reads task_id, which is not there": ("W12", {"submit": _by_task_id}),
    "no deadline": ("W14", _until(lambda deadline: 10**6)),
    "a deadline in minutes": ("W14", _until(lambda deadline: deadline * 60)),
    "a deadline that every poll moves": ("W14", {"is_final": _each_poll_is_a_new_start}),
    "looks only for URLs": ("A14", {"is_final": lambda self, task: bool(task.get("output"))}),
    "never sees a failure": ("A14", {"is_final": _never_completes}),
    "a failure told as a timeout": ("A14", told_instead("failed", "timeout")),
    "gives up at the first failure": ("A06", {"tried": _once}),
    "gives up at the first poll that fails": ("A06", _first_trouble("gave_up")),
    "three failures in all": ("A06", {"tried": _three_strikes}),
    "a minute is enough": ("A06", _until(lambda deadline: 60)),
    "the same progress for a while is the end": ("A06", _stalled("gave_up")),
    "takes the 409 after a lost answer for a refusal": ("A06", {"carried_out": _only_a_200_is_taken}),
    "takes every 4xx for a refusal": ("A06", {"is_the_answer": _any_4xx_is_final}),
    "every end is a success": ("A07", {"ended": _every_end_is_a_success}),
    "a timeout told as completed": ("A07", told_instead("timeout", "completed")),
    "a status that it does not know is a success": (
        "A07",
        {"is_final": lambda self, task: task["status"] != "in_progress", "ended": _not_failed_is_done},
    ),
    "what cannot be read is done": ("A11", {"followed": _unreadable_is_done}),
    "progress 1 is the end": ("A11", {"is_final": _done_by_number, "ended": _not_failed_is_done}),
    "submitted is done": ("A11", {"followed": lambda self: Outcome("completed", self.order)}),
    "a status that it does not know is a failure": (
        "A12",
        {"is_final": lambda self, task: task["status"] != "in_progress", "ended": _not_done_is_failed},
    ),
    "a poll that fails is a failed task": ("A12", _first_trouble("failed")),
    "a timeout told as a failure": ("A12", told_instead("timeout", "failed")),
    "a stalled task has failed": ("A12", _stalled("failed")),
    "a model in a field that nobody reads": ("A06", {"body": _wrong_model_field}),
    "buys again when it takes long": ("W05", {"submit": _remembers, "followed": _resubmits_when_slow}),
}
FOLLOWING_ESCAPED = {
    "names the model in another field": ("W04", {"body": _wrong_model_field}),
}
