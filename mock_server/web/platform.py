"""Discovery, upload and balance below ``/api/v1/`` (wire#3), and the uploaded files themselves."""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import parse_qsl

from mock_server.account import CURRENCY, money
from mock_server.discovery import listed, model_contract, spec
from mock_server.endpoint import Endpoint
from mock_server.errors import GatewayError, Trouble
from mock_server.files import Files
from mock_server.redaction import masked
from mock_server.service import Service
from mock_server.web.access import Access
from mock_server.web.address import Address
from mock_server.web.http import Answer, Call, json_answer
from mock_server.web.stage import Stage

MAX_PAGE_SIZE = 100
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,60}", re.ASCII)


def _ok(content: Any) -> Answer:
    return json_answer({"status": {"code": 200, "message": "ok"}, "data": content})


class Platform:
    """The handlers. ``max_body`` is in bytes."""

    def __init__(
        self, service: Service, stage: Stage, access: Access, files: Files, address: Address, max_body: int
    ) -> None:
        self._service = service
        self._stage = stage
        self._access = access
        self._files = files
        self._address = address
        self._max_body = max_body

    async def models(self, call: Call) -> Answer:
        """The models, filtered, a page at a time."""
        await self._stage.enter(call, self._access.world(call), "discovery")
        query = dict(parse_qsl(call.scope["query_string"].decode("latin-1"), keep_blank_values=True))
        page = _whole(query, "page", 1, 1_000_000)
        size = _whole(query, "page_size", 20, MAX_PAGE_SIZE)
        models = [listed(judge.endpoint) for judge in self._service.judges.values()]
        found = [model for model in models if _wanted(model, query)]
        return _ok(
            {
                "models": found[(page - 1) * size : page * size],
                "total": len(found),
                "page": page,
                "page_size": size,
                "total_pages": math.ceil(len(found) / size),
            }
        )

    async def spec(self, call: Call) -> Answer:
        """One model's parameters."""
        return _ok(spec(await self._named(call), self._address(call)))

    async def contract(self, call: Call) -> Answer:
        """One model's queue protocol."""
        return _ok(model_contract(await self._named(call)))

    async def _named(self, call: Call) -> Endpoint:
        await self._stage.enter(call, self._access.world(call), "discovery")
        call.model = call.param("model")
        return self._service.endpoint(call.model)

    async def balance(self, call: Call) -> Answer:
        """What a key has left."""
        world = self._access.world(call)
        await self._stage.enter(call, world, "balance")
        account = world.account
        account.settle(call.at)
        left = money(account.balance)
        return _ok(
            {
                "user_id": f"user-{masked(world.key)[-6:]}",
                "balance": left,
                "total_recharged": money(account.recharged),
                "currency": CURRENCY,
                "billing_mode": "prepaid",
                "credit_limit": "0.00",
                "arrears": "0.00",
                "available_balance": left,
            }
        )

    async def upload(self, call: Call) -> Answer:
        """Keep the multipart field ``file``."""
        from mock_server.web.multipart import read_file

        world = self._access.world(call)
        given = (call.header(b"content-type") or b"").decode("latin-1")
        if given.partition(";")[0].strip().lower() != "multipart/form-data":
            shown = given[:60] or "nothing"
            raise GatewayError(Trouble.MEDIA_TYPE, f"send multipart/form-data with the field file, not {shown}")
        content = await call.body(self._max_body)
        await self._stage.enter(call, world, "upload")
        part = await read_file(given, content)
        media_type = part.media_type if _MEDIA_TYPE.fullmatch(part.media_type) else "application/octet-stream"
        file = self._files.add(world, part.name, media_type, part.content, self._address(call))
        return _ok({"url": file.url})

    async def file(self, call: Call) -> Answer:
        """An uploaded file, to whoever has its URL."""
        file = self._files.find(call.path)
        if file is None:
            raise GatewayError(Trouble.NOT_FOUND, "no such file; its URL comes with the upload")
        call.world = self._service.worlds.get(file.world)
        sandbox = ((b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"sandbox"))
        return Answer(200, self._files.content(file), ((b"content-type", file.media_type.encode()), *sandbox))


def _wanted(model: dict[str, Any], query: dict[str, str]) -> bool:
    """Whether a model passes the filters; every one of the keywords must be somewhere in it."""
    if query.get("type", "").lower() not in {"", model["type"]}:
        return False
    if query.get("provider", "").lower() not in {"", model["provider"].lower()}:
        return False
    text = f"{model['model_id']} {model['name']} {model['description']}".lower()
    return all(word in text for word in query.get("keywords", "").lower().split())


def _whole(query: dict[str, str], name: str, default: int, most: int) -> int:
    given = query.get(name, str(default))
    if re.fullmatch(r"[0-9]{1,9}", given, re.ASCII) is None or not 1 <= int(given) <= most:
        told = f"{name} must be a whole number from 1 to {most}, not {given[:40]!r}"
        raise GatewayError(Trouble.MALFORMED, told)
    return int(given)
