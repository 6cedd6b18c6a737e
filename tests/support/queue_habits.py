"""The same on the queue side: a good client, its bad habits one at a time, and all ways of asking that are right."""

from __future__ import annotations

from tests.support.habits import BODY, FINE, HABITS, Client, hot


class QueueClient(Client):
    """The same on the queue side: polls the status until it is COMPLETED, then fetches the response."""

    scheme = "Key "
    path = f"/model/v1/queue/{BODY['model']}"

    def body(self):
        params = {name: value for name, value in BODY.items() if name != "model"}
        return {**params, "external_task_id": self.external_id}

    def send_submit(self):
        headers = {**self.headers(), "Content-Type": self.content_type()}
        answer = self.http.post(self.path, content=self.content(), headers=headers)
        self.urls = answer.json() if answer.status_code == 200 else {}
        return answer

    def url(self, task_id, what):
        return f"{self.path}/requests/{self.quoted(task_id)}/{what}"

    def send_poll(self, task_id):
        return self.http.get(self.url(task_id, "status"), headers=self.headers(poll=True))

    def send_result(self, task_id):
        return self.http.get(self.url(task_id, "response"), headers=self.headers(poll=True))

    def has_ended(self, task):
        return task["status"].lower() in {"completed", "failed", "cancelled"}

    def after_the_end(self, task):
        while not task.get("error") and task["status"].lower() == "completed":
            answer = self.tried(lambda: self.send_result(task["request_id"]))
            if answer.status_code != 202:
                self.fetch(answer.json())
                return
            self.sleep(self.gap)

    def fetch(self, result):
        items = result.get("outputs") or [one["content"][0] for one in result.get("output", ())]
        for item in items:
            self.download(item["url"])

    def cancel(self):
        return self.http.put(self.url(self.external_id, "cancel"), headers=self.headers())


QUEUED = {**FINE, "queue": True}


def _asks_for_both(self, task_id):
    answer = QueueClient.send_poll(self, task_id)
    if not self.has_ended(answer.json()):
        self.send_result(task_id)
    return answer


def _in_lower_case(self, task):
    return task["status"] in {"completed", "failed"}


def _wants_no_error(self, task):
    return task["status"] == "COMPLETED" and "error" not in task


def _fetch_again(self, result):
    self.sleep(self.gap)
    self.send_result(result["request_id"])


def _cancels_twice(self, result):
    for _ in range(2):
        self.cancel()
        self.sleep(self.gap)


QUEUE_HABITS = {
    "polls on the queue without a pause": ("W09", {"gap": 0.1}, QUEUED),
    "asks for the response at each poll as well": ("W09", {"send_poll": _asks_for_both}, QUEUED),
    "waits for completed in lower case": ("W11", {"has_ended": _in_lower_case}, QUEUED),
    "waits for a failure of its own": ("W11", {"has_ended": _wants_no_error}, {**QUEUED, "task": {"fail": "own"}}),
    "fetches the response twice": ("W11", {"fetch": _fetch_again}, QUEUED),
    "goes where status_url leads": (
        "W22",
        {"send_poll": lambda self, task_id: self.http.get(self.urls["status_url"], headers=self.headers())},
        {**QUEUED, "task": {"running": 30, "queue_urls": "other_host"}},
    ),
    "goes where response_url leads": (
        "W22",
        {"send_result": lambda self, task_id: self.http.get(self.urls["response_url"], headers=self.headers())},
        {**QUEUED, "task": {"running": 30, "queue_urls": "other_host"}},
    ),
    "does not quote its ids on the queue": (
        "W12",
        {"external_id": "100%25", "quoted": lambda self, task_id: task_id},
        QUEUED,
    ),
    "says Token": ("W01", {"scheme": "Token "}, QUEUED),
    "names the model in a body of the queue": ("W04", {"body": lambda self: {**BODY}}, QUEUED),
    "asks for a webhook": (
        "W04",
        {"body": lambda self: {**QueueClient.body(self), "webhook_url": "http://h/"}},
        QUEUED,
    ),
    "buys again on the queue": (
        "W05",
        {"body": lambda self: {"prompt": "A pear"}, "polled_id": lambda self, answer: answer.json()["request_id"]},
        {**QUEUED, "faults": [{"fault": "lost_answer"}], "match": {"nth": 1}},
    ),
    "cancels what has ended, twice": ("W10", {"fetch": _cancels_twice}, QUEUED),
    "asks for the response again at once": (
        "W08",
        {"wait_after": hot},
        {**QUEUED, "faults": [{"fault": "error", "on": "result", "times": 2}]},
    ),
}
ALL_HABITS = {**HABITS, **QUEUE_HABITS}
#: Good habits of the queue side: all of these are right.
QUEUE_MANNERS = {
    "builds its paths": {},
    "takes the request_id": {"polled_id": lambda self, answer: answer.json()["request_id"]},
    "takes the task's own id": {"polled_id": lambda self, answer: answer.json()["request_id"].removeprefix("mmsu_")},
    "follows status_url and response_url": {
        "send_poll": lambda self, task_id: self.http.get(self.urls["status_url"], headers=self.headers()),
        "send_result": lambda self, task_id: self.http.get(self.urls["response_url"], headers=self.headers()),
    },
    "asks for the response alone": {
        "send_poll": QueueClient.send_result,
        "has_ended": lambda self, task: "usage" in task or bool(task.get("error")),
        "after_the_end": QueueClient.fetch,
    },
    "says Bearer": {"scheme": "Bearer "},
}
#: How a task may go on the queue side.
QUEUE_WAYS = {
    "documented": {},
    "older": {"queue_form": "older"},
    "late": {"queue_result_after": 9},
    "failed": {"fail": "own"},
    "failed, older": {"fail": "own", "queue_form": "older"},
    "canceled": {"fail": "own", "error_type": "CANCELED"},
    "two": {"output": 2},
    "none": {"output": "missing"},
}


def client_with(habit, kirin, circumstances):
    """A client with this bad habit alone; without one, the good one for these circumstances."""
    changed = dict(ALL_HABITS[habit][1]) if habit is not None else dict(circumstances.get("manner", {}))
    external_id = changed.pop("external_id", None)
    base = QueueClient if circumstances.get("queue") else Client
    client = type("Habitual", (base,), changed)(kirin)
    if external_id is not None:
        client.external_id = external_id
    return client
