"""Clients with one bug each in what they tell their user, and in who else hears of their key."""

from __future__ import annotations

import logging
from urllib.parse import unquote

from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.reference_clients.reference import SUBMIT, Policy, Reference

_LOG = logging.getLogger("client")


def told(**change):
    """Another outcome at the end of a task: each named part is changed."""

    def ended(self, task):
        found = Policy.ended(self, task)
        parts = {name: getattr(found, name) for name in Outcome.__slots__}
        return Outcome(**{**parts, **{name: make(parts[name]) for name, make in change.items() if parts[name]}})

    return {"ended": ended}


def refused(tell):
    """Another outcome of a body that was refused, made from the right one and the answer."""
    return {"rejected": lambda self, answer: tell(Policy.rejected(self, answer), answer)}


def fails(tell):
    """Another outcome of a task that failed, made from its error."""

    def ended(self, task):
        return tell(task, task["error"]) if task["status"] == "failed" else Policy.ended(self, task)

    return {"ended": ended}


def completes(tell):
    """Another outcome of a task that completed, made from the right one and the task."""

    def ended(self, task):
        found = Policy.ended(self, task)
        return tell(found, task) if found.said == "completed" else found

    return {"ended": ended}


def _of_the_model(self, answer):
    error = answer.json().get("error", {})
    return Outcome("rejected", code=error.get("code"), message=error.get("error_message", error.get("message")))


def _curl(self, answer):
    right = Policy.rejected(self, answer)
    return Outcome("rejected", code=right.code, message=f"curl -H 'Authorization: Bearer {self.kit.api_key}' failed")


def _logs_headers(self, intent):
    _LOG.debug("POST %s %s", SUBMIT, self.headers())
    return Reference.submit(self, intent)


def _prints_itself(self, intent):
    print(f"submitting, with {self.kit}")  # noqa: T201 - that is the bug
    return Reference.submit(self, intent)


def _raises_with_headers(self, answer):
    raise RuntimeError(f"{answer.status_code} for {self.headers()}")


def _in_the_query(self):
    return self.http.get(f"{self.poll_path()}?api_key={self.kit.api_key}", headers=self.headers())


_CODES = {"00200301": "00200301", "002001095": "002001095"}

TELLING = {
    "knows one of the two shapes of a refusal": ("A05", {"rejected": _of_the_model}),
    "refusals without their code": ("A05", refused(lambda right, answer: Outcome("rejected"))),
    "codes of refusals as numbers": (
        "A05",
        refused(lambda right, answer: Outcome("rejected", code=str(int(right.code)), message=right.message)),
    ),
    "the HTTP status as the code": (
        "A05",
        refused(lambda right, answer: Outcome("rejected", code=str(answer.status_code), message=right.message)),
    ),
    "a refusal told as a failure": (
        "A05",
        refused(lambda right, answer: Outcome("failed", code=right.code, message=right.message)),
    ),
    "a refusal told as giving up": ("A05", refused(lambda right, answer: Outcome("gave_up"))),
    "the first video only": ("A08", told(urls=lambda urls: urls[:1])),
    "the last video only": ("A08", told(urls=lambda urls: urls[-1:])),
    "videos in reverse": ("A08", told(urls=lambda urls: urls[::-1])),
    "the first video for each": ("A08", told(urls=lambda urls: urls[:1] * len(urls))),
    "https, whatever it was": ("A08", told(urls=lambda urls: [url.replace("http://", "https://") for url in urls])),
    "cost as a float": ("A09", told(cost=lambda cost: str(float(cost)))),
    "cost in cents": ("A09", told(cost=lambda cost: str(round(float(cost) * 100)))),
    "cost with its currency": ("A09", told(cost=lambda cost: f"${cost}")),
    "no cost": ("A09", told(cost=lambda cost: None)),
    "a number for the task's id": ("A10", told(task_id=lambda task_id: "1")),
    "its own id for the task's": (
        "A10",
        completes(lambda right, task: Outcome("completed", task["external_task_id"], right.urls, cost=right.cost)),
    ),
    "the job's id for the task's": (
        "A10",
        completes(
            lambda right, task: Outcome(
                "completed",
                task["output"][0]["content"][0].get("jobId", task["id"]),
                right.urls,
                cost=right.cost,
            )
        ),
    ),
    "codes as numbers": ("A13", told(code=lambda code: str(int(code)))),
    "codes it knows only": ("A13", told(code=lambda code: _CODES.get(code, "UNKNOWN"))),
    "the message for the code": ("A13", fails(lambda task, error: Outcome("failed", task["id"], code=str(error)))),
    "a failure told as giving up": ("A14", fails(lambda task, error: Outcome("gave_up", task["id"]))),
    "a failure told as a refusal": (
        "A14",
        fails(lambda task, error: Outcome("rejected", task["id"], code=error["code"])),
    ),
    "looks for error_message only": (
        "A23",
        fails(
            lambda task, error: Outcome("failed", task["id"], code=error["code"], message=error.get("error_message"))
        ),
    ),
    "looks for message only": (
        "A23",
        fails(lambda task, error: Outcome("failed", task["id"], code=error["code"], message=error.get("message"))),
    ),
    "one message for all failures": ("A23", told(message=lambda said: "Something went wrong")),
    "failure messages in ASCII": ("A23", told(message=lambda said: said.encode("ascii", "replace").decode())),
    "logs its headers": ("A21", {"submit": _logs_headers}),
    "prints what it was given": ("A21", {"submit": _prints_itself}),
    "raises with its headers": ("A21", {"rejected": _raises_with_headers}),
    "tells how to repeat it": ("A21", {"rejected": _curl}),
    "the key in the query": ("A21", {"poll": _in_the_query}),
    "unquotes the URLs": ("A08", told(urls=lambda urls: [unquote(url) for url in urls])),
    "the first video of each output": (
        "A08",
        completes(
            lambda right, task: Outcome(
                "completed",
                task["id"],
                [output["content"][0]["url"] for output in task.get("output", ())],
                cost=right.cost,
            )
        ),
    ),
}
