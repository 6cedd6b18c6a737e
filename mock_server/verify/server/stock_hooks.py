"""What Schemathesis has to be told about this contract; loaded by its own command."""

from __future__ import annotations

from typing import Any

import schemathesis

from mock_server.models import discover
from mock_server.verify.server.bodies import Bodies

_BODIES = Bodies(discover()["kirin_v3_i2v"], seed=0)


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """Let shots add up to the duration: the one rule that the schema cannot say."""
    body = case.body
    if isinstance(body, dict):
        if isinstance(body.get("multi_prompt"), list):
            case.body = _BODIES.repaired(body)
        wrapped = body.get("input")
        if isinstance(wrapped, list) and len(wrapped) == 1 and isinstance(wrapped[0], dict):
            params = wrapped[0].get("params")
            if isinstance(params, dict) and isinstance(params.get("multi_prompt"), list):
                case.body = {**body, "input": [{**wrapped[0], "params": _BODIES.repaired(params)}]}
    return case
