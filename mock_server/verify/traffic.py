"""``kirin-mock verify traffic``: judges what a client sent and got, from a file."""

from __future__ import annotations

import sys
from dataclasses import replace

from mock_server.conformance.checks import Observer
from mock_server.conformance.command import read_traffic
from mock_server.conformance.properties import PROPERTIES
from mock_server.conformance.report import scorecard, written
from mock_server.conformance.scorecard import text
from mock_server.conformance.strictness import strictness_of
from mock_server.contract.judge import Judge
from mock_server.core.report_files import write
from mock_server.models import discover
from mock_server.verify.common import exit_codes
from mock_server.verify.common.client_reports import accepting, concluded, facts_of, names_of
from mock_server.verify.common.options import Common


def verify_traffic(file: str, strictness: str, common: Common) -> int:
    """0 when no property is violated; 1 otherwise, and when there was nothing to judge. Raises UsageError."""
    limits = strictness_of(strictness)
    common.selection.require_known([names_of(one) for one in PROPERTIES.values()], "property")
    baseline = common.prepared()
    traffics = read_traffic(file)
    observer = Observer({model: Judge(endpoint) for model, endpoint in discover().items()}, limits)
    verdicts = {label: observer.judge(traffic) for label, traffic in traffics.items()}
    began_at = min((call.at for traffic in traffics.values() for call in traffic.calls), default=0.0)
    made = scorecard(verdicts, began_at)
    rows = [row for row in made.rows if common.selection.takes(names_of(row.about))]
    made = replace(made, rows=accepting(rows, baseline), facts=facts_of({"traffic": file}))
    for line in text(made):
        print(line)
    for form, name in common.outputs.items():
        write(name, written(verdicts, began_at, form, made), f"--{form}")
    if not any(traffic.calls for traffic in traffics.values()):
        print(f"{file} has no calls of this API", file=sys.stderr)
    concluded(made, baseline, update=common.update_baseline, complete=True)
    if made.failing(common.fail_on) or not any(row.exercised for row in made.rows):
        return exit_codes.FOUND
    return exit_codes.CLEAN
