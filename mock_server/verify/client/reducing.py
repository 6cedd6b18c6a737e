"""Finds a smaller case that shows the same: simpler choices first, and then less in the intent."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import Judge
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.covering import Drawn, redrawn
from mock_server.verify.client.intents import mistake_of
from mock_server.verify.client.tables import Choice


class Enough(BaseException):
    """The search is to end: the time for it is over, or the client does not run any more."""


def reduce(start: Drawn, endpoints: Mapping[str, Endpoint], shows: Callable[[ClientCase], bool]) -> None:
    """Try smaller and smaller cases, each of which ``shows`` the same; ``shows`` keeps the last that does. It may raise
    Enough.
    """
    with contextlib.suppress(Enough):
        found = _simpler_choices(start, endpoints, shows)
        if found.case.expected != "rejected":
            _less_wanted(found.case, Judge(endpoints[found.case.intent.model]), shows)


def _simpler_choices(start: Drawn, endpoints: Mapping[str, Endpoint], shows: Callable[[ClientCase], bool]) -> Drawn:
    found, tried = start, {start.choices}
    while True:
        for choices in _simpler(found.choices):
            one = redrawn(endpoints, choices)
            if one.choices in tried or _weight(one) >= _weight(found):
                continue
            tried.add(one.choices)
            if shows(one.case):
                found = one
                break
        else:
            return found


def _weight(one: Drawn) -> tuple[int, int]:
    """How far a case is from the simplest: how many choices are other, and how far down they stand."""
    return sum(place > 0 for _, place in one.choices), sum(place for _, place in one.choices)


def _simpler(choices: Sequence[Choice]) -> Iterator[tuple[Choice, ...]]:
    """Simpler choices: first many at once are made the simplest, then one alone, then one a little simpler."""
    others = [at for at, (_, place) in enumerate(choices) if place]
    size = len(others)
    while size:
        for begin in range(0, len(others), size):
            put = set(others[begin : begin + size])
            yield tuple((name, 0 if at in put else place) for at, (name, place) in enumerate(choices))
        size //= 2
    for at in others:
        name, place = choices[at]
        for nearer in dict.fromkeys((place // 2, place - 1)):
            yield (*choices[:at], (name, nearer), *choices[at + 1 :])


#: Halves of a picture are none.
_WHOLE = frozenset({"image", "image_tail", "static_mask", "mask"})


def _less_wanted(case: ClientCase, judge: Judge, shows: Callable[[ClientCase], bool]) -> None:
    """The same with fewer parameters, and shorter ones."""
    found = case
    while True:
        for params in _less(found.intent.params):
            one = replace(found, intent=replace(found.intent, params=params))
            if mistake_of(judge, params) is None and shows(one):
                found = one
                break
        else:
            return


def _less(value: Any) -> Iterator[Any]:
    """Values with something less."""
    if isinstance(value, dict):
        yield from ({key: inner for key, inner in value.items() if key != name} for name in value)
        for name, inner in value.items():
            if name not in _WHOLE:
                yield from ({**value, name: less} for less in _less(inner))
    elif isinstance(value, list):
        yield from (value[:at] + value[at + 1 :] for at in range(len(value)))
        for at, inner in enumerate(value):
            yield from ([*value[:at], less, *value[at + 1 :]] for less in _less(inner))
    elif isinstance(value, str) and len(value) > 1:
        yield from (value[: len(value) // 2], value[len(value) // 2 :])
