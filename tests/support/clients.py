"""Clients of the platform as people write them, each with one habit that costs them."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any

import httpx

from mock_server import MockServer

SECRET = "whsec_Y29tcGxhaW50cyB0aGF0IHRlYWNoIHRoZSBtb3N0"
MODEL = "kirin_v1_t2v"
PATIENCE = 7200  # virtual seconds after which a client that still waits is held to wait forever


class WaitsForEver(Exception):
    """The client would still be waiting."""


@dataclass
class Report:
    """What the user is told, which videos they get, and which statuses they have been told of meanwhile."""

    said: str
    videos: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)


class Api:
    """The platform as a client reaches it: by HTTP, on the server's clock, with callbacks coming to ``on_news``."""

    def __init__(self, kirin: MockServer, callback_url: str, folder: Path, timeout: float) -> None:
        headers = {"Authorization": f"Bearer {kirin.api_key}"}
        self.http = httpx.Client(base_url=kirin.url, headers=headers, timeout=30, trust_env=False)
        self.callback_url, self.folder, self._timeout = callback_url, folder, timeout
        self._advance = kirin.clock.advance
        self.on_news: Callable[[Mapping[str, str], bytes], int] = lambda headers, raw: 200
        self.now = lambda: self.http.get("/_mock/clock").json()["now"]  # this tenant's, amid an advance too
        self._until = self.now() + PATIENCE

    def sleep(self, seconds: float) -> None:
        if self.now() + seconds > self._until:
            raise WaitsForEver
        self._advance(seconds)

    def submit(self, prompt: str = "a red apple", **params: Any) -> httpx.Response:
        body = {"model": MODEL, "prompt": prompt, **params}
        return self.http.post("/model/v1/generation", json=body, timeout=self._timeout)

    def poll(self, task_id: str) -> httpx.Response:
        return self.http.get(f"/model/v1/generation/task/{task_id}")

    def cancel(self, task_id: str) -> httpx.Response:
        return self.http.put(f"/model/v1/queue/{MODEL}/requests/{task_id}/cancel")


def urls_of(task: Mapping[str, Any]) -> list[str]:
    return [content["url"] for output in task.get("output", []) for content in output["content"]]


def is_signed(headers: Mapping[str, str], raw: bytes) -> bool:
    said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + raw
    digest = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), said, hashlib.sha256).digest()
    right = "v1," + base64.b64encode(digest).decode()
    return any(hmac.compare_digest(right, given) for given in headers.get("webhook-signature", "").split())


def is_running(task: Mapping[str, Any]) -> bool:
    return task["status"] == "in_progress"


def ended(api: Api, task: dict[str, Any], polls: int = 10**6) -> dict[str, Any]:
    while is_running(task) and polls:
        api.sleep(10)
        task, polls = api.poll(task["id"]).json(), polls - 1
    return task


# Naive ones: those that poll


def looks_only_for_urls(api: Api) -> Report:
    task = api.submit().json()
    while not urls_of(task):
        api.sleep(10)
        task = api.poll(task["id"]).json()
    return Report("done", urls_of(task))


def waits_while_it_is_in_progress(api: Api) -> Report:
    return Report("done", urls_of(ended(api, api.submit().json())))


def waits_for_all_of_three(api: Api) -> Report:
    tasks = [api.submit(f"scene {number}").json() for number in range(3)]
    while any(is_running(task) for task in tasks):
        api.sleep(30)
        tasks = [api.poll(task["id"]).json() for task in tasks]
    return Report("done", [url for task in tasks for url in urls_of(task)])


def waits_for_the_number(api: Api) -> Report:
    task = api.submit().json()
    while round(task.get("progress", 1) * 100) < 100:  # it is there only while the task runs
        api.sleep(10)
        task = api.poll(task["id"]).json()
    return Report("done", [task["output"][0]["content"][0]["url"]])


def reads_after_one_poll(api: Api) -> Report:
    task = ended(api, api.submit().json(), polls=1)
    return Report("done", [task["output"][0]["content"][0]["url"]])


def reads_the_other_key(api: Api) -> Report:
    task = ended(api, api.submit().json())
    return Report("done", urls_of(task)) if "error" not in task else Report(f"failed: {task['error']['message']}")


def searches_the_text(api: Api) -> Report:
    task_id = api.submit().json()["id"]
    while True:
        api.sleep(10)
        text = api.poll(task_id).text
        if "failed" in text:
            return Report("failed")
        if "completed" in text:
            return Report("done", urls_of(json.loads(text)))


def submits_until_it_works(api: Api) -> Report:
    for _ in range(5):
        try:
            task = api.submit().raise_for_status().json()
            break
        except httpx.HTTPError:
            api.sleep(1)
    else:
        return Report("the service is down, try later")
    return Report("done", urls_of(ended(api, task)))


def cancels_and_forgets(api: Api) -> Report:
    api.cancel(api.submit().json()["id"])
    return Report("cancelled")


def advises_to_try_again(api: Api) -> Report:
    for _ in range(2):  # the second time, because the user follows the advice
        task = ended(api, api.submit().json(), polls=30)
        if urls_of(task):
            return Report("done", urls_of(task))
    return Report("done; if you see no video, try again")


def gives_up_after_ten_minutes(api: Api) -> Report:
    task = ended(api, api.submit().json(), polls=60)
    if is_running(task):
        raise TimeoutError
    return Report("done", urls_of(task))


def takes_a_bad_poll_for_the_end(api: Api) -> Report:
    task = api.submit().json()
    while is_running(task):
        api.sleep(10)
        answer = api.poll(task["id"])
        if answer.status_code != 200 or answer.headers["content-type"] != "application/json":
            return Report(f"failed with {answer.status_code}, paging somebody")
        task = answer.json()
    return Report("done", urls_of(task))


def starts_over(api: Api) -> Report:
    task = api.submit().json()
    while is_running(task):
        api.sleep(10)
        answer = api.poll(task["id"])
        if answer.status_code in {401, 404}:
            answer = api.submit()
        task = answer.json()
    return Report("done", urls_of(task))


FIELDS = "id model status progress created_at metadata output usage error"
Task = make_dataclass("Task", [(name, Any, None) for name in FIELDS.split()])


def allows_no_other_field(api: Api) -> Report:
    return Report("done", urls_of(vars(Task(**ended(api, api.submit().json())))))


def stores_the_link(api: Api) -> Report:
    link = waits_while_it_is_in_progress(api).videos[0]
    api.sleep(5400)
    answer = api.http.get(link)
    return Report("done", [link]) if answer.is_success else Report(f"failed: {answer.status_code} for the video")


def makes_it_again(api: Api) -> Report:
    for _ in range(3):
        report = waits_while_it_is_in_progress(api)
        with contextlib.suppress(httpx.HTTPError):
            api.http.get(report.videos[0]).raise_for_status()
            return report
    return Report("failed three times")


def looks_whether_the_file_is_there(api: Api) -> Report:
    link, path = waits_while_it_is_in_progress(api).videos[0], api.folder / "clip.mp4"
    while not path.exists():
        with contextlib.suppress(httpx.HTTPError), path.open("wb") as file, api.http.stream("GET", link) as answer:
            for chunk in answer.iter_bytes():
                file.write(chunk)
    return Report("done", [link])


# Naive ones: those that are called back


def order_and_hear(api: Api, hear: Callable[[Any], object], check: Any = None) -> dict[str, Any]:
    def events(headers: Mapping[str, str], raw: bytes) -> int:
        if check and not check(headers, raw):
            return 401
        with contextlib.suppress(ValueError):
            hear(json.loads(raw))
        return 200

    api.on_news = events
    return api.submit(callback_url=api.callback_url).json()


def delivers_on_every_callback(api: Api, check: Any = None) -> Report:
    delivered: list[str] = []
    order_and_hear(api, lambda task: delivered.extend(urls_of(task)), check)
    api.sleep(600)
    return Report("done", delivered)


checks_the_signature_alone = functools.partial(delivers_on_every_callback, check=is_signed)


def delivers_after_poll_or_callback(api: Api) -> Report:
    delivered: list[str] = []
    task = order_and_hear(api, lambda task: delivered.extend(urls_of(task)))
    while not delivered:
        delivered.extend(urls_of(api.poll(task["id"]).json()))
        api.sleep(10)
    api.sleep(600)
    return Report("done", delivered)


def gives_the_first_video_to_the_first_customer(api: Api) -> Report:
    videos: list[str] = []
    for _ in range(2):
        order_and_hear(api, lambda task: videos.extend(urls_of(task)))
    api.sleep(1200)
    return Report("done", videos)


def takes_the_first_callback_for_the_result(api: Api) -> Report:
    result: dict[str, Any] = {}
    order_and_hear(api, result.update)
    api.sleep(60)
    return Report("done", [result["output"][0]["content"][0]["url"]])


def waits_for_the_callback_alone(api: Api) -> Report:
    task: dict[str, Any] = {}
    order_and_hear(api, task.update)
    while task.get("status") != "completed":
        api.sleep(60)
    return Report("done", urls_of(task))


def writes_down_the_latest(api: Api) -> Report:
    statuses: dict[str, str] = {}
    task = order_and_hear(api, lambda task: statuses.update({task["id"]: task["status"]}))
    api.sleep(3600)
    return Report(f"your video is {statuses[task['id']]}")


def knows_only_stored_ids(api: Api) -> Report:
    stored: dict[str, list[str]] = {}
    task = order_and_hear(api, lambda task: stored.get(task["id"], []).append(task["status"]))
    stored[task["id"]] = []
    return Report("done", urls_of(ended(api, task)), stored[task["id"]])
