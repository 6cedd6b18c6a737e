"""What control calls ask for, each mistake with the field's name, and how they are answered, without secrets."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mock_server.contract.messages import closest
from mock_server.contract.messages import shown as value_shown
from mock_server.core.errors import GatewayError, Trouble
from mock_server.core.images import MIB
from mock_server.core.redaction import safe_json
from mock_server.web.messages import Answer, Call, bearer, json_answer

MAX_BODY = 10 * MIB

Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class Body(BaseModel):
    """The body of a control call; unknown fields are refused. Wrong values are shown back unless they may be secret."""

    shown_back: ClassVar[bool] = True

    model_config = ConfigDict(extra="forbid", strict=True)


Wanted = TypeVar("Wanted", bound=Body)


class ClockBody(Body):
    """``speed`` belongs to scaled only."""

    mode: Literal["real", "scaled", "manual"]
    speed: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None


class AdvanceBody(Body):
    """How far to move time on."""

    seconds: Seconds


class SteerBody(Body):
    """For ``fail``. Left out, the model's own code and words for a failed generation are taken."""

    code: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    message: Annotated[str, Field(max_length=10_000)] | None = None


class ResetBody(Body):
    """Scenarios stay unless they are named."""

    scenarios: bool = False


class BalanceBody(Body):
    """USD, as a decimal string or a number."""

    balance: Annotated[Decimal, Field(ge=0, le=10**12, allow_inf_nan=False, strict=False)]


class SecretsBody(Body):
    """What callbacks are signed with from now on; several sign each."""

    shown_back: ClassVar[bool] = False

    secrets: list[str]


class NoBody(Body):
    """Nothing is to be told."""


async def parsed(call: Call, wanted: type[Wanted]) -> Wanted:
    """The body as what is wanted; an empty one as an empty object. Raises GatewayError naming the field."""
    value = await call.json(MAX_BODY, empty={})
    if not isinstance(value, dict):
        raise GatewayError(Trouble.MALFORMED, "the body must be a JSON object")
    try:
        return wanted(**value)
    except ValidationError as invalid:
        mistakes = [
            f"{'.'.join(map(str, error['loc']))}: {error['msg'].lower()}"
            + ("" if error["type"] == "missing" or not wanted.shown_back else f", not {value_shown(error['input'])}")
            for error in invalid.errors()
        ]
        known = ", ".join(wanted.model_fields) or "nothing"
        raise GatewayError(Trouble.MALFORMED, f"{'; '.join(mistakes)} (known here: {known})") from None


def query_of(call: Call, *known: str) -> dict[str, str]:
    """The query of a call. With ``known`` names, raises GatewayError for another."""
    query = dict(parse_qsl(call.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    for name in query:
        if known and name not in {*known, "key"}:
            listed = ", ".join(dict.fromkeys((*known, "key")))
            close = closest(name, (*known, "key"))
            hint = f"; did you mean {close}?" if close is not None else f"; known are {listed}"
            message = f"{name[:60]} means nothing here{hint}"
            raise GatewayError(Trouble.MALFORMED, message)
    return query


def key_of(call: Call, *known: str) -> str | None:
    """The key of the tenant that a call acts on; None for all. Raises GatewayError for a query that means nothing: a
    misspelt key would act on all tenants.
    """
    own = bearer(call)
    if own is None:
        return query_of(call, "key", *known).get("key") or None
    if query_of(call).get("key") not in {None, "", own}:
        message = "the API key of Authorization and the one of ?key= differ, so this call names two tenants"
        raise GatewayError(Trouble.MALFORMED, message)
    return own


def number(query: dict[str, Any], name: str, default: float, *, least: float = 0, most: float = 1e6) -> float:
    """A number of a query. Raises GatewayError."""
    if name not in query:
        return default
    try:
        value = float(query[name])
    except ValueError:
        value = -1.0
    if not least <= value <= most:
        message = f"{name} must be a number from {least:g} to {most:g}, not {query[name][:40]!r}"
        raise GatewayError(Trouble.MALFORMED, message)
    return value


def safe(value: Any) -> Any:
    """A value as JSON without any secret."""
    return safe_json(orjson.loads(orjson.dumps(value, default=str)))


def shown(value: Any) -> Answer:
    """The answer to a control call."""
    return json_answer(safe(value))
