"""The command line. Heavy parts are imported by the command that needs them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mock_server.cli.arguments import Parser, above_nothing, add_settings, count, whole
from mock_server.cli.verify import add_verify
from mock_server.core.errors import UsageError
from mock_server.core.version import __version__

if TYPE_CHECKING:
    from mock_server.settings import Settings

#: The exit code of a command that Ctrl-C ended, as shells have it.
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = Parser(prog="kirin-mock", description="A stateful fake of an AI video platform.", allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"kirin-mock {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", help="start the server", description="Start the server.", allow_abbrev=False)
    add_settings(serve)
    serve.set_defaults(run=_serve)

    run = commands.add_parser(
        "run",
        help="run a command and answer its calls to the platform",
        description="Start a server and an intercepting proxy, and run a command with the proxy in its environment. "
        "Calls to the platform's hosts go to the server; all others are blocked. The exit code is the command's. "
        "By default the log is off and the port is a free one.",
        usage="%(prog)s [options] -- COMMAND ...",
        allow_abbrev=False,
    )
    add_settings(run, host=(), intercept_host=("--host", "--intercept-host"))
    run.add_argument("command", metavar="COMMAND", nargs="*", help="the command and its arguments")
    run.set_defaults(run=_run)

    demo = commands.add_parser(
        "demo",
        help="submit one real request per model and save the videos",
        description="Start a server, submit one task per model, poll them, and save the five videos.",
        allow_abbrev=False,
    )
    demo.add_argument(
        "--out", default="demo-videos", metavar="FOLDER", help="folder for the videos; default demo-videos"
    )
    demo.add_argument("--speed", default="1", help="speed of the clock; default 1, real time")
    demo.set_defaults(run=_demo)

    contract = commands.add_parser(
        "contract",
        help="write the OpenAPI document, the schemas and the ledger of facts",
        description="Write the contract files to a folder, or check that those in it are up to date.",
        allow_abbrev=False,
    )
    contract.add_argument("--out", default="contracts", metavar="FOLDER", help="the folder; default contracts")
    contract.add_argument("--check", action="store_true", help="write nothing; exit with 1 when they differ")
    contract.add_argument(
        "--against", metavar="FILE", help="write nothing; exit with 1 when clients of the contract FILE would break"
    )
    contract.set_defaults(run=_contract)

    seed = commands.add_parser(
        "seed",
        help="fill a running server with sample tasks",
        description="Fill one key's tenant with sample tasks of the last days; the same seed makes the same tasks.",
        allow_abbrev=False,
    )
    seed.add_argument("url", metavar="URL", nargs="?", default="http://127.0.0.1:8787", help="default %(default)s")
    seed.add_argument("--tasks", metavar="N", type=count, default=200, help="how many tasks; default 200")
    seed.add_argument("--seed", metavar="N", type=whole, default=0, help="seed of the random choices; default 0")
    seed.add_argument(
        "--days", metavar="N", type=above_nothing, default=7.0, help="spread over this many days; default 7"
    )
    seed.add_argument(
        "--key", metavar="KEY", default="sk-test", help="API key that the tasks belong to; default sk-test"
    )
    seed.add_argument("--admin-token", metavar="TOKEN", help="the server's --admin-token")
    seed.set_defaults(run=_seed)

    replay = commands.add_parser(
        "replay",
        help="replay an exported history",
        description="Replay an export of GET /_mock/history on a new server, and compare every response.",
        allow_abbrev=False,
    )
    replay.add_argument("file", metavar="FILE", help="the exported history")
    replay.add_argument(
        "--key",
        dest="keys",
        metavar="KEY",
        action="append",
        default=[],
        help="an API key that the history uses (repeatable)",
    )
    replay.set_defaults(run=_replay)

    sweep = commands.add_parser(
        "sweep",
        help="run your own test command once per scenario",
        description="Run a test command once per scenario of the library, each time with a new server whose URL and "
        "key are in KIRIN_BASE_URL and KIRIN_API_KEY, and tabulate which scenarios its tests noticed.",
        usage="%(prog)s [options] -- COMMAND ...",
        allow_abbrev=False,
    )
    sweep.add_argument("command", metavar="COMMAND", nargs="*", help="the command and its arguments")
    sweep.add_argument(
        "--scenarios",
        metavar="NAMES",
        action="append",
        default=[],
        help="only these scenarios or groups, such as callback,submit/reset-after-accept (repeatable)",
    )
    sweep.add_argument(
        "--env",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="one more variable for the command; {url} and {key} are those of the server (repeatable)",
    )
    sweep.add_argument("--timing", help="instant, fast or realistic, as for serve; default fast")
    sweep.add_argument("--speed", help="speed of the server's clock, as for serve; default 20")
    sweep.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=above_nothing,
        help="kill a run after so many seconds; default five times the first one and 30 s",
    )
    sweep.add_argument(
        "--time-budget", metavar="SECONDS", type=above_nothing, help="start no more runs after so many seconds"
    )
    sweep.add_argument("--json", metavar="FILE", help="also write the table as json, with the end of each run's output")
    sweep.set_defaults(run=_sweep)

    _add_scenarios(commands.add_parser("scenarios", help="check scenario files, show the library", allow_abbrev=False))
    add_verify(
        commands.add_parser("verify", help="verify a server or a client against the contract", allow_abbrev=False)
    )
    return top


def _add_scenarios(scenarios: argparse.ArgumentParser) -> None:
    kinds = scenarios.add_subparsers(title="what", metavar="WHAT", required=True)
    check = kinds.add_parser(
        "check",
        help="read files as the server does, and warn about rules that cannot work",
        description="Check scenario files or folders. Exit code 0: no mistakes, 1: a mistake.",
        allow_abbrev=False,
    )
    check.add_argument("paths", metavar="FILE", nargs="+", help="a file or a folder, as for serve --scenarios")
    check.add_argument("--strict", action="store_true", help="exit with 1 for warnings too")
    check.set_defaults(run=lambda parsed: _scenarios("check", parsed.paths, parsed.strict))
    listing = kinds.add_parser("list", help="list the built-in scenarios", allow_abbrev=False)
    listing.set_defaults(run=lambda _: _scenarios("listing"))
    show = kinds.add_parser("show", help="print a built-in scenario as YAML", allow_abbrev=False)
    show.add_argument("name", metavar="NAME")
    show.set_defaults(run=lambda parsed: _scenarios("show", parsed.name))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0: success, 1: it found a problem, 2: a usage error, 130: interrupted. To interrupt ``serve`` is
    the way to end it, and a success.
    """
    try:
        parsed = parser().parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = parsed.run
        return run(parsed)
    except UsageError as error:
        print("kirin-mock:", " ".join(str(error).splitlines()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        called = sys.argv[1:] if arguments is None else arguments
        return 0 if called[:1] == ["serve"] else INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _settings(parsed: argparse.Namespace) -> Settings:
    from mock_server.settings import load

    return load(vars(parsed), os.environ)


def _serve(parsed: argparse.Namespace) -> int:
    settings = _settings(parsed)
    from mock_server.cli.serve import serve

    return serve(settings)


def _run(parsed: argparse.Namespace) -> int:
    if not parsed.command:
        raise UsageError("run needs a command: kirin-mock run -- COMMAND ... (see kirin-mock run --help)")
    from mock_server.settings import load

    environment = {name: value for name, value in os.environ.items() if name != "KIRIN_MOCK_HOST"}
    settings = load(
        vars(parsed), environment, {"port": 0, "log_format": "off", "intercept": 0}, {"intercept_host": "--host"}
    )
    from mock_server.cli.run import run_command

    return run_command(settings, parsed.command)


def _demo(parsed: argparse.Namespace) -> int:
    from mock_server.cli.demo import demo

    return demo(parsed.out, parsed.speed)


def _contract(parsed: argparse.Namespace) -> int:
    from mock_server.cli.contract import compare, publish

    if parsed.against is not None:
        return compare(parsed.against)
    return publish(parsed.out, check=parsed.check)


def _seed(parsed: argparse.Namespace) -> int:
    from importlib.util import find_spec

    from mock_server.core.errors import MissingExtra

    if find_spec("faker") is None:
        raise MissingExtra("sample tasks", "verify")
    from mock_server.cli.seed import seed

    return seed(parsed.url, parsed.tasks, parsed.seed, parsed.days, parsed.key, parsed.admin_token)


def _replay(parsed: argparse.Namespace) -> int:
    from mock_server.cli.replay import replay

    return replay(parsed.file, parsed.keys)


def _sweep(parsed: argparse.Namespace) -> int:
    from mock_server.cli.sweep import Options, sweep

    settings = {"timing": parsed.timing or "fast", "speed": parsed.speed or "20"}
    asked = (parsed.command, parsed.scenarios, parsed.env, settings)
    return sweep(Options(*asked, parsed.timeout, parsed.time_budget, parsed.json))


def _scenarios(what: str, *arguments: Any) -> int:
    from mock_server.cli import scenarios as scenario_command

    run: Callable[..., int] = getattr(scenario_command, what)
    return run(*arguments)
