"""One case of ``verify client`` played with one client, in this process."""

from __future__ import annotations

import contextlib

from mock_server.conformance.properties import Thresholds
from mock_server.verify.client.cases import ClientCase
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.kit import Intent
from mock_server.verify.client.run import Harness

INTENT = Intent("kirin_v1_t2v", {"prompt": "A red apple"})


def case_of(*faults, expected="completed", intent=INTENT, code=None, task=None, **more):
    """A case of a task that runs for 20 s unless ``task`` says otherwise, with these faults."""
    scenario = {"name": "script", "match": {}, "task": {"running": 20, **(task or {})}, "faults": list(faults)}
    return ClientCase(intent, expected, code, scenario, **more)


def played(client, *cases):
    """What came of each of these cases with a client: the run, and its violations as a mapping by property."""
    with contextlib.closing(InProcess(client)) as session:
        harness = Harness(session, Thresholds())
        found = [harness.run(case) for case in cases]
    return [(ran, {fault.property.id: fault.says for fault in verdict.faults}) for ran, verdict in found]


def violations(client, *cases):
    """The properties that a client violates in any of these cases."""
    return {property_id for _, found in played(client, *cases) for property_id in found}
