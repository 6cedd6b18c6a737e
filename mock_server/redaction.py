"""Keeps keys and secrets out of everything that is shown: logs, journal, errors, console."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "x-admin-token", "x-api-key", "cookie"})
_SECRET_NAMES = re.compile(
    r"([?&;](?:[\w-]*(?:key|token|secret|password|passwd|signature|sig|auth)[\w-]*)=)([^&;#\s\"']*)", re.IGNORECASE
)
_USERINFO = re.compile(r"://[^/?#\s\"']*@")


def masked(secret: str) -> str:
    """Enough of a secret to tell it from others, never the whole: its first few characters and a digest."""
    digest = hashlib.blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return f"{secret[: min(6, len(secret) // 2)]}…{digest}"


def safe_text(text: str) -> str:
    """Text, or a URL, without the passwords in its URLs and without the values of parameters that hold secrets."""
    if "://" in text:
        text = _USERINFO.sub("://…@", text)
    return _SECRET_NAMES.sub(lambda found: f"{found[1]}{masked(found[2])}", text) if "=" in text else text


def safe_json(value: Any) -> Any:
    """A JSON value with every text in it made safe."""
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, dict):
        return {key: safe_json(inner) for key, inner in value.items()}
    return [safe_json(inner) for inner in value] if isinstance(value, list) else value


def safe_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name, those that hold secrets masked; a scheme such as Bearer stays."""
    shown: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in SECRET_HEADERS:
            scheme, space, secret = value.partition(" ")
            value = f"{scheme} {masked(secret)}" if space else masked(value)
        elif name == "referer":
            value = safe_text(value)
        shown[name] = f"{shown[name]}, {value}" if name in shown else value
    return shown
