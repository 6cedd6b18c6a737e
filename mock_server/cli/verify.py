"""``kirin-mock verify``: its parsers, and what each hands to its command."""

from __future__ import annotations

import argparse
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mock_server.cli.arguments import above_nothing, add_old_flag, amount, count, percent, whole
from mock_server.cli.verify_reach import NAMES, add_reach, reach_of
from mock_server.core.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from mock_server.verify.common.options import Common

REPORTS = ("json", "junit", "html", "badge")


def add_verify(verify: argparse.ArgumentParser) -> None:
    """The commands below ``verify``."""
    kinds = verify.add_subparsers(title="what", metavar="WHAT", required=True)
    _add_server(
        kinds.add_parser(
            "server",
            help="verify a server: this one, or the real one",
            description="Verify the server at URL; without URL, start a kirin-mock and verify it.",
            allow_abbrev=False,
        )
    )
    replay = kinds.add_parser(
        "replay", help="run one case again", description="Run one case of a report again.", allow_abbrev=False
    )
    replay.add_argument("replay", metavar="ID", help="the id of the case or of the finding, from the report")
    replay.add_argument("--findings", metavar="FOLDER", help="folder with the findings of verify client")
    replay.add_argument(
        "--export",
        nargs=2,
        metavar=("FORM", "FOLDER"),
        help="also write a client's finding as a test (pytest) or as a file of scenarios (scenario)",
    )
    _add_target(replay)
    add_reach(replay)
    replay.set_defaults(run=_replay)
    _add_client(
        kinds.add_parser(
            "client",
            help="verify a client with an adapter: in Python, or a program that speaks JSON lines",
            description="Run a client through cases drawn from what can happen, and judge it (docs/adapters.md).",
            usage="%(prog)s [options] (MODULE:NAME | -- COMMAND ...)",
            allow_abbrev=False,
        )
    )
    _add_receiver(
        kinds.add_parser(
            "receiver",
            help="verify a receiver of callbacks: every kind of callback against its URL",
            description="Send genuine, forged, stale and senseless callbacks to URL, and judge the answers "
            "(docs/verify-receiver.md).",
            allow_abbrev=False,
        )
    )
    traffic = kinds.add_parser(
        "traffic",
        help="verify recorded traffic: a HAR, or an export of GET /_mock/history",
        description="Verify recorded traffic by the rules that need calls only.",
        allow_abbrev=False,
    )
    traffic.add_argument("file", metavar="FILE", help="a HAR, or an export of GET /_mock/history")
    _add_strictness(traffic)
    _add_judging(traffic, "properties", REPORTS)
    traffic.set_defaults(run=_verify_traffic)


def _add_server(server: argparse.ArgumentParser) -> None:
    _add_target(server)
    server.add_argument(
        "--dry-run", action="store_true", help="print how many calls it would make and what they would cost"
    )
    server.add_argument("--max-calls", metavar="N", type=count, help="make at most this many calls")
    server.add_argument(
        "--repeat",
        metavar="N",
        type=count,
        help="try all cases N times, in another order each time; for bugs that need history",
    )
    server.add_argument("--max-cost", metavar="USD", type=amount, help="spend at most this much, by assumed prices")
    server.add_argument("--rate", metavar="N", type=above_nothing, help="make at most this many calls per second")
    server.add_argument(
        "--min-coverage",
        metavar="PERCENT",
        type=percent,
        help="exit with 1 when less than this share of the plan was exercised",
    )
    _add_judging(server, "checks and cases", ("json", "junit", "html"))
    add_reach(server)
    _add_bounds(server)
    server.set_defaults(run=_verify_server)


def _add_client(client: argparse.ArgumentParser) -> None:
    client.add_argument(
        "adapter",
        metavar="MODULE:NAME | -- COMMAND",
        nargs="*",
        help="the callable that makes the adapter, such as my_tests.adapter:make, or the program to start",
    )
    client.add_argument(
        "--time",
        choices=("virtual", "real"),
        default="virtual",
        help="the clock of a program under test; default virtual",
    )
    client.add_argument(
        "--scale",
        metavar="N",
        type=above_nothing,
        help="with --time real, how much faster than real time the clock runs; default 60",
    )
    client.add_argument(
        "--patience",
        metavar="SECONDS",
        type=above_nothing,
        default=10.0,
        help="how long to wait for a silent client; default 10",
    )
    client.add_argument("--findings", metavar="FOLDER", help="folder for findings; default .kirin-mock/findings")
    client.add_argument("--cases", metavar="N", type=count, default=300, help="how many cases; default 300")
    add_old_flag(client, "--scripts", "--cases", type=count, default=argparse.SUPPRESS)
    client.add_argument("--seed", metavar="N", type=whole, default=0, help="seed of the random choices; default 0")
    client.add_argument(
        "--max-spend",
        metavar="USD",
        type=amount,
        help="judge money too: what the tasks of a case may cost more than its intents",
    )
    _add_strictness(client)
    _add_judging(client, "properties", REPORTS)
    _add_bounds(client)
    client.set_defaults(run=_verify_client)


def _add_receiver(receiver: argparse.ArgumentParser) -> None:
    receiver.add_argument("url", metavar="URL", help="where the receiver listens")
    receiver.add_argument(
        "--secret", metavar="SECRET", help="whsec_... secret that signs; default $KIRIN_CALLBACK_SECRET, or none"
    )
    receiver.add_argument("--model", metavar="MODEL", help="the model of the task; default kirin_v1_t2v")
    receiver.add_argument("--task-id", metavar="ID", help="the id of a task that the receiver knows")
    receiver.add_argument("--external-task-id", metavar="ID", help="the external_task_id of a task that it knows")
    receiver.add_argument(
        "--timeout", metavar="SECONDS", type=above_nothing, help="how long to wait for an answer; default 10"
    )
    _add_judging(receiver, "properties", REPORTS)
    _add_bounds(receiver)
    receiver.set_defaults(run=_verify_receiver)


def _add_strictness(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strictness", default="default", metavar="NAME|FILE", help="default, strict, polite, or a file of thresholds"
    )
    add_old_flag(parser, "--profile", "--strictness", default=argparse.SUPPRESS)


def _add_judging(parser: argparse.ArgumentParser, what: str, forms: tuple[str, ...]) -> None:
    """What is judged, what fails a run, and the reports."""
    parser.add_argument(
        "--only",
        metavar="WORD",
        action="append",
        default=[],
        help=f"only {what} with this in their name (repeatable: any of them)",
    )
    parser.add_argument(
        "--skip", metavar="WORD", action="append", default=[], help=f"no {what} with this in their name (repeatable)"
    )
    parser.add_argument(
        "--fail-on",
        choices=("must", "should"),
        default="should",
        help="the least serious finding that makes the exit code 1; default should, which is any",
    )
    parser.add_argument("--baseline", metavar="FILE", help="accepted findings with reasons; they do not fail the run")
    parser.add_argument(
        "--update-baseline", action="store_true", help="add what was found to the baseline, for you to write reasons"
    )
    for form in forms:
        parser.add_argument(f"--{form}", metavar="FILE", help=f"also write the report as {form}")


def _add_bounds(parser: argparse.ArgumentParser) -> None:
    """What ends a run early."""
    parser.add_argument(
        "--time-budget", metavar="SECONDS", type=above_nothing, help="end after so many seconds, with what was found"
    )
    parser.add_argument("--fail-fast", action="store_true", help="end at the first finding that is not accepted")


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", nargs="?", help="the server, such as http://127.0.0.1:8787")
    parser.add_argument("--key", metavar="KEY", help="the API key to use; default $KIRIN_KEY, or sk-verify")
    parser.add_argument(
        "--other-key", metavar="KEY", help="the key of another user; default $KIRIN_OTHER_KEY, or sk-verify-other"
    )
    parser.add_argument(
        "--callback-secret", metavar="SECRET", help="whsec_... secret that the server signs callbacks with"
    )
    parser.add_argument("--seed", metavar="N", type=whole, help="seed of the random bodies; default 0")
    parser.add_argument("--models", metavar="MODEL", action="append", help="verify this model only (repeatable)")
    parser.add_argument("--depth", metavar="DEPTH", help="default, or deep for five times the bodies")


def _common(parsed: argparse.Namespace) -> Common:
    from mock_server.verify.common.options import Common
    from mock_server.verify.common.selection import Selection

    return Common(
        Selection(tuple(parsed.only), tuple(parsed.skip)),
        parsed.fail_on,
        getattr(parsed, "time_budget", None),
        getattr(parsed, "fail_fast", False),
        parsed.baseline,
        parsed.update_baseline,
        {form: name for form in REPORTS if (name := getattr(parsed, form, None)) is not None},
    )


def _verify_client(parsed: argparse.Namespace) -> int:
    from mock_server.verify.client.command import Options, client_of, verify_client
    from mock_server.verify.client.findings import FOLDER

    client = client_of(parsed.adapter, parsed.time, parsed.scale, parsed.patience)
    findings = FOLDER if parsed.findings is None else parsed.findings
    asked = (client, parsed.cases, parsed.seed, parsed.strictness, findings)
    return verify_client(Options(*asked, parsed.max_spend, _common(parsed)))


def _verify_traffic(parsed: argparse.Namespace) -> int:
    from mock_server.verify.traffic import verify_traffic

    return verify_traffic(parsed.file, parsed.strictness, _common(parsed))


def _verify_receiver(parsed: argparse.Namespace) -> int:
    from mock_server.verify.receiver.command import Options, verify_receiver

    names = ("url", "secret", "model", "task_id", "external_task_id", "timeout")
    given = {name: value for name in names if (value := getattr(parsed, name)) is not None}
    secret = os.environ.get("KIRIN_CALLBACK_SECRET")
    return verify_receiver(Options(**({"secret": secret} if secret else {}) | given, common=_common(parsed)))


def _verify_server(parsed: argparse.Namespace) -> int:
    _require_schemathesis()
    from mock_server.verify.server.command import Options, verify_server

    ours = {"run", "only", "skip", "fail_on", "time_budget", "fail_fast", "baseline", "update_baseline", *REPORTS}
    return verify_server(Options(**_given(parsed, ours | {*NAMES}), common=_common(parsed), reach=reach_of(parsed)))


def _replay(parsed: argparse.Namespace) -> int:
    from mock_server.verify.client.findings import FOLDER, ID

    if ID.fullmatch(parsed.replay):
        from mock_server.verify.client.replaying import replay_finding

        if parsed.url is not None:
            raise UsageError(f"{parsed.replay} is a finding about a client; it is replayed without a URL")
        return replay_finding(parsed.replay, parsed.findings or FOLDER, parsed.export and tuple(parsed.export))
    if parsed.export is not None:
        raise UsageError("--export is for findings about a client")
    _require_schemathesis()
    from mock_server.verify.server.command import Options, verify_server

    return verify_server(Options(**_given(parsed, {"run", "findings", "export", *NAMES}), reach=reach_of(parsed)))


def _given(parsed: argparse.Namespace, ours: set[str]) -> dict[str, Any]:
    """What was given of the options of a server; its key may be in the environment."""
    given = {name: value for name, value in vars(parsed).items() if name not in ours and value is not None}
    if "models" in given:
        given["models"] = tuple(given["models"])
    names = {"key": "KIRIN_KEY", "other_key": "KIRIN_OTHER_KEY", "callback_secret": "KIRIN_CALLBACK_SECRET"}
    return {**{name: found for name, variable in names.items() if (found := os.environ.get(variable))}, **given}


def _require_schemathesis() -> None:
    if find_spec("schemathesis") is None:
        raise MissingExtra("verifying servers", "verify")
