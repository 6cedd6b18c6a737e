"""A client with good habits, and one bad habit at a time: what the wire rules have to tell apart."""

from __future__ import annotations

import contextlib
import json
import uuid
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import httpx

from tests.support.clients import is_signed

SUBMIT = "/model/v1/generation"
BODY = {"model": "kirin_v1_t2v", "prompt": "A red apple", "duration": "5"}
MOST_TRIES = 6


class Client:
    """Submits, polls, downloads and takes callbacks, as it should."""

    gap = 5.0
    retry_gap = 2.0
    key_on_polls = True
    scheme = "Bearer "

    def __init__(self, kirin, external_id="order/1 of 2"):
        self._kirin = kirin
        self.http = httpx.Client(base_url=kirin.url, timeout=30, trust_env=False)
        self.external_id = external_id
        self.seen = set()

    def sleep(self, seconds):
        self._kirin.clock.advance(seconds)

    def now(self):
        return self._kirin.clock.now()

    # what is sent

    def headers(self, poll=False):
        return {"Authorization": f"{self.scheme}{self._kirin.api_key}"} if self.key_on_polls or not poll else {}

    def body(self):
        return {**BODY, "external_task_id": self.external_id}

    def content(self):
        return json.dumps(self.body())

    def content_type(self):
        return "application/json"

    def send_submit(self):
        headers = {**self.headers(), "Content-Type": self.content_type()}
        return self.http.post(SUBMIT, content=self.content(), headers=headers)

    def send_poll(self, task_id):
        return self.http.get(f"{SUBMIT}/task/{self.quoted(task_id)}", headers=self.headers(poll=True))

    def quoted(self, task_id):
        return quote(task_id, safe="")

    # what is made of the answer

    def wait_after(self, answer):
        """How long to wait before the same call is made again."""
        asked = answer.headers.get("retry-after") if answer is not None else None
        if asked is None:
            return self.retry_gap
        if asked.isdigit():
            return max(float(asked), self.retry_gap)
        return max(self.wait_until(asked), self.retry_gap)

    def wait_until(self, asked):
        return parsedate_to_datetime(asked).timestamp() - self.now()

    def may_try_again(self, answer):
        return answer is None or answer.status_code >= 500 or answer.status_code in {408, 425, 429}

    def tried(self, send):
        """A call, tried again while that makes sense; None when it never worked."""
        for _ in range(self.most_tries()):
            answer = None
            with contextlib.suppress(httpx.TransportError):
                answer = send()
            if not self.may_try_again(answer) and not self.is_garbled(answer):
                return answer
            self.sleep(self.wait_after(answer))
        return None

    def most_tries(self):
        return MOST_TRIES

    def is_garbled(self, answer):
        try:
            answer.json()
        except ValueError:
            return True
        return False

    def has_ended(self, task):
        return task["status"] in {"completed", "failed"}

    def run(self):
        """Submit, poll to the end, download."""
        answer = self.tried(self.send_submit)
        if answer is None or (answer.is_client_error and answer.status_code != 409):
            return
        for _ in range(200):
            self.sleep(self.gap)
            polled = self.tried(lambda: self.send_poll(self.polled_id(answer)))
            if polled is None or polled.is_client_error:
                return
            if self.has_ended(polled.json()):
                self.after_the_end(polled.json())
                return

    def polled_id(self, answer):
        return self.external_id

    def after_the_end(self, task):
        """Fetch what was made."""
        for output in task.get("output", ()):
            self.download(output["content"][0]["url"])

    def download(self, url):
        for _ in range(3):
            with contextlib.suppress(httpx.TransportError):
                self.http.get(url)
                return
            self.sleep(self.retry_gap)

    # callbacks

    def events(self, headers, raw):
        """The status a callback is answered with."""
        if not self.believes(headers, raw):
            return 401
        try:
            task = json.loads(raw)
        except ValueError:
            return self.on_garbage()
        if not self.knows(task):
            return 404
        again = headers["webhook-id"] in self.seen
        self.seen.add(headers["webhook-id"])
        return self.on_again() if again else 200

    def believes(self, headers, raw):
        return self.is_fresh(headers) and self.is_signed(headers, raw)

    def is_fresh(self, headers):
        return abs(self.now() - int(headers["webhook-timestamp"])) < 300

    def is_signed(self, headers, raw):
        return is_signed(headers, raw)

    def on_garbage(self):
        return 400

    def on_again(self):
        return 200

    def knows(self, task):
        return task.get("external_task_id") == self.external_id


def _without(name):
    return lambda self: {key: value for key, value in Client.body(self).items() if key != name}


def _with(**more):
    return lambda self: {**Client.body(self), **more}


def hot(self, answer):
    return 0.0 if answer is None or answer.status_code >= 500 else Client.wait_after(self, answer)


def _poll_on(self, task):
    Client.after_the_end(self, task)
    for _ in range(3):
        self.sleep(self.gap)
        self.send_poll(self.external_id)


def _late(self, task):
    self.sleep(7200)
    Client.after_the_end(self, task)


def _once(self, url):
    with contextlib.suppress(httpx.TransportError):
        self.http.get(url)


FINE = {"task": {"queued": 2, "running": 30}}
CALLED = {**FINE, "callbacks": True}


def _faulty(fault, **more):
    return {**FINE, "faults": [fault], **more}


#: A bad habit: the rule that has to notice, what is other about the client, and the circumstances that show it.
HABITS = {
    "no key on polls": ("W01", {"key_on_polls": False}, FINE),
    "a key without Bearer": ("W01", {"scheme": ""}, FINE),
    "no content type": ("W02", {"content_type": lambda self: "text/plain"}, FINE),
    "a form's content type": ("W02", {"content_type": lambda self: "application/x-www-form-urlencoded"}, FINE),
    "NaN": ("W03", {"body": _with(cfg_scale=float("nan"))}, FINE),
    "a key twice": ("W03", {"content": lambda self: Client.content(self)[:-1] + ', "duration": "5"}'}, FINE),
    "latin-1": (
        "W03",
        {"content": lambda self: '{"model": "kirin_v1_t2v", "prompt": "caf\xe9"}'.encode("latin-1")},
        FINE,
    ),
    "null for what is not set": ("W04", {"body": _with(negative_prompt=None)}, FINE),
    "a number for a duration": ("W04", {"body": _with(duration=5)}, FINE),
    "a parameter of its own": ("W04", {"body": _with(seed=7)}, FINE),
    "no prompt": ("W04", {"body": _without("prompt")}, FINE),
    "another aspect ratio": ("W04", {"body": _with(aspect_ratio="4:3")}, FINE),
    "buys again after a reset": (
        "W05",
        {"body": _without("external_task_id"), "polled_id": lambda self, answer: answer.json()["id"]},
        _faulty({"fault": "lost_answer"}, match={"nth": 1}),
    ),
    "another id for each try": (
        "W06",
        {
            "body": lambda self: {**BODY, "external_task_id": uuid.uuid4().hex},
            "polled_id": lambda self, a: a.json()["id"],
        },
        _faulty({"fault": "error", "on": "submit", "status": 502}, match={"nth": 1}),
    ),
    "ignores Retry-After": (
        "W07",
        {"wait_after": lambda self, answer: self.retry_gap},
        _faulty({"fault": "rate_limit", "on": "poll", "every": 2, "retry_after": 20}),
    ),
    "ignores the date in Retry-After": (
        "W07",
        {"wait_until": lambda self, asked: 0.0},
        _faulty({"fault": "rate_limit", "on": "poll", "every": 2, "retry_after": 20, "as_date": True}),
    ),
    "ignores Retry-After of a 503": (
        "W07",
        {"wait_after": lambda self, answer: self.retry_gap},
        _faulty({"fault": "error", "on": "poll", "every": 2, "status": 503, "retry_after": 20}),
    ),
    "tries again at once after a 500": (
        "W08",
        {"wait_after": hot},
        _faulty({"fault": "error", "on": "poll", "every": 2}),
    ),
    "tries again at once after a reset": (
        "W08",
        {"wait_after": hot},
        _faulty({"fault": "reset", "on": "poll", "every": 2}),
    ),
    "polls without a pause": ("W09", {"gap": 0.1}, FINE),
    "sends again what was refused": (
        "W10",
        {"body": _with(duration="7"), "may_try_again": lambda self, answer: answer is None or not answer.is_success},
        FINE,
    ),
    "polls after the end": ("W11", {"after_the_end": _poll_on}, FINE),
    "waits for an output that never comes": (
        "W11",
        {"has_ended": lambda self, task: bool(task.get("output"))},
        {"task": {"fail": "own", "after": 20}},
    ),
    "does not quote its ids": ("W12", {"external_id": "order 1?", "quoted": lambda self, task_id: task_id}, FINE),
    "makes ids up": ("W12", {"polled_id": lambda self, answer: uuid.uuid4().hex}, FINE),
    "never gives up": ("W13", {"most_tries": lambda self: 40}, _faulty({"fault": "error", "on": "poll"})),
    "takes garbage": ("W15", {"on_garbage": lambda self: 200}, {**CALLED, "faults": [{"fault": "garbage"}]}),
    "takes what is not its own": (
        "W16",
        {"knows": lambda self, task: True},
        {**CALLED, "faults": [{"fault": "foreign_id"}]},
    ),
    "refuses news that come again": (
        "W17",
        {"on_again": lambda self: 409},
        {**CALLED, "faults": [{"fault": "duplicate"}]},
    ),
    "believes any signature": (
        "W18",
        {"is_signed": lambda self, headers, raw: True},
        {**CALLED, "faults": [{"fault": "bad_signature"}]},
    ),
    "believes old signatures": (
        "W18",
        {"is_fresh": lambda self, headers: True},
        {**CALLED, "faults": [{"fault": "stale_signature"}]},
    ),
    "takes its own id for another's": ("W21", {"knows": lambda self, task: task.get("id") == self.external_id}, CALLED),
    "fetches too late": ("W19", {"after_the_end": _late}, _faulty({"fault": "expired", "after": 3600})),
    "keeps half a video": ("W20", {"download": _once}, _faulty({"fault": "truncate", "on": "media", "times": 1})),
}
