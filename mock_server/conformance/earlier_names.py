"""Earlier names of properties: each is accepted in place of the name that the property has now."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from mock_server.contract.messages import nearest
from mock_server.core.errors import UsageError

if TYPE_CHECKING:
    from mock_server.conformance.properties import Property

_logger = logging.getLogger("kirin-mock")

#: The id of the property that had each name.
EARLIER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "sends-what-was-asked": "A01",
        "sends-it-unchanged": "A02",
        "adds-nothing": "A03",
        "survives-what-it-gets": "A04",
        "tells-of-refusals": "A05",
        "gets-there": "A06",
        "claims-no-success": "A07",
        "hands-over-all-videos": "A08",
        "keeps-the-cost": "A09",
        "names-its-task": "A10",
        "has-seen-it": "A11",
        "claims-no-failure": "A12",
        "keeps-the-code": "A13",
        "tells-of-failures": "A14",
        "believes-no-forgery": "A15",
        "survives-its-callbacks": "A16",
        "tells-once": "A17",
        "does-not-change-its-mind": "A18",
        "makes-nothing-of-nonsense": "A19",
        "stops-when-told": "A20",
        "keeps-the-key-to-itself": "A21",
        "keeps-whole-videos": "A22",
        "tells-the-reason": "A23",
        "not-ready-is-not-an-answer": "Q03",
        "reads-outputs": "Q04",
        "sends-the-key": "W01",
        "says-json": "W02",
        "sends-json": "W03",
        "keeps-the-contract": "W04",
        "buys-once": "W05",
        "retries-under-one-id": "W06",
        "honours-retry-after": "W07",
        "backs-off": "W08",
        "polls-with-patience": "W09",
        "takes-no-for-an-answer": "W10",
        "stops-at-the-end": "W11",
        "asks-for-what-it-has": "W12",
        "gives-up-in-the-end": "W13",
        "keeps-its-deadline": "W14",
        "refuses-garbage": "W15",
        "knows-its-tasks": "W16",
        "takes-news-twice": "W17",
        "checks-signatures": "W18",
        "fetches-in-time": "W19",
        "fetches-all-of-it": "W20",
        "takes-good-news": "W21",
        "key-stays-on-its-host": "W22",
        "speaks-the-protocol": "X01",
        "leaves-nothing-behind": "X02",
    }
)


def property_id(named: str, known: Mapping[str, Property]) -> str:
    """The id of a property, given by its id, its name, or an earlier name, with a warning. Raises UsageError."""
    if named in known:
        return named
    for one in known.values():
        if one.name == named:
            return one.id
    found = EARLIER_NAMES.get(named)
    if found is None or found not in known:
        names = [*known, *(one.name for one in known.values())]
        raise UsageError(f"there is no property {named[:100]!r}{nearest(named, names)}")
    _logger.warning("the property name %s is deprecated; use %s or %s", named, found, known[found].name)
    return found
