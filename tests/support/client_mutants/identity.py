"""Clients with one bug each in whose task is whose: ids of the user's own, taken ids, and several intents."""

from __future__ import annotations

import hashlib
import unicodedata
from urllib.parse import quote, quote_plus

from mock_server.verify.client.kit import Intent
from mock_server.verify.client.reference_clients.light import LightQueued
from mock_server.verify.client.reference_clients.reference import SUBMIT, Policy, Reference

# Ids in paths


def _path(write):
    """Another way to put the id into the path of a poll."""
    return {"poll_path": lambda self: f"{SUBMIT}/task/{write(self.order)}"}


def _request(write):
    """The same on the queue."""

    def request_path(self, what):
        return f"{self.queue}/requests/{write(self.order)}/{what}"

    return {"base": LightQueued, "request_path": request_path}


def _cancel(write):
    """The same for the cancel alone."""

    def request_path(self, what):
        order = write(self.order) if what == "cancel" else quote(self.order, safe="")
        return f"{self.queue}/requests/{order}/{what}"

    return {"base": LightQueued, "request_path": request_path}


def _ascii(order):
    return "".join(one if ord(one) < 128 and one not in " ?#" else quote(one) for one in order)


# Ids in bodies


def named(change):
    """Another id than the user's, made from it."""

    def begin(self, intent, deadline):
        Policy.begin(self, intent, deadline)
        if "external_task_id" in intent.params:
            self.order = change(self.order)

    return {"begin": begin}


def _ignores_it(self, intent, deadline):
    bare = {name: value for name, value in intent.params.items() if name != "external_task_id"}
    Policy.begin(self, Intent(intent.model, bare, intent.with_callbacks, intent.download), deadline)


# Taken ids


def _adopts(self, answer):
    return answer.status_code in {200, 409}


def _insists(self, intent):
    answer = Reference.submit(self, intent)
    for _ in range(8):
        if answer.status_code != 409 or self.unsure:
            break
        self.sleep(5)
        answer = Reference.submit(self, intent)
    return answer


def _numbers_it(self, intent):
    answer = Reference.submit(self, intent)
    while answer.status_code == 409 and not self.unsure:
        self.order += "-2"
        answer = Reference.submit(self, intent)
    return answer


def _looks_it_up_first(self, intent):
    found = self.tried(self.poll)
    if found is not None and found.status_code == 200:
        return self.followed()
    return Reference.carried_out(self, intent)


# Several intents


def _one_id(self, intent, deadline):
    Policy.begin(self, intent, deadline)
    if "external_task_id" not in intent.params:
        self.order = "my-video"


def _one_id_for_a_client(self, intent, deadline):
    before = self.order
    Policy.begin(self, intent, deadline)
    if before and "external_task_id" not in intent.params:
        self.order = before


def _id_of_the_prompt(self, intent, deadline):
    Policy.begin(self, intent, deadline)
    if "external_task_id" not in intent.params:
        self.order = hashlib.sha256(repr(intent).encode()).hexdigest()


def _remembers(key):
    """Gives the result that there was for an intent with the same key, without asking."""

    def carried_out(self, intent):
        known = self.__dict__.setdefault("known", {})
        if key(intent) not in known:
            outcome = Reference.carried_out(self, intent)
            if outcome.said != "completed":
                return outcome
            known[key(intent)] = outcome
        return known[key(intent)]

    return {"carried_out": carried_out}


def _keeps_the_first_task(self, intent, deadline):
    before = self.task
    Policy.begin(self, intent, deadline)
    self.task = before


def _polls_the_first(self, intent):
    answer = Reference.submit(self, intent)
    if answer.status_code == 200 and self.understood(answer):
        self.first = getattr(self, "first", self.order)
        self.order = self.first
    return answer


def _remembers_the_last_end(self, task):
    found = Policy.ended(self, task)
    self.last = getattr(self, "last", found)
    return self.last if found.said == "completed" else found


def _stays_cancelled(self, intent, deadline):
    before = self.cancelled
    Policy.begin(self, intent, deadline)
    self.cancelled = before


def _hears_anybody(self, headers, body):
    status = Policy.on_callback(self, headers, body)
    if status == 200:
        import json

        task = json.loads(body)
        self.task = task if self.is_final(task) and self.task is None else self.task
    return status


def _folds_case(self, intent):
    made = self.__dict__.setdefault("made", {})
    key = self.order.lower()
    if key in made:
        self.order = made[key]
        return made[key, "answer"]
    answer = Reference.submit(self, intent)
    if answer.status_code == 200:
        made[key], made[key, "answer"] = self.order, answer
    return answer


IDENTITY = {
    "no quoting of an id": ("W12", _path(str)),
    "an id quoted without its slashes": ("W12", _path(lambda order: quote(order).replace("%2F", "/").rstrip("?"))),
    "an id quoted twice": ("W12", _path(lambda order: quote(quote(order, safe=""), safe=""))),
    "an id quoted as in a form": ("W12", _path(quote_plus)),
    "only blanks of an id quoted": ("W12", _path(lambda order: order.replace(" ", "%20"))),
    "an id quoted in Latin-1": (
        "W12",
        _path(lambda order: quote(order, safe="", encoding="latin-1", errors="replace")),
    ),
    "an id quoted on the queue without %": ("W12", _request(lambda order: quote(order, safe="%"))),
    "an id quoted on the queue as in a form": ("W12", _request(quote_plus)),
    "an id of the queue's cancel not quoted": ("W12", _cancel(_ascii)),
    "an id of the queue's cancel quoted twice": ("W12", _cancel(lambda order: quote(quote(order, safe=""), safe=""))),
    "the user's id trimmed": ("A02", named(str.strip)),
    "the user's id composed": ("A02", named(lambda order: unicodedata.normalize("NFC", order))),
    "the user's id with a prefix": ("A02", named(lambda order: f"app-{order}")),
    "the user's id as it is in a path": ("A02", named(lambda order: quote(order, safe=""))),
    "the user's id made a slug": ("A02", named(lambda order: "".join(one for one in order if one.isalnum()) or "x")),
    "the user's id cut": ("A02", named(lambda order: order[:12])),
    "an id of its own beside the user's": ("A02", {"begin": _ignores_it}),
    "adopts what is there": ("I01", {"is_made": _adopts}),
    "adopts what is there on the queue": ("I01", {"base": LightQueued, "is_made": _adopts}),
    "looks the id up before it submits": ("I01", {"carried_out": _looks_it_up_first}),
    "insists on a taken id": ("W10", {"submit": _insists}),
    "numbers a taken id": ("A02", {"submit": _numbers_it}),
    "one id for all its intents": ("I02", {"begin": _one_id}),
    "one id for each client": ("I02", {"begin": _one_id_for_a_client}),
    "the digest of an intent as its id": ("I02", {"begin": _id_of_the_prompt}),
    "the digest of an intent as its id on the queue": ("I02", {"base": LightQueued, "begin": _id_of_the_prompt}),
    "remembers results by model": ("I02", _remembers(lambda intent: intent.model)),
    "remembers results by intent": ("I02", _remembers(lambda intent: str(dict(intent.params)))),
    "remembers results by prompt": ("I02", _remembers(lambda intent: intent.params.get("prompt"))),
    "keeps the task of the intent before": ("I01", {"begin": _keeps_the_first_task}),
    "polls the first task only": ("I01", {"submit": _polls_the_first}),
    "returns the first result again": ("I01", {"ended": _remembers_the_last_end}),
    "takes any callback for its own": ("I01", {"on_callback": _hears_anybody}),
    "stays cancelled": ("A06", {"begin": _stays_cancelled}),
    "takes ids that differ in case for one": ("I02", {"submit": _folds_case}),
}
