"""A call as a curl line that runs as it is printed, in any shell of the Bourne family.

Keys come from ``$KIRIN_KEY`` and ``$KIRIN_OTHER_KEY``. A body that is long, or not plain text, is in a file.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from mock_server.verify.server.exchange import Exchange

#: Longer bodies are in files.
LONGEST = 1500
#: The names of keys, as they stand in ``Exchange.authorization`` and in the environment.
_KEYS = {"$KEY": "$KIRIN_KEY", "$OTHER_KEY": "$KIRIN_OTHER_KEY"}
_SPECIAL = re.compile(r'([\\"`$!])')
#: Makes a file of a body; its name.
KeepBody = Callable[[bytes], str]


def curl(exchange: Exchange, base_url: str, keep: KeepBody) -> str:
    """The line. ``keep`` makes a file of a body that is not shown."""
    return " ".join(_words(exchange, base_url, keep))


def _words(exchange: Exchange, base_url: str, keep: KeepBody) -> Iterator[str]:
    method = "--head" if exchange.method == "HEAD" else f"-X {shlex.quote(exchange.method)}"
    shown = "" if exchange.method == "HEAD" else " -i"
    yield f"curl {method} -sS{shown} -g --path-as-is {shlex.quote((exchange.host or base_url) + exchange.path)}"
    named = {name.lower() for name in exchange.sent}
    if exchange.authorization is not None and "authorization" not in named:
        yield f"-H {_with_key(f'Authorization: {exchange.authorization}')}"
    for name, value in exchange.sent.items():
        if name.lower() == "authorization" and exchange.authorization:
            yield f"-H {_with_key(f'{name}: {exchange.authorization}')}"
        else:
            yield f"-H {shlex.quote(f'{name}: {value}' if value else f'{name};')}"
    if exchange.body:
        if "content-type" not in named:
            yield "-H 'Content-Type:'"  # or curl would call it a form
        text = _plain(exchange.body)
        yield (
            f"--data-binary @{shlex.quote(keep(exchange.body))}" if text is None else f"--data-raw {shlex.quote(text)}"
        )


def _with_key(header: str) -> str:
    """A header whose key the shell puts in."""
    for name, variable in _KEYS.items():
        if header.endswith(f" {name}"):
            return f'"{_SPECIAL.sub(_escaped, header.removesuffix(name))}{variable}"'
    return shlex.quote(header)


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[1]}"


def _plain(body: bytes) -> str | None:
    """A body as it can stand in a line; None for one that is long, or that a terminal would not show as it is."""
    if len(body) > LONGEST:
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if all(one.isprintable() or one == "\n" for one in text) else None


class BodyFiles:
    """Keeps bodies in a folder, which is made when there is one; the same body is in one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, body: bytes) -> str:
        """The name of the file that has this body. A folder that cannot be written costs the file, not the report."""
        path = self._folder / f"{hashlib.blake2b(body, digest_size=6).hexdigest()}.body"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        except OSError as error:
            return f"{path} (which cannot be written: {error.strerror or error})"
        return str(path)
