"""Broken servers: how a request on the queue fails or is cancelled."""

from __future__ import annotations

import dataclasses

from tests.support.broken import Mutant, dropping, setting
from tests.support.broken_queue import OLDER, NotCancelling, asked, cancelled_only, failed_only, refused, standing
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

FAILURE, CANCEL = "tells a failure on the queue", "cancels on the queue"

MUTANTS = [
    Mutant(
        "takes masks that do not fit",
        V1_5,
        FAILURE,
        lambda endpoint: dataclasses.replace(endpoint, foresee=lambda params, pictures: None),
    ),
    Mutant("queue: writes FAILED", T2V, FAILURE, edit=standing(setting(status="FAILED"), when=failed_only)),
    Mutant(
        "queue: tells a failure as success",
        V3,
        FAILURE,
        edit=standing(
            lambda v: (
                {name: v[name] for name in ("status", "request_id", "response_url")}
                | {"metrics": {"inference_time": 0}}
            ),
            when=failed_only,
        ),
    ),
    Mutant(
        "queue: has the error as an object",
        V1_5,
        FAILURE,
        edit=standing(lambda v: {**v, "error": v["provider_error"]}, when=failed_only),
    ),
    Mutant("queue: has an error without words", MASTER, FAILURE, edit=standing(setting(error=""), when=failed_only)),
    Mutant("queue: has another sentence", MULTI, FAILURE, edit=standing(setting(error="failed"), when=failed_only)),
    Mutant("queue: has no error_type", T2V, FAILURE, edit=standing(dropping("error_type"), when=failed_only)),
    Mutant(
        "queue: has an unknown error_type", V3, FAILURE, edit=standing(setting(error_type="FAILED"), when=failed_only)
    ),
    Mutant(
        "queue: has one error_type for all",
        V1_5,
        FAILURE,
        edit=standing(setting(error_type="INFERENCE_FAILURE"), when=failed_only),
    ),
    Mutant(
        "queue: has no provider_error", MASTER, FAILURE, edit=standing(dropping("provider_error"), when=failed_only)
    ),
    Mutant(
        "queue: has another code",
        MULTI,
        FAILURE,
        edit=standing(setting(provider_error={"code": "1", "message": "told to"}), when=failed_only),
    ),
    Mutant(
        "queue: loses the zeros of a code",
        T2V,
        FAILURE,
        edit=standing(
            lambda v: {**v, "provider_error": {**v["provider_error"], "code": v["provider_error"]["code"].lstrip("0")}},
            when=failed_only,
        ),
    ),
    Mutant(
        "queue: has a code as a number",
        V3,
        FAILURE,
        edit=standing(lambda v: {**v, "provider_error": {**v["provider_error"], "code": 1}}, when=failed_only),
    ),
    Mutant("queue: has no logs", V1_5, FAILURE, edit=standing(dropping("logs"), when=failed_only)),
    Mutant("queue: has empty logs", MASTER, FAILURE, edit=standing(setting(logs=[]), when=failed_only)),
    Mutant("queue: has logs in lines", MULTI, FAILURE, edit=standing(setting(logs=["told to"]), when=failed_only)),
    Mutant(
        "queue: has logs without a moment",
        T2V,
        FAILURE,
        edit=standing(setting(logs=[{"message": "told to"}]), when=failed_only),
    ),
    Mutant(
        "queue: has moments in numbers",
        V3,
        FAILURE,
        edit=standing(setting(logs=[{"message": "told to", "timestamp": 1}]), when=failed_only),
    ),
    Mutant(
        "queue: logs something else",
        V1_5,
        FAILURE,
        edit=standing(lambda v: {**v, "logs": [{**v["logs"][0], "message": "started"}]}, when=failed_only),
    ),
    Mutant(
        "queue: has metrics of a failure",
        MASTER,
        FAILURE,
        edit=standing(setting(metrics={"inference_time": 1}), when=failed_only),
    ),
    Mutant(
        "queue: has a failure as 500",
        MULTI,
        FAILURE,
        edit=lambda m, p, s, v: (500 if "provider_error" in v and p.endswith("/response") else s, v),
    ),
    Mutant(
        "queue: has no response of a failure",
        T2V,
        FAILURE,
        edit=lambda m, p, s, v: (
            (404, {"detail": "Request not found"}) if "provider_error" in v and p.endswith("/response") else (s, v)
        ),
    ),
    Mutant("queue: says less of a failure", V3, FAILURE, edit=asked("response", dropping("logs"), word="COMPLETED")),
    Mutant(
        "older: writes COMPLETED for a failure",
        V1_5,
        FAILURE,
        settings=OLDER,
        edit=standing(setting(status="COMPLETED"), "failed"),
    ),
    Mutant(
        "older: has the error as a sentence",
        MASTER,
        FAILURE,
        settings=OLDER,
        edit=standing(setting(error="told to"), "failed"),
    ),
    Mutant(
        "older: has an error_type",
        T2V,
        FAILURE,
        settings=OLDER,
        edit=standing(setting(error_type="INFERENCE_FAILURE"), "failed"),
    ),
    Mutant("older: fails without an error", V3, FAILURE, settings=OLDER, edit=standing(dropping("error"), "failed")),
    Mutant(
        "older: says error_message for message",
        MULTI,
        FAILURE,
        settings=OLDER,
        edit=standing(lambda v: {**v, "error": {"code": v["error"]["code"], "error_message": "told to"}}, "failed"),
    ),
    Mutant("queue: cancels with 200", T2V, CANCEL, edit=refused(202, 200, path="/cancel")),
    Mutant(
        "queue: cancels and says cancelled", V3, CANCEL, edit=asked("cancel", setting(status="CANCELLED"), status=202)
    ),
    Mutant("queue: cancels without an id", V1_5, CANCEL, edit=asked("cancel", dropping("request_id"), status=202)),
    Mutant(
        "queue: cancels twice",
        MASTER,
        CANCEL,
        edit=refused(400, 202, setting(status="CANCELLATION_REQUESTED"), path="/cancel"),
    ),
    Mutant("queue: has 409 for what is over", MULTI, CANCEL, edit=refused(400, 409, path="/cancel")),
    Mutant(
        "queue: says not found for what is over",
        T2V,
        CANCEL,
        edit=refused(400, 404, setting(status="NOT_FOUND"), path="/cancel"),
    ),
    Mutant("queue: says it cancels and does not", V3, CANCEL, edit=NotCancelling().edit, call=NotCancelling().call),
    Mutant("queue: writes CANCELED", V1_5, CANCEL, edit=standing(setting(status="CANCELED"), when=cancelled_only)),
    Mutant(
        "queue: shows a cancelled one as done",
        MASTER,
        CANCEL,
        edit=standing(
            lambda v: (
                {name: v[name] for name in ("status", "request_id", "response_url")}
                | {"metrics": {"inference_time": 0}}
            ),
            when=cancelled_only,
        ),
    ),
    Mutant(
        "queue: shows a cancelled one as failed",
        MULTI,
        CANCEL,
        edit=standing(setting(error_type="INFERENCE_FAILURE"), when=cancelled_only),
    ),
    Mutant("queue: cancels without a reason", T2V, CANCEL, edit=standing(dropping("error"), when=cancelled_only)),
    Mutant(
        "queue: has no response of a cancelled one",
        V3,
        CANCEL,
        edit=lambda m, p, s, v: (
            (404, {"detail": "Request not found"})
            if v.get("error_type") == "CANCELED" and p.endswith("/response")
            else (s, v)
        ),
    ),
    Mutant(
        "older: shows a cancelled one as completed",
        T2V,
        CANCEL,
        settings=OLDER,
        edit=standing(setting(status="completed"), "cancelled"),
    ),
]
