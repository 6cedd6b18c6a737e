"""Broken servers: the result of a request on the queue."""

from __future__ import annotations

import dataclasses

from tests.support.broken import Mutant, dropping, setting
from tests.support.broken_queue import OLDER, items, result
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

RESULT, VIDEO = "gives the result on the queue", "gives the video that was asked for"

MUTANTS = [
    Mutant(
        "queue: gives output",
        T2V,
        RESULT,
        edit=result(lambda v: {("output" if n == "outputs" else n): one for n, one in v.items()}),
    ),
    Mutant(
        "queue: nests its outputs", V3, RESULT, edit=result(lambda v: {**v, "outputs": [{"content": v["outputs"]}]})
    ),
    Mutant("queue: gives both", V1_5, RESULT, edit=result(setting(output=[]))),
    Mutant("queue: gives no outputs", MASTER, RESULT, edit=result(setting(outputs=[]))),
    Mutant("queue: has the result in lower case", MULTI, RESULT, edit=result(setting(status="completed"))),
    Mutant("queue: has a result without a status", T2V, RESULT, edit=result(dropping("status"))),
    Mutant("queue: has a result without usage", V3, RESULT, edit=result(dropping("usage"))),
    Mutant("queue: has a result without metadata", V1_5, RESULT, edit=result(dropping("metadata"))),
    Mutant("queue: has a result with an error", MASTER, RESULT, edit=result(setting(error=None))),
    Mutant("queue: has a result without an id", MULTI, RESULT, edit=result(dropping("request_id"))),
    Mutant("queue: has the result of another", T2V, RESULT, edit=result(setting(request_id="mmsu_0"))),
    Mutant("queue: has another usage", V3, RESULT, edit=result(setting(usage={"cost": "7", "discount": 1}))),
    Mutant("queue: has other metadata", V1_5, RESULT, edit=result(setting(metadata={}))),
    Mutant("queue: has 202 for a result", MASTER, RESULT, edit=lambda m, p, s, v: (202 if "outputs" in v else s, v)),
    Mutant("queue: has items without a type", MULTI, RESULT, edit=result(items(dropping("type")))),
    Mutant("queue: has items without a content_type", T2V, RESULT, edit=result(items(dropping("content_type")))),
    Mutant("queue: has webm", V3, RESULT, edit=result(items(setting(content_type="video/webm")))),
    Mutant("queue: has items without a file_name", V1_5, RESULT, edit=result(items(dropping("file_name")))),
    Mutant("queue: has empty file names", MASTER, RESULT, edit=result(items(setting(file_name="")))),
    Mutant("queue: has items without a width", MULTI, RESULT, edit=result(items(dropping("width")))),
    Mutant(
        "queue: has a width in words",
        T2V,
        RESULT,
        edit=result(items(lambda item: {**item, "width": str(item["width"])})),
    ),
    Mutant(
        "queue: swaps width and height",
        T2V,
        RESULT,
        edit=result(items(lambda item: {**item, "width": item["height"], "height": item["width"]})),
    ),
    Mutant("queue: always has the size of std", V3, RESULT, edit=result(items(setting(width=720, height=720)))),
    Mutant("queue: has no duration", V1_5, RESULT, edit=result(items(dropping("duration")))),
    Mutant(
        "queue: has a duration in words",
        V3,
        RESULT,
        edit=result(items(lambda item: {**item, "duration": str(item["duration"])})),
    ),
    Mutant(
        "queue: counts the duration in milliseconds",
        MASTER,
        RESULT,
        edit=result(items(lambda item: {**item, "duration": item["duration"] * 1000})),
    ),
    Mutant("queue: always has five seconds", T2V, RESULT, edit=result(items(setting(duration=5)))),
    Mutant("queue: has no jobId", MULTI, RESULT, edit=result(items(dropping("jobId")))),
    Mutant("queue: has a jobId of its own", V3, RESULT, edit=result(items(setting(jobId="job-0")))),
    Mutant("queue: adds to an item", V1_5, RESULT, edit=result(items(setting(fps=30)))),
    Mutant("queue: has a file_size in words", MASTER, RESULT, edit=result(items(setting(file_size="1000")))),
    Mutant("queue: has a file_size of null", MULTI, RESULT, edit=result(items(setting(file_size=None)))),
    Mutant(
        "queue: has another file_size",
        T2V,
        VIDEO,
        settings={"media": "tiny"},
        edit=result(items(lambda item: {**item, "file_size": item["file_size"] + 1})),
    ),
    Mutant("queue: has another video", V3, RESULT, edit=result(items(lambda item: {**item, "url": item["url"] + "?"}))),
    Mutant("queue: has images", V1_5, RESULT, edit=result(items(setting(type="image")))),
    Mutant(
        "queue: gives the first video only", MASTER, RESULT, edit=result(lambda v: {**v, "outputs": v["outputs"][:1]})
    ),
    Mutant(
        "queue: gives the last video first", MULTI, RESULT, edit=result(lambda v: {**v, "outputs": v["outputs"][::-1]})
    ),
    Mutant(
        "older: gives outputs",
        T2V,
        RESULT,
        settings=OLDER,
        edit=result(lambda v: {("outputs" if n == "output" else n): one for n, one in v.items()}),
    ),
    Mutant("older: has a result in capitals", MASTER, RESULT, settings=OLDER, edit=result(setting(status="COMPLETED"))),
    Mutant(
        "older: has another usage",
        V1_5,
        RESULT,
        settings=OLDER,
        edit=result(setting(usage={"cost": "7", "discount": 1})),
    ),
    Mutant(
        "older: gives the first video only",
        MULTI,
        RESULT,
        settings=OLDER,
        edit=result(lambda v: {**v, "output": v["output"][:1]}),
    ),
    Mutant(
        "older: has a number for the duration of v3",
        V3,
        RESULT,
        lambda endpoint: dataclasses.replace(endpoint, queue_content=lambda item: item),
        settings=OLDER,
    ),
]
