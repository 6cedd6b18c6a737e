"""``kirin-mock verify traffic``: judges what a client sent and got, from a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from mock_server.conformance.checks import Observer
from mock_server.conformance.report import scorecard, written
from mock_server.conformance.scorecard import text
from mock_server.conformance.sources import of_har, of_history
from mock_server.conformance.strictness import strictness_of
from mock_server.conformance.traffic import Traffic
from mock_server.contract.judge import Judge
from mock_server.core.errors import UsageError
from mock_server.core.renamed import new_history
from mock_server.models import discover


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
    try:
        value = orjson.loads(Path(file).read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from None
    except orjson.JSONDecodeError:
        value = None
    try:
        return dict(_understood(new_history(value)))
    except (KeyError, TypeError, ValueError, AttributeError):
        told = "it is neither a HAR nor what GET /_mock/history gives"
        raise UsageError(f"{file} is not understood: {told}") from None


def _understood(value: Any) -> Iterator[tuple[str, Traffic]]:
    if "log" in value:
        yield "recorded", of_har(value)
    else:
        yield from of_history(value).items()
