"""``kirin-mock verify traffic``: judges what a client sent and got, from a file."""

from __future__ import annotations

import json
import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from mock_server.conformance.checks import Observer
from mock_server.conformance.har import of_har
from mock_server.conformance.report import scorecard, written
from mock_server.conformance.scorecard import text
from mock_server.conformance.sources import of_history
from mock_server.conformance.strictness import strictness_of
from mock_server.conformance.traffic import Traffic
from mock_server.contract.judge import Judge
from mock_server.core.errors import UsageError
from mock_server.core.renamed import new_history
from mock_server.models import discover

#: Larger files are not read.
MOST_BYTES = 256 * 1024 * 1024
MOST_ATTACHED = 32 * 1024 * 1024
_MARKS = ((BOM_UTF8, "utf-8-sig"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"))


def verify_traffic(file: str, strictness: str, outputs: Mapping[str, str]) -> int:
    """0 when no property is violated; 1 otherwise, and when there was nothing to judge."""
    limits = strictness_of(strictness)
    for form, name in outputs.items():
        require_writable(name, f"--{form}")
    traffics = _read(file)
    observer = Observer({model: Judge(endpoint) for model, endpoint in discover().items()}, limits)
    verdicts = {label: observer.judge(traffic) for label, traffic in traffics.items()}
    began_at = min((call.at for traffic in traffics.values() for call in traffic.calls), default=0.0)
    made = scorecard(verdicts, began_at)
    for line in text(made):
        print(line)
    for form, name in outputs.items():
        write(name, written(verdicts, began_at, form), f"--{form}")
    if not any(traffic.calls for traffic in traffics.values()):
        print(f"{file} has no calls of this API", file=sys.stderr)
    return 0 if made.clean else 1


def require_writable(name: str, flag: str) -> None:
    """Raise UsageError if no report can be written there."""
    path = Path(name)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{flag} {name} cannot be written: {'it is a folder' if path.is_dir() else 'no such folder'}")


def write(name: str, content: bytes, flag: str) -> None:
    """Write a report. Raises UsageError."""
    try:
        Path(name).write_bytes(content)
    except OSError as error:
        raise UsageError(f"{flag} {name} cannot be written: {error.strerror or error}") from None


def _read(file: str) -> dict[str, Traffic]:
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
