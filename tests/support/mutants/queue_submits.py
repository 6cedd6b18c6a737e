"""Broken servers: what a submit on the queue answers."""

from __future__ import annotations

from tests.support.broken import Mutant, dropping, setting, without_parameter
from tests.support.broken_queue import OLDER, EverySecond, asked, made, refused, standing, with_urls
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

SUBMIT = "answers a submit on the queue"

MUTANTS = [
    Mutant("queue: has a status at a submit", T2V, SUBMIT, edit=made(setting(status="queued"))),
    Mutant("queue: has no response_url", V1_5, SUBMIT, edit=made(dropping("response_url"))),
    Mutant("queue: has no status_url", V3, SUBMIT, edit=made(dropping("status_url"))),
    Mutant("queue: has no cancel_url", MASTER, SUBMIT, edit=made(dropping("cancel_url"))),
    Mutant("queue: has no queue_position", MULTI, SUBMIT, edit=made(dropping("queue_position"))),
    Mutant("queue: has a position in words", T2V, SUBMIT, edit=made(setting(queue_position="0"))),
    Mutant("queue: has a boolean position", V3, SUBMIT, edit=made(setting(queue_position=False))),
    Mutant("queue: has a position below 0", V1_5, SUBMIT, edit=made(setting(queue_position=-1))),
    Mutant("queue: names the model at a submit", MASTER, SUBMIT, edit=made(lambda v: {**v, "model": MASTER})),
    Mutant("queue: has ids without mmsu_", T2V, SUBMIT, edit=made(lambda v: {**v, "request_id": v["request_id"][5:]})),
    Mutant("queue: has relative URLs", T2V, SUBMIT, edit=made(with_urls(lambda url: url[url.index("/model") :]))),
    Mutant(
        "queue: names another port",
        V3,
        SUBMIT,
        edit=made(with_urls(lambda url: "http://127.0.0.1:1" + url[url.index("/model") :])),
    ),
    Mutant(
        "queue: leaves the port out",
        V3,
        SUBMIT,
        edit=made(with_urls(lambda url: "http://127.0.0.1" + url[url.index("/model") :])),
    ),
    Mutant("queue: names https", V1_5, SUBMIT, edit=made(with_urls(lambda url: "https" + url[4:]))),
    Mutant(
        "queue: names another host",
        MULTI,
        SUBMIT,
        edit=made(with_urls(lambda url: url.replace("127.0.0.1", "kirin.example"))),
    ),
    Mutant(
        "queue: names one host only",
        MASTER,
        SUBMIT,
        edit=made(with_urls(lambda url: url.replace("localhost", "127.0.0.1"))),
    ),
    Mutant(
        "queue: adds to the path", T2V, SUBMIT, edit=made(with_urls(lambda url: url.replace("/model/", "/api/model/")))
    ),
    Mutant(
        "queue: names another model in its URLs", T2V, SUBMIT, edit=made(with_urls(lambda url: url.replace(T2V, V3)))
    ),
    Mutant("queue: swaps its URLs", V3, SUBMIT, edit=made(lambda v: {**v, "status_url": v["response_url"]})),
    Mutant(
        "queue: has URLs of another request",
        V1_5,
        SUBMIT,
        edit=made(with_urls(lambda url: url.replace("mmsu_", "mmsu_0"))),
    ),
    Mutant(
        "queue: has the task's id in its URLs",
        MULTI,
        SUBMIT,
        edit=made(with_urls(lambda url: url.replace("mmsu_", ""))),
    ),
    Mutant("queue: knows no callback_url", MASTER, SUBMIT, without_parameter("callback_url")),
    Mutant("queue: speaks both forms", T2V, SUBMIT, edit=made(EverySecond())),
    Mutant(
        "queue: is done before it began",
        V3,
        SUBMIT,
        edit=standing(setting(status="COMPLETED", metrics={"inference_time": 0}), "IN_QUEUE"),
    ),
    Mutant(
        "queue: cancel_url leads nowhere",
        V1_5,
        SUBMIT,
        edit=asked("cancel", lambda v: {"detail": "Not Found"}, status=202),
    ),
    Mutant("queue: response_url leads nowhere", T2V, SUBMIT, edit=refused(202, 404, lambda v: {"detail": "Not Found"})),
    Mutant(
        "older: has documented bodies after an older submit",
        T2V,
        SUBMIT,
        settings=OLDER,
        edit=standing(
            lambda v: {
                "status": "IN_QUEUE",
                "request_id": v["request_id"],
                "response_url": v["response_url"],
                "queue_position": 0,
            },
            "queued",
        ),
    ),
    Mutant(
        "older: has older bodies after a documented submit", V3, SUBMIT, settings=OLDER, edit=made(dropping("status"))
    ),
]
