"""Cases about whose task is whose: ids of the user's own, ids that are taken, and several intents of one client.

They are the same in every run, and come before the cases that are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.client.case_parts import Further, Kill
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.kit import Intent
from mock_server.verify.client.wrong import wrong_intents

#: Ids as users write them. In a path each of them has to be percent-encoded, once.
AWKWARD_IDS = (
    "Order 7/2026 & co. #1?x=1",
    "50%25 off%2Fnow",
    "Bestellung Ä/リンゴ 🍎",
    "a+b;c=d@e:f,g",
    "100%",
    " clip 1 ",
    'say "cut" \\ <b>',
    "cafe\u0301",
    "tasks/status",
)
_LOST = {"fault": "lost_answer", "how": "reset", "on": "submit", "times": 1}
_LATE_CALLBACKS = {"fault": "late", "seconds": 45}
_PROMPTS = ("A red apple", "A green pear", "A blue plum")


def identity_cases(endpoints: Mapping[str, Endpoint]) -> list[ClientCase]:
    """All of them."""
    return [
        *_own_ids(endpoints),
        *_taken_ids(endpoints),
        *_several(endpoints),
        *_stopped(endpoints),
        *_killed(endpoints),
    ]


def _own_ids(endpoints: Mapping[str, Endpoint]) -> Iterator[ClientCase]:
    """Each awkward id, in lives that make the client ask by it."""
    lives: Sequence[tuple[dict[str, Any], list[Any]]] = (
        ({"running": 4}, [_LOST]),
        ({"running": 9}, []),
        ({"running": 2, "queue_form": "older"}, [{**_LOST, "how": "close"}]),
    )
    for name, model, (task, faults) in zip(AWKWARD_IDS, cycle(endpoints), cycle(lives), strict=False):
        params = {**endpoints[model].example, "external_task_id": name}
        yield ClientCase(Intent(model, params), "completed", None, _scenario(task, faults))
    for name, model in zip(AWKWARD_IDS[:3], [*endpoints][2:], strict=False):
        params = {**endpoints[model].example, "external_task_id": name}
        yield ClientCase(Intent(model, params), "never", None, _scenario({"hold": 0}), 400.0, cancel_after=30.0)
    model, endpoint = next(iter(endpoints.items()))
    params = {**endpoint.example, "external_task_id": AWKWARD_IDS[2]}
    yield ClientCase(Intent(model, params, with_callbacks=True), "completed", None, _scenario({"running": 31}))


def _taken_ids(endpoints: Mapping[str, Endpoint]) -> Iterator[ClientCase]:
    """Ids that somebody else's task has."""
    for name, model in zip(("order-1", *AWKWARD_IDS[:2]), endpoints, strict=False):
        params = {**endpoints[model].example, "external_task_id": name}
        yield ClientCase(Intent(model, params), "taken", None, _scenario({"running": 4}))


def _several(endpoints: Mapping[str, Endpoint]) -> Iterator[ClientCase]:
    """Several intents, one after another."""
    models = [model for model, endpoint in endpoints.items() if "prompt" in endpoint.example]
    for model in models[:2]:
        example = dict(endpoints[model].example)
        first, second, third = (Intent(model, {**example, "prompt": prompt}) for prompt in _PROMPTS)
        yield _case([first, second, third])
        yield _case([first, first])
        yield from _other_ends(model, endpoints[model], first, second)
        named = [Intent(model, {**first.params, "external_task_id": name}) for name in ("Order-A", "order-a")]
        yield _case(named)
    yield _case([Intent(model, dict(endpoints[model].example)) for model in models])
    heard = [Intent(models[0], {**endpoints[models[0]].example, "prompt": one}, True) for one in _PROMPTS[:2]]
    yield _case(heard)
    slow = Further(heard[1], scenario=_of(heard[1], _scenario({"running": 120})))
    late = _scenario({"running": 9}, [_LATE_CALLBACKS])
    yield ClientCase(heard[0], "completed", None, late, further=(slow,))


def _killed(endpoints: Mapping[str, Endpoint]) -> Iterator[ClientCase]:
    """Clients that are killed at each of their first calls, at each moment of it."""
    kills = [Kill(call, moment) for call in range(4) for moment in ("before", "after", "answered")]
    for kill, model in zip(kills, cycle(endpoints), strict=False):
        yield ClientCase(
            Intent(model, endpoints[model].example), "completed", None, _scenario({"running": 17}), kill=kill
        )
    (model, endpoint), *_ = endpoints.items()
    code = next((row.code for row in endpoint.errors.codes), endpoint.errors.generation_failed)
    named = Intent(model, {**endpoint.example, "external_task_id": AWKWARD_IDS[0]})
    yield ClientCase(named, "completed", None, _scenario({"running": 9}), kill=Kill(0, "after"))
    failing = _scenario({"running": 90, "fail": code})
    yield ClientCase(Intent(model, endpoint.example), "failed", code, failing, kill=Kill(1, "answered"))
    fetched = Intent(model, endpoint.example, download=True)
    yield ClientCase(fetched, "completed", None, _scenario({"running": 9}), kill=Kill(3, "after"))


def _stopped(endpoints: Mapping[str, Endpoint]) -> Iterator[ClientCase]:
    """Users who cancel at awkward moments, and deadlines that come during a pause."""
    (model, endpoint), *_ = endpoints.items()
    intent = Intent(model, endpoint.example)
    busy = {"fault": "rate_limit", "retry_after": 40, "as_date": False, "on": "poll"}
    down = {"fault": "error", "status": 500, "on": "poll"}
    moments: Sequence[tuple[dict[str, Any], list[Any], float]] = (
        ({"running": 60}, [{"fault": "error", "status": 503, "on": "submit", "times": 1}], 1.0),
        ({"running": 60}, [_LOST], 1.0),
        ({"running": 240}, [down], 30.0),
        ({"running": 240}, [{**busy, "skip": 1, "times": 1}], 15.0),
        ({"running": 240}, [], 30.0),
        ({"running": 240, "queue_form": "older"}, [], 30.0),
        ({"queued": 0, "running": 29}, [], 30.0),
    )
    for task, faults, after in moments:
        yield ClientCase(intent, "completed", None, _scenario(task, faults), cancel_after=after)
    heard = Intent(model, endpoint.example, with_callbacks=True)
    yield ClientCase(heard, "completed", None, _scenario({"running": 9}, [_LATE_CALLBACKS]))
    for deadline, faults in ((33.0, []), (60.0, [{**busy, "skip": 2}]), (100.0, [down])):
        yield ClientCase(intent, "never", None, _scenario({"hold": 0}, faults), deadline)


def _other_ends(model: str, endpoint: Endpoint, first: Intent, second: Intent) -> Iterator[ClientCase]:
    """Two intents of which one ends otherwise than the other."""
    code = next((row.code for row in endpoint.errors.codes), endpoint.errors.generation_failed)
    failing, never = {"running": 9, "fail": code}, {"hold": 0}
    good = _scenario({"running": 17})
    yield ClientCase(first, "failed", code, _scenario(failing), further=(Further(second, scenario=_of(second, good)),))
    yield ClientCase(
        *(first, "completed", None, good), further=(Further(second, "failed", code, _of(second, _scenario(failing))),)
    )
    yield ClientCase(
        *(first, "never", None, _scenario(never), 60.0), further=(Further(second, scenario=_of(second, good)),)
    )
    yield ClientCase(
        *(first, "never", None, _scenario(never), 400.0),
        cancel_after=30.0,
        further=(Further(second, scenario=_of(second, good)),),
    )
    yield ClientCase(
        *(first, "completed", None, good, 400.0),
        further=(Further(second, "never", None, _of(second, _scenario(never)), cancel_after=30.0),),
    )
    wrong = wrong_intents(endpoint)[0]
    yield ClientCase(
        Intent(model, wrong.params or {}), "rejected", wrong.code, _scenario({}), further=(Further(second),)
    )


def _case(intents: Sequence[Intent], faults: Sequence[Any] = ()) -> ClientCase:
    """Tasks that all go well, one for each intent."""
    first, *others = intents
    scenario = _scenario({"running": 9}, faults)
    return ClientCase(first, "completed", None, scenario, further=tuple(Further(one) for one in others))


def _scenario(task: Mapping[str, Any], faults: Sequence[Any] = ()) -> dict[str, Any]:
    return {"name": "script", "match": {}, "task": dict(task), "faults": list(faults)}


def _of(intent: Intent, scenario: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario for the tasks of this intent alone."""
    return {**scenario, "name": "further", "match": {"params": {"prompt": intent.params["prompt"]}}}
