"""Tasks that are watched for their whole life, and which checks look at each of them.

Of each model two are read by every path at every moment, one from each protocol. The others differ in what was asked
for: each mode, length, size and sound, texts in other scripts, and drawn bodies.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks import life_callbacks, life_course, life_fields, life_results
from mock_server.verify.server.checks.common import DOCUMENTED, QUEUE, WRAPPED, Json, Material
from mock_server.verify.server.lives import Cohort, Life, LifePlan
from mock_server.verify.server.target import Target

Check = Callable[[Target, Life], Iterator[Problem]]

#: What a video is like depends on these.
ASKED = ("mode", "duration", "aspect_ratio", "sound")
#: A text with what is lost where bytes, UTF-16 or HTML are taken for text: beyond the BMP, combining, quotes, ends.
TEXT = "Ein Schiff - 漁火 🎬 é 'x' \"y\" <b>&amp; \\n %41\nend"
EXTERNAL = "{} scène/漁火?a=b&c#d%2F+é"
DRAWN = 3
#: A video of more seconds is long.
LONG = 5


def cases(material: Material) -> Iterator[Case]:
    """The cases: each check of each life."""
    cohort_of = _plans(material)
    cohort = Cohort(cohort_of)
    for place, plan in enumerate(cohort_of):
        checks = _checks(plan)
        for number, (concern, (name, says, check)) in enumerate(checks.items()):
            first = place == number == 0
            yield Case(
                f"{plan.id}/{concern}", name, plan.endpoint.model, _facts(plan, concern),
                f"{says} ({plan.endpoint.short}#response, wire#1, wire#2)", plan.calls,
                plan.cost, _looked_at(cohort, plan, check), follows=first, after=not first, of=plan.id,
            )  # fmt: skip


def _looked_at(cohort: Cohort, plan: LifePlan, check: Check) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        yield from check(target, cohort.life(target, plan))

    return tried


def _checks(plan: LifePlan) -> dict[str, tuple[str, str, Check]]:
    """The checks of one life, by a word, each with its property and what it rests on."""
    found: dict[str, tuple[str, str, Check]] = {
        "fields": (life_fields.FIELDS, "id, model, created_at, external_task_id and metadata of a task",
                   life_fields.problems),
        "course": (life_course.LIFE, "status and progress of a task, and what is final stays", life_course.problems),
        "result": (life_results.RESULT, "outputs, usage and metadata are the poll's", life_results.problems),
        "video": (life_results.VIDEO, "each URL leads to the video that was asked for", life_results.video_problems),
    }  # fmt: skip
    if plan.watched:
        found["protocols"] = (
            life_course.AGREE, "it is the same task underneath: each protocol and each id reads it",
            life_course.agreement_problems,
        )  # fmt: skip
        found["status"] = (
            life_course.STATUS_PROPERTY, "IN_QUEUE, IN_PROGRESS, COMPLETED, each with its own keys",
            life_course.status_problems,
        )  # fmt: skip
        found["timing"] = (life_fields.TIMING, "in_queue_at, and once ended completed_at", life_fields.timing_problems)
    if plan.calls_back:
        found["callbacks"] = (
            life_callbacks.CALLS, "one callback for each change, as the poll shows it", life_callbacks.problems
        )  # fmt: skip
    if plan.calls_back and plan.watched:
        found["signed"] = (
            life_callbacks.CALLS, "v1,HMAC-SHA256 over id.timestamp.body", life_callbacks.signed_problems
        )  # fmt: skip
    return found


def _facts(plan: LifePlan, concern: str) -> tuple[str, ...]:
    model = plan.endpoint.model
    facts = (f"life {model} {concern} {plan.name}",)
    if not plan.watched:
        return facts
    own = {
        "course": ("transition {} queued", "transition {} in_progress", "transition {} completed", "progress {}"),
        "status": tuple(f"queue {{}} status {one}" for one in ("queued", "in_progress", "completed", "time")),
        "result": ("queue {} outputs", "queue {} usage", "queue {} metadata"),
        "callbacks": ("callback {} told",),
        "signed": ("callback {} signed",),
        "timing": ("timing {} completed",),
    }
    return (*(fact.format(model) for fact in own.get(concern, ())), *facts)


def _plans(material: Material) -> list[LifePlan]:
    return [plan for endpoint in material.endpoints.values() for plan in _plans_of(material, endpoint)]


def _plans_of(material: Material, endpoint: Endpoint) -> Iterator[LifePlan]:
    """The lives of one model's tasks."""
    bodies = material.bodies[endpoint.model]
    base = bodies.cheapest
    cost = bodies.cost(base)
    yield LifePlan("generation", endpoint, base, DOCUMENTED, cost, True, EXTERNAL, True)
    yield LifePlan("queue", endpoint, base, QUEUE, cost, True, EXTERNAL, True, filmed=False)
    seen = _kinds(endpoint, base)
    for count, (name, params) in enumerate(_different(material, bodies)):
        # Drawing a video takes a server of ours a while: of the long ones it draws no more than it must.
        kinds = _kinds(endpoint, params) - seen
        filmed = material.depth > 1 or any(_shows(endpoint, one, params) for one, _ in kinds)
        seen |= kinds if filmed else set()
        how = (DOCUMENTED, QUEUE, WRAPPED)[count % 3]
        metadata = {"order": f"life-{count}", "nested": {"ünï": [count, None]}} if how == WRAPPED else {}
        external = ("", "{}", EXTERNAL)[count // 3 % 3]
        yield LifePlan(
            name, endpoint, params, how, bodies.cost(params), False, external, count % 2 == 0, metadata, filmed
        )  # fmt: skip


def _shows(endpoint: Endpoint, name: str, params: Json) -> bool:
    """Whether a video shows the value of a parameter, and is worth to be drawn for that: a long one only where there is
    no other. A mode shows where its resolution is promised.
    """
    if "mode" not in endpoint.by_name:
        return True
    is_long = int(params.get("duration", "5")) > LONG
    return not is_long and name != "duration" and (name != "mode" or "sound" in endpoint.by_name)


def _kinds(endpoint: Endpoint, params: Json) -> set[tuple[str, Any]]:
    """What makes a video what it is: each value of what it depends on, defaults filled in."""
    return {
        (name, params.get(name, endpoint.by_name[name].schema.get("default")))
        for name in ASKED
        if name in endpoint.by_name
    }


def _different(material: Material, bodies: Bodies) -> Iterator[tuple[str, Json]]:
    """Accepted bodies that ask for different videos, each with a name of its own."""
    for chosen in combined(bodies, 99 if material.depth > 1 else 1):
        name = " ".join(f"{parameter} {value}" for parameter, value in chosen.items())
        yield name or "plain", asking(bodies, chosen)
    if not bodies.broken(written := {**bodies.cheapest, **_texts(bodies)}):
        yield "other scripts", written
    for number, params in enumerate(bodies.right(30)[: DRAWN * material.depth]):
        yield f"drawn {number}", params


def _texts(bodies: Bodies) -> Json:
    return {name: TEXT for name in ("prompt", "negative_prompt") if name in bodies.endpoint.by_name}


def asking(bodies: Bodies, chosen: Json) -> Json:
    """The cheapest parameters with some chosen ones; its shots add up to the length again."""
    params = {**bodies.cheapest, **chosen}
    shots = params.get("multi_prompt")
    if params.get("multi_shot") and isinstance(shots, list) and shots:
        params["multi_prompt"] = [{**shots[0], "duration": params.get("duration", "5")}]
    return params


def combined(bodies: Bodies, pairs: int) -> list[Json]:
    """Choices among what a video depends on: every value once at least, every pair of two values that are not lengths;
    at depth every pair.
    """
    choices = {name: _values(bodies.endpoint, name) for name in ASKED if name in bodies.endpoint.by_name}
    every = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
    every = [chosen for chosen in every if not bodies.broken(asking(bodies, chosen))]
    found: list[Json] = []
    due = {part for chosen in every for part in _parts(chosen, pairs)}
    while due:
        best = max(every, key=lambda chosen: (len(_parts(chosen, pairs) & due), -bodies.cost(chosen)))
        gained = _parts(best, pairs) & due
        if not gained:
            break
        due -= gained
        found.append(best)
    return found


def _parts(chosen: Json, pairs: int) -> set[tuple[Any, ...]]:
    """The values and pairs that a choice covers."""
    single: set[tuple[Any, ...]] = set(chosen.items())
    paired = [item for item in chosen.items() if pairs > 1 or item[0] != "duration"]
    return single | set(itertools.combinations(paired, 2))


def _values(endpoint: Endpoint, name: str) -> Sequence[Any]:
    return list(endpoint.by_name[name].schema.get("enum", ()))
