"""A user's own ids: whatever is in them and however long, an id names one task, and one that is like it another."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from mock_server.contract.endpoint import Endpoint
from mock_server.models import discover
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import (
    DOCUMENTED,
    QUEUE,
    WRAPPED,
    Asked,
    Json,
    Material,
    about,
    body_of,
    detail_problems,
    gateway_problems,
    task_of,
    told,
)
from mock_server.verify.server.checks.names import IDS
from mock_server.verify.server.target import Exchange, NotExercised, Target

UNIQUE, UNKNOWN = "keeps external ids unique", "answers unknown ids"
SHAPES = (DOCUMENTED, WRAPPED, QUEUE)

#: Ids with a fresh name in them.
AWKWARD: tuple[str, ...] = (
    " {} ", "{}%", "{}%zz", "%41{}", "{}%2F%2f", "{}\"quoted\"'s", "{}<b>&amp;</b>", "{}\\back\\slash", "{}a..b",
    "{};x=1,y=2", "{}|^`[]{{}}~!$()*@:", "{}=&?#", "{}+ +", "{}\ttab", "漁火{}", "{}é", "{}\u202eabc",
    "{}🎬👩\u200d👧", "mmsu_{}", "task-{}", "12345{}", "{}-4f9a-4c6e-8e0b-0c1c0f6f9b1d", "/{}", "{}/", "{}//",
    "status{}/response", "{}\u00a0",
)  # fmt: skip
#: How long an id has to be allowed to be, and how long it may be.
LENGTHS, LONG = (64, 128, 255), 2000

#: Two ids that are not the same, of a fresh name.
NEIGHBOURS: tuple[tuple[str, str, str], ...] = (
    ("letters", "{}-Take", "{}-take"),
    ("a blank at the end", "{}", "{} "),
    ("a blank before", "{}-b", " {}-b"),
    ("a slash at the end", "{}-s", "{}-s/"),
    ("a plus", "{}+1", "{} 1"),
    ("a percent", "{}/x", "{}%2Fx"),
    ("normal forms", unicodedata.normalize("NFC", "{}é"), unicodedata.normalize("NFD", "{}é")),
    ("leading zeros", "1{}", "01{}"),
    ("the 65th letter", "{:x<64}a", "{:x<64}b"),
    ("the 256th letter", "{:y<255}a", "{:y<255}b"),
    ("an end", "{}-e", "{}-e2"),
)
#: Ids of no task as they stand in a path.
NO_TASKS: tuple[str, ...] = (
    "no-such-task", "%ff", "%00", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a%0d%0aX-Evil:%201", "%27%20OR%20%271%27=%271",
    "%F0%9F%8E%AC", "%25", "a" * 3000, "0", "-1", "null", "undefined", "%20", "*", "{task_id}", "mmsu_",
    "00000000-0000-0000-0000-000000000000",
)  # fmt: skip


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    every = list(discover())
    for number, name in enumerate(AWKWARD):
        for model, endpoint in material.endpoints.items():
            if material.depth == 1 and every.index(model) != number % len(every):
                continue
            bodies = material.bodies[model]
            yield _case(endpoint, bodies, f"awkward/{number}", IDS, "awkward ids", 4,
                        _found(endpoint, bodies.cheapest, name, SHAPES[number % 3], must=True))  # fmt: skip
    for model, endpoint in material.endpoints.items():
        bodies = material.bodies[model]
        for length in (*LENGTHS, LONG):
            tried = _found(endpoint, bodies.cheapest, f"{{:z<{length}}}", SHAPES[length % 3], must=length < LONG)
            yield _case(endpoint, bodies, f"length/{length}", IDS, "long ids", 4, tried)
        for number, (name, one, other) in enumerate(NEIGHBOURS):
            yield _case(endpoint, bodies, f"neighbours/{name}", IDS, "neighbours", 4,
                        _apart(endpoint, bodies.cheapest, (one, other), SHAPES[number % 3], name), 2)  # fmt: skip
        for name, tried in (
            ("another model", _other_model(endpoint, bodies)),
            ("another user", _other_user(endpoint, bodies.cheapest)),
            ("after a refusal", _after_refusal(endpoint, bodies.cheapest)),
            ("after a cancel", _after_cancel(endpoint, bodies.cheapest)),
            ("at once", _at_once(endpoint, bodies.cheapest)),
        ):
            yield _case(endpoint, bodies, f"unique/{name}", UNIQUE, f"unique {name}", 6, tried, 2)
        yield _case(endpoint, bodies, "unknown", UNKNOWN, "unknown ids", 2 * len(NO_TASKS), _unknown(endpoint), 0)


def _case(
    endpoint: Endpoint, bodies: Bodies, case_id: str, name: str, fact: str, calls: int, tried: Tried, tasks: int = 1
) -> Case:
    return Case(
        f"{endpoint.short}/external/{case_id}", name, endpoint.model, (f"ids {endpoint.model} {fact}",),
        f"external_task_id queries the task, with any characters, and is unique ({endpoint.short}#external_task_id, "
        "wire#1)", calls, tasks * bodies.cost(bodies.cheapest), tried,
    )  # fmt: skip


def _found(endpoint: Endpoint, params: Json, form: str, shape: str, *, must: bool) -> Tried:
    """Tries an id that has to be accepted, or may be refused; one that is accepted has to be found and echoed."""

    def tried(target: Target) -> Iterator[Problem]:
        own = form.format(target.fresh_name())
        asked = Asked("external_task_id", repr(own[:80]))
        made = target.submit(endpoint, {**params, "external_task_id": own}, shape)
        if not task_of(made):
            if must or made.status != 400:
                yield from about([Problem(f"it is rejected: {told(made)}", made)], asked)
            return
        yield from about(_names(target, endpoint, own, made, shape), asked)

    return tried


def _names(target: Target, endpoint: Endpoint, own: str, made: Exchange, shape: str) -> Iterator[Problem]:
    """What is wrong with answers about a task that is asked for by its external id."""
    poll, status = target.poll(own), target.queue(endpoint, own, "status")
    known = body_of(status).get("request_id") if shape == QUEUE else body_of(poll).get("id")
    if known != task_of(made):
        which = status if shape == QUEUE else poll
        yield Problem(f"asking by it gives {told(which)}; the task {task_of(made)!r} was due", which)
    elif status.status != 200 or poll.status != 200:
        which = poll if shape == QUEUE else status
        yield Problem(f"the other protocol does not find it: {told(which)}", which)
    elif body_of(poll).get("external_task_id") != own:
        yield Problem(f"a poll echoes {body_of(poll).get('external_task_id')!r}; {own!r} was due", poll)


def _apart(endpoint: Endpoint, params: Json, forms: tuple[str, str], shape: str, what: str) -> Tried:
    """Tries two ids that differ by little."""

    def tried(target: Target) -> Iterator[Problem]:
        fresh, made = target.fresh_name(), {}
        for form in forms:
            own = form.format(fresh)
            exchange = target.submit(endpoint, {**params, "external_task_id": own}, shape)
            if not task_of(exchange):
                asked = Asked("external_task_id", f"differs by {what}")
                yield from about([Problem(f"{own[:80]!r} is rejected: {told(exchange)}", exchange)], asked)
                return
            made[own] = exchange
        for own, exchange in made.items():
            yield from about(
                _names(target, endpoint, own, exchange, shape), Asked("external_task_id", f"differs by {what}")
            )

    return tried


def _named(target: Target, endpoint: Endpoint, params: Json, shape: str = DOCUMENTED) -> Json:
    """Parameters with an id of a task that was just made."""
    named = {**params, "external_task_id": target.fresh_name()}
    made = target.submit(endpoint, named, shape)
    if not task_of(made):
        raise NotExercised(f"a body with external_task_id is rejected: {told(made)}")
    return named


def _taken(target: Target, endpoint: Endpoint, named: Json, what: str) -> Iterator[Problem]:
    asked = Asked("external_task_id", f"is taken {what}")
    yield from about(gateway_problems(target.submit(endpoint, named), 409, 40901), asked)
    yield from about(gateway_problems(target.submit(endpoint, named, WRAPPED), 409, 40901), asked)
    yield from about(detail_problems(target.submit(endpoint, named, QUEUE), 409), asked)


def _other_model(endpoint: Endpoint, bodies: Bodies) -> Tried:
    other = next(one for one in discover().values() if one.model != endpoint.model)
    others = Bodies(other, 0).cheapest

    def tried(target: Target) -> Iterator[Problem]:
        named = _named(target, endpoint, bodies.cheapest, QUEUE)
        taken = {**others, "external_task_id": named["external_task_id"]}
        yield from _taken(target, other, taken, f"by a task of {endpoint.short}")

    return tried


def _other_user(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        if not target.other_key:
            raise NotExercised("no second key is known; give one with --other-key")
        named = _named(target, endpoint, params)
        theirs = target.submit(endpoint, named, key=target.other_key)
        if not task_of(theirs):
            yield Problem(f"an external_task_id of one user is taken for another: {told(theirs)}", theirs)
            return
        mine = target.poll(str(named["external_task_id"]))
        if task_of(mine) in {"", task_of(theirs)}:
            yield Problem(f"two users have the same external_task_id, and the first finds {told(mine)}", mine)

    return tried


def _after_refusal(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        named = {**params, "external_task_id": target.fresh_name()}
        for shape in SHAPES:
            target.submit(endpoint, {**named, "no_such_parameter": 1}, shape)
        made = target.submit(endpoint, named)
        if not task_of(made):
            yield Problem(f"a body that was refused has taken its external_task_id: {told(made)}", made)

    return tried


def _after_cancel(endpoint: Endpoint, params: Json) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        named = _named(target, endpoint, params)
        target.queue(endpoint, str(named["external_task_id"]), "cancel")
        yield from _taken(target, endpoint, named, "by a task that was cancelled")

    return tried


def _at_once(endpoint: Endpoint, params: Json) -> Tried:
    """Tries submits that race for one id: exactly one of them makes a task."""

    def tried(target: Target) -> Iterator[Problem]:
        named = {**params, "external_task_id": target.fresh_name()}
        with ThreadPoolExecutor(max_workers=4) as pool:
            racing = [pool.submit(target.submit, endpoint, named, shape) for shape in (*SHAPES, DOCUMENTED)]
            answers = [one.result() for one in racing]
        made = [one for one in answers if task_of(one)]
        others = [one for one in answers if not task_of(one) and one.status != 409]
        if len(made) != 1:
            yield Problem(
                f"{len(answers)} submits at once with one external_task_id made {len(made)} tasks", answers[0]
            )
        elif others:
            yield Problem(f"a submit that lost a race is answered {told(others[0])}; 409 was due", others[0])

    return tried


def _unknown(endpoint: Endpoint) -> Tried:
    """Asks for tasks that are not there. What is no text at all may be 400, what is too long 414."""

    def tried(target: Target) -> Iterator[Problem]:
        for name in NO_TASKS:
            odd = {400, 404, 414, 431} if name in {"%ff", "%00", "a" * 3000, "a%0d%0aX-Evil:%201"} else {404}
            poll = target.call("GET", f"/model/v1/generation/task/{name}")
            status = target.call("GET", f"/model/v1/queue/{endpoint.model}/requests/{name}/status")
            for exchange in (poll, status):
                if exchange.status not in odd or (odd == {404} and not body_of(exchange)):
                    found = Problem(f"the answer is {told(exchange)}; 404 was due", exchange)
                    yield from about([found], Asked("task id", name[:40]))

    return tried
