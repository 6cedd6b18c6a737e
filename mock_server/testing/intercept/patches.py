"""Attributes replaced for a while, and put back exactly as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_MISSING = object()


@dataclass(frozen=True, slots=True)
class _Patch:
    """``before`` is what the owner itself had under the name, which may be nothing."""

    owner: Any
    name: str
    before: object
    now: object


class Patches:
    """What is replaced at present."""

    def __init__(self) -> None:
        self._made: list[_Patch] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put ``make(original)`` in the place of an attribute of a module or class."""
        before = vars(owner).get(name, _MISSING)
        now = make(getattr(owner, name))
        setattr(owner, name, now)
        self._made.append(_Patch(owner, name, before, now))

    def restore(self) -> None:
        """Put everything back. What somebody else has replaced meanwhile is left to them."""
        while self._made:
            patch = self._made.pop()
            if vars(patch.owner).get(patch.name, _MISSING) is not patch.now:
                continue
            if patch.before is _MISSING:
                delattr(patch.owner, patch.name)
            else:
                setattr(patch.owner, patch.name, patch.before)
