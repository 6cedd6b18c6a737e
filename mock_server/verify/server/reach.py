"""How a run reaches its server, what it may spend there, and how long it may wait: for servers that are not ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mock_server.core.errors import UsageError
from mock_server.verify.server.receiver import Listener
from mock_server.verify.server.target import is_local
from mock_server.verify.server.transport import Connection

#: What a server may lack, so that checks that need it cannot be exercised; ``--without`` says that it is so.
NEEDS = ("control", "other-key", "callback-secret", "callbacks", "time", "money", "another-name", "login")


@dataclass(frozen=True, slots=True)
class Reach:
    """The options of a run against any server. Times are seconds; ``callback_base`` is the public address that leads to
    ``callback_listen`` on this machine. ``without`` names what the server lacks, with the user's knowledge.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    proxy: str | None = None
    ca: str | None = None
    timeout: float = 30.0
    patience: float = 900.0
    callback_base: str | None = None
    callback_listen: str | None = None
    free_only: bool = False
    yes: bool = False
    resume: str | None = None
    without: frozenset[str] = frozenset()
    other_key_given: bool = False

    def connection(self) -> Connection:
        """How calls are made. Raises UsageError."""
        if self.proxy is not None and urlsplit(self.proxy).scheme not in {"http", "https"}:
            raise UsageError(f"--proxy must be a URL like http://127.0.0.1:3128, not {self.proxy!r}")
        if self.ca is not None and not Path(self.ca).is_file():
            raise UsageError(f"--ca {self.ca}: there is no such file")
        try:
            connection = Connection(self.proxy, self.ca, self.headers, self.timeout)
            connection.context()
        except OSError as error:
            raise UsageError(f"--ca {self.ca} is no certificate in PEM: {error.strerror or error}") from None
        return connection

    def listener(self) -> Listener | None:
        """Where callbacks come in; None where each case listens on this machine. Raises UsageError."""
        if self.callback_base is None and self.callback_listen is None:
            return None
        if self.callback_base is None or urlsplit(self.callback_base).scheme not in {"http", "https"}:
            raise UsageError("--callback-listen needs --callback-base, a URL like https://hooks.example.org")
        host, port = _address(self.callback_listen or "127.0.0.1:8788")
        try:
            return Listener(host, port, self.callback_base)
        except OSError as error:
            raise UsageError(f"--callback-listen {host}:{port}: {error.strerror or error}") from None

    def require_leave(self, url: str | None, cost: float, max_cost: float | None) -> None:
        """Raise UsageError before money is spent on another machine without leave."""
        if url is None or is_local(url) or cost == 0 or self.yes or max_cost is not None:
            return
        raise UsageError(
            f"this run costs up to {cost:.2f} USD by assumed prices at {url}; say --yes, --max-cost USD, or --free-only"
        )


def header_of(given: str) -> tuple[str, str]:
    """A header as it is given, ``Name: value``. Raises ValueError."""
    name, colon, value = given.partition(":")
    value = value.strip()
    if not colon or not name or not name.replace("-", "").replace("_", "").isalnum() or not given.isascii():
        raise ValueError(f"must be like 'X-Name: value', not {given!r}")
    if not value.isprintable():
        raise ValueError("has a value that no header can have")
    return name, value


def _address(given: str) -> tuple[str, int]:
    host, _, port = given.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--callback-listen must be HOST:PORT, not {given!r}")
    return host.strip("[]"), int(port)
