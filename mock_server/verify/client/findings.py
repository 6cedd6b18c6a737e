"""Findings that are kept: one file each, with all that it takes to see the same again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from mock_server.conformance.earlier_names import property_id
from mock_server.conformance.properties import Thresholds
from mock_server.core.errors import UsageError
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.properties import EVERY

FOLDER = ".kirin-mock/findings"
#: What is meant for the id of one.
ID = re.compile(r"[WAQXIB][0-9]{2}-.*")
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
    """A violation of one property in one case, with one client, at one strictness."""

    about: str
    says: str
    client: Client
    limits: Thresholds
    seed: int
    case: ClientCase

    @property
    def id(self) -> str:
        """Its name, which stays the same for the same property, client and case."""
        client = {**asdict(self.client), "folder": None}
        told = orjson.dumps([client, self.case.as_json()], option=orjson.OPT_SORT_KEYS)
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
        "case": finding.case.as_json(),
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
        return Finding(
            _property_of(value["property"], path),
            value["says"],
            Client(**value["client"]),
            Thresholds(**value["limits"]),
            value["seed"],
            ClientCase.of_json(value["case"] if "case" in value else value["script"]),  # as earlier versions kept it
        )
    except FileNotFoundError:
        known = ", ".join(sorted(one.stem for one in Path(folder).glob("*.json"))) or "none"
        raise UsageError(f"there is no finding {finding_id} in {folder}; there are {known}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{path} is no finding that was kept here") from None


def _property_of(named: str, path: Path) -> str:
    """The id of the property that a file names. Raises UsageError."""
    try:
        return property_id(named, EVERY)
    except UsageError as unknown:
        raise UsageError(f"{path} names a wrong property: {unknown}") from None
