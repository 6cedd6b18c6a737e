"""Reads a file of recorded traffic: a HAR, or an exported history."""

from __future__ import annotations

import json
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from mock_server.conformance.har import of_har
from mock_server.conformance.sources import of_history
from mock_server.conformance.traffic import Traffic
from mock_server.core.errors import UsageError
from mock_server.core.renamed import new_history

#: Larger files are not read.
MOST_BYTES = 256 * 1024 * 1024
MOST_ATTACHED = 32 * 1024 * 1024
_MARKS = ((BOM_UTF8, "utf-8-sig"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"))


def read_traffic(file: str) -> dict[str, Traffic]:
    """What a file has, by its tenants. Raises UsageError."""
    path = Path(file)
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            most = MOST_BYTES // 1024 // 1024
            raise UsageError(f"{file} has {size // 1024 // 1024} MB; at most {most} MB are read: record less at once")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from None
    return understood(content, file)


def understood(content: bytes, file: str) -> dict[str, Traffic]:
    """The traffic that a file has in it, by tenant. Raises UsageError."""
    if content.startswith(b"PK\x03\x04"):
        raise UsageError(f"{file} is a zip archive; unpack it, and name the .har file in it")
    try:
        return dict(_traffics(new_history(_value(content)), Path(file).parent))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        told = "it is neither a HAR nor what GET /_mock/history gives"
        raise UsageError(f"{file} is not understood: {told}") from None


def _value(content: bytes) -> Any:
    """The JSON of a file, in whichever encoding its beginning names. Raises ValueError."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            content = content.decode(encoding, "replace").encode()
            break
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(content)  # it takes NaN, and halves of characters
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _traffics(value: Any, folder: Path) -> Iterator[tuple[str, Traffic]]:
    if "log" in value:
        yield "recorded", of_har(value, lambda name: _beside(folder, name))
    else:
        yield from of_history(value).items()


def _beside(folder: Path, name: str) -> bytes | None:
    """What a file in the folder of the HAR has in it; no path leads out of it."""
    path = folder / Path(name.replace("\\", "/")).name
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= MOST_ATTACHED else None
    except (OSError, ValueError):
        return None
