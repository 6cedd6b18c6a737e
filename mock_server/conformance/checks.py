"""The violations that a client's traffic alone shows. A rule looks at all of it and says what is wrong."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import orjson

from mock_server.conformance.callback_checks import (
    good_callbacks,
    repeated_callbacks,
    unbelievable_callbacks,
)
from mock_server.conformance.grouping import Ids, by_task, repeats_of, tries_of
from mock_server.conformance.properties import Thresholds, Verdict
from mock_server.conformance.traffic import BROKEN_OFF, QUESTIONS, Seen, Traffic, task_id_of
from mock_server.contract.judge import Judge, wrapped_body
from mock_server.core.errors import TaskRejected

#: What may be sent again though it was a 4xx: time, order or other tasks may have been the reason.
PASSING = frozenset({402, 408, 409, 425, 429})
#: So many calls in a row may be denied.
MOST_DENIALS = 4
#: How a key may be sent, in lower case.
SCHEMES = frozenset({"bearer", "key"})


class Observer:
    """Judges traffic. ``judges`` are the contracts of the models."""

    def __init__(self, judges: Mapping[str, Judge], limits: Thresholds) -> None:
        self._judges = judges
        self._limits = limits

    def judge(self, traffic: Traffic) -> Verdict:
        """All violations of the client that made it."""
        verdict = Verdict()
        for rule in _RULES:
            rule(self, traffic, verdict)
        verdict.faults = [fault for fault in verdict.faults if fault.property.id not in traffic.blind]
        verdict.faults.sort(key=lambda fault: (fault.at, fault.property.id))
        for property_id in traffic.blind:
            verdict.exercised.pop(property_id, None)
        verdict.notes = traffic.not_judged
        return verdict

    def key(self, traffic: Traffic, verdict: Verdict) -> None:
        """W01."""
        home = _home(traffic)
        for call in traffic.calls:
            if call.kind in {"media", "other"} or "key" in call.hidden or _is_led_away(call, home):
                continue
            verdict.saw("W01")
            given = call.headers.get("authorization", "")
            scheme, _, key = given.strip().partition(" ")
            if scheme.lower() not in SCHEMES or not key.strip():
                said = "no Authorization header"
                if given:
                    said = "an Authorization header that is neither Bearer KEY nor Key KEY"
                verdict.blame("W01", f"{call.method} {call.path} has {said}", call.at, call.number)

    def content_type(self, traffic: Traffic, verdict: Verdict) -> None:
        """W02."""
        for call in _of(traffic, "submit"):
            if "content-type" in call.hidden:
                continue
            verdict.saw("W02")
            given = call.headers.get("content-type", "")
            if given.partition(";")[0].strip().lower() != "application/json":
                said = f"a submit says Content-Type {given!r}" if given else "a submit says no Content-Type"
                verdict.blame("W02", said, call.at, call.number)

    def syntax(self, traffic: Traffic, verdict: Verdict) -> None:
        """W03."""
        for call in _of(traffic, "submit"):
            if not call.whole:
                continue
            verdict.saw("W03")
            wrong = _not_json(call.body)
            if wrong is not None:
                verdict.blame("W03", f"the body of a submit {wrong}", call.at, call.number)

    def contract(self, traffic: Traffic, verdict: Verdict) -> None:
        """W04."""
        for call in _of(traffic, "submit"):
            broken = self._broken(call)
            if broken is None:
                continue
            verdict.saw("W04")
            if broken:
                said = f"a submit of {call.model} breaks its document: {'; '.join(broken[:3])}"
                verdict.blame("W04", said, call.at, call.number)

    def _broken(self, call: Seen) -> Sequence[str] | None:
        """What is wrong with a submit by its model's document; None where nobody can say."""
        judge = self._judges.get(call.model or "")
        if judge is None or not isinstance(call.value, dict):
            return None
        if not call.whole:
            return call.broken or (() if call.made is not None else None)
        body = wrapped_body(judge.endpoint.model, call.value) if call.on_queue else call.value
        try:
            broken = judge.read(body).violations
        except TaskRejected as rejected:
            broken = rejected.violations
        return [one.message for one in broken]

    def bought_once(self, traffic: Traffic, verdict: Verdict) -> None:
        """W05 and W06: what is tried again after an answer that was lost."""
        for tries in tries_of(traffic):
            made: list[Seen] = []
            for first, again in pairwise(tries):
                made += [first] if first.made is not None else []
                verdict.saw("W06")
                if again.external_id is None or again.external_id != first.external_id:
                    how = (
                        "without an external_task_id" if again.external_id is None else "under another external_task_id"
                    )
                    said = f"a submit whose answer was {_how(first)} is tried again {how}"
                    verdict.blame("W06", said, again.at, first.number, again.number)
                if made:
                    verdict.saw("W05")
                    if again.made is not None and again.made != made[-1].made:
                        said = f"the same was bought twice: the answer to the first submit was {_how(made[-1])}"
                        verdict.blame("W05", said, again.at, made[-1].number, again.number)

    def looked_up(self, traffic: Traffic, verdict: Verdict) -> None:
        """W05 and W06 once more: a submit whose answer was lost is asked for by the id that it gave."""
        asked = {call.task for call in traffic.calls if call.kind in QUESTIONS}
        for call in _of(traffic, "submit"):
            if call.lost and call.external_id is not None and task_id_of(call.external_id) in asked:
                verdict.saw("W05")
                verdict.saw("W06")

    def patience(self, traffic: Traffic, verdict: Verdict) -> None:
        """W07 and W08: how long the same call waits after it failed."""
        for before, again in repeats_of(traffic):
            if not before.retriable:
                continue
            waited = again.at - before.over_at
            slack = self._limits.slack
            if before.retry_after is not None:
                asked = before.retry_after - before.over_at
                if asked > slack:
                    verdict.saw("W07")
                if again.at < before.retry_after - slack:
                    said = f"{_named(again)} comes {waited:.3g} s after a {before.status} that asked for {asked:.3g} s"
                    verdict.blame("W07", said, again.at, before.number, again.number)
            elif before.lost and self._limits.retry_gap > slack:
                verdict.saw("W08")
                if waited < self._limits.retry_gap - slack:
                    said = f"{_named(again)} comes {waited:.3g} s after one whose answer was {_how(before)}; "
                    said += f"{self._limits.retry_gap:g} s is the least"
                    verdict.blame("W08", said, again.at, before.number, again.number)

    def polling(self, traffic: Traffic, verdict: Verdict) -> None:
        """W09 and W11: how often, and how long, a task is polled."""
        for polls in by_task(traffic).values():
            for before, again in pairwise(polls):
                if "cancel" not in {before.kind, again.kind}:
                    self._polled_again(before, again, verdict)
            if polls and polls[-1].final:
                verdict.saw("W11")

    def _polled_again(self, before: Seen, again: Seen, verdict: Verdict) -> None:
        """The result of a task is asked for once the task has ended; before that, it is a poll like any other."""
        if before.final:
            verdict.saw("W11")
            if not before.unclear and (before.kind, again.kind) != ("poll", "result"):
                since = again.at - before.at
                said = f"{again.about} is polled again {since:.3g} s after it was {before.word or 'completed'}"
                verdict.blame("W11", said, again.at, before.number, again.number)
        elif "answer" in before.hidden and again.kind == "result":
            return  # it may well have ended
        elif not (before.retriable or before.redirects) and self._limits.poll_gap > self._limits.slack:
            verdict.saw("W09")
            if again.at - before.over_at < self._limits.poll_gap - self._limits.slack:
                said = f"{again.about} is polled again after {again.at - before.over_at:.3g} s; "
                said += f"{self._limits.poll_gap:g} s is the least"
                verdict.blame("W09", said, again.at, before.number, again.number)

    def refusals(self, traffic: Traffic, verdict: Verdict) -> None:
        """W10, for calls that change something: a question may have another answer later."""
        refused: dict[Any, Seen] = {}
        for call in traffic.calls:
            if call.kind not in {"submit", "cancel"} or not call.known:
                continue
            asks = call.intent if call.params else call.body
            what = (call.method, call.path, asks, call.headers.get("authorization"))
            before = refused.get(what)
            if before is not None and (call.body == before.body or _answered_alike(call, before)):
                how = "as it was" if call.body == before.body else "under another id, and refused again"
                said = f"{_named(call)} is sent again {how}, after a {before.status}"
                verdict.blame("W10", said, call.at, before.number, call.number)
            if (
                call.status is not None
                and 400 <= call.status < 500
                and call.status not in PASSING
                and not call.broke_off
            ):
                verdict.saw("W10")
                refused[what] = call

    def ids(self, traffic: Traffic, verdict: Verdict) -> None:
        """W12."""
        known: set[str | None] = set()
        for call in traffic.calls:
            if call.kind == "submit":
                if not call.known or (call.status == 200 and "answer" in call.hidden):
                    return  # an id that nobody can know here
                known |= {task_id_of(call.answered_id), task_id_of(call.external_id), call.made}
            elif call.kind in {"poll", "result", "cancel"}:
                verdict.saw("W12")
                known |= {call.task} if call.status in {200, 202} else set()
                if call.status == 404 and call.task not in known:
                    said = f"{_named(call)} asks for {call.about!r}, which no submit has answered or given"
                    verdict.blame("W12", said, call.at, call.number)

    def hosts(self, traffic: Traffic, verdict: Verdict) -> None:
        """W22: where the key goes once an answer has named another host than the one the submit was sent to."""
        own, home, foreign = Ids(), dict[str | None, str](), defaultdict[str | None, set[str]](set)
        for call in traffic.calls:
            if call.kind == "other" or not call.host:
                continue
            task = None  # a submit, which may be redirected before it makes one
            if call.kind == "submit":
                own.learn(call)
                home.setdefault(own.task(call), call.host if call.host not in foreign[None] else home[None])
            else:
                task = own.task(call)
            at_home = home.setdefault(task, call.host)
            if foreign[task]:
                verdict.saw("W22")
            if call.host in foreign[task] and call.headers.get("authorization"):
                said = f"{_named(call)} takes the key to {call.host}, which only an answer of {at_home} had named"
                verdict.blame("W22", said, call.at, call.number)
            foreign[task] |= call.hosts_named - {at_home}
            if call.kind == "submit":
                foreign[own.task(call)] |= call.hosts_named - {at_home}

    def endurance(self, traffic: Traffic, verdict: Verdict) -> None:
        """W13."""
        run: dict[Any, int] = defaultdict(int)
        denied: dict[Any, int] = defaultdict(int)
        for call in traffic.calls:
            if not call.known:
                continue
            what = (call.kind, call.task, call.intent if call.kind == "submit" else None)
            refused = _is_denied(call)
            if not (call.retriable or refused or (call.kind in QUESTIONS and (call.status or 0) >= 400)):
                run[what] = denied[what] = 0
                continue
            run[what] += 1
            denied[what] = denied[what] + 1 if refused else 0
            if run[what] == 2:
                verdict.saw("W13")
            if denied[what] == MOST_DENIALS + 1:
                said = f"{_named(call)} is denied with {call.status} {denied[what]} times in a row and is still tried; "
                verdict.blame("W13", f"{said}{MOST_DENIALS} are the most", call.at, call.number)
            elif run[what] == self._limits.most_failures + 1 and denied[what] <= MOST_DENIALS:
                said = f"{_named(call)} has failed {run[what]} times in a row and is still tried; "
                said += f"{self._limits.most_failures} are the most"
                verdict.blame("W13", said, call.at, call.number)

    def downloads(self, traffic: Traffic, verdict: Verdict) -> None:
        """W19 and W20."""
        fetches: dict[str, list[Seen]] = defaultdict(list)
        for call in _of(traffic, "media"):
            fetches[call.place].append(call)
        for calls in fetches.values():
            verdict.saw("W19")
            if calls[0].status in {403, 410} or (calls[0].status == 404 and "expired" in (calls[0].fault or "")):
                verdict.blame("W19", f"{calls[0].place} is fetched after it has expired", calls[0].at, calls[0].number)
            broken = [call for call in calls if any(word in (call.fault or "") for word in BROKEN_OFF)]
            if broken:
                verdict.saw("W20")
                if calls[-1] is broken[-1]:
                    said = f"{broken[-1].place} broke off and is not fetched again"
                    verdict.blame("W20", said, broken[-1].at, broken[-1].number)


def _is_denied(call: Seen) -> bool:
    """Whether it is for the user to do something: pay, or, of a poll, use another key."""
    return call.status == 402 or (call.kind in QUESTIONS and call.status in {401, 403})


_RULES: tuple[Callable[[Observer, Traffic, Verdict], None], ...] = (
    Observer.key,
    Observer.content_type,
    Observer.syntax,
    Observer.contract,
    Observer.bought_once,
    Observer.looked_up,
    Observer.patience,
    Observer.polling,
    Observer.refusals,
    Observer.ids,
    Observer.hosts,
    Observer.endurance,
    lambda _, traffic, verdict: unbelievable_callbacks(traffic, verdict),
    lambda _, traffic, verdict: repeated_callbacks(traffic, verdict),
    lambda _, traffic, verdict: good_callbacks(traffic, verdict),
    Observer.downloads,
)


def _answered_alike(call: Seen, before: Seen) -> bool:
    return call.answer == before.answer and "answer" not in call.hidden | before.hidden


def _of(traffic: Traffic, kind: str) -> list[Seen]:
    home = _home(traffic)
    return [call for call in traffic.calls if call.kind == kind and (kind == "media" or not _is_led_away(call, home))]


def _home(traffic: Traffic) -> str:
    """The host that was called first."""
    return next((call.host for call in traffic.calls if call.kind not in {"media", "other"}), "")


def _is_led_away(call: Seen, home: str) -> bool:
    """Whether a call is made to another host, without the key: a redirect has led there."""
    return call.host != home and not call.headers.get("authorization")


def _not_json(body: bytes) -> str | None:
    """What is wrong with a body as JSON, if anything."""
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        counted = Counter(name for name, _ in found)
        twice.extend(name for name, count in counted.items() if count > 1)
        return dict(found)

    def constant(name: str) -> None:
        raise ValueError(f"has {name}, which is no JSON")

    try:
        json.loads(body.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    except UnicodeDecodeError:
        return "is not UTF-8"
    except json.JSONDecodeError as error:
        return f"is not JSON: {error.msg}"
    except (ValueError, RecursionError) as error:
        return str(error)
    if twice:
        return f"has the key {twice[0]!r} twice"
    return None if b"\\u" not in body or _is_strict(body) else "has an escape that is half of a character"


def _is_strict(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


def _how(call: Seen) -> str:
    return "lost" if call.status is None else f"a {call.status}" if call.status >= 400 else "broken"


def _named(call: Seen) -> str:
    return f"a {call.kind}" if call.kind != "other" else f"{call.method} {call.place}"
