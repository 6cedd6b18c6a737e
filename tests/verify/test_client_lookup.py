"""A submit whose answer is lost may be looked up by its external id, which is better than to send it again."""

from __future__ import annotations

import contextlib

import httpx
import pytest

from mock_server.conformance.properties import Thresholds
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.reference_clients.light import Light, LightQueued
from mock_server.verify.client.run import Harness
from tests.support.one_case import case_of

LOST = (
    {"fault": "lost_answer", "how": "reset", "on": "submit", "times": 1},
    {"fault": "lost_answer", "how": "error", "on": "submit", "times": 1},
    {"fault": "malformed", "how": "no_content", "on": "submit", "times": 1},
    {"fault": "reset", "on": "submit", "times": 1},
)


def _looking(base):
    class Looking(base):
        """Asks whether the task is there before it submits again."""

        def submit(self, intent):
            if getattr(self, "submitted", None) == self.order:
                with contextlib.suppress(httpx.TransportError):
                    answer = self.poll()
                    if answer.status_code == 200 and self.understood(answer):
                        return answer
            self.submitted = self.order
            return super().submit(intent)

    return Looking


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("base", [Light, LightQueued])
def test_a_lookup_counts_as_no_duplicate(base, fault):
    with contextlib.closing(InProcess(_looking(base))) as session:
        ran, verdict = Harness(session, Thresholds()).run(case_of(fault))
    assert (ran.played.crash, verdict.faults) == (None, [])
    assert ran.played.outcome.said == "completed"
    assert {"W05", "W06"} <= set(verdict.exercised)
