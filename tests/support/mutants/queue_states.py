"""Broken servers: how a request stands on the queue."""

from __future__ import annotations

from tests.support.broken import Mutant, dropping, setting
from tests.support.broken_queue import OLDER, Backwards, Changing, Late, asked, metrics, refused, standing
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

STATUS = "tells the status on the queue"
AGREE = "is one task on both protocols"

MUTANTS = [
    Mutant("queue: writes in_queue", T2V, STATUS, edit=standing(setting(status="in_queue"), "IN_QUEUE")),
    Mutant("queue: writes QUEUED", V3, STATUS, edit=standing(setting(status="QUEUED"), "IN_QUEUE")),
    Mutant("queue: writes in_progress", V1_5, STATUS, edit=standing(setting(status="in_progress"), "IN_PROGRESS")),
    Mutant("queue: writes completed", MASTER, STATUS, edit=standing(setting(status="completed"), "COMPLETED")),
    Mutant("queue: waits without a position", MULTI, STATUS, edit=standing(dropping("queue_position"), "IN_QUEUE")),
    Mutant("queue: waits at a place in words", T2V, STATUS, edit=standing(setting(queue_position="0"), "IN_QUEUE")),
    Mutant("queue: runs at a place", V3, STATUS, edit=standing(setting(queue_position=0), "IN_PROGRESS")),
    Mutant("queue: tells progress", V1_5, STATUS, edit=standing(setting(progress=0.5), "IN_PROGRESS")),
    Mutant(
        "queue: stands without response_url", MASTER, STATUS, edit=standing(dropping("response_url"), "IN_PROGRESS")
    ),
    Mutant(
        "queue: stands at another response_url",
        T2V,
        STATUS,
        edit=standing(lambda v: {**v, "response_url": v["response_url"][:-8] + "status"}),
    ),
    Mutant("queue: stands without an id", V3, STATUS, edit=standing(dropping("request_id"))),
    Mutant(
        "queue: stands under the task's id",
        MULTI,
        STATUS,
        edit=standing(lambda v: {**v, "request_id": v["request_id"][5:]}),
    ),
    Mutant("queue: has no metrics", T2V, STATUS, edit=standing(dropping("metrics"), "COMPLETED")),
    Mutant("queue: has empty metrics", V1_5, STATUS, edit=standing(setting(metrics={}), "COMPLETED")),
    Mutant(
        "queue: has more metrics",
        V3,
        STATUS,
        edit=standing(lambda v: {**v, "metrics": {**v["metrics"], "queue_time": 0}}, "COMPLETED"),
    ),
    Mutant("queue: has a time in words", MASTER, STATUS, edit=standing(metrics(str), "COMPLETED")),
    Mutant("queue: has a time below 0", MULTI, STATUS, edit=standing(metrics(lambda was: -was), "COMPLETED")),
    Mutant("queue: has a boolean time", T2V, STATUS, edit=standing(metrics(lambda was: True), "COMPLETED")),
    Mutant(
        "queue: counts the time in the queue", T2V, STATUS, edit=standing(metrics(lambda was: was + 0.2), "COMPLETED")
    ),
    Mutant("queue: counts milliseconds", V3, STATUS, edit=standing(metrics(lambda was: was * 1000), "COMPLETED")),
    Mutant("queue: counts no time", V1_5, STATUS, edit=standing(metrics(lambda was: 0), "COMPLETED")),
    Mutant("queue: goes back", MASTER, STATUS, edit=standing(Backwards(), "IN_PROGRESS")),
    Mutant("queue: has an error of null", T2V, STATUS, edit=standing(setting(error=None), "COMPLETED")),
    Mutant("queue: has an empty error", V3, STATUS, edit=standing(setting(error=""), "COMPLETED")),
    Mutant(
        "queue: has an error_type after success", MULTI, STATUS, edit=standing(setting(error_type=None), "COMPLETED")
    ),
    Mutant("queue: has logs after success", V1_5, STATUS, edit=standing(setting(logs=[]), "COMPLETED")),
    Mutant("queue: gives 200 before the end", T2V, STATUS, edit=refused(202, 200, path="/response")),
    Mutant(
        "queue: gives 409 before the end",
        V3,
        STATUS,
        edit=refused(202, 409, lambda v: {"detail": "not finished"}, path="/response"),
    ),
    Mutant("queue: says nothing before the end", MASTER, STATUS, edit=asked("response", lambda v: {}, status=202)),
    Mutant(
        "queue: says less before the end", V1_5, STATUS, edit=asked("response", dropping("response_url"), status=202)
    ),
    Mutant(
        "queue: has another word before the end",
        MULTI,
        STATUS,
        edit=asked("response", setting(status="IN_PROGRESS"), status=202, word="IN_QUEUE"),
    ),
    Mutant("queue: changes what is over", T2V, STATUS, edit=standing(Changing(), "COMPLETED")),
    Mutant(
        "queue: never ends",
        V3,
        STATUS,
        edit=standing(
            lambda v: {name: v[name] for name in ("request_id", "response_url")} | {"status": "IN_PROGRESS"},
            "COMPLETED",
        ),
    ),
    Mutant(
        "queue: has 202 for a status",
        MASTER,
        STATUS,
        edit=lambda m, p, s, v: (202 if p.endswith("/status") and s == 200 else s, v),
    ),
    Mutant(
        "older: writes COMPLETED", T2V, STATUS, settings=OLDER, edit=standing(setting(status="COMPLETED"), "completed")
    ),
    Mutant(
        "older: has metrics",
        V3,
        STATUS,
        settings=OLDER,
        edit=standing(setting(metrics={"inference_time": 1}), "completed"),
    ),
    Mutant(
        "older: counts progress in percent",
        V1_5,
        STATUS,
        settings=OLDER,
        edit=standing(setting(progress=50), "in_progress"),
    ),
    Mutant("older: gives 200 before the end", MULTI, STATUS, settings=OLDER, edit=refused(202, 200, path="/response")),
    Mutant(
        "older: has no error after success but null",
        MASTER,
        STATUS,
        settings=OLDER,
        edit=standing(setting(error=None), "completed"),
    ),
    Mutant(
        "older: has another progress than the poll",
        V3,
        STATUS,
        settings=OLDER,
        edit=standing(lambda v: {**v, "progress": v["progress"] / 2}, "in_progress"),
    ),
    Mutant(
        "older: is over before the poll",
        V1_5,
        STATUS,
        settings=OLDER,
        edit=standing(setting(status="completed"), "in_progress"),
    ),
    Mutant("queue: is over after the poll", T2V, AGREE, edit=standing(Late(), "COMPLETED")),
]
