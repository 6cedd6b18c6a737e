"""A careful client of the platform, in the form of those in ``clients.py``."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import httpx

from tests.support.clients import Api, Report, is_running, is_signed, urls_of


class Careful:
    """Names its orders itself, asks again instead of buying again, believes what is signed and acts once on an end."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.orders: dict[str, dict[str, Any]] = {}
        self.heard: list[str] = []
        self.read: set[str] = set()
        api.on_news = self.events

    def make(self, *orders: str) -> Report:
        """Submit all, then wait for each."""
        refusals = [refusal for order in orders if (refusal := self.order(order))]
        if refusals:
            return Report(f"refused: {refusals[0]}")
        ends = [self._wait(order) for order in orders]
        said = dict.fromkeys(self._said(task) for task in ends)
        return Report(", ".join(said), [url for task in ends for url in urls_of(task)], self.heard)

    def cancel(self, order: str) -> Report:
        """Cancel, and look until it is."""
        for _ in range(60):
            with contextlib.suppress(httpx.TransportError):
                self.api.cancel(order)
            self._look(order)
            if not is_running(self.orders[order]):
                break
            self.api.sleep(10)
        return Report(self._said(self.orders[order]), urls_of(self.orders[order]))

    def save(self, order: str) -> Report:
        """Fetch the video as soon as it is made; what has its name is all of it."""
        report = self.make(order)
        for _ in range(5 if report.videos else 0):
            with contextlib.suppress(httpx.HTTPError):
                whole = self.api.http.get(report.videos[0]).raise_for_status().content
                (self.api.folder / "part").write_bytes(whole)
                (self.api.folder / "part").replace(self.api.folder / "clip.mp4")
                return report
            self.api.sleep(30)
        return Report(f"{order} {report.said}, its video out of reach")

    def events(self, headers: Mapping[str, str], raw: bytes) -> int:
        if not (is_signed(headers, raw) and abs(self.api.now() - int(headers["webhook-timestamp"])) < 300):
            return 401
        try:
            task = json.loads(raw)
        except ValueError:
            return 400  # it comes again
        if task.get("external_task_id") not in self.orders:
            return 404
        if headers["webhook-id"] not in self.read:
            self.read.add(headers["webhook-id"])
            self._note(task, told=True)
        return 200

    def order(self, order: str) -> str:
        """Submit; why it is refused, if it is."""
        self.orders[order] = {"status": "in_progress"}  # before the call: its news may come before its answer
        for attempt in range(6):
            with contextlib.suppress(httpx.TransportError):
                answer = self.api.submit(order, external_task_id=order, callback_url=self.api.callback_url)
                if answer.is_success or answer.status_code == 409:  # it is there, with or without the answer
                    return ""
                if answer.is_client_error and answer.status_code != 429:
                    return answer.json()["status"]["message"]
            self.api.sleep(2**attempt)
        return "the service does not answer"

    def _wait(self, order: str) -> dict[str, Any]:
        seen, since = None, self.api.now()
        while is_running(task := self.orders[order]):
            if task.get("progress") != seen:
                seen, since = task.get("progress"), self.api.now()
            if self.api.now() - since > 1200:
                self.cancel(order)
                return self.orders[order]
            self.api.sleep(10)
            self._look(order)
        return task

    def _look(self, order: str) -> None:
        with contextlib.suppress(httpx.TransportError, ValueError):  # the next look may do better
            answer = self.api.poll(order)
            if answer.is_success:
                self._note(answer.json())

    def _note(self, task: dict[str, Any], *, told: bool = False) -> None:
        order = task.get("external_task_id")
        if order in self.orders and is_running(self.orders[order]):
            final = task["status"] in {"completed", "failed"}
            self.orders[order] = task if final else {**task, "status": "in_progress"}
            self.heard += [task["status"]] if told else []

    @staticmethod
    def _said(task: Mapping[str, Any]) -> str:
        if task["status"] == "completed":
            return "done" if urls_of(task) else "failed: there is no video in it"
        error = task.get("error", {"message": "it does not move, and cannot be cancelled"})
        return f"failed: {error.get('error_message', error.get('message'))}"
