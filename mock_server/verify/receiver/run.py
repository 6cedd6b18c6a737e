"""Runs the whole repertoire of callbacks against one receiver, and gathers what is wrong with its answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mock_server.core.clock import wall_clock
from mock_server.verify.common.run_control import RunControl
from mock_server.verify.receiver.properties import RECEIVER
from mock_server.verify.receiver.sender import Answer, Sender, Unreachable
from mock_server.verify.receiver.tasks import ReceiverTask
from mock_server.verify.repertoire.forged import FORGED
from mock_server.verify.repertoire.genuine import GENUINE
from mock_server.verify.repertoire.message import TOLERANCE, Event, Kind, Message
from mock_server.verify.repertoire.nonsense import NONSENSE

FORGED_URL = "https://forged.example.com/video.mp4"
#: What signs where the receiver has no secret: the signature is taken away again.
NO_SECRET = "whsec_bm8gc2VjcmV0"  # noqa: S105 - everybody may know it
#: The properties of a receiver by those of a client.
OF_A_RECEIVER = {"W21": "R01", "W31": "R02", "W32": "R03", "A15": "R04", "W18": "R05", "W15": "R06", "W16": "R07"}
NEEDS_SECRET = frozenset({"R02", "R03", "R04", "R05"})
#: So many callbacks at once.
AT_ONCE = 8
#: After so many callbacks without an answer in time no more are sent.
MOST_SLOW = 3
#: Statuses by which a receiver says that it does not believe a callback.
DISBELIEF = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Wrong:
    """One wrong answer: what was sent, and what came back."""

    property: str
    says: str
    message: Message
    answer: Answer


@dataclass
class Results:
    """What a run found. ``accepts`` is whether genuine callbacks are accepted at all; ``why_not`` has the reason for
    each property that was not exercised.
    """

    exercised: Counter[str] = field(default_factory=Counter)
    wrong: list[Wrong] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    why_not: dict[str, str] = field(default_factory=dict)
    accepts: bool = True
    sent: int = 0
    stopped: str | None = None


class ReceiverRun:
    """Proves one receiver. ``now`` tells the time, in Unix seconds."""

    def __init__(
        self,
        sender: Sender,
        task: ReceiverTask,
        secret: str | None,
        takes: Callable[[str], bool] = lambda _: True,
        now: Callable[[], float] = wall_clock,
    ) -> None:
        self._sender = sender
        self._task = task
        self._secret = secret
        self._takes = takes
        self._now = now
        self._slow = self._made = 0
        #: Why no more is sent, if so.
        self._given_up: str | None = None
        self.results = Results()

    def run(self, control: RunControl, counting: Callable[[Results], int]) -> Results:
        """All of it. Raises Unreachable."""
        self._first()
        steps = list(self._steps())
        for place, step in enumerate(steps):
            if control.over(place, len(steps), counting(self.results), ("step", "steps")) or self._given_up is not None:
                break
            control.unless_stopped(step)
        self.results.stopped = self._given_up or control.stopped
        self._explain()
        return self.results

    def _first(self) -> None:
        """Send one genuine callback, which says whether the receiver can be tested."""
        answer, message = self._sent(GENUINE["as usual"].make(self._event(self._task.running())))
        if answer.good:
            self._saw("R01")
            return
        self.results.accepts = False
        if answer.broke or answer.status in DISBELIEF or self._task.named:
            if answer.status is None or answer.status < 500:
                hint = "; is the secret the one that the receiver has?" if answer.status in DISBELIEF else ""
                self._blame("R01", f"a genuine callback is answered with {answer}{hint}", message, answer)
            return
        why = f"the receiver answers {answer} to a genuine callback about a task that it does not know"
        self.results.why_not["R01"] = f"{why}; name one that it knows with --task-id or --external-task-id"

    def _steps(self) -> Iterator[Callable[[], None]]:
        if self.results.accepts:
            yield from self._genuine()
        yield from self._repertoire(FORGED) if self._secret is not None else ()
        yield from self._repertoire(NONSENSE)
        if self.results.accepts:
            yield self._at_once
            yield self._twice
        yield self._contradictions
        yield self._other_methods

    def _genuine(self) -> Iterator[Callable[[], None]]:
        for name, kind in GENUINE.items():
            if name == "as usual" or (self._secret is None and name not in {"charset", "spaces", "a line end"}):
                continue
            rule = OF_A_RECEIVER[kind.property] if self._secret is not None else "R01"
            if self._takes(rule):
                yield partial(self._accepted, rule, kind)

    def _accepted(self, rule: str, kind: Kind) -> None:
        answer, message = self._sent(kind.make(self._event(self._task.running())))
        self._saw(rule)
        if not answer.good and not answer.broke:
            self._blame(rule, f"{kind.says} is answered with {answer}", message, answer)

    def _repertoire(self, kinds: dict[str, Kind]) -> Iterator[Callable[[], None]]:
        for kind in kinds.values():
            rule = OF_A_RECEIVER[kind.property]
            if self._takes(rule) or self._takes("R08"):
                yield partial(self._rejected, rule, kind)

    def _rejected(self, rule: str, kind: Kind) -> None:
        lie = self._task.completed(FORGED_URL)
        answer, message = self._sent(kind.make(self._event(self._task.running(), lie)))
        if not self.results.accepts or (rule == "R07" and not self._task.named):
            return  # it says nothing: all are rejected, or the task of every callback is unknown
        self._saw(rule)
        if answer.good:
            what = "a forged callback" if rule in NEEDS_SECRET else "a callback"
            self._blame(rule, f"{what}, {kind.says}, is answered with {answer}", message, answer)

    def _twice(self) -> None:
        """The same callback again, and once more as it is sent again: signed anew under the same id."""
        for task in (self._task.running(), self._task.completed()):
            event = self._event(task)
            first, _ = self._sent(event.message(event.body))
            for again in (event.message(event.body), self._later(event)):
                answer, message = self._sent(again)
                if not first.good:
                    continue
                self._saw("R09")
                if not answer.good and not answer.broke:
                    told = f"a callback that comes again under the same webhook-id is answered with {answer}"
                    self._blame("R09", told, message, answer)

    def _later(self, event: Event) -> Message:
        later = Event(event.id, event.now + 1, event.secret, event.task, event.lie)
        return later.message(later.body)

    def _at_once(self) -> None:
        events = [self._event(self._task.running(0.5 + place / 100)) for place in range(AT_ONCE)]
        messages = [self._as_sent(event.message(event.body)) for event in events]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(self._posted, messages))
        self.results.sent += len(messages)
        self._saw("R12")
        bad = [(message, answer) for message, answer in zip(messages, answers, strict=True) if not answer.good]
        if bad:
            told = f"of {AT_ONCE} genuine callbacks at once {len(bad)} are answered with {bad[0][1]}"
            self._blame("R12", told, *bad[0])

    def _contradictions(self) -> None:
        """An end, the other end, and no end; then an end before its beginning."""
        told = (
            ("completed", self._task.completed()),
            ("failed after completed", self._task.failed()),
            ("in_progress after failed", self._task.running()),
            ("completed again after that", self._task.completed()),
        )
        for says, task in told:
            event = self._event(task)
            answer, message = self._sent(event.message(event.body), quietly=True)
            self._saw("R10")
            if answer.broke and answer.status is not None:
                self._blame("R10", f"a callback that says {says} is answered with {answer}", message, answer)

    def _other_methods(self) -> None:
        """Only said: a receiver may answer other methods as it likes."""
        for method in ("GET", "HEAD"):
            answer = self._called(method)
            if answer.good:
                self.results.notes.append(f"{method} is answered with {answer}: no sender of callbacks uses it")

    # Parts

    def _event(self, task: dict[str, Any], lie: dict[str, Any] | None = None) -> Event:
        self._made += 1
        name = f"msg_verify_{int(self._now() * 1000):x}_{self._made}"
        return Event(name, int(self._now()), self._secret or NO_SECRET, task, lie or {}, TOLERANCE)

    def _as_sent(self, message: Message) -> Message:
        """What is sent of a callback where there is no secret: nothing is signed."""
        if self._secret is not None:
            return message
        return Message({k: value for k, value in message.headers.items() if k != "webhook-signature"}, message.body)

    def _sent(self, message: Message, *, quietly: bool = False) -> tuple[Answer, Message]:
        """Send one callback, and look at what every answer must be; ``quietly`` leaves a 5xx to the caller."""
        message = self._as_sent(message)
        answer = self._posted(message)
        self.results.sent += 1
        self._saw("R08")
        self._saw("R11")
        if answer.late:
            self._slow += 1
            if self._slow >= MOST_SLOW:
                self._given_up = f"stopped after {MOST_SLOW} callbacks without an answer in time"
            self._blame("R11", f"a callback has {answer}; the sender waits {self._sender.timeout:g} s", message, answer)
        elif answer.broke and not (quietly and answer.status is not None):
            self._blame("R08", f"a callback is answered with {answer}", message, answer)
        return answer, message

    def _posted(self, message: Message) -> Answer:
        """Send one callback as it is. Raises Unreachable where none has been sent yet."""
        try:
            return self._sender.post(message)
        except Unreachable as error:
            if not self.results.sent:
                raise
            self._given_up = "stopped: the receiver does not listen any more"
            return Answer(None, 0.0, str(error))

    def _called(self, method: str) -> Answer:
        try:
            return self._sender.call(method)
        except Unreachable as error:
            return Answer(None, 0.0, str(error))

    def _saw(self, rule: str) -> None:
        self.results.exercised[rule] += 1

    def _blame(self, rule: str, says: str, message: Message, answer: Answer) -> None:
        self.results.wrong.append(Wrong(rule, says, message, answer))

    def _explain(self) -> None:
        """Say why properties were not exercised."""
        results = self.results
        if not results.accepts:
            results.exercised = Counter({name: results.exercised[name] for name in ("R01", "R08", "R10", "R11")})
            results.exercised["R01"] = any(wrong.property == "R01" for wrong in results.wrong)
        for name in RECEIVER:
            if results.exercised[name] or name in results.why_not:
                continue
            results.why_not[name] = self._why_not(name)

    def _why_not(self, name: str) -> str:
        if not self.results.accepts:
            return "no genuine callback was accepted, so rejecting and accepting say nothing"
        if self._secret is None and name in NEEDS_SECRET:
            return "without --secret nothing is signed"
        if name == "R07" and not self._task.named:
            return "the receiver accepts a task that nobody has submitted; name one that it knows with --task-id"
        return self.results.stopped or "not chosen"


def judged(results: Results) -> dict[str, Sequence[Wrong]]:
    """The wrong answers by property; one that breaks at everything is not blamed for each thing."""
    found: dict[str, list[Wrong]] = {}
    for wrong in results.wrong:
        found.setdefault(wrong.property, []).append(wrong)
    return dict(found)
