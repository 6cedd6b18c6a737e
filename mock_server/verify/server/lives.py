"""Lives of tasks, watched from the submit to long after the end, for many checks at once.

A cohort starts all its tasks together and lets time pass once for all of them. What every path answered, and which
callbacks came, is kept, so that one task serves every check that looks at it.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from mock_server.contract.endpoint import Endpoint
from mock_server.core.clock import Clock
from mock_server.verify.server.checks.common import QUEUE, WRAPPED, Json, body_of, task_of, told
from mock_server.verify.server.queue_forms import FORMS, ORDER, OVER, Form, form_of
from mock_server.verify.server.receiver import Listener, Message, Receiver
from mock_server.verify.server.target import Dropped, Exchange, NotExercised, Overdue, Target
from mock_server.verify.server.transport import Answer

FINAL = ("completed", "failed")
#: The ids of a task: the one that its submit gave, that of the other protocol, and the client's own.
GIVEN, OTHER, EXTERNAL = "the id of its submit", "the id of the other protocol", "its external_task_id"
POLL, STATUS, RESPONSE = "poll", "status", "response"
#: Every way to read a task that is looked at in turn, beside the two that are used at every moment.
IN_TURN = (
    (POLL, EXTERNAL), (RESPONSE, GIVEN), (STATUS, OTHER), (POLL, OTHER), (RESPONSE, EXTERNAL), (STATUS, EXTERNAL),
    (RESPONSE, OTHER),
)  # fmt: skip
EVERY = ((POLL, GIVEN), (STATUS, GIVEN), *IN_TURN)
#: How often a task that is over is read again at once.
AGAIN = 8
#: Virtual seconds after the end after which it is read once more.
LATER = 3600.0


@dataclass(frozen=True, slots=True)
class LifePlan:
    """A task to be watched. ``shape`` is how it is submitted. A ``watched`` one is read by every path at every moment,
    another at its end. ``external`` is its external id, with ``{}`` for a fresh name; empty for none. ``metadata`` is
    sent in the wrapped shape. The video of one that is not ``filmed`` is fetched only where that takes no time.
    """

    name: str
    endpoint: Endpoint
    params: Json
    shape: str
    cost: float
    watched: bool = False
    external: str = ""
    calls_back: bool = False
    metadata: Json = field(default_factory=dict)
    filmed: bool = True

    @property
    def calls(self) -> int:
        """How many calls it takes, nearly."""
        return 60 if self.watched else 9

    @property
    def id(self) -> str:
        """How it is called among all models' lives."""
        return f"{self.endpoint.short}/lives/{self.name}"

    @property
    def asked(self) -> str:
        """The model and the parameters in one text."""
        return f"{self.endpoint.model} {json.dumps(self.params, sort_keys=True)}"

    @property
    def callback_query(self) -> str:
        """The query of its callback_url, which has to arrive as it is."""
        return f"of={quote(self.name)}&n=%2F+1"


@dataclass(frozen=True, slots=True)
class Look:
    """What one path answered: ``what`` was read by which id, and when, in seconds since the cohort began."""

    what: str
    by: str
    at: float
    exchange: Exchange


@dataclass
class Life:
    """What was seen of a task. ``began`` and ``server_time`` are the moments of its submit: seconds since the cohort
    began, and Unix seconds where the target's clock is known, None elsewhere. ``url_owners`` tells whose video each URL
    is, among all lives of the cohort,
    ``prices`` what the first task of the same parameters cost.
    """

    plan: LifePlan
    made: Exchange
    external: str
    form: Form
    began: float
    server_time: float | None
    looks: list[Look] = field(default_factory=list)
    receiver: Receiver | None = None
    over: bool = False
    other_id: str = ""
    turn: int = 0
    url_owners: dict[str, str] = field(default_factory=dict)
    prices: dict[str, str] = field(default_factory=dict)
    #: Videos that are fetched meanwhile, by their URLs; None where they are not.
    videos: dict[str, Future[Answer | None]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id that its submit gave."""
        return task_of(self.made)

    @property
    def queued(self) -> bool:
        """Whether it was submitted on the queue."""
        return self.plan.shape == QUEUE

    @property
    def messages(self) -> list[Message]:
        """The callbacks that came, in order."""
        return self.receiver.messages if self.receiver is not None else []

    @property
    def polls(self) -> list[Exchange]:
        """All polls, in order."""
        return [look.exchange for look in self.looks if look.what == POLL]

    def read(self, *what: str) -> list[Look]:
        """All looks of some kinds, in order."""
        return [look for look in self.looks if look.what in what]

    @property
    def end(self) -> Look | None:
        """The first poll that told the end; None when none did."""
        return next((look for look in self.read(POLL) if body_of(look.exchange).get("status") in FINAL), None)

    @property
    def responses(self) -> tuple[list[Look], list[Look]]:
        """The responses on the queue: those before any answer told the end, and those after."""
        over = next((place for place, look in enumerate(self.looks) if _tells_end(self, look)), len(self.looks))
        before, after = self.looks[:over], self.looks[over:]
        return [one for one in before if one.what == RESPONSE], [one for one in after if one.what == RESPONSE]

    @property
    def result(self) -> Exchange | None:
        """The first response on the queue with a result; None when there was none."""
        return next((look.exchange for look in self.responses[1] if look.exchange.status == 200), None)


class Cohort:
    """Tasks that live at the same time on one target. They begin when the first check asks for one of them."""

    def __init__(self, plans: Sequence[LifePlan]) -> None:
        self.plans = tuple(plans)
        self._lock = threading.Lock()
        self._target: Target | None = None
        self._lives: dict[str, Life | str] = {}

    def life(self, target: Target, plan: LifePlan) -> Life:
        """The life of one task. Raises NotExercised where it did not begin, or did not end in time."""
        with self._lock:
            if self._target is not target:
                self._target, self._lives = target, {}
            if plan.id not in self._lives:
                wanted = [one for one in self.plans if one is plan or _is_wanted(target, one)]
                lived = _lived(target, [one for one in wanted if one.id not in self._lives])
                self._lives |= lived
                self._fetch(target, [one for one in lived.values() if isinstance(one, Life) and one.plan.filmed])
            found = self._lives[plan.id]
        if isinstance(found, str):
            raise NotExercised(found)
        return found

    def _fetch(self, target: Target, lives: Sequence[Life]) -> None:
        """Fetch the videos of some lives beside what else is tried, in the order in which they are looked at, where a
        server draws them only now. Elsewhere they are fetched one after another when they are looked at.
        """
        if not target.is_local:
            return
        first: Future[Answer | None] | None = None
        for life in sorted(lives, key=lambda life: life.plan.cost):
            planned = target.planned is None or f"{life.plan.id}/video" in target.planned
            for url in urls_of(body_of(life.end.exchange)) if life.end is not None and planned else ():
                if first is None:
                    first = life.videos[url] = target.background.submit(target.fetched, url)
                else:
                    life.videos[url] = target.background.submit(_fetched_early, target, first, url)


def _fetched_early(target: Target, first: Future[Answer | None], url: str) -> Answer | None:
    """What is at a URL, where the first answer says that videos are drawn; None elsewhere."""
    known = first.result()
    return target.fetched(url) if known is not None and known.headers.get("x-mock-media") == "full" else None


def _is_wanted(target: Target, plan: LifePlan) -> bool:
    """Whether a case of this run looks at it."""
    return target.planned is None or any(name.startswith(f"{plan.id}/") for name in target.planned)


def _lived(target: Target, plans: Sequence[LifePlan]) -> dict[str, Life | str]:
    """The lives of some tasks from submit to long after the end; a sentence for one that did not begin."""
    with contextlib.ExitStack() as stack:
        cohort = _Cohort(target, stack)
        found: dict[str, Life | str] = {}
        for plan in plans:
            found[plan.id] = cohort.begin(plan)
        lives = [life for life in found.values() if isinstance(life, Life)]
        cohort.follow(lives)
        owners: dict[str, str] = {}
        prices: dict[str, str] = {}
        for life in lives:
            if life.end is not None:
                prices.setdefault(life.plan.asked, str(body_of(life.end.exchange).get("usage")))
            life.prices = prices
            life.url_owners, life.form = owners, FORMS[target.queue_form or _form_seen(lives)]
            for url in urls_of(body_of(life.end.exchange)) if life.end is not None else ():
                owners.setdefault(url, life.plan.id)
        return found


def _form_seen(lives: Sequence[Life]) -> str:
    """The form of the queue protocol that statuses are in, where no submit told it."""
    words = {str(body_of(look.exchange).get("status")) for life in lives for look in life.read(STATUS)}
    return "older" if words & {"QUEUED", *ORDER} else "documented"


class _Cohort:
    """Where a cohort lives: the target, the receiver of its callbacks, and the time that has passed."""

    def __init__(self, target: Target, stack: contextlib.ExitStack) -> None:
        self._target, self._stack = target, stack
        self._listener: Listener | None = None
        self._clock = Clock()
        self._time = self._began = self._now()

    def _now(self) -> float:
        """Unix seconds by the target's clock where that is known, else by this machine's."""
        if self._target.controlled:
            return float(self._target.control("GET", "clock")["now"])
        return self._clock.now()

    def _at(self) -> float:
        """Seconds since it began; where time can be moved, it stands still between the steps."""
        return (self._time if self._target.controlled else self._now()) - self._began

    def begin(self, plan: LifePlan) -> Life | str:
        """Submit a task, and look at it for the first time."""
        target = self._target
        external = plan.external.format(target.fresh_name()) if plan.external else ""
        params = {**plan.params, **({"external_task_id": external} if external else {})}
        receiver = self._receiver() if plan.calls_back else None
        if receiver is not None:
            params["callback_url"] = f"{receiver.url}?{plan.callback_query}"
        began = self._at()
        try:
            made = self._submitted(plan, params)
        except Dropped as dropped:
            return f"the submit got no whole answer: {dropped}"
        if not task_of(made):
            return f"the body was rejected: {told(made)}"
        if plan.shape == QUEUE:
            target.queue_form = target.queue_form or form_of(body_of(made)).name
        life = Life(
            plan, made, external, FORMS["documented"], began, self._began + began if target.controlled else None
        )
        life.receiver = receiver
        if plan.watched:
            self._look(life)
        return life

    def _receiver(self) -> Receiver | None:
        """A receiver that the target can reach; None where it can reach none."""
        try:
            if self._listener is None:
                self._listener = self._stack.enter_context(self._target.listening())
        except NotExercised:
            return None
        return self._stack.enter_context(Receiver(self._listener, lambda _: 200, own=False))

    def _submitted(self, plan: LifePlan, params: Json) -> Exchange:
        if plan.shape == WRAPPED and plan.metadata:
            body = {"model": plan.endpoint.model, "metadata": plan.metadata, "input": [{"params": params}]}
            return self._target.call("POST", "/model/v1/generation", body)
        return self._target.submit(plan.endpoint, params, plan.shape)

    def follow(self, lives: Sequence[Life]) -> None:
        """Look at all of them until each is over, again at once, and long after."""
        watched = [life for life in lives if life.plan.watched]
        with contextlib.suppress(Overdue, NotExercised):  # what has not ended by now is told by its checks
            for number, _ in enumerate(self._target.steps()):
                self._time = self._now()
                for life in lives:
                    self._follow(life, number, all(one.over for one in watched))
                if all(life.over for life in lives):
                    break
        for life in lives:
            self._read_over(life)
        self._target.settle(LATER)
        self._time = self._now()
        for life in lives:
            self._read_later(life)

    def _follow(self, life: Life, number: int, alone: bool) -> None:
        """Look at a task that is not over: at each step, or seldom where it is not watched, and others are."""
        if life.over:
            return
        if life.plan.watched:
            self._look(life)
        elif number % (2 if alone else 8) == 1:
            self._read(life, POLL, GIVEN)

    def _look(self, life: Life) -> None:
        """Read a task by both protocols and by one more path, another at each moment."""
        self._read(life, POLL, GIVEN)
        self._read(life, STATUS, GIVEN)
        what, by = IN_TURN[life.turn % len(IN_TURN)]
        life.turn += 1
        self._read(life, what, by)

    def _read_over(self, life: Life) -> None:
        """Read a task that is over by every path, and again."""
        for what, by in EVERY if life.plan.watched else ((POLL, GIVEN), (RESPONSE, GIVEN), (STATUS, GIVEN)):
            self._read(life, what, by)
        for number in range(AGAIN if life.plan.watched else 0):
            self._read(life, RESPONSE if life.queued and number % 2 else POLL, GIVEN)

    def _read_later(self, life: Life) -> None:
        for what, by in EVERY if life.plan.watched else ((POLL, EXTERNAL), (RESPONSE, OTHER)):
            self._read(life, what, by)

    def _read(self, life: Life, what: str, by: str) -> None:
        """Read a task, where it has such an id; an answer that does not come is told by others."""
        name = {GIVEN: life.id, OTHER: life.other_id, EXTERNAL: life.external}[by]
        if not name:
            name, by = life.id, GIVEN
        with contextlib.suppress(Dropped):
            at = self._at()
            polled = what == POLL
            exchange = self._target.poll(name) if polled else self._target.queue(life.plan.endpoint, name, what)
            life.looks.append(Look(what, by, at, exchange))
            _learn(life, what, exchange)


def _learn(life: Life, what: str, exchange: Exchange) -> None:
    """Note what an answer tells: the id of the other protocol, and whether the task is over."""
    body = body_of(exchange)
    name = body.get("id" if what == POLL else "request_id")
    if not life.other_id and (what == POLL) == life.queued and isinstance(name, str) and exchange.status in {200, 202}:
        life.other_id = name
    if what == POLL and body.get("status") in FINAL:
        life.over = True


def moments_of(exchange: Exchange) -> Iterable[float]:
    """What time it was for the server when it answered, as its Date tells."""
    date = exchange.headers.get("date")
    with contextlib.suppress(TypeError, ValueError):
        if date is not None:
            yield parsedate_to_datetime(date).timestamp()


def now_here() -> float:
    """Unix seconds by this machine's clock."""
    return Clock().now()


def _tells_end(life: Life, look: Look) -> bool:
    """Whether a poll or a status tells the end, or a response is a result."""
    body = body_of(look.exchange)
    if look.what == POLL:
        return body.get("status") in FINAL
    return "outputs" in body or "output" in body or life.form.state(body) in OVER


def urls_of(body: Json) -> Iterator[str]:
    """The URLs in the output of a task, those that are texts, whatever shape the output has."""
    output = body.get("output")
    for one in output if isinstance(output, list) else []:
        content = one.get("content") if isinstance(one, dict) else None
        for item in content if isinstance(content, list) else []:
            if isinstance(item, dict) and isinstance(item.get("url"), str):
                yield item["url"]
