"""The flags of ``verify server`` for servers that are not ours, and what they say."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from mock_server.cli.arguments import above_nothing

if TYPE_CHECKING:
    from mock_server.verify.server.reach import Reach

#: The flags, by their names in the parsed arguments.
NAMES = (
    "header", "proxy", "ca", "timeout", "patience", "callback_base", "callback_listen", "free_only", "yes", "resume",
    "without",
)  # fmt: skip


def add_reach(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument(
        "--header",
        metavar="'NAME: VALUE'",
        action="append",
        type=_header,
        help="a header that goes with every call (repeatable)",
    )
    parser.add_argument("--proxy", metavar="URL", help="an HTTP proxy for all calls")
    parser.add_argument("--ca", metavar="FILE", help="the certificate in PEM of the CA that signed the server's")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=above_nothing, help="how long one answer may take; default 30"
    )
    parser.add_argument(
        "--patience", metavar="SECONDS", type=above_nothing, help="how long one task may take in real time; default 900"
    )
    parser.add_argument(
        "--callback-base", metavar="URL", help="a public address that leads to --callback-listen on this machine"
    )
    parser.add_argument(
        "--callback-listen", metavar="HOST:PORT", help="where callbacks come in; default 127.0.0.1:8788"
    )
    parser.add_argument(
        "--free-only", action="store_const", const=True, help="only what makes no task, and so costs nothing"
    )
    parser.add_argument(
        "--yes",
        action="store_const",
        const=True,
        help="spend what the plan says, on a server elsewhere too",
    )
    parser.add_argument(
        "--resume", metavar="FILE", help="keep what is done in FILE, and go on from there after an interruption"
    )
    parser.add_argument(
        "--without",
        metavar="WHAT",
        action="append",
        help="the server lacks this, so checks that need it do not make the run incomplete: control, other-key, "
        "callback-secret, callbacks, time, money, another-name or login (repeatable)",
    )


def _header(given: str) -> tuple[str, str]:
    from mock_server.verify.server.reach import header_of

    try:
        return header_of(given)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def reach_of(parsed: argparse.Namespace) -> Reach:
    """What the flags say. Raises UsageError."""
    from mock_server.core.errors import UsageError
    from mock_server.verify.server.reach import NEEDS, Reach

    given: dict[str, Any] = {name: value for name in NAMES if (value := getattr(parsed, name, None)) is not None}
    given["headers"] = dict(given.pop("header", ()))
    given["without"] = frozenset(given.pop("without", ()))
    for need in sorted(given["without"] - set(NEEDS)):
        raise UsageError(f"--without must be one of {', '.join(NEEDS)}, not {need!r}")
    return Reach(**given, other_key_given=bool(parsed.other_key or os.environ.get("KIRIN_OTHER_KEY")))
