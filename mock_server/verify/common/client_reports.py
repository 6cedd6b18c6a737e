"""What the reports on clients share, whether cases or recorded traffic were judged."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mock_server.conformance.properties import Property
from mock_server.conformance.scorecard import Row, Scorecard
from mock_server.core.clock import wall_clock
from mock_server.core.version import __version__
from mock_server.verify.common.baseline import Baseline, Known


def names_of(one: Property) -> str:
    """What ``--only`` and ``--skip`` find a property by."""
    return f"{one.id} {one.name}"


def facts_of(about: Mapping[str, str]) -> dict[str, str]:
    """What a run was about, and when it was, with which version."""
    date = datetime.fromtimestamp(wall_clock(), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return {**about, "date": date, "version": f"kirin-mock {__version__}"}


def known_of(row: Row) -> Known:
    """A violated property as a baseline sees it."""
    because = (line for told in row.told for line in told if line.startswith("because"))
    says = next(because, row.told[0][0] if row.told and row.told[0] else row.about.says)
    return Known((row.about.id, row.about.name), says.removeprefix("because").strip())


def accepting(rows: Sequence[Row], baseline: Baseline | None) -> list[Row]:
    """The rows, with the reasons of those that the baseline accepts."""
    if baseline is None:
        return list(rows)
    return [replace(row, accepted=baseline.accepts(known_of(row))) if row.violated else row for row in rows]


def concluded(scorecard: Scorecard, baseline: Baseline | None, *, update: bool, complete: bool) -> None:
    """Say what there is to say of the baseline, and write it again. Raises UsageError."""
    if baseline is not None:
        say_of(baseline, [known_of(row) for row in scorecard.violated], update=update, complete=complete)


def say_of(baseline: Baseline, known: Sequence[Known], *, update: bool, complete: bool) -> None:
    """Say on standard error what there is to say of a baseline after a run; with ``update`` write it again. Raises
    UsageError.
    """
    if update:
        baseline.update(known, complete=complete)
        print(f"kirin-mock: {baseline.file} is written; give a reason for each entry", file=sys.stderr)
        return
    for remark in baseline.remarks(complete=complete):
        print(f"kirin-mock: {remark}", file=sys.stderr)
