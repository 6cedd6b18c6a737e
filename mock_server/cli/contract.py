"""``kirin-mock contract``: writes the generated contract and ledger, or finds that they have drifted."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson

from mock_server.contract.error_table import page
from mock_server.contract.ledger import ledger
from mock_server.contract.openapi import document
from mock_server.contract.openapi.changes import breaking_changes
from mock_server.core.errors import UsageError
from mock_server.models import discover
from mock_server.scenarios.reading import json_schema


def generated() -> dict[str, bytes]:
    """The generated files by name."""
    endpoints = discover()
    contract = orjson.dumps(document(endpoints), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    schema = orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return {
        "openapi.json": contract,
        "ledger.md": ledger(endpoints).encode(),
        "errors.md": page(endpoints).encode(),
        "scenarios.schema.json": schema,
    }


def publish(out: str, *, check: bool) -> int:
    """Write the files to a folder, or check them; 1 when one differs."""
    folder = Path(out)
    if check:
        stale = [
            name
            for name, content in generated().items()
            if not (folder / name).is_file() or (folder / name).read_bytes() != content
        ]
        for name in stale:
            print(f"{folder / name} is not up to date; write it again with: kirin-mock contract", file=sys.stderr)
        return 1 if stale else 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in generated().items():
            (folder / name).write_bytes(content)
            print(folder / name)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written to: {error.strerror or error}") from None
    return 0


def compare(released: str) -> int:
    """Say what the contract breaks for the clients of a released one; 1 when it breaks anything."""
    try:
        old = orjson.loads(Path(released).read_bytes())
        found = list(breaking_changes(old, document(discover())))
    except OSError as error:
        raise UsageError(f"--against {released} cannot be read: {error.strerror or error}") from None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise UsageError(f"--against {released} is no OpenAPI document in JSON") from None
    for change in found:
        print(f"breaks clients: {change}", file=sys.stderr)
    return 1 if found else 0
