"""The command line. Heavy parts are imported by the command that needs them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from mock_server.errors import UsageError
from mock_server.version import __version__

if TYPE_CHECKING:
    from mock_server.settings import Settings

REPEATABLE = {"api_key", "callback_allow", "callback_secret"}


class _Parser(argparse.ArgumentParser):
    """Tells a wrong call in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    from mock_server.settings import ENVIRONMENT_PREFIX, Settings, flag

    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, (), False) else f"; default {_shown(field.default)}"
        told = f"{field.description} [{ENVIRONMENT_PREFIX}{name.upper()}{default}]".replace("%", "%%")
        if field.annotation is bool:
            parser.add_argument(flag(name), dest=name, action="store_const", const=True, help=told)
            continue
        metavar, action = name.rpartition("_")[2].upper(), "append" if name in REPEATABLE else "store"
        parser.add_argument(flag(name), dest=name, metavar=metavar, action=action, help=told)


def _shown(default: Any) -> str:
    return f"{default.speed:g}" if hasattr(default, "speed") else str(default)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="kirin-mock", description="A stateful fake of an AI video platform.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"kirin-mock {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", help="start the server", description="Start the server.", allow_abbrev=False)
    _add_settings(serve)
    serve.set_defaults(run=_serve)

    demo = commands.add_parser(
        "demo",
        help="one real request per model, from submit to video",
        description="Start a server, submit one task per model, follow them, and save the five videos.",
        allow_abbrev=False,
    )
    demo.add_argument("--out", default="demo-videos", metavar="FOLDER", help="where the videos go; default demo-videos")
    demo.add_argument("--speed", default="1", help="pace of the clock; default 1, real time")
    demo.set_defaults(run=_demo)

    contract = commands.add_parser(
        "contract",
        help="write the OpenAPI document and the ledger of facts",
        description="Write openapi.json and ledger.md, or check that those in a folder are up to date.",
        allow_abbrev=False,
    )
    contract.add_argument("--out", default="contracts", metavar="FOLDER", help="the folder; default contracts")
    contract.add_argument("--check", action="store_true", help="write nothing; exit 1 when they differ")
    contract.set_defaults(run=_contract)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0 all well, 1 it found something wrong, 2 it was called wrongly."""
    try:
        parsed = _parser().parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = parsed.run
        return run(parsed)
    except UsageError as error:
        print("kirin-mock:", " ".join(str(error).splitlines()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _settings(parsed: argparse.Namespace) -> Settings:
    from mock_server.settings import load

    return load(vars(parsed), os.environ)


def _serve(parsed: argparse.Namespace) -> int:
    settings = _settings(parsed)
    from mock_server.serve import serve

    return serve(settings)


def _demo(parsed: argparse.Namespace) -> int:
    from mock_server.demo import demo

    return demo(parsed.out, parsed.speed)


def _contract(parsed: argparse.Namespace) -> int:
    from mock_server.publish import publish

    return publish(parsed.out, check=parsed.check)
