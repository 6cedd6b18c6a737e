"""Findings that are kept: one file each, with all that it takes to see the same again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from mock_server.conformance.properties import Thresholds
from mock_server.core.errors import UsageError
from mock_server.verify.client.properties import EVERY
from mock_server.verify.client.scripts import ClientCase

FOLDER = ".kirin-mock/findings"
#: What is meant for the id of one.
ID = re.compile(r"[WAX][0-9]{2}-.*")
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Client:
    """How the client was reached: ``adapter`` as MODULE:NAME, or ``command`` and its terms of time; from which
    ``folder``.
    """

    adapter: str | None = None
    command: Sequence[str] = ()
    time: str = "virtual"
    scale: float = 1.0
    patience: float = 10.0
    folder: str = "."


@dataclass(frozen=True, slots=True)
class Finding:
    """One property that did not hold in one script, with one client, by one profile."""

    about: str
    says: str
    client: Client
    limits: Thresholds
    seed: int
    script: ClientCase

    @property
    def id(self) -> str:
        """Its name, which stays the same for the same property, client and script."""
        client = {**asdict(self.client), "folder": None}
        told = orjson.dumps([client, self.script.as_json()], option=orjson.OPT_SORT_KEYS)
        return f"{self.about}-{hashlib.blake2b(told, digest_size=3).hexdigest()}"


def keep(finding: Finding, folder: str) -> Path:
    """Write a finding. Raises UsageError."""
    value = {
        "format": FORMAT,
        "id": finding.id,
        "property": finding.about,
        "says": finding.says,
        "client": asdict(finding.client),
        "limits": asdict(finding.limits),
        "seed": finding.seed,
        "script": finding.script.as_json(),
    }
    path = Path(folder) / f"{finding.id}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2))
    except OSError as error:
        raise UsageError(f"--findings {folder}: {path.name} cannot be written: {error.strerror or error}") from None
    return path


def kept(finding_id: str, folder: str) -> Finding:
    """A finding that was kept. Raises UsageError."""
    path = Path(folder) / f"{Path(finding_id).name}.json"
    try:
        value: dict[str, Any] = orjson.loads(path.read_bytes())
        if value["format"] != FORMAT:
            raise UsageError(f"{path} is of format {value['format']}; this version reads {FORMAT}")
        if value["property"] not in EVERY:
            raise UsageError(f"{path} is about {value['property']!r}, which is no property")
        return Finding(
            value["property"],
            value["says"],
            Client(**value["client"]),
            Thresholds(**value["limits"]),
            value["seed"],
            ClientCase.of_json(value["script"]),
        )
    except FileNotFoundError:
        known = ", ".join(sorted(one.stem for one in Path(folder).glob("*.json"))) or "none"
        raise UsageError(f"there is no finding {finding_id} in {folder}; there are {known}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{path} is no finding that was kept here") from None
