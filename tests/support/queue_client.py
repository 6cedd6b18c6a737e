"""A small client of the queue protocol, as somebody outside would write it from the platform's pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

GENERATION = "/model/v1/generation"
QUEUE = "/model/v1/queue"
TIMING = {"queued": 1, "running": 10}
MODELS = ["kirin_v1_5_i2v", "kirin_v1_6_multi_i2v", "kirin_v1_t2v", "kirin_v2_master_i2v", "kirin_v3_i2v"]
DATA_SHAPED = {"kirin_v1_5_i2v"}


def escaped(name: str) -> str:
    """An id as a part of a path."""
    return quote(name, safe="")


class QueueClient:
    """One API key at one server. ``scheme`` is ``Key`` or ``Bearer``."""

    def __init__(self, http: httpx.Client, url: str, key: str, scheme: str = "Key") -> None:
        self.http, self.url, self.key = http, url, key
        self.headers = {"Authorization": f"{scheme} {key}"}

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Gets a path of the server, or a whole URL."""
        return self.http.get(path if "://" in path else self.url + path, headers=self.headers, **more)

    def submit(self, model: str, params: dict[str, Any], **headers: str) -> httpx.Response:
        """Submits bare parameters."""
        return self.http.post(f"{self.url}{QUEUE}/{model}", json=params, headers={**self.headers, **headers})

    def made(self, model: str, params: dict[str, Any], **headers: str) -> dict[str, Any]:
        """Submits, and expects to be accepted."""
        answer = self.submit(model, params, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _request(self, model: str, request: str, call: str) -> str:
        return f"{QUEUE}/{model}/requests/{escaped(request)}/{call}"

    def status(self, model: str, request: str) -> httpx.Response:
        """Asks how a request is doing."""
        return self.get(self._request(model, request, "status"))

    def response(self, model: str, request: str) -> httpx.Response:
        """Asks for the result."""
        return self.get(self._request(model, request, "response"))

    def cancel(self, model: str, request: str) -> httpx.Response:
        """Cancels a request."""
        return self.http.put(self.url + self._request(model, request, "cancel"), headers=self.headers)

    def generate(self, model: str, params: dict[str, Any]) -> httpx.Response:
        """Submits on the generation side, in the documented shape."""
        body = {"model": model, "data": params} if model in DATA_SHAPED else {"model": model, **params}
        return self.http.post(self.url + GENERATION, json=body, headers=self.headers)

    def task(self, task: str) -> httpx.Response:
        """Polls on the generation side."""
        return self.get(f"{GENERATION}/task/{escaped(task)}")

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Calls the control API for this key, with ``Bearer``."""
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = self.http.request(method, f"{self.url}/_mock{path}", json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def advance(self, seconds: float) -> None:
        """Moves the time of the server."""
        self.control("POST", "/clock/advance", {"seconds": seconds})

    def only_task(self) -> str:
        """The generation side's id of the only task of this key."""
        (task,) = self.control("GET", "/tasks")["tasks"]
        return task["id"]

    def rule(self, **scenario: Any) -> None:
        """Adds a scenario for all tasks of this key."""
        self.control("POST", "/scenarios", {"name": "rule", "match": {}, **scenario})
