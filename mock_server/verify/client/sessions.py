"""What plays cases with a client, by the way in which the client is reached."""

from __future__ import annotations

import shutil
from pathlib import Path

from mock_server.core.errors import UsageError
from mock_server.verify.client.external import External
from mock_server.verify.client.findings import Client
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.loading import load
from mock_server.verify.client.program_messages import Terms
from mock_server.verify.client.run import Session


def session_of(client: Client) -> Session:
    """What plays cases with a client. Raises UsageError."""
    if client.adapter is not None:
        return InProcess(load(client.adapter, client.folder), client.patience)
    _require_program(client.command[0])
    return External(client.command, Terms(client.time == "virtual", client.scale, client.patience), client.folder)


def _require_program(name: str) -> None:
    if shutil.which(name) is not None:
        return
    if Path(name).is_file():
        raise UsageError(f"{name} is not executable; start it with its interpreter, such as -- python {name}")
    adapter = f"; an adapter in Python is named as MODULE:NAME, such as {name}:Adapter" if name.isidentifier() else ""
    raise UsageError(f"{name} is no program that can be run{adapter}")
