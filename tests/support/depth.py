"""Which rows of a table run in ``make test``: the first ones. ``make test-all`` runs every row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def first(count: int, rows: Iterable[Any]) -> list[Any]:
    """The rows for ``pytest.mark.parametrize``; those after the first ``count`` are deep tests."""
    return [row if place < count else pytest.param(row, marks=pytest.mark.deep) for place, row in enumerate(rows)]
