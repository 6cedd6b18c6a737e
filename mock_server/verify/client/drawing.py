"""Draws cases from the tables of ``lives`` and the intents of each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.client import lives
from mock_server.verify.client.case_parts import Expected
from mock_server.verify.client.cases import DEADLINE, ClientCase
from mock_server.verify.client.intents import MIXTURES, packed
from mock_server.verify.client.kit import Intent
from mock_server.verify.client.tables import Draw, Table, table
from mock_server.verify.client.wrong import wrong_intents


def cases(draw: Draw, endpoints: Mapping[str, Endpoint]) -> ClientCase:
    """Any case. Call ``prepare`` before."""
    model = draw(_MODELS[0])
    end = draw(lives.ENDS)
    faults = [
        {**draw(lives.SUBMIT_FAULTS), "on": "submit", "skip": place, "times": 1}
        for place in range(draw(lives.UP_TO_TWO))
    ]
    if end == "rejected":
        wrong = draw(_WRONG[model])
        faults = [fault for fault in faults if fault["fault"] != "malformed"]  # it would hide the code
        return ClientCase(Intent(model, wrong.params), "rejected", wrong.code, _scenario({}, faults))
    outage = draw(lives.OUTAGES) if end == "never" else None
    faults += _on_polls(draw) if outage is None else [{**outage, "on": "poll"}]
    wanted, forge_after, rotating = draw(lives.CALLBACKS) or (None, None, False)
    kinds = {fault["fault"]: fault for fault in [draw(lives.CALLBACK_FAULTS) for _ in range(wanted or 0)]}
    if "reorder" in kinds:
        kinds.pop("early", None)  # together they would tell of an end that has not come
    faults += kinds.values()
    params = draw(_RIGHT[model]).params
    expected, code, task = _course(draw, endpoints[model], end)
    download = expected == "completed" and draw(lives.DOWNLOAD)
    spoiled = draw(lives.MEDIA_FAULTS) if download else None
    if spoiled is not None:
        faults.append({**spoiled, "on": "media", "times": 1})
    return ClientCase(
        Intent(model, params, wanted is not None, download),
        expected,
        code,
        _scenario(task, faults),
        draw(lives.DEADLINES) if expected == "never" else DEADLINE,
        draw(lives.CANCELS),
        forge_after,
        [draw(lives.FORGERIES) for _ in range(lives.FORGED_AT_ONCE)] if forge_after is not None else (),
        rotating,
        draw(lives.ELSEWHERE) if expected == "cancelled" else None,
        draw(lives.FORMS) if wanted == 0 and not rotating else None,
        draw(lives.AFTERTHOUGHTS) if wanted == 0 and expected in {"completed", "failed"} else None,
    )


def _on_polls(draw: Draw) -> list[dict[str, Any]]:
    """What happens to some of the polls, and to the fetching of the result."""
    faults: list[dict[str, Any]] = []
    skip = 0
    for _ in range(draw(lives.UP_TO_THREE)):
        skip += draw(lives.AFTER)
        faults.append({**draw(lives.POLL_FAULTS), "on": "poll", "skip": skip, "times": 1})
        skip += 1
    return faults + [{**draw(lives.RESULT_FAULTS), "on": "result", "times": 1} for _ in range(draw(lives.UP_TO_ONE))]


def _scenario(task: Mapping[str, Any], faults: Sequence[Any]) -> dict[str, Any]:
    # The name stays as it is: it decides what the chances of faults draw.
    return {"name": "script", "match": {}, "task": dict(task), "faults": list(faults)}


def _course(draw: Draw, endpoint: Endpoint, end: Any) -> tuple[Expected, str | None, dict[str, Any]]:
    """How the task goes, and how it ends."""
    task: dict[str, Any] = {
        "queued": draw(lives.QUEUED),
        "running": draw(lives.RUNNING),
        **draw(lives.ODDITIES),
        **draw(lives.ON_QUEUE),
    }
    if end in {"never", "cancelled"}:
        return end, None, {**task, "hold": 0}
    if end == "failed":
        code, said, kind = draw(_CODES[endpoint.model]), draw(lives.REASONS), draw(lives.KINDS_OF_ERROR)
        why = {"fail": code, "message": said, "error_type": kind}
        return "failed", code, {**task, **{name: value for name, value in why.items() if value}}
    if end in {"empty", "missing"}:
        return "empty", None, {**task, "output": end}
    return "completed", None, task if end == 1 else {**task, "output": end}


_MODELS: list[Table] = []
_RIGHT: dict[str, Table] = {}
_WRONG: dict[str, Table] = {}
_CODES: dict[str, Table] = {}


def prepare(endpoints: Mapping[str, Endpoint]) -> None:
    """Find the intents of these models, once."""
    plainest = sorted(endpoints, key=lambda model: len(orjson.dumps(dict(endpoints[model].example))))
    _MODELS[:] = [table("model", *plainest, on="case")]
    kinds: set[str] = set()
    for model in plainest:
        endpoint = endpoints[model]
        bodies, wrong, codes = packed(endpoint), wrong_intents(endpoint), endpoint.errors.codes
        _RIGHT[model] = table(f"intent of {model}", *bodies, on="case", goal=len(bodies) - MIXTURES)
        # What is wrong is a goal once, with the plainest model that can have it; and each code of each model is one.
        news = {one.code: one for one in reversed(wrong)} | {one.kind: one for one in wrong if one.kind not in kinds}
        kinds |= {one.kind for one in wrong}
        wrong.sort(key=lambda one: one not in news.values())
        _WRONG[model] = table(
            f"wrong intent of {model}", *wrong, on="case", goal=len({id(one) for one in news.values()})
        )
        _CODES[model] = table(
            f"code of {model}", *([row.code for row in codes] or [endpoint.errors.generation_failed]), on="end"
        )
