"""One cause gives one finding over a whole run: properties that are violated only together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

#: What shows together where the parameters are not those of the intent. Of two that always come together, the left one
#: is kept: it says more.
_VALUES = ("A02", "A01", "A03")
_PAIRS = (
    *(("W04", one) for one in _VALUES),
    *(("A19", one) for one in _VALUES),
    ("A01", "A02"),
    ("A03", "A02"),
)


def shown_with_others(together: Counter[frozenset[str]]) -> set[str]:
    """The properties whose violations others explain; ``together`` counts the cases by what they violate."""
    dropped: set[str] = set()
    for one, other in _PAIRS:
        if other not in dropped and _only_with(one, {other}, together) and not _only_with(other, {one}, together):
            dropped.add(one)
        elif one not in dropped and _only_with(other, {one, *dropped}, together):
            dropped.add(other)
    return dropped


def _only_with(one: str, others: Collection[str], together: Counter[frozenset[str]]) -> bool:
    """Whether a property is violated, and never without one of the others."""
    mine = [ids for ids in together if one in ids]
    return bool(mine) and all(ids.intersection(others) for ids in mine)
