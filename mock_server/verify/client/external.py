"""Runs a client that is a program: JSON lines on its standard input and output, real HTTP through a bridge.

docs/adapters.md has the protocol, contracts/adapter.schema.json its messages.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from functools import partial
from typing import Any

import orjson

from mock_server.core.clock import Pace, stopwatch
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.counted import Counted
from mock_server.verify.client.forging import SECRET
from mock_server.verify.client.http_bridge import HttpBridge
from mock_server.verify.client.intent_run import IntentRun
from mock_server.verify.client.judge import ClientRun
from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.leftovers import open_connections
from mock_server.verify.client.platform import CALLBACK_URL, KEY, Run
from mock_server.verify.client.program_life import ProgramLife
from mock_server.verify.client.program_messages import SPOKEN, Terms, line_of, outcome_of, shown, validators
from mock_server.verify.client.restarting import Killed
from mock_server.verify.client.run import Broken
from mock_server.verify.client.subprocess_pipes import LEFT, SubprocessIO
from mock_server.verify.client.tracebacks import bounded

PROTOCOL = 1
#: So often a program may have to be started anew before the run is over.
MOST_STARTS = 30
#: So often, if it hangs.
MOST_SLOW = 3
#: Real seconds between two looks at a program that says nothing.
LOOK = 0.2
ERRORS = "what it wrote to its standard error"


class Misbehaved(Exception):
    """The program cannot go on: it violates ``property_id``."""

    def __init__(self, property_id: str, says: str) -> None:
        super().__init__(says)
        self.property_id = property_id


class External:
    """Plays cases with one program, which it starts when it is needed."""

    def __init__(self, command: Sequence[str], terms: Terms, folder: str = ".") -> None:
        self._command = command
        self._folder = folder
        self._terms = terms
        self._bridge = HttpBridge()
        self._valid = validators()
        self._pipes: SubprocessIO | None = None
        self._can: Mapping[str, Any] = {}
        self._number = 0
        self._failed = 0
        self._blamed: dict[str, str] = {}

    def close(self) -> None:
        """End the program."""
        pipes, self._pipes = self._pipes, None
        if pipes is not None:
            for complaint in pipes.end(self._terms.patience):
                self._blamed.setdefault("X02", complaint)
            if pipes.said_word:
                self._blamed["A21"] = f"the API key is in {ERRORS}"
        self._bridge.close()

    @property
    def complaints(self) -> Mapping[str, str]:
        """The violations that show once the program has ended, by property."""
        return self._blamed

    def play(self, case: ClientCase, platform: Run) -> ClientRun:
        """Run one case. Raises Broken when the program cannot be run any more."""
        played = ClientRun(program=True)
        counted = Counted(platform, case.deadline, partial(Misbehaved, "W14"))
        if self._pipes is None:
            self._start()
        self._bridge.lead_to(counted)
        talk = _ProgramRun(self, case, platform, counted, played)
        try:
            talk.run()
        except Misbehaved as error:
            played.blamed[error.property_id] = str(error)
            if self._pipes is not None and error.property_id in {"A04", "A16"} and self._pipes.errors.strip():
                played.traces[error.property_id] = bounded(self._pipes.errors)
            self._give_up(error, played)
        finally:
            self._bridge.lead_to(None)
        played.left = open_connections(self._bridge)
        if self._pipes is not None and self._pipes.said_word:
            self._pipes.said_word = False
            played.leak = ERRORS
        if played.outcome is not None and KEY in repr(played.outcome):
            played.leak = "its outcome"
        return played

    def _give_up(self, error: Misbehaved, played: ClientRun) -> None:
        """End a program that misbehaved, and start no other if it was one too many."""
        if self._pipes is not None:
            if not self._pipes.kill():
                self._blamed.setdefault("X02", LEFT)
            if self._pipes.said_word:
                played.leak = ERRORS
            self._pipes = None
        played.slow = error.property_id == "W14"
        self._failed += MOST_STARTS // MOST_SLOW if played.slow else 1
        played.fatal = self._failed >= MOST_STARTS

    def _start(self) -> None:
        """Start the program, and let it say that it is ready. Raises Broken."""
        try:
            self._pipes = SubprocessIO(self._command, KEY, self._folder)
        except OSError as error:
            raise Broken(f"{self._command[0]} cannot be started: {error.strerror or error}") from None
        try:
            self.send(
                type="hello",
                protocol=PROTOCOL,
                base_url=self._bridge.url,
                api_key=KEY,
                callback_url=CALLBACK_URL,
                secret=SECRET,
                time="virtual" if self._terms.virtual else "real",
                scale=self._terms.scale,
            )
            self._can = self.receive({"ready"}, self._terms.starting)
        except TimeoutError:
            raise self._never_ready(f"it said nothing for {self._terms.starting:g} s") from None
        except Misbehaved as error:
            raise self._never_ready(str(error)) from None

    def restart(self) -> None:
        """Kill the program, and start it again. Raises Broken."""
        self._running().kill()
        self._pipes = None
        self._start()

    def lead_to(self, life: ProgramLife) -> None:
        """Let its calls go there."""
        self._bridge.lead_to(life)

    def _never_ready(self, why: str) -> Broken:
        self._running().kill()
        self._pipes = None
        return Broken(f"{shlex.join(self._command)} never was ready: {why}")

    @property
    def terms(self) -> Terms:
        """How time goes."""
        return self._terms

    def can(self, what: str, *, unless_told: bool) -> bool:
        """What the program said that it can do."""
        return bool(self._can.get(what, unless_told))

    def says(self, what: str, unless_told: str) -> str:
        """What the program said of itself."""
        return str(self._can.get(what, unless_told))

    def next_number(self) -> int:
        """An id for a message."""
        self._number += 1
        return self._number

    def send(self, **message: Any) -> None:
        """Send a message. Raises Misbehaved."""
        pipes = self._running()
        written = pipes.write(line_of(message), self._terms.patience)
        if written == "gone":
            raise Misbehaved("A04", pipes.last_words())
        if written == "late":
            raise Misbehaved("W14", f"it did not read its input for {self._terms.patience:g} s")

    def receive(self, types: AbstractSet[str], timeout: float) -> dict[str, Any]:
        """The next message, which is to be of one of these types. Raises Misbehaved, or TimeoutError after so many real
        seconds.
        """
        pipes = self._running()
        line = pipes.read(timeout)
        if line == "ended":
            raise Misbehaved("A04", pipes.last_words())
        if isinstance(line, str):
            raise TimeoutError
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise Misbehaved("X01", f"it printed {shown(line)}, which is no JSON") from None
        kind = message.get("type") if isinstance(message, dict) else None
        if not isinstance(kind, str) or kind not in types:
            told = f"it printed {shown(line)} when it was to say {' or '.join(sorted(types))}"
            raise Misbehaved("X01", told)
        mistake = next(iter(self._valid[kind].iter_errors(message)), None)
        if mistake is not None:
            raise Misbehaved("X01", f"it printed {shown(line)}, which is no {kind}: {mistake.message[:200]}")
        known: dict[str, Any] = message
        return known

    def _running(self) -> SubprocessIO:
        if self._pipes is None:
            raise Misbehaved("A04", "it is not running")
        return self._pipes


class _ProgramRun:
    """One case, told to the program."""

    def __init__(self, session: External, case: ClientCase, platform: Run, counted: Counted, played: ClientRun) -> None:
        self._session = session
        self._case = case
        self._platform = platform
        self._counted = counted
        self._played = played
        self._emitted: list[Outcome] = []
        played.emitted = self._emitted
        self._run = session.next_number()
        self._spoke_at = stopwatch()
        kill = case.kill if session.can("restarts", unless_told=False) and session.terms.virtual else None
        self._life = ProgramLife(counted, platform, kill, session.terms.patience)
        session.lead_to(self._life)

    def run(self) -> None:
        """Let the program carry out the intent, and take what comes after it. Raises Misbehaved."""
        case, platform, session = self._case, self._platform, self._session
        platform.only_while_asleep()
        self._played.receives = session.can("callbacks", unless_told=True)
        if self._played.receives:
            platform.listen(self._callback)
        for part in case.parts if session.says("intents", "in_turn") != "one" else case.parts[:1]:
            self._one(part)
        platform.conclude()

    def _one(self, case: ClientCase) -> None:
        """One intent of the case. Raises Misbehaved."""
        played, platform, session = self._played, self._platform, self._session
        again = bool(played.parts)
        if again:
            self._run = session.next_number()
            platform.begin(case.deadline)
            self._counted.begin(case.deadline)
        part = IntentRun(platform.now(), platform.calls, len(self._emitted))
        played.parts.append(part)
        played.outcome = played.cancelled_at = None
        if not session.terms.virtual:
            platform.tenant.clock.set_pace(Pace(session.terms.scale))
        self._plan(case)
        wanted = asdict(case.intent_for(receives=played.receives))
        session.send(type="run", id=self._run, intent=wanted, deadline=case.deadline, now=platform.now(), again=again)
        try:
            self._to_its_outcome(case)
        finally:
            self._life.bury()
            platform.tenant.clock.set_pace(Pace(0))
            part.outcome, part.cancelled_at = played.outcome, played.cancelled_at
            part.ended_at, part.last_call, part.last_emitted = platform.now(), platform.calls, len(self._emitted)

    def _to_its_outcome(self, case: ClientCase) -> None:
        """Take messages until the outcome comes, of a program that may be killed meanwhile. Raises Misbehaved."""
        began_at = self._platform.now()
        try:
            while self._played.outcome is None:
                self._go_on()
        except Killed:
            left = self._started_again(case, began_at)
            wanted = asdict(case.intent_for(receives=self._played.receives))
            now = self._platform.now()
            self._session.send(type="run", id=self._run, intent=wanted, deadline=left, now=now, again=False)
            while self._played.outcome is None:
                self._go_on()

    def _started_again(self, case: ClientCase, began_at: float) -> float:
        """Kill the program, let time pass, and start it with what it had stored; the seconds that are left to it."""
        platform, session, state = self._platform, self._session, self._life.state
        self._played.killed = True
        session.restart()
        self._life.bury()
        platform.sleep(case.kill.down if case.kill is not None else 0.0)
        self._life = ProgramLife(self._counted, platform, None, session.terms.patience)
        session.lead_to(self._life)
        session.send(type="restore", state=state)
        self._spoke_at = self._counted.called_at = stopwatch()
        return max(case.deadline - (platform.now() - began_at), 0.0)

    def _plan(self, case: ClientCase) -> None:
        platform = self._platform
        if case.forge_after is not None:
            platform.plan(case.forge_after, partial(platform.forge, case.forgeries))
        if case.cancelled_elsewhere_after is not None:
            platform.plan(case.cancelled_elsewhere_after, platform.cancel_elsewhere)
        if case.cancel_after is not None and self._session.can("cancel", unless_told=False):
            platform.plan(case.cancel_after, self._cancel)

    def _cancel(self) -> None:
        if self._played.outcome is None:
            self._played.cancelled_at = self._platform.now()
            self._session.send(type="cancel", id=self._run)

    def _go_on(self) -> None:
        """Take the next message; where time is real, and something is due before it, do that. Raises Misbehaved."""
        try:
            self._take(self._heard(self._session.receive(SPOKEN, self._until_due())))
        except TimeoutError:
            if self._life.dying.is_set():
                raise Killed from None
            if not self._session.terms.virtual:
                self._platform.do_what_is_due()
            self._require_life()

    def _heard(self, message: dict[str, Any]) -> dict[str, Any]:
        self._spoke_at = stopwatch()
        if self._played.outcome is None and message["type"] not in {"sleep", "save"}:  # a sleep counts by itself
            self._counted.count("calls")
        return message

    def _until_due(self) -> float:
        """Real seconds until something has to be done."""
        patience, terms = self._session.terms.patience, self._session.terms
        left = min(max(self._spoke_at, self._counted.called_at) + patience - stopwatch(), LOOK)
        due = None if terms.virtual else self._platform.next_due()
        return left if due is None else min(left, (due - self._platform.now()) / terms.scale)

    def _require_life(self) -> None:
        """Raise Misbehaved for a program that has done nothing for too long."""
        patience = self._session.terms.patience
        if stopwatch() - max(self._spoke_at, self._counted.called_at) >= patience:
            raise Misbehaved("W14", f"it hangs: for {patience:g} real seconds it has called nothing and said nothing")
        if self._counted.endless is not None:
            raise Misbehaved("W14", self._counted.endless)

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "sleep":
            if not self._session.terms.virtual:
                raise Misbehaved("X01", "it says sleep, and time is real")
            self._life.sleep(message["seconds"])
            self._session.send(type="resume", now=self._platform.now())
        elif kind == "save":
            self._life.state = message["state"]
        elif kind == "emit":
            self._emitted.append(outcome_of(message))
        elif message["id"] != self._run:
            raise Misbehaved("X01", f"it says the outcome of run {message['id']} during run {self._run}")
        else:
            self._played.outcome = outcome_of(message)

    def _callback(self, headers: Mapping[str, str], body: bytes) -> int:
        """Hand a callback to the program; the status it answers. Raises Misbehaved."""
        number = self._session.next_number()
        encoded = base64.b64encode(body).decode()
        self._session.send(
            type="callback", id=number, headers=dict(headers), body_base64=encoded, now=self._platform.now()
        )
        while True:
            try:
                message = self._answer_to_callback()
            except Misbehaved as error:
                raise Misbehaved("A16" if error.property_id == "A04" else error.property_id, str(error)) from None
            if message["type"] != "callback_result":
                self._take(message)
            elif message["id"] == number:
                status: int = message["status"]
                return status
            else:
                raise Misbehaved("X01", f"it answers callback {message['id']}, and was asked for {number}")

    def _answer_to_callback(self) -> dict[str, Any]:
        types = {"callback_result", "emit", "save"}
        if not self._session.terms.virtual and self._played.outcome is None:
            types.add("outcome")
        try:
            return self._heard(self._session.receive(types, self._session.terms.patience))
        except TimeoutError:
            told = f"it hangs: it has not answered a callback for {self._session.terms.patience:g} real seconds"
            raise Misbehaved("W14", told) from None
