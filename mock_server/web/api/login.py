"""The login of command-line clients below ``/api/v1/cli/``, who a key belongs to, and the page a browser is sent to."""

from __future__ import annotations

from typing import Any

from mock_server.core.errors import GatewayError, Trouble
from mock_server.core.images import MIB
from mock_server.platform.limits import whole_seconds
from mock_server.platform.login import LIFETIME, Logins
from mock_server.web.address import Address
from mock_server.web.api.authentication import Access
from mock_server.web.api.discovery import enveloped, user_id
from mock_server.web.fault_injection import FaultInjector
from mock_server.web.messages import Answer, Call, require_json

DEVICE_PAGE = "/device"
#: Seconds between polls: the shortest that clients keep to.
INTERVAL = 1
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>kirin-mock</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<h1>You are logged in</h1><p>This server approves every login by itself. Go back to the program that sent you here.</p>
</html>"""


class LoginEndpoints:
    """The handlers."""

    def __init__(self, logins: Logins, injector: FaultInjector, access: Access, address: Address) -> None:
        self._logins = logins
        self._injector = injector
        self._access = access
        self._address = address

    async def device_code(self, call: Call) -> Answer:
        """Begin a login. Raises GatewayError where API keys were named: a login gives none of them."""
        await _texts(call, "client_id", "client_public_key")
        if self._access.names_keys:
            message = (
                "access_denied: this server accepts only the API keys it was started with; set one of them instead"
            )
            raise GatewayError(Trouble.CONFLICT, message)
        login = self._logins.begin()
        page = f"{self._address(call)}{DEVICE_PAGE}"
        return enveloped(
            {
                "device_code": login.device_code,
                "user_code": login.user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?code={login.user_code}",
                "expires_in": whole_seconds(self._logins.clock.outside(LIFETIME)),
                "interval": INTERVAL,
            }
        )

    async def token(self, call: Call) -> Answer:
        """The key of a login, as often as it is asked for before its code expires. ``proof`` is not looked at."""
        given = await _texts(call, "device_code", "timestamp", "nonce", "proof")
        if "device_code" not in given:
            raise GatewayError(Trouble.MALFORMED, "device_code is required; POST /api/v1/cli/device/code gives one")
        login = self._logins.find(given["device_code"])
        if login is None:
            message = (
                "invalid_grant: device_code is none that this server gave, or it was forgotten; begin the login again"
            )
            raise GatewayError(Trouble.NOT_FOUND, message)
        if self._logins.has_expired(login):
            return enveloped({"status": "expired"})
        keys = {"access_token": login.key, "refresh_token": f"refresh-{login.key}", "api_key": login.key}
        return enveloped({"status": "authorized", **keys})

    async def me(self, call: Call) -> Answer:
        """Who a key belongs to."""
        tenant = self._access.tenant(call)
        await self._injector.enter(call, tenant, "balance")
        name = user_id(tenant)
        user = {"id": name, "email": f"{name}@example.com", "account": name, "name": "Kirin user", "role": "user"}
        return enveloped({"user": user})

    async def page(self, call: Call) -> Answer:
        """What a browser shows that was sent here to approve a login."""
        return Answer(200, _PAGE.encode(), ((b"content-type", b"text/html; charset=utf-8"),))


async def _texts(call: Call, *names: str) -> dict[str, str]:
    """The texts of a JSON object under these names, as far as they are there. Raises GatewayError."""
    require_json(call)
    body: Any = await call.json(MIB)
    if not isinstance(body, dict):
        raise GatewayError(Trouble.MALFORMED, "the body must be a JSON object")
    for name in names:
        if name in body and not isinstance(body[name], str):
            raise GatewayError(Trouble.MALFORMED, f"{name} must be a string")
    return {name: body[name] for name in names if name in body}
