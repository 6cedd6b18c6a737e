"""Drives whole servers from outside, in process and on a manual clock, and writes down all they did."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx

from mock_server import MockServer

SUBMIT = "/model/v1/generation"
URL_IMAGE = "https://pictures.example.com/cat.png"

BODIES: list[dict[str, Any]] = [
    {"model": "kirin_v1_t2v", "prompt": "A red apple", "duration": "10"},
    {"model": "kirin_v1_5_i2v", "data": {"image": URL_IMAGE, "mode": "pro"}},
    {"model": "kirin_v1_6_multi_i2v", "image_list": [{"image": URL_IMAGE}], "prompt": "A cat"},
    {"model": "kirin_v3_i2v", "image": URL_IMAGE, "prompt": "A cat", "sound": "on"},
    {"model": "kirin_v2_master_i2v", "image": URL_IMAGE},
]


def timeless(task: dict[str, Any]) -> dict[str, Any]:
    """A task as the control API shows it, without the one thing that is measured in real time."""
    for delivery in task.get("deliveries", ()):
        for attempt in delivery["attempts"]:
            del attempt["elapsed"]
    return task


class Drive:
    """One server in use by one client. Times are seconds."""

    def __init__(self, server: MockServer, client: httpx.AsyncClient) -> None:
        self.server = server
        self.client = client
        self.ids: list[str] = []

    async def call(self, method: str, path: str, **content: Any) -> httpx.Response:
        answer = await self.client.request(method, path, **content)
        assert answer.status_code < 500, answer.text
        return answer

    async def submit_raw(self, place: int, inbox: str | None = "news", **extra: Any) -> httpx.Response:
        """Submit one of the bodies above; its callbacks go to an inbox."""
        body = {**BODIES[place % len(BODIES)]}
        if inbox is not None:
            extra["callback_url"] = f"{self.server.url}/_mock/inbox/{inbox}"
        if "data" in body:
            body["data"] = {**body["data"], **extra}
        else:
            body |= extra
        return await self.call("POST", SUBMIT, json=body)

    async def submit(self, place: int, inbox: str | None = "news", **extra: Any) -> dict[str, Any]:
        """The same, where it has to be accepted."""
        answer = await self.submit_raw(place, inbox, **extra)
        assert answer.status_code == 200, answer.text
        self.ids.append(answer.json()["id"])
        return answer.json()

    async def cancel(self, task_id: str) -> int:
        """Cancel a task over the queue protocol; the status of the answer."""
        task = (await self.call("GET", f"/_mock/tasks/{task_id}")).json()
        path = f"/model/v1/queue/{task['model']}/requests/{task_id}/cancel"
        return (await self.call("PUT", path)).status_code

    async def poll(self, task_id: str) -> dict[str, Any]:
        return (await self.call("GET", f"{SUBMIT}/task/{task_id}")).json()

    async def advance(self, seconds: float) -> int:
        answer = await self.call("POST", "/_mock/clock/advance", json={"seconds": seconds})
        return answer.json()["callbacks_attempted"]

    async def events(self, inbox: str = "news") -> list[dict[str, Any]]:
        """What an inbox received, without what differs from machine to machine."""
        found = (await self.call("GET", f"/_mock/inbox/{inbox}/messages")).json()["messages"]
        for message in found:
            message["headers"] = {k: v for k, v in message["headers"].items() if k.startswith("webhook-")}
        return found

    async def history(self) -> dict[str, Any]:
        """All that can be known of a server: every task in full, every poll, every callback."""
        await self.advance(0)  # answers when what is due has been attempted
        tasks = (await self.call("GET", "/_mock/tasks")).json()["tasks"]
        return {
            "clock": (await self.call("GET", "/_mock/clock")).json(),
            "tasks": [timeless(task) for task in tasks],
            "polls": [await self.poll(task_id) for task_id in self.ids],
            "news": await self.events(),
            "account": (await self.call("GET", "/_mock/account")).json(),
        }

    async def journal(self) -> list[dict[str, Any]]:
        """The calls so far, without what is measured in real time."""
        found = (await self.call("GET", "/_mock/requests?limit=10000")).json()["requests"]
        for exchange in found:
            del exchange["elapsed"]
        return found


@contextlib.asynccontextmanager
async def drive(**settings: Any):
    """A server of its own, on a manual clock, used as an ASGI app."""
    server = MockServer(**{"speed": "manual", **settings})
    app = server.app
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url=server.url,
            headers={"Authorization": f"Bearer {server.api_key}"},
        ) as client,
    ):
        yield Drive(server, client)


@contextlib.asynccontextmanager
async def drive_tenants(*keys: str, **settings: Any):
    """One server like that, used by a client for each key."""
    server = MockServer(**{"speed": "manual", **settings})
    app = server.app
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        clients = [
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url=server.url, headers={"Authorization": f"Bearer {key}"}
            )
            for key in keys
        ]
        yield [Drive(server, await stack.enter_async_context(client)) for client in clients]
