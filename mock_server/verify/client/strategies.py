"""Draws evenly: a backend for Hypothesis that takes every choice with the same chance, from a seed and nothing else.

Hypothesis' own likes what is at the edges, and what it finds written in the code under test; here all choices are
meant, and the same seed is to give the same cases to every client.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any, ClassVar

from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, PrimitiveProvider

BACKEND = "kirin-mock"


class Evenly(PrimitiveProvider):
    """Cases are drawn from integers alone."""

    lifetime = "test_function"
    seed: ClassVar[int] = 0

    def __init__(self, conjecturedata: Any, /) -> None:
        super().__init__(conjecturedata)
        self._random = random.Random(self.seed)  # noqa: S311 - to repeat

    @contextlib.contextmanager
    def per_test_case_context_manager(self) -> Iterator[None]:
        """Nothing is to be prepared."""
        yield

    def draw_integer(
        self,
        min_value: int | None = None,
        max_value: int | None = None,
        *,
        weights: dict[int, float] | None = None,
        shrink_towards: int = 0,
    ) -> int:
        """See PrimitiveProvider."""
        if min_value is None or max_value is None:
            raise NotImplementedError
        return self._random.randint(min_value, max_value)

    def draw_boolean(self, p: float = 0.5) -> bool:
        """See PrimitiveProvider."""
        return self._random.random() < p

    def draw_float(self, *_: Any, **__: Any) -> float:
        """Nothing draws any."""
        raise NotImplementedError

    def draw_string(self, *_: Any, **__: Any) -> str:
        """Nothing draws any."""
        raise NotImplementedError

    def draw_bytes(self, *_: Any, **__: Any) -> bytes:
        """Nothing draws any."""
        raise NotImplementedError


def backend(seed: int) -> str:
    """The backend's name, drawing from this seed from now on."""
    AVAILABLE_PROVIDERS.setdefault(BACKEND, f"{Evenly.__module__}.{Evenly.__qualname__}")
    Evenly.seed = seed
    return BACKEND
