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
_AUTHORITY_ENDS = re.compile(r"[/?#\s]")
_USER_ENDS = re.compile(r"[/@\s]")
_BLANK = re.compile(r"\s")
_PORT = re.compile(r"\d{1,5}(?:/|\Z)")


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
        text = _without_passwords(text)
    return _QUERY.sub(_masked_parameter, text) if "=" in text else text


def _without_passwords(text: str) -> str:
    """Text without what stands before the ``@`` of its URLs. Each character is looked at a bounded number of times."""
    kept, done = [], 0
    search = _Search(text)
    start = text.find("://")
    while start != -1:
        begin = start + 3
        ends = _AUTHORITY_ENDS.search(text, begin)
        end = ends.start() if ends is not None else len(text)
        at = text.rfind("@", begin, end)
        if at == -1:
            at = _end_of_odd_password(search, begin)
        if at != -1:
            kept += [text[done:begin], "…"]
            done = at
        start = text.find("://", max(begin, end - 1, at))
    return "".join([*kept, text[done:]])


class _Search:
    """Finds the next ``@`` and the next blank from a place on; asked for places in order, it reads the text once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._at = self._blank = -1

    def at(self, place: int) -> int:
        """The place of the next ``@``, or the length of the text."""
        if self._at < place:
            found = self.text.find("@", place)
            self._at = found if found != -1 else len(self.text)
        return self._at

    def blank(self, place: int) -> int:
        """The place of the next blank, or the length of the text."""
        if self._blank < place:
            found = _BLANK.search(self.text, place)
            self._blank = found.start() if found is not None else len(self.text)
        return self._blank


def _end_of_odd_password(search: _Search, begin: int) -> int:
    """The ``@`` after a password with a slash in it, of the URL whose authority begins at this place; -1 for none."""
    at = search.at(begin)
    if at == len(search.text) or at > search.blank(begin):
        return -1
    ends = _USER_ENDS.search(search.text, begin)
    end = ends.start() if ends is not None else len(search.text)
    colon = search.text.find(":", begin, end)
    while colon != -1:
        if _PORT.match(search.text, colon + 1) is None:
            return at
        colon = search.text.find(":", colon + 1, end)
    return -1


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
