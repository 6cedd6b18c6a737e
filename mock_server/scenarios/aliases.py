"""Earlier names of the scenarios in the library: each is accepted in place of the name that the scenario has now."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from functools import cache
from types import MappingProxyType

from mock_server.contract.messages import closest, nearest
from mock_server.core.resources import resource

_logger = logging.getLogger("kirin-mock")


@cache
def aliases() -> Mapping[str, str]:
    """The current name of each earlier name, from ``fixtures/scenario_aliases.json``."""
    found: dict[str, str] = json.loads(resource("fixtures", "scenario_aliases.json").read_text("utf-8"))
    return MappingProxyType(found)


def renamed(name: str) -> str:
    """What to tell the user of an earlier name."""
    return f"the scenario name {name} is deprecated; use {aliases()[name]}"


def hint(name: str, known: Collection[str]) -> str:
    """The known name that is closest to an unknown one. Earlier names and names without their group count too."""
    current = {one: new for one, new in aliases().items() if new in known}
    spelled = {**{one.partition("/")[2]: one for one in known if "/" in one}, **current, **{one: one for one in known}}
    found = closest(name, spelled)
    return f"; did you mean {spelled[found]}?" if found is not None else nearest(name, known)


class AliasResolver:
    """Resolves earlier names, with one warning for each of them; ``warn`` gets the warnings."""

    def __init__(self, warn: Callable[[str], None] = _logger.warning) -> None:
        self._warn = warn
        self._warned: set[str] = set()

    def current(self, name: str, known: Collection[str] = ()) -> str:
        """The name that a scenario has now. A name in ``known`` stays as it is: it is the user's own."""
        if name in known or name not in aliases():
            return name
        if name not in self._warned:
            self._warned.add(name)
            self._warn(renamed(name))
        return aliases()[name]
