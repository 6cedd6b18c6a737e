"""Discovery, upload and balance (wire#3), and the uploaded files themselves."""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import parse_qsl

from mock_server.contract.discovery import curl, is_about, is_of_provider, listed, model_contract, resolved, spec
from mock_server.contract.endpoint import Endpoint
from mock_server.contract.skill_pages import Search, hits, page
from mock_server.core.errors import GatewayError, Trouble
from mock_server.core.redaction import masked
from mock_server.platform.account import CURRENCY, money
from mock_server.platform.files import Files
from mock_server.platform.service import Service
from mock_server.platform.tenant import Tenant
from mock_server.web.address import Address
from mock_server.web.api.authentication import Access
from mock_server.web.fault_injection import FaultInjector
from mock_server.web.messages import Answer, Call, json_answer

#: How many models are on a page, and found by a search: unless told, and at most.
PAGE_SIZE = 20
MAX_PAGE_SIZE = 1000
MAX_PAGE = 1_000_000
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,60}", re.ASCII)


def enveloped(content: Any) -> Answer:
    """An answer in the envelope of everything that is not generation."""
    return json_answer({"status": {"code": 200, "message": "ok"}, "data": content})


class Platform:
    """The handlers. ``max_body`` is in bytes."""

    def __init__(
        self, service: Service, injector: FaultInjector, access: Access, files: Files, address: Address, max_body: int
    ) -> None:
        self._service = service
        self._injector = injector
        self._access = access
        self._files = files
        self._address = address
        self._max_body = max_body

    async def models(self, call: Call) -> Answer:
        """The models, filtered, a page at a time."""
        await self._injector.enter(call, self._access.tenant(call), "discovery")
        query = _query(call)
        number = _whole(query, "page", 1, least=1, most=MAX_PAGE)
        size = _capped(query, "page_size")
        base_url = self._address(call) if _switch(query, "include_curl") else None
        found = [endpoint for endpoint in self._endpoints() if _wanted(endpoint, query)]
        shown = [
            listed(endpoint) if base_url is None else {**listed(endpoint), "curl": curl(endpoint, base_url)}
            for endpoint in found[(number - 1) * size : number * size]
        ]
        return enveloped(
            {
                "models": shown,
                "total": len(found),
                "page": number,
                "page_size": size,
                "total_pages": math.ceil(len(found) / size),
            }
        )

    async def spec(self, call: Call) -> Answer:
        """One model's parameters."""
        return enveloped(spec(await self._named(call), self._address(call)))

    async def contract(self, call: Call) -> Answer:
        """One model's queue protocol."""
        return enveloped(model_contract(await self._named(call)))

    async def search(self, call: Call) -> Answer:
        """The models that a search finds, each with its page."""
        await self._injector.enter(call, self._access.tenant(call), "discovery")
        query = _query(call)
        limit = _capped(query, "limit")
        offset = _whole(query, "offset", 0, least=0, most=MAX_PAGE)
        names = ("input", "output", "type", "provider")
        search = Search(query.get("q", ""), **{name: query.get(name, "") for name in names})
        return json_answer(hits(search, self._endpoints(), self._address(call), limit, offset))

    async def skill(self, call: Call) -> Answer:
        """One model's page in Markdown."""
        content = page(await self._named(call), self._address(call)).encode()
        return Answer(200, content, ((b"content-type", b"text/markdown; charset=utf-8"),))

    def _endpoints(self) -> list[Endpoint]:
        return [judge.endpoint for judge in self._service.judges.values()]

    async def _named(self, call: Call) -> Endpoint:
        await self._injector.enter(call, self._access.tenant(call), "discovery")
        call.model = resolved(call.param("model"))
        return self._service.endpoint(call.model)

    async def balance(self, call: Call) -> Answer:
        """What a key has left."""
        tenant = self._access.tenant(call)
        await self._injector.enter(call, tenant, "balance")
        account = tenant.account
        account.settle(call.at)
        left = money(account.balance)
        return enveloped(
            {
                "user_id": user_id(tenant),
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
        from mock_server.web.api.multipart import read_file

        tenant = self._access.tenant(call)
        given = (call.header(b"content-type") or b"").decode("latin-1")
        if given.partition(";")[0].strip().lower() != "multipart/form-data":
            shown = given[:60] or "nothing"
            raise GatewayError(Trouble.MEDIA_TYPE, f"send multipart/form-data with the field file, not {shown}")
        content = await call.body(self._max_body)
        await self._injector.enter(call, tenant, "upload")
        part = await read_file(given, content)
        media_type = part.media_type if _MEDIA_TYPE.fullmatch(part.media_type) else "application/octet-stream"
        file = self._files.add(tenant, part.name, media_type, part.content, self._address(call))
        return enveloped({"url": file.url})

    async def file(self, call: Call) -> Answer:
        """An uploaded file, to anyone who has its URL."""
        file = self._files.find(call.path)
        if file is None:
            raise GatewayError(Trouble.NOT_FOUND, "no such file; its URL comes with the upload")
        call.tenant = self._service.tenants.get(file.tenant)
        sandbox = ((b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"sandbox"))
        return Answer(200, self._files.content(file), ((b"content-type", file.media_type.encode()), *sandbox))


def user_id(tenant: Tenant) -> str:
    """What the user of a key is called."""
    return f"user-{masked(tenant.key)[-6:]}"


def _query(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _wanted(endpoint: Endpoint, query: dict[str, str]) -> bool:
    """Whether a model passes the filters of the list."""
    return (
        query.get("type", "").lower() in {"", "video"}
        and is_of_provider(query.get("provider", ""))
        and is_about(endpoint, query.get("keywords", ""))
    )


def _capped(query: dict[str, str], name: str) -> int:
    """How many to show: a whole number from 1, counted as the most there can be where it is more."""
    return min(_whole(query, name, PAGE_SIZE, least=1, most=None), MAX_PAGE_SIZE)


def _whole(query: dict[str, str], name: str, default: int, *, least: int, most: int | None) -> int:
    """A whole number within bounds. Raises GatewayError. One of very many digits counts as a billion."""
    given = query.get(name, str(default))
    if re.fullmatch(r"[0-9]+", given, re.ASCII) is not None:
        digits = given.lstrip("0")
        value = int(digits or 0) if len(digits) <= 9 else 10**9
        if least <= value and (most is None or value <= most):
            return value
    bounds = f"from {least} to {most}" if most is not None else f"of at least {least}"
    raise GatewayError(Trouble.MALFORMED, f"{name} must be a whole number {bounds}, not {given[:40]!r}")


def _switch(query: dict[str, str], name: str) -> bool:
    given = query.get(name, "false").lower()
    if given not in {"true", "false"}:
        raise GatewayError(Trouble.MALFORMED, f"{name} must be true or false, not {query[name][:40]!r}")
    return given == "true"
