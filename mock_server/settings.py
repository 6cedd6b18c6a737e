"""Every setting, once: a flag, an environment variable ``KIRIN_MOCK_...``, and a keyword of MockServer."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import PurePath
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mock_server.contract.messages import nearest
from mock_server.core import renamed
from mock_server.core.clock import MANUAL, Pace
from mock_server.core.errors import UsageError
from mock_server.core.interception.hosts import host_name
from mock_server.core.queue_words import QueueForm
from mock_server.lifecycle.plan import Timing
from mock_server.platform.courier import secret_key
from mock_server.platform.limits import RateLimit

ENVIRONMENT_PREFIX = "KIRIN_MOCK_"


def _pace(value: Any) -> Any:
    if value == "manual":
        return MANUAL
    if isinstance(value, Pace):
        return value
    try:
        speed = float(value)
    except (TypeError, ValueError):
        speed = -1.0
    if not 0 < speed <= 1_000_000:
        raise ValueError("must be a number above 0 (60 is a minute per second) or the word manual")
    return Pace(speed)


def _listed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts:
        raise ValueError("must have at least one value; separate values by commas")
    return parts


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if re.search(r"[^!-~]", value) or parts.port == 0:  # reading the port raises when it is none
        raise ValueError("must be printable ASCII without spaces")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or "@" in value:
        raise ValueError("must be a URL such as http://mock.example:8787")
    return value.rstrip("/")


def _money(value: Any) -> Any:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= 10**12:
        raise ValueError("must be an amount of USD such as 12.50")
    return amount


def _rate(value: Any) -> Any:
    return RateLimit.parse(value) if isinstance(value, str) else value


def _secret(value: str) -> str:
    secret_key(value)
    return value


def _allowed(value: str) -> str:
    looks_like_address = re.fullmatch(r"[0-9.:/]+", value)
    if value == "any" or (
        not looks_like_address and re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?", value)
    ):
        return value
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("must be a host name, an address, a block such as 10.0.0.0/8, or any") from None
    return value


def _key(value: str) -> str:
    if not value or not value.isascii() or any(ord(character) <= 32 or ord(character) == 127 for character in value):
        raise ValueError("must be printable ASCII without spaces")
    return value


Key = Annotated[str, AfterValidator(_key)]
PathText = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, PurePath) else value)]

Kind = Literal["full", "tiny", "off"]


class Settings(BaseModel):
    """How one server behaves. Field descriptions are the help texts of the flags."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    host: str = Field("127.0.0.1", description="address to listen on", min_length=1)
    port: int = Field(8787, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    timing: Timing = Field(
        Timing.FAST, description="how long tasks take: instant, fast (about 2 s) or realistic (minutes)"
    )
    speed: Annotated[Pace, BeforeValidator(_pace)] = Field(
        Pace(1.0), description="speed of the clock: 1 is real time, 60 is a minute per second, manual stands still"
    )
    seed: int = Field(0, description="seed of the random ids, times, costs and videos")
    api_key: Annotated[tuple[Key, ...], BeforeValidator(_listed)] = Field(
        (), description="an API key to accept (repeatable); by default every key is accepted"
    )
    public_url: Annotated[str, AfterValidator(_base_url)] | None = Field(
        None, description="base of the URLs in responses; by default the address that the client used"
    )
    image_fetch: Literal["never", "local", "always"] = Field(
        "local", description="which image URLs to fetch and check: never, local or always"
    )
    callback_allow: Annotated[tuple[Annotated[str, AfterValidator(_allowed)], ...], BeforeValidator(_listed)] = Field(
        (), description="a host, address or CIDR block that callbacks may go to beside loopback, or any (repeatable)"
    )
    callback_secret: Annotated[tuple[Annotated[str, AfterValidator(_secret)], ...], BeforeValidator(_listed)] = Field(
        (), description="whsec_... secret to sign callbacks with (repeatable, for a rotation)"
    )
    admin_token: Key | None = Field(None, description="token that control calls must send as X-Admin-Token")
    callback_timeout: float = Field(
        10.0,
        gt=0,
        le=600,
        description="real seconds to wait for the response of a callback receiver",
        allow_inf_nan=False,
    )
    balance: Annotated[Decimal, BeforeValidator(_money)] = Field(
        Decimal(1_000_000), description="initial balance of each key in USD"
    )
    max_running: int | None = Field(
        None, ge=1, description="how many tasks of a key may run at once; by default unlimited"
    )
    rate_limit: Annotated[RateLimit, BeforeValidator(_rate)] | None = Field(
        None, description="how many calls a key may make in a period, such as 10/s or 100/min; by default unlimited"
    )
    queue_form: QueueForm = Field(
        "documented",
        description="form of the queue protocol's responses: documented, or older for that of earlier gateways",
    )
    usage_details: bool = Field(
        False, description="add the optional fields quantity, unit_price and extra_info to usage"
    )
    trust_proxy: bool = Field(
        False, description="take the address of this server from Forwarded and X-Forwarded-* headers"
    )
    journal_size: int = Field(
        2_000, ge=0, le=1_000_000, description="how many calls of each key to keep for /_mock/requests"
    )
    scenarios: PathText | None = Field(None, description="file or folder of scenarios, reloaded when it changes")
    max_wait: float = Field(
        30.0, gt=0, le=3600, description="real seconds that a call may wait for a stopped clock", allow_inf_nan=False
    )
    log_format: Literal["text", "json", "off"] = Field("text", description="format of the log: text, json or off")
    conformance: PathText | None = Field(
        None,
        description="file for a conformance report at the end: HTML, or .json, .xml (JUnit), .svg (badge)",
    )
    conformance_fail: bool = Field(
        False, description="exit with 1 when a client violated a property, or when no client called"
    )
    media_dir: PathText | None = Field(None, description="folder for rendered videos; by default a temporary one")
    media: Kind = Field(
        "full",
        description="videos: full renders the request, tiny is a few kB of one colour, off is one file for all tasks",
    )
    media_ttl: float | None = Field(
        None,
        gt=0,
        description="how long a video's URL is valid, in seconds of the clock; by default forever",
        allow_inf_nan=False,
    )
    media_cache: int = Field(512, ge=1, le=1_000_000, description="size of the cache of rendered videos in MiB")
    intercept: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="port of an intercepting proxy for the platform's hosts; 0 picks a free one, by default none",
    )
    intercept_host: Annotated[tuple[Annotated[str, AfterValidator(host_name)], ...], BeforeValidator(_listed)] = Field(
        (), description="a host to intercept beside those of the platform (repeatable)"
    )
    max_body: int = Field(160, ge=1, le=4096, description="largest request body in MiB")
    header_timeout: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="real seconds that a client may take to send the head of a request",
        allow_inf_nan=False,
    )
    idle_timeout: int = Field(5, ge=1, le=3600, description="real seconds that an idle connection is kept open")
    max_connections: int = Field(1_000, ge=1, le=1_000_000, description="connections that the server has at once")


def flag(name: str) -> str:
    """``api_key`` as ``--api-key``."""
    return f"--{name.replace('_', '-')}"


def load(
    given: Mapping[str, Any],
    environment: Mapping[str, str],
    defaults: Mapping[str, Any] | None = None,
    flags: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from flags, else from the environment, else the ``defaults``, the usual ones unless told. ``flags`` are
    those of settings that a command has under other names. Raises UsageError naming the culprit.
    """
    values: dict[str, Any] = dict(defaults or {})
    named: dict[str, str] = {}
    for name in Settings.model_fields:
        variable = ENVIRONMENT_PREFIX + name.upper()
        if given.get(name) not in (None, []):
            values[name], named[name] = given[name], (flags or {}).get(name, flag(name))
        elif environment.get(variable):
            values[name], named[name] = environment[variable], variable
    _add_old_variables(values, named, environment)
    return _made(values, named)


def _add_old_variables(values: dict[str, Any], named: dict[str, str], environment: Mapping[str, str]) -> None:
    """Take settings from the environment variables of earlier versions where nothing else gives them."""
    for old, new in renamed.SETTINGS.items():
        variable = ENVIRONMENT_PREFIX + old.upper()
        if environment.get(variable) and new not in named:
            renamed.warn_user(variable, ENVIRONMENT_PREFIX + new.upper())
            values[new], named[new] = environment[variable], variable


def of_keywords(given: Mapping[str, Any]) -> Settings:
    """Settings from the keywords of MockServer. Raises UsageError naming the culprit."""
    values: dict[str, Any] = {}
    for name, value in given.items():
        new = renamed.SETTINGS.get(name, name)
        if new not in Settings.model_fields:
            raise UsageError(f"{name} is not a setting{nearest(name, Settings.model_fields)}")
        if new != name:
            if new in given:
                raise UsageError(f"{name} is the old name of {new}; give one of them")
            renamed.warn_caller(name, new, level=3)
        values[new] = value
    return _made(values, {name: name for name in values})


def _made(values: Mapping[str, Any], named: Mapping[str, str]) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as invalid:
        raise UsageError(_first_error(invalid, named)) from None


def _first_error(invalid: ValidationError, named: Mapping[str, str]) -> str:
    error = invalid.errors(include_url=False)[0]
    name = str(error["loc"][0])
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown = "" if name in {"callback_secret", "admin_token", "api_key"} else f" (got {error['input']!r})"
    return f"{named.get(name, flag(name))}: {message}{shown}"
