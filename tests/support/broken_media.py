"""Changes the answers of the URLs of videos, whole and in parts."""

from __future__ import annotations


async def changed_media(app, scope, receive, send, change):
    """The answer of a video's URL, whole, and changed."""
    told = {"status": 0, "headers": {}, "body": b""}

    async def keep(message):
        if message["type"] == "http.response.start":
            told["status"] = message["status"]
            told["headers"] = {name.decode(): value.decode() for name, value in message["headers"]}
        told["body"] += message.get("body", b"")

    await app(scope, receive, keep)
    part = dict(scope["headers"]).get(b"range", b"").decode()
    status, headers, body = change(scope["method"], part, told["status"], told["headers"], told["body"])
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
