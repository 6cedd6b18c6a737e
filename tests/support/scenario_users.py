"""Users of a server with scenarios: one watches tasks, one posts rules, one has a server that reads files."""

from __future__ import annotations

import time
from decimal import Decimal

import httpx

from tests.support.driving import BODIES, SUBMIT

#: Seconds of real time that a file may take to be read.
DEADLINE = 20
PARAMS = {body["model"]: body.get("data") or {k: v for k, v in body.items() if k != "model"} for body in BODIES}
T2V, V15, MULTI, V3, MASTER = PARAMS
#: What is submitted where a test does not say what.
APPLE_TASK = T2V, {"prompt": "A red apple"}


class TaskUser(httpx.Client):
    """A client with a key of its own."""

    def __init__(self, server, key):
        super().__init__(base_url=server.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=60)
        self.inbox = f"{server.url}/_mock/inbox/{key}"

    def add(self, **rule):
        answer = self.post("/_mock/scenarios", json={"name": "it", "match": {}, **rule})
        assert answer.status_code == 200, answer.text

    def ask(self, model=T2V, protocol="generation", words=None, **params):
        headers = {} if words is None else {"X-Mock-Scenario": words}
        params = {**PARAMS[model], **params}
        if protocol == "queue":
            return self.post(f"/model/v1/queue/{model}", json=params, headers=headers)
        body = {"data": params} if model == V15 else params
        return self.post(SUBMIT, json={"model": model, **body}, headers=headers)

    def submit(self, model=T2V, protocol="generation", words=None, **params):
        answer = self.ask(model, protocol, words, **params)
        assert answer.status_code == 200, answer.text
        return answer.json().get("id") or answer.json()["request_id"]

    def read(self, task):
        return self.get(f"{SUBMIT}/task/{task}").json()

    def queue(self, task, what="status"):
        path = f"/model/v1/queue/{self.read(task)['model']}/requests/{task}/{what}"
        answer = self.put(path) if what == "cancel" else self.get(path)
        assert answer.status_code == (202 if what == "cancel" else 200), answer.text
        return answer.json()

    def state(self, task):
        """The status that both protocols and the control API agree on, and the progress."""
        read, shown = self.read(task), self.get(f"/_mock/tasks/{task}").json()
        status, progress = queue_state(self.queue(task)), shown["progress"]
        assert read["status"] == {"queued": "in_progress", "cancelled": "failed"}.get(status, status)
        assert shown["status"] == status
        assert read.get("progress", progress) == progress
        assert ("progress" in read) == (read["status"] == "in_progress")
        return status, progress

    def advance(self, seconds):
        assert self.post("/_mock/clock/advance", json={"seconds": seconds}).status_code == 200

    def steer(self, task, how, **body):
        assert self.post(f"/_mock/tasks/{task}/{how}", json=body or None).status_code == 200

    def balance(self):
        return Decimal(self.get("/api/v1/user/balance").json()["data"]["balance"])

    def tasks(self):
        return self.get("/_mock/tasks").json()["tasks"]

    def events(self):
        return [message["body"] for message in self.get(f"{self.inbox}/messages").json()["messages"]]


def queue_state(told):
    """What the queue says of a task, as one word."""
    if told["status"] != "COMPLETED":
        return {"IN_QUEUE": "queued", "IN_PROGRESS": "in_progress"}[told["status"]]
    return {None: "completed", "CANCELED": "cancelled"}.get(told.get("error_type"), "failed")


class RuleUser(httpx.Client):
    """A client with a key of its own, or without one."""

    def __init__(self, server, key=None):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        super().__init__(base_url=server.url, headers=headers, trust_env=False, timeout=30)

    def add(self, *rules):
        answer = self.post("/_mock/scenarios", json={"scenarios": rules})
        assert answer.status_code == 200, answer.text

    def submit(self, made=None, words=None, protocol="generation"):
        model, params = made or APPLE_TASK
        headers = {} if words is None else {"X-Mock-Scenario": words}
        if protocol == "queue":
            return self.post(f"/model/v1/queue/{model}", json=params, headers=headers)
        if protocol == "wrapper":
            return self.post(SUBMIT, json={"model": model, "input": [{"params": params}]}, headers=headers)
        body = {"data": params} if model == "kirin_v1_5_i2v" else params
        return self.post(SUBMIT, json={"model": model, **body}, headers=headers)

    def explained(self, *args, **kwargs):
        answer = self.submit(*args, **kwargs)
        assert answer.status_code == 200, answer.text
        task = answer.json()
        return self.get("/_mock/scenarios/explain", params={"task": task.get("id") or task["request_id"]}).json()

    def chosen(self, *args, **kwargs):
        return self.explained(*args, **kwargs)["scenario"]

    def rules(self):
        return self.get("/_mock/scenarios").json()["rules"]

    def names(self):
        return [rule["name"] for rule in self.rules()]


class FileUser(httpx.Client):
    """A client of a server that reads scenario files."""

    def __init__(self, server):
        super().__init__(base_url=server.url, headers={"Authorization": "Bearer k"}, trust_env=False, timeout=30)

    def files(self):
        return self.get("/_mock/scenarios").json()["files"]

    def names(self):
        return [rule["name"] for rule in self.get("/_mock/scenarios").json()["rules"]]

    def until(self, condition):
        """Ask again and again until something is so."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, self.get("/_mock/scenarios").json()["files"]

    def chosen(self, body=BODIES[0]):
        return self.explain(self.post(SUBMIT, json=body))["scenario"]

    def explain(self, answer):
        return self.get("/_mock/scenarios/explain", params={"task": answer.json()["id"]}).json()
