"""Who calls: the API key of a call, the tenant it opens, and how many calls that tenant may make."""

from __future__ import annotations

from collections.abc import Collection

from mock_server.contract.endpoint import failed_body
from mock_server.core.errors import GatewayError, Trouble
from mock_server.platform.limits import Allowance, RateLimit, Window, whole_seconds
from mock_server.platform.service import Service
from mock_server.platform.tenant import Tenant
from mock_server.web.messages import AnsweredEarly, Call, Headers, bearer, json_answer


class Access:
    """Opens tenants. Without ``keys``, every key is accepted."""

    def __init__(self, service: Service, keys: Collection[str]) -> None:
        self._service = service
        self._keys = frozenset(keys)

    @property
    def names_keys(self) -> bool:
        """Whether only certain keys are good."""
        return bool(self._keys)

    def tenant(self, call: Call) -> Tenant:
        """The tenant of a call. Raises GatewayError for no key, a wrong one, or one that calls too often."""
        key = bearer(call)
        if key is None:
            raise GatewayError(Trouble.UNAUTHENTICATED, "send Authorization: Bearer YOUR_API_KEY")
        if self._keys and key not in self._keys:
            message = "this API key is not one of those the server was started with"
            raise GatewayError(Trouble.UNAUTHENTICATED, message)
        tenant = call.tenant = self._service.tenant(key)
        call.at = call.arrived_at = tenant.clock.now()
        call.order = self._service.next_order()
        if tenant.window is not None:
            _take(call, tenant, tenant.window)
        return tenant

    def known_tenant(self, call: Call) -> Tenant | None:
        """The tenant of a call that is answered without one, for the journal."""
        key = bearer(call)
        return self._service.tenants.get(key) if key is not None else None

    def refused(self, model: str | None, refusal: GatewayError) -> Exception:
        """The refusal of a call that names ``model``, in that model's words if it has any for a missing key."""
        judge = self._service.judges.get(model) if model is not None else None
        code = judge.endpoint.errors.unauthenticated if judge is not None else None
        if judge is None or code is None or refusal.trouble is not Trouble.UNAUTHENTICATED:
            return refusal
        answer = json_answer(failed_body(judge.endpoint, code, refusal.message), 401)
        answer.note = f"{model} {code}: {refusal.message}"
        return AnsweredEarly(answer)


def _take(call: Call, tenant: Tenant, window: Window) -> None:
    """Count one call. Raises GatewayError when it is one too many."""
    allowance, limit = window.take(call.at), window.limit
    call.headers += _rate_headers(limit, allowance, tenant)
    if not allowance.allowed:
        wait = str(whole_seconds(tenant.clock.outside(allowance.reset_after)))
        message = f"{limit.count} calls in {limit.period} s are allowed; the next window begins in {wait} s"
        raise GatewayError(Trouble.RATE_LIMITED, message, headers={"retry-after": wait})


def _rate_headers(limit: RateLimit, allowance: Allowance, tenant: Tenant) -> Headers:
    reset = whole_seconds(tenant.clock.outside(allowance.reset_after))
    return [
        (b"ratelimit-limit", b"%d" % limit.count),
        (b"ratelimit-remaining", b"%d" % allowance.remaining),
        (b"ratelimit-reset", b"%d" % reset),
        (b"ratelimit-policy", b"%d;w=%d" % (limit.count, limit.period)),
    ]
