"""Which rows of a table run in ``make test``: the first ones. ``make test-all`` runs every row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def first(count: int, rows: Iterable[Any]) -> list[Any]:
    """The rows for ``pytest.mark.parametrize``; those after the first ``count`` are deep tests as well."""
    return [row if place < count else _deep(row) for place, row in enumerate(rows)]


def _deep(row: Any) -> Any:
    """The same row as a deep test; it may have marks and an id of its own."""
    if not isinstance(row, type(pytest.param())):
        return pytest.param(row, marks=pytest.mark.deep)
    return pytest.param(*row.values, marks=[*row.marks, pytest.mark.deep], id=row.id)
