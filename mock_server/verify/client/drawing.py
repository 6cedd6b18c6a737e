"""Draws cases from the tables of ``lives`` and the intents of each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.client import conditions, lives
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
        faults = [fault for fault in faults if not _hides_code(fault)]
        given, task = (
            (draw(_RIGHT[model]).params, {"refuse": wrong.code}) if wrong.params is None else (wrong.params, {})
        )
        return ClientCase(Intent(model, given), "rejected", wrong.code, _scenario(task, faults))
    params = draw(_RIGHT[model]).params
    if end == "refused":
        return ClientCase(
            Intent(model, params), end, None, _scenario({}, [{**draw(conditions.REFUSALS), "on": "submit"}])
        )
    wanted, forge_after, rotating = draw(lives.CALLBACKS) or (None, None, False)
    expected, code, task, deadline = _course(draw, endpoints[model], end)
    faults += [*_on_polls(draw, end), *_on_callbacks(draw, wanted)]
    download = expected == "completed" and draw(lives.DOWNLOAD)
    spoiled = draw(lives.MEDIA_FAULTS) if download else None
    if spoiled is not None:
        faults.append({**spoiled, "on": "media", "times": 1})
    return ClientCase(
        Intent(model, params, wanted is not None, download),
        expected,
        code,
        _scenario(task, faults),
        deadline,
        draw(lives.CANCELS),
        forge_after,
        [draw(lives.FORGERIES) for _ in range(lives.FORGED_AT_ONCE)] if forge_after is not None else (),
        rotating,
        draw(lives.ELSEWHERE) if expected == "cancelled" else None,
        draw(lives.FORMS) if wanted == 0 and not rotating else None,
        draw(lives.AFTERTHOUGHTS) if wanted == 0 and _ends_as_documented(expected, task) else None,
    )


def _ends_as_documented(expected: Expected, task: Mapping[str, Any]) -> bool:
    return expected in {"completed", "failed"} and "end_word" not in task


def _hides_code(fault: Mapping[str, Any]) -> bool:
    """Whether nobody can read the answer of a submit that is refused."""
    stalls = fault.get("gap") == conditions.NEVER
    return fault["fault"] in {"malformed", "truncate"} or fault.get("when") == "during" or stalls


def _on_polls(draw: Draw, end: Any) -> list[dict[str, Any]]:
    """What happens to some of the polls, and to the fetching of the result."""
    outage = draw(lives.OUTAGES) if end == "never" else None
    if outage is not None:
        return [{**outage, "on": "poll"}]
    if end == "denied":
        return [{**draw(conditions.DENIALS), "on": ["poll", "result"], "skip": draw(lives.AFTER)}]
    faults: list[dict[str, Any]] = []
    skip = 0
    for _ in range(draw(lives.UP_TO_THREE)):
        skip += draw(lives.AFTER)
        faults.append({**draw(lives.POLL_FAULTS), "on": "poll", "skip": skip, "times": 1})
        skip += 1
    long_wait = draw(conditions.LONG_WAITS) if end not in {"never", "cancelled"} else None
    faults += [] if long_wait is None else [long_wait]
    return faults + [
        {**draw(lives.RESULT_FAULTS), "on": "result", "skip": place, "times": 1}
        for place in range(draw(lives.RESULTS_FAIL))
    ]


def _on_callbacks(draw: Draw, wanted: int | None) -> list[dict[str, Any]]:
    kinds = {fault["fault"]: fault for fault in [draw(lives.CALLBACK_FAULTS) for _ in range(wanted or 0)]}
    if "reorder" in kinds:
        kinds.pop("early", None)  # together they would tell of an end that has not come
    return list(kinds.values())


def _scenario(task: Mapping[str, Any], faults: Sequence[Any]) -> dict[str, Any]:
    # The name stays as it is: it decides what the chances of faults draw.
    return {"name": "script", "match": {}, "task": dict(task), "faults": list(faults)}


def _course(draw: Draw, endpoint: Endpoint, end: Any) -> tuple[Expected, str | None, dict[str, Any], float]:
    """How the task goes, how it ends, and by when it is wanted."""
    task: dict[str, Any] = {
        "queued": draw(lives.QUEUED),
        "running": draw(lives.RUNNING),
        **draw(lives.ODDITIES),
        **draw(lives.ON_QUEUE),
        **draw(conditions.QUEUE_WORDS),
    }
    if end == "never":
        return end, None, {**task, "hold": 0}, draw(lives.DEADLINES)
    if end == "cancelled":
        return end, None, {**task, "hold": 0}, DEADLINE
    life, deadline = conditions.long_life(draw(conditions.LONG_LIVES))
    expected, code, more = _failure(draw, endpoint) if end == "failed" else _success(draw, end)
    task |= {**life, **more}
    return (
        expected,
        code,
        task,
        conditions.UNKNOWN_END + task["running"] if "end_word" in more else deadline or DEADLINE,
    )


def _failure(draw: Draw, endpoint: Endpoint) -> tuple[Expected, str | None, dict[str, Any]]:
    """How a task fails."""
    code, said, kind = draw(_CODES[endpoint.model]), draw(lives.REASONS), draw(lives.KINDS_OF_ERROR)
    why = {"fail": code, "message": said, "error_type": kind, "end_word": draw(conditions.OVER_WORDS)}
    return "failed", code, {**{name: value for name, value in why.items() if value}, **draw(conditions.REASON_FORMS)}


def _success(draw: Draw, end: Any) -> tuple[Expected, str | None, dict[str, Any]]:
    """How a task completes: with so many videos, or without any."""
    more: dict[str, Any] = {**draw(conditions.USAGES)}
    if end in {"empty", "missing", "null", "no_content"}:
        return "empty", None, {**more, "output": end}
    more |= draw(conditions.VIDEO_URLS)
    word = draw(conditions.DONE_WORDS) if end != "denied" else None
    more |= {} if word is None else {"end_word": word}
    if end == "denied":
        return "denied", None, more
    return "completed", None, more if end == 1 else {**more, "output": end, **draw(conditions.CONTENTS)}


_MODELS: list[Table] = []
_RIGHT: dict[str, Table] = {}
_WRONG: dict[str, Table] = {}
_CODES: dict[str, Table] = {}


def is_prepared(endpoints: Mapping[str, Endpoint]) -> bool:
    """Whether the intents of these models, and of no others, are found."""
    return bool(_MODELS) and set(_MODELS[0].choices) == endpoints.keys()


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
