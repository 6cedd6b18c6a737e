"""Broken servers: what every answer about a task tells, how it moves, what both protocols say, and its videos."""

from __future__ import annotations

from tests.support.broken import Mutant, dropping, setting
from tests.support.broken_lives import (
    AfterReads,
    ForSome,
    Growing,
    by_external_id,
    ended_poll,
    film,
    gone,
    heads,
    parts,
    patched,
    polls,
    result,
    status_over,
    tasks,
    url,
)
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

FIELDS, TIMING = "tells who a task is in every answer", "tells when tasks were queued and ended"
LIFE, AGREE, STATUS = "lives as documented", "is one task on both protocols", "tells the status on the queue"
RESULT, VIDEO = "gives the result on the queue", "gives the video that was asked for"


def running(value):
    return value["status"] == "in_progress"


def over(value):
    return value["status"] == "completed"


def moved(seconds):
    return tasks(lambda value: {**value, "created_at": value["created_at"] + seconds})


def external(change):
    return lambda value: (
        {**value, "external_task_id": change(value["external_task_id"])} if "external_task_id" in value else value
    )


def timed(change):
    return polls(lambda value: {**value, "metadata": change(value["metadata"])}, over)


def said_in(part):
    return lambda params: part(str(params.get("prompt", "")))


def some(matches, change, when=lambda value: True):
    """The body and the edit of a mutant that concerns some tasks only."""
    one = ForSome(matches, change, when)
    return {"body": one.body, "edit": one.edit}


FIELD_MUTANTS = [
    Mutant("life: counts milliseconds", T2V, FIELDS, edit=tasks(lambda v: {**v, "created_at": v["created_at"] * 1000})),
    Mutant("life: is an hour ahead", V1_5, FIELDS, edit=moved(3600)),
    Mutant("life: is half an hour behind", MULTI, FIELDS, edit=moved(-1800)),
    Mutant("life: was made in 1970", MASTER, FIELDS, edit=tasks(setting(created_at=0))),
    Mutant(
        "life: is made anew at each poll",
        V3,
        FIELDS,
        edit=polls(Growing(lambda v, n: {**v, "created_at": v["created_at"] + n % 2})),
    ),
    Mutant(
        "life: was made later by the submit",
        T2V,
        FIELDS,
        edit=lambda m, p, s, v: (
            s,
            {**v, "created_at": v["created_at"] + 1} if m == "POST" and "created_at" in v else v,
        ),
    ),
    Mutant("life: forgets the external id in polls", V1_5, FIELDS, edit=polls(dropping("external_task_id"))),
    Mutant(
        "life: forgets the external id once it is over", MULTI, FIELDS, edit=polls(dropping("external_task_id"), over)
    ),
    Mutant(
        "life: forgets the external id at the submit",
        MASTER,
        FIELDS,
        edit=lambda m, p, s, v: (s, dropping("external_task_id")(v) if m == "POST" and "created_at" in v else v),
    ),
    Mutant("life: writes external ids in ASCII", V3, FIELDS, edit=tasks(external(lambda v: ascii(v)[1:-1]))),
    Mutant("life: writes external ids small", T2V, FIELDS, edit=tasks(external(str.upper))),
    Mutant("life: cuts external ids off", V1_5, FIELDS, edit=tasks(external(lambda v: v[:16]))),
    Mutant("life: has an external id of null", MULTI, FIELDS, edit=tasks(lambda v: {"external_task_id": "", **v})),
    Mutant("life: has another id by the external one", MASTER, FIELDS, edit=by_external_id(setting(id="another"))),
    Mutant(
        "life: loses the order of the client's metadata",
        V3,
        FIELDS,
        edit=polls(lambda v: {**v, "metadata": {n: o for n, o in v["metadata"].items() if n != "nested"}}),
    ),
    Mutant(
        "life: ends at each poll",
        T2V,
        TIMING,
        edit=timed(Growing(lambda v, n: {**v, "completed_at": v["completed_at"] + n})),
    ),
    Mutant(
        "life: ends an hour later", V3, TIMING, edit=timed(lambda v: {**v, "completed_at": v["completed_at"] + 3600000})
    ),
    Mutant("life: ends at once", MULTI, TIMING, edit=timed(lambda v: {**v, "completed_at": v["in_queue_at"]})),
]

LIFE_MUTANTS = [
    Mutant("life: has no progress", T2V, LIFE, edit=polls(setting(progress=0), running)),
    Mutant("life: stands at a half", V3, LIFE, edit=polls(setting(progress=0.5), running)),
    Mutant("life: is nearly done all the time", MASTER, LIFE, edit=polls(setting(progress=0.99), running)),
    Mutant(
        "life: runs again at the fifth read",
        V1_5,
        LIFE,
        edit=AfterReads(
            5,
            lambda s, v: (
                s,
                {
                    n: o
                    for n, o in {**v, "status": "in_progress", "progress": 1}.items()
                    if n not in {"output", "usage"}
                },
            ),
            ended_poll,
        ),
    ),
    Mutant("life: is gone at the twelfth read", MULTI, LIFE, edit=AfterReads(12, gone)),
    Mutant("life: is gone at the sixth read after the end", T2V, LIFE, edit=AfterReads(6, gone, ended_poll)),
    Mutant(
        "life: costs another amount at the seventh read",
        V3,
        LIFE,
        edit=AfterReads(7, lambda s, v: (s, {**v, "usage": {**v["usage"], "discount": 0.5}}), ended_poll),
    ),
    Mutant(
        "life: pro falls back",
        T2V,
        LIFE,
        **some(lambda p: p.get("mode") == "pro", setting(status="failed"), over),
    ),
    Mutant(
        "life: other scripts have no progress",
        MULTI,
        LIFE,
        **some(said_in(lambda said: not said.isascii()), setting(progress=2), running),
    ),
    Mutant(
        "life: twelve seconds fail",
        V3,
        LIFE,
        **some(lambda p: p.get("duration") == "12", setting(status="failed"), over),
    ),
    Mutant(
        "life: pro with sound fails",
        V3,
        LIFE,
        **some(lambda p: p.get("mode") == "pro" and p.get("sound") == "on", setting(status="failed"), over),
    ),
    Mutant(
        "life: does not move by its external id",
        T2V,
        LIFE,
        edit=by_external_id(lambda v: {**v, "progress": 0} if running(v) else v),
    ),
    Mutant(
        "life: is not found by its external id once it is over",
        V1_5,
        AGREE,
        edit=lambda m, p, s, v: (
            gone(s, v) if "/task/verify" in p and s == 200 and v["status"] == "completed" else (s, v)
        ),
    ),
    Mutant(
        "life: is not found on the queue by its task id",
        MULTI,
        AGREE,
        edit=lambda m, p, s, v: (
            (404, {"detail": "Request not found"})
            if p.endswith("/status") and "/requests/mmsu_" not in p and "/requests/verify" not in p
            else (s, v)
        ),
    ),
    Mutant(
        "life: runs longer in the poll",
        MASTER,
        AGREE,
        edit=polls(
            lambda v: {
                n: o for n, o in {**v, "status": "in_progress", "progress": 1}.items() if n not in {"output", "usage"}
            },
            over,
        ),
    ),
    Mutant(
        "life: another time at the fourth status",
        T2V,
        STATUS,
        edit=AfterReads(4, lambda s, v: (s, {**v, "metrics": {"inference_time": 9.9}}), status_over),
    ),
    Mutant(
        "life: another result at the third read",
        V3,
        RESULT,
        edit=AfterReads(3, lambda s, v: (s, {**v, "usage": {"cost": "9", "discount": 1}}), result),
    ),
    Mutant(
        "life: no result at the second read",
        MASTER,
        RESULT,
        edit=AfterReads(2, lambda s, v: (404, {"detail": "Request not found"}), result),
    ),
    Mutant(
        "life: a result without outputs at the fifth read",
        V1_5,
        RESULT,
        edit=AfterReads(5, lambda s, v: (s, {**v, "outputs": []}), result),
    ),
]

FAILS, CANCEL = "fails as documented", "is cancelled as observed"


def failed(value):
    return value["status"] == "failed"


def failed_poll(method, path, status, value):
    return "/task/" in path and status == 200 and failed(value)


#: What is over came to nothing, and does not stay so.
END_MUTANTS = [
    Mutant("end: a failed task is gone at the second read", T2V, FAILS, edit=AfterReads(2, gone, failed_poll)),
    Mutant(
        "end: a failed task has another code at the third read",
        V3,
        FAILS,
        edit=AfterReads(3, lambda s, v: (s, {**v, "error": {**v["error"], "code": "1"}}), failed_poll),
    ),
    Mutant(
        "end: a failed task can be cancelled",
        MULTI,
        FAILS,
        edit=lambda m, p, s, v: (
            (202, {**v, "status": "CANCELLATION_REQUESTED"}) if p.endswith("/cancel") and s == 400 else (s, v)
        ),
    ),
    Mutant(
        "end: a cancelled task completes at the third read",
        MASTER,
        CANCEL,
        edit=AfterReads(3, lambda s, v: (s, {**v, "status": "completed"}), failed_poll),
    ),
    Mutant("end: a cancelled task is gone at the second read", V1_5, CANCEL, edit=AfterReads(2, gone, failed_poll)),
    Mutant(
        "end: a cancelled task is not found by its external id",
        T2V,
        CANCEL,
        edit=by_external_id(lambda v: {**v, "id": "another"} if failed(v) else v),
    ),
    Mutant(
        "life: costs more for some ids",
        T2V,
        RESULT,
        edit=AfterReads(
            1,
            lambda s, v: (s, {**v, "usage": {**v["usage"], "cost": "0.15"}} if v["id"][0] in "01234" else v),
            ended_poll,
        ),
    ),
]

VIDEO_MUTANTS = [
    Mutant(
        "video: one for all tasks",
        T2V,
        VIDEO,
        edit=polls(url(lambda one: "/".join([*one.split("/")[:4], "0" * 32, "0.mp4"])), over),
    ),
    Mutant("video: has a relative URL", V3, VIDEO, edit=polls(url(lambda one: "/" + one.split("/", 3)[3]), over)),
    Mutant("video: has the key in its URL", MULTI, VIDEO, edit=polls(url(lambda one: one + "?key=sk-verify"), over)),
    Mutant("video: is not there", V1_5, VIDEO, media=lambda m, r, s, h, b: (404, h, b"")),
    Mutant("video: is empty", MASTER, VIDEO, media=film(lambda h, b: (200, {**h, "content-length": "0"}, b""))),
    Mutant(
        "video: is a page",
        T2V,
        VIDEO,
        media=film(lambda h, b: (200, {**h, "content-type": "text/html", "content-length": "4"}, b"<p>x")),
    ),
    Mutant(
        "video: has no type",
        V3,
        VIDEO,
        media=film(lambda h, b: (200, {n: o for n, o in h.items() if n != "content-type"}, b)),
    ),
    Mutant(
        "video: is called octets",
        MULTI,
        VIDEO,
        media=film(lambda h, b: (200, {**h, "content-type": "application/octet-stream"}, b)),
    ),
    Mutant(
        "video: is cut off",
        V1_5,
        VIDEO,
        media=film(lambda h, b: (200, {**h, "content-length": str(len(b) // 2)}, b[: len(b) // 2])),
    ),
    Mutant(
        "video: is a picture",
        MASTER,
        VIDEO,
        media=film(lambda h, b: (200, {**h, "content-length": "8"}, b"\x89PNG\r\n\x1a\n")),
    ),
    Mutant(
        "video: is noise",
        T2V,
        VIDEO,
        media=film(lambda h, b: (200, h, b[: b.index(b"mdat") + 4] + bytes(len(b) - b.index(b"mdat") - 4))),
    ),
    Mutant("video: is 1920 wide", T2V, VIDEO, media=patched(b"tkhd", 76, (1920 << 16).to_bytes(4))),
    Mutant("video: has another height than told", V1_5, VIDEO, media=patched(b"tkhd", 80, (400 << 16).to_bytes(4))),
    Mutant("video: is twice as fast", V3, VIDEO, media=patched(b"mdhd", 12, (48_000_000).to_bytes(4))),
    Mutant(
        "video: has sound that is no sound", V3, VIDEO, media=film(lambda h, b: (200, h, b.replace(b"soun", b"text")))
    ),
    Mutant("video: HEAD is not there", MULTI, VIDEO, media=heads(lambda h: (404, h, b""))),
    Mutant(
        "video: HEAD has another length", MASTER, VIDEO, media=heads(lambda h: (200, {**h, "content-length": "1"}, b""))
    ),
    Mutant(
        "video: HEAD has another type",
        T2V,
        VIDEO,
        media=heads(lambda h: (200, {**h, "content-type": "text/plain"}, b"")),
    ),
    Mutant("video: gives no parts", V3, VIDEO, media=lambda m, r, s, h, b: (416, h, b"") if r else (s, h, b)),
    Mutant("video: gives another part", V1_5, VIDEO, media=parts(lambda s, h, b: (s, h, b[::-1]))),
    Mutant(
        "video: tells another part",
        MULTI,
        VIDEO,
        media=parts(lambda s, h, b: (s, {**h, "content-range": "bytes 0-99/100"}, b)),
    ),
    Mutant(
        "video: gives the whole for a part",
        MASTER,
        VIDEO,
        media=parts(lambda s, h, b: (200, {n: o for n, o in h.items() if n != "content-range"}, b)),
    ),
]

MUTANTS = [*FIELD_MUTANTS, *LIFE_MUTANTS, *END_MUTANTS, *VIDEO_MUTANTS]
