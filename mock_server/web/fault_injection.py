"""Where scenarios meet calls: which one a submit gets, and what goes wrong with the calls about its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mock_server.contract.judge import bare_params
from mock_server.core.errors import GatewayError, ScenarioMistake, Trouble
from mock_server.platform.service import Service
from mock_server.platform.task import Task
from mock_server.platform.tenant import Tenant
from mock_server.scenarios.faults.base import Disturbance, Elsewhere, Op, Reply
from mock_server.scenarios.matching import MARK, MatchResult, choose, count, marker_in
from mock_server.scenarios.registry import ScenarioRegistry
from mock_server.scenarios.rule_set import RequestFacts
from mock_server.web.connection_faults import GONE, DisturbedAnswer, ends_when_hung_up
from mock_server.web.error_answers import error_reply
from mock_server.web.messages import Answer, AnsweredEarly, Call
from mock_server.web.other_answers import compressed, redirect
from mock_server.web.queue_errors import IdentifiedAnswer

if TYPE_CHECKING:
    from mock_server.scenarios.model import Scenario

#: What is noted of a call whose client did not wait for the end of a fault.
HUNG_UP = "(the client hung up)"
HEADER = b"x-mock-scenario"
_MARK = MARK.encode()
#: How its brackets may begin when they are escaped.
_ESCAPED = rb"\u005"


class FaultInjector:
    """Disturbs calls as scenarios say. ``max_wait`` is how many real seconds a call waits for a clock that stands
    still.
    """

    def __init__(self, service: Service, registry: ScenarioRegistry, max_wait: float) -> None:
        self._service = service
        self._registry = registry
        self._max_wait = max_wait

    def choose(self, call: Call, tenant: Tenant, model: str, body: Mapping[str, Any]) -> MatchResult | None:
        """The scenario of a submit: that of its header, else of its marker, else the first rule that is for it.

        Raises GatewayError for a header or a marker that says something wrong.
        """
        given = call.header(HEADER)
        marked = _MARK in call.content or _ESCAPED in call.content
        if given is None and not marked and self._registry.empty:
            return None
        params = bare_params(self._service.endpoint(model), body)
        facts = RequestFacts(tenant.key, model, params)
        rules = self._registry.rules(tenant.key)
        if given is not None:
            count(rules, facts, tenant.counters)
            return MatchResult(self.called(given.decode("latin-1"), "X-Mock-Scenario", tenant), "header")
        try:
            marker = marker_in(params.get("external_task_id"), *facts.prompts, params.get("negative_prompt"))
        except ScenarioMistake as mistake:
            raise GatewayError(Trouble.MALFORMED, str(mistake)) from None
        if marker is not None:
            count(rules, facts, tenant.counters)
            return MatchResult(self.called(marker, "the marker [[mock: ...]]", tenant), "marker")
        return choose(rules, facts, tenant.counters)

    def called(self, text: str, named: str, tenant: Tenant) -> Scenario:
        """The scenario that a header or a marker calls. Raises GatewayError."""
        from mock_server.scenarios.reading import read_words

        try:
            words = read_words(text.strip(), named)
            found = self._registry.named(words, tenant.key) if isinstance(words, str) else words
            return self._registry.resolved(found, tenant.key)
        except ScenarioMistake as mistake:
            message = str(mistake)
            raise GatewayError(Trouble.MALFORMED, message if named in message else f"{named}: {message}") from None

    async def submit(self, call: Call, tenant: Tenant, choice: MatchResult | None) -> None:
        """Let happen to a submit what is to happen. Raises AnsweredEarly for what is answered in place of the API."""
        if choice is not None and choice.scenario is not None:
            await self._disturb(call, tenant, "submit", choice.scenario, "")

    async def enter(self, call: Call, tenant: Tenant, op: Op, task: Task | None = None) -> bool:
        """The same for any other call; whether time has passed meanwhile."""
        if self._registry.empty and (task is None or task.scenario is None) and call.header(HEADER) is None:
            return False
        return await self._enter(call, tenant, op, task)

    async def _enter(self, call: Call, tenant: Tenant, op: Op, task: Task | None) -> bool:
        given = call.header(HEADER)
        called = self.called(given.decode("latin-1"), "X-Mock-Scenario", tenant) if given is not None else None
        began = call.at
        for scenario in [called] if called is not None else self._scenarios(tenant, op, task):
            if await self._disturb(call, tenant, op, scenario, task.id if task is not None else "", task):
                break
        return call.at != began

    def _scenarios(self, tenant: Tenant, op: Op, task: Task | None) -> Sequence[Scenario]:
        """The scenario a task was given, then rules that are for it, or for calls about no task."""
        own = [task.scenario] if task is not None and task.scenario is not None else []
        if self._registry.empty:
            return own
        facts = RequestFacts(tenant.key) if task is None else RequestFacts(tenant.key, task.model, task.params)
        found = self._registry.rules(tenant.key).for_call(op, facts)
        return own + [rule for rule in found if not any(rule.name == one.name for one in own)]

    async def _disturb(
        self, call: Call, tenant: Tenant, op: Op, scenario: Scenario, about: str, task: Task | None = None
    ) -> bool:
        """Let a scenario's faults happen to a call; whether there were any."""
        since_end = _since_end(task, call.at)
        happening = tenant.counters.firing(scenario, op, about, since_end, tenant.seed, tenant.key)
        if not happening:
            return False
        disturbance = Disturbance()
        for _, one in happening:
            disturbance = merged(disturbance, one)
        call.fault = f"{scenario.name}: {', '.join(fault.fault for fault, _ in happening)}"
        await self._wait(call, tenant, disturbance.before)
        call.ending = Ending(self, call, tenant, disturbance)
        if not disturbance.handled:
            raise AnsweredEarly(Answer(0, b""))  # the ending puts the right one in its place
        return True

    async def _wait(self, call: Call, tenant: Tenant, seconds: float) -> None:
        """Let time pass. Raises AnsweredEarly when the client hangs up meanwhile."""
        if seconds <= 0:
            return
        sleeper = self.sleeper(call, tenant)
        async with ends_when_hung_up(call.receive, sleeper):
            await sleeper.sleep(seconds)
        call.at = tenant.clock.now()
        if sleeper.ended:
            call.ending = None
            call.fault = f"{call.fault} {HUNG_UP}"
            raise AnsweredEarly(DisturbedAnswer(Reply(0, (), b""), GONE, None))

    def sleeper(self, call: Call, tenant: Tenant) -> Any:
        """Who sleeps for a call."""
        if call.sleeper is None:
            call.sleeper = tenant.clock.sleeper(self._max_wait).__enter__()
        return call.sleeper

    async def end(self, call: Call, tenant: Tenant, disturbance: Disturbance, answer: Answer) -> Answer:
        """The answer to send in place of the one that was made."""
        try:
            await self._wait(call, tenant, disturbance.after)
        except AnsweredEarly as gone:
            return gone.answer
        answer = self._instead(call, disturbance, answer)
        if replace(disturbance, before=0.0, handled=True, after=0.0, instead=None) == Disturbance():
            return answer
        if isinstance(answer, IdentifiedAnswer):  # what is spoiled or dripped is bytes from here on
            answer.identify(call.header(b"x-request-id") or b"%s-%x" % (tenant.mark, tenant.journal.calls + 1))
        spoiled = await self._spoiled(call, tenant, disturbance, answer)
        spoiled.note = answer.note
        if disturbance.silent:
            spoiled.status = 0
        return spoiled

    def _instead(self, call: Call, disturbance: Disturbance, answer: Answer) -> Answer:
        """What is sent in place of an answer, before that is spoiled."""
        if disturbance.instead is None:
            return answer
        if isinstance(disturbance.instead, Elsewhere):
            return redirect(call, disturbance.instead)
        endpoint = self._service.endpoint(call.model) if call.model is not None else None
        return error_reply(disturbance.instead, endpoint, call.at, queue=call.queue)

    async def _spoiled(self, call: Call, tenant: Tenant, disturbance: Disturbance, answer: Answer) -> Answer:
        reply = Reply(answer.status, answer.headers, await answer.content())
        if disturbance.spoiled is not None:
            reply = disturbance.spoiled(reply)
        if disturbance.gzip:
            reply = compressed(reply, call.header(b"accept-encoding"))
        if disturbance.silent or disturbance.kept or disturbance.drip or disturbance.ending:
            sleeper = self.sleeper(call, tenant) if disturbance.drip is not None else None
            return DisturbedAnswer(reply, disturbance, sleeper)
        kept = [(name, value) for name, value in reply.headers if name != b"content-length"]
        return Answer(reply.status, reply.body, kept)


class Ending:
    """What is still to happen to a call once it is answered."""

    __slots__ = ("_call", "_disturbance", "_injector", "_tenant")

    def __init__(self, injector: FaultInjector, call: Call, tenant: Tenant, disturbance: Disturbance) -> None:
        self._injector = injector
        self._call = call
        self._tenant = tenant
        self._disturbance = disturbance

    async def __call__(self, answer: Answer) -> Answer:
        """The answer to send."""
        return await self._injector.end(self._call, self._tenant, self._disturbance, answer)


def merged(one: Disturbance, other: Disturbance) -> Disturbance:
    """Both: waits add up; of two that answer or send otherwise, the first."""
    decided = one if replace(one, before=0.0, after=0.0) != Disturbance() else other
    return replace(decided, before=one.before + other.before, after=one.after + other.after)


def _since_end(task: Task | None, now: float) -> float | None:
    end = task.timeline.end if task is not None else None
    return None if end is None else now - end.at
