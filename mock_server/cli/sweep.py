"""``kirin-mock sweep``: runs a team's own test command once per scenario, and tabulates which its tests noticed."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import IO, Any, Literal

import httpx
import orjson

from mock_server.conformance.scorecard import printable
from mock_server.core.clock import stopwatch
from mock_server.core.errors import UsageError
from mock_server.core.report_files import require_reports, write
from mock_server.scenarios.aliases import AliasResolver, hint
from mock_server.scenarios.registry import GROUPS, library
from mock_server.testing.server import MockServer
from mock_server.verify.common import exit_codes
from mock_server.verify.common.client_reports import facts_of
from mock_server.verify.common.progress import Progress
from mock_server.verify.common.run_control import RunControl

#: So much of what a command writes is kept: its end.
KEPT_OUTPUT = 16 * 1024
#: So many lines of it are shown for a command that fails without a scenario.
MOST_LINES = 40
#: A run may take so many times as long as the one without a scenario, and so many seconds more.
TIMES_LONGER, SECONDS_LONGER = 5.0, 30.0
#: Real seconds between two looks at a command that runs, and in which its output ends once it has ended.
LOOK, TO_CLOSE = 0.1, 2.0
URL, KEY = "KIRIN_BASE_URL", "KIRIN_API_KEY"

#: ``noticed``: the command failed. ``passed``: it did not. ``not reached``: it passed, and nothing of the scenario
#: happened. ``timeout``: it did not end.
State = Literal["noticed", "passed", "not reached", "timeout"]


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. ``environment`` are more variables of the command, with {url} and {key} in them."""

    command: Sequence[str]
    scenarios: Sequence[str] = ()
    environment: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    time_budget: float | None = None
    json: str | None = None


@dataclass(frozen=True, slots=True)
class SweepRun:
    """One run of the command: ``code`` is None where it had to be killed; ``happened`` whether anything of the scenario
    did; ``calls`` and ``submits`` are those that came.
    """

    scenario: str | None
    code: int | None
    seconds: float
    calls: int
    submits: int
    happened: bool
    output: str

    @property
    def state(self) -> State:
        """What came of it."""
        if self.code is None:
            return "timeout"
        if self.code:
            return "noticed"
        return "passed" if self.happened else "not reached"


def sweep(options: Options) -> int:
    """Run all; 0 when every scenario was tried. Raises UsageError, also for a command that fails without one."""
    if not options.command:
        raise UsageError("sweep needs a command: kirin-mock sweep -- COMMAND ... (see kirin-mock sweep --help)")
    names = chosen(options.scenarios)
    if options.json is not None:
        require_reports({"json": options.json})
    _variables(options.environment, "", "")
    control = RunControl(Progress(), time_budget=options.time_budget)
    ran: list[SweepRun] = []
    with control:
        baseline = control.unless_stopped(lambda: _baseline(options))
        if baseline is not None:
            limit = options.timeout or TIMES_LONGER * baseline.seconds + SECONDS_LONGER
            ran += _runs(options, names, limit, control)
    _tell(ran, len(names), baseline, control.stopped)
    if options.json is not None:
        write(options.json, orjson.dumps(as_json(options, baseline, ran, names, control.stopped)), "--json")
    if control.signal is not None:
        return exit_codes.SIGNALLED + control.signal
    return exit_codes.CLEAN if len(ran) == len(names) else exit_codes.INCOMPLETE


def _runs(options: Options, names: Sequence[str], limit: float, control: RunControl) -> list[SweepRun]:
    """One run for each scenario, until something ends the sweep."""
    ran: list[SweepRun] = []
    for name in names:
        noticed = sum(one.state == "noticed" for one in ran)
        if control.over(len(ran), len(names), noticed, ("scenarios", "noticed")):
            break
        one = control.unless_stopped(partial(run, options, name, limit))
        if one is not None and control.signal is None:
            ran.append(one)
    return ran


def _tell(ran: Sequence[SweepRun], planned: int, baseline: SweepRun | None, stopped: str | None) -> None:
    for line in table(ran):
        print(printable(line))
    if stopped is not None:
        print(f"incomplete: {stopped}, {planned - len(ran)} of {planned} scenarios not tried")
    print(summary(ran, baseline))


def chosen(wanted: Sequence[str]) -> list[str]:
    """The scenarios of these names and groups, all without any. Raises UsageError."""
    known = library()
    names = AliasResolver(lambda warning: print(f"warning: {warning}", file=sys.stderr))
    found: dict[str, None] = {}
    for one in (part.strip().rstrip("/") for word in wanted for part in word.split(",") if part.strip()):
        of_group = [name for name in known if name.partition("/")[0] == one]
        current = names.current(one)
        if not of_group and current not in known:
            groups = ", ".join(GROUPS)
            raise UsageError(f"--scenarios: there is no scenario {one!r}{hint(one, known)}; groups are {groups}")
        found.update(dict.fromkeys(of_group or [current]))
    return list(found or known)


def _baseline(options: Options) -> SweepRun:
    """The run without a scenario, which has to pass and to call. Raises UsageError."""
    ran = run(options, None, options.timeout)
    shown = "\n".join(printable(ran.output).splitlines()[-MOST_LINES:])
    if ran.code != 0:
        how = f"does not end within {ran.seconds:.0f} s" if ran.code is None else f"ends with exit code {ran.code}"
        print(shown, file=sys.stderr)
        raise UsageError(f"the command {how} without any scenario; its tests must pass before a sweep tells anything")
    if not ran.submits:
        raise UsageError(
            f"the command submits no task to {URL} with the key in {KEY}: do its tests use them? (or --env)"
        )
    return ran


def run(options: Options, scenario: str | None, limit: float | None) -> SweepRun:
    """One run of the command, with a server of its own. Raises UsageError when it cannot be started."""
    with MockServer(**options.settings) as server:
        if scenario is not None:
            server.scenario(scenario)
        began = stopwatch()
        code, output = _ended(options.command, _environment(options, server), limit)
        seconds = stopwatch() - began
        history = httpx.get(f"{server.url}/_mock/history", trust_env=False, timeout=60).json()
    calls = [event for event in history["events"] if event["kind"] == "call"]
    submits = sum(call["method"] == "POST" and "/model/v1/" in call["path"] for call in calls)
    return SweepRun(scenario, code, seconds, len(calls), submits, _happened(history, scenario, calls), output)


def _happened(history: Mapping[str, Any], scenario: str | None, calls: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a task went as the scenario has it, or one of its faults hit a call or a callback."""
    if scenario is None:
        return True
    if not library()[scenario].only_faults:
        return any(call["status"] == 200 and call["method"] == "POST" for call in calls)
    attempts = (attempt for one in history["callbacks"] for attempt in one["attempts"])
    return any(call["fault"] for call in calls) or any(attempt["fault"] for attempt in attempts)


def _environment(options: Options, server: MockServer) -> dict[str, str]:
    own = {URL: server.url, KEY: server.api_key}
    return {**os.environ, **own, **_variables(options.environment, server.url, server.api_key)}


def _variables(given: Sequence[str], url: str, key: str) -> dict[str, str]:
    """Variables that are given as NAME=VALUE. Raises UsageError."""
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise UsageError(f"--env must be NAME=VALUE, such as MY_URL={{url}}, not {one!r}")
        found[name] = value.replace("{url}", url).replace("{key}", key)
    return found


def _ended(command: Sequence[str], environment: Mapping[str, str], limit: float | None) -> tuple[int | None, str]:
    """The exit code of a command and the end of what it wrote; None when it had to be killed, with all its group."""
    try:
        process = subprocess.Popen(  # noqa: S603 - running the user's own command is what this is for
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"{command[0]} cannot be started: {getattr(error, 'strerror', None) or error}") from None
    output = _Tail(process.stdout)
    began = stopwatch()
    try:
        while process.poll() is None and (limit is None or stopwatch() - began < limit):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK)
        code = process.poll()
    finally:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        told = output.close()
    return code, told


class _Tail:
    """Reads a stream to its end in a thread, and keeps the end of it."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._stream = stream
        self._kept = b""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        if self._stream is None:
            return
        with contextlib.suppress(OSError, ValueError):
            while part := os.read(self._stream.fileno(), 65_536):
                self._kept = (self._kept + part)[-KEPT_OUTPUT:]

    def close(self) -> str:
        """What was kept, once the stream has ended or something that left the group still holds it."""
        self._reading.join(TO_CLOSE)
        if self._stream is not None and not self._reading.is_alive():
            self._stream.close()
        return self._kept.decode("utf-8", "replace")


def table(ran: Sequence[SweepRun]) -> Iterator[str]:
    """What came of each scenario, in their order."""
    if ran:
        yield f"{'scenario':40}{'result':13}{'exit':>5}{'seconds':>9}{'calls':>7}{'submits':>9}"
    for one in ran:
        code = "-" if one.code is None else str(one.code)
        yield f"{one.scenario:40}{one.state:13}{code:>5}{one.seconds:9.1f}{one.calls:7}{one.submits:9}"
    unnoticed = [one for one in ran if one.state == "passed"]
    if unnoticed:
        yield ""
        yield "your tests passed although this happened:"
        yield from (f"  {one.scenario:38} {library()[one.scenario or ''].story}" for one in unnoticed)
    if ran:
        yield ""


def summary(ran: Sequence[SweepRun], baseline: SweepRun | None) -> str:
    """All of it in a line."""
    states: tuple[State, ...] = ("noticed", "passed", "not reached", "timeout")
    told = ", ".join(f"{sum(one.state == state for one in ran)} {state}" for state in states)
    first = f"; {baseline.seconds:.1f} s without one" if baseline is not None else ""
    return f"{len(ran)} scenarios: {told}{first}"


def as_json(
    options: Options, baseline: SweepRun | None, ran: Sequence[SweepRun], names: Sequence[str], stopped: str | None
) -> dict[str, Any]:
    """The report as a plain value."""
    return {
        "about": facts_of({"command": shlex.join(options.command)}),
        "stopped": stopped,
        "baseline": None if baseline is None else asdict(baseline),
        "scenarios": [{**asdict(one), "state": one.state} for one in ran],
        "not_tried": [name for name in names if name not in {one.scenario for one in ran}],
    }
