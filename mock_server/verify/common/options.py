"""The options that ``verify client``, ``verify server`` and ``verify traffic`` share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mock_server.core.errors import UsageError
from mock_server.core.report_files import require_reports, require_writable
from mock_server.verify.common.baseline import Baseline, read_baseline
from mock_server.verify.common.progress import Progress
from mock_server.verify.common.run_control import RunControl
from mock_server.verify.common.selection import Selection

FailOn = Literal["must", "should"]


@dataclass(frozen=True, slots=True)
class Common:
    """What is chosen, when a run ends, what fails it, and where its reports go. ``outputs`` are files by their form."""

    selection: Selection = field(default_factory=Selection)
    fail_on: FailOn = "should"
    time_budget: float | None = None
    fail_fast: bool = False
    baseline: str | None = None
    update_baseline: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)

    def prepared(self) -> Baseline | None:
        """Look at all files before the first call; the baseline, if there is one. Raises UsageError."""
        require_reports(self.outputs)
        if self.baseline is None:
            if self.update_baseline:
                raise UsageError("--update-baseline needs --baseline FILE")
            return None
        if self.update_baseline:
            require_writable(self.baseline, "--baseline")
        return read_baseline(self.baseline, may_be_missing=self.update_baseline)

    def counts(self, severity: str) -> bool:
        """Whether a finding of this severity fails the run."""
        return self.fail_on == "should" or severity == "must"

    def control(self, progress: Progress | None = None) -> RunControl:
        """What ends a run early, and shows how far it is."""
        shown = Progress() if progress is None else progress
        return RunControl(shown, time_budget=self.time_budget, fail_fast=self.fail_fast)
