"""Keeps keys and secrets out of everything that is shown: logs, journal, errors, console."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

_SECRET_NAME = re.compile(
    r"(^|[^a-z])(api)?[^a-z]?keys?$|apikey|token|secret|device_code|passw|credential|authori[sz]ation|(^|[^a-z])auth($|[^a-z])|cookie",
    re.IGNORECASE,
)
_SIGNATURE_NAME = re.compile(r"(^|[^a-z])sig(nature)?$", re.IGNORECASE)
# Every repetition is bounded, so that no text takes long.
_QUERY = re.compile(r"((?:^|[?&;])([\w%.~-]{1,80})=)([^&;#\s\"']{1,4000})")
_USERINFO = re.compile(r"://(?:[^/?#\s]{0,2000}|[^\s/@]{0,200}:(?!\d{1,5}(?:/|$))[^\s@]{0,2000})@")


def is_secret_name(name: str) -> bool:
    """Whether something of this name holds a secret: ``api_key``, ``X-Auth-Token``, ``password``."""
    return _SECRET_NAME.search(name) is not None


def masked(secret: str) -> str:
    """Enough of a secret to tell it from others, never the whole: its first few characters and a digest."""
    digest = hashlib.blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return f"{secret[: min(4, len(secret) // 3)]}…{digest}"


def safe_text(text: str) -> str:
    """Text, or a URL, without the passwords in its URLs and without the values of parameters that hold secrets."""
    if "://" in text and "@" in text:
        text = _USERINFO.sub("://…@", text)
    return _QUERY.sub(_masked_parameter, text) if "=" in text else text


def _masked_parameter(found: re.Match[str]) -> str:
    name = unquote(found[2])
    return f"{found[1]}{masked(found[3])}" if is_secret_name(name) or _SIGNATURE_NAME.search(name) else found[0]


def safe_json(value: Any, name: str = "") -> Any:
    """A JSON value with every text in it made safe, and every text masked that stands under a secret's name."""
    if isinstance(value, str):
        return masked(value) if name and is_secret_name(name) else safe_text(value)
    if isinstance(value, dict):
        return {key: safe_json(inner, key) for key, inner in value.items()}
    return [safe_json(inner, name) for inner in value] if isinstance(value, list) else value


def safe_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name, those that hold secrets masked; a scheme such as Bearer stays."""
    shown: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if is_secret_name(name):
            scheme, space, secret = value.partition(" ")
            value = f"{scheme} {masked(secret)}" if space else masked(value)
        else:
            value = safe_text(value)
        shown[name] = f"{shown[name]}, {value}" if name in shown else value
    return shown
