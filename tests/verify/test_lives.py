"""The lives of tasks: lawful servers have no finding, and what is no film is told as such."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import random

import pytest

from mock_server.contract.judge import documented_body
from mock_server.models import discover
from mock_server.platform.courier import Courier
from mock_server.testing.server import MockServer
from mock_server.verify.server import films
from mock_server.verify.server.command import OWN_SECRET
from mock_server.verify.server.judge import ContractJudge
from mock_server.verify.server.run import all_cases, plan, run
from mock_server.verify.server.target import Target
from tests.support.broken import BrokenServer, Mutant
from tests.support.broken_lives import film, parts, polls
from tests.support.depth import first
from tests.support.mutants.models import MASTER, T2V, V3

ENDPOINTS = discover()
pytestmark = pytest.mark.xdist_group("lives of tasks")


@pytest.fixture(scope="module")
def cases():
    kept = {model: ENDPOINTS[model] for model in (T2V, V3, MASTER)}
    return all_cases(kept, seed=0)


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level(logging.CRITICAL, "kirin-mock")


class TwiceUnderOneId(Courier):
    async def _carry(self, url, delivery, body, now):
        await super()._carry(url, delivery, body, now)
        return await super()._carry(url, delivery, body, now)


class Turning:
    """The keys of each answer in another order at each read."""

    def __init__(self):
        self._count = 0

    def __call__(self, value):
        self._count += 1
        return dict(reversed(value.items())) if self._count % 2 else value


def another_clip(**changed):
    """Videos of another kind, where the document promises none."""

    def change(endpoint):
        return dataclasses.replace(
            endpoint, clip=lambda params, pictures: dataclasses.replace(endpoint.clip(params, pictures), **changed)
        )

    return change


def square(endpoint):
    """720p in 1:1 is 720 by 720."""

    def clip(params, pictures):
        was = endpoint.clip(params, pictures)
        return dataclasses.replace(was, width=720, height=720) if was.width == was.height else was

    return dataclasses.replace(endpoint, clip=clip)


def with_charset(path, status, headers):
    return [(n, b"application/json; charset=utf-8" if v == b"application/json" else v) for n, v in headers]


def running(value):
    return value["status"] == "in_progress"


LAWFUL = [
    Mutant("each callback comes twice under one id", T2V, "", courier=TwiceUnderOneId),
    Mutant("JSON has a charset", V3, "", headers=with_charset),
    Mutant("HEAD is not served", MASTER, "", media=lambda m, r, s, h, b: (405, h, b"") if m == "HEAD" else (s, h, b)),
    Mutant(
        "no parts are served",
        MASTER,
        "",
        media=lambda m, r, s, h, b: (
            (200 if s == 206 else s, {n: v for n, v in h.items() if n not in {"accept-ranges", "content-range"}}, b)
            if not r
            else (200, {"content-type": "video/mp4"}, WHOLE.get("film", b))
        ),
    ),
    Mutant("the type of videos has a parameter", V3, "", media=film(
        lambda h, b: (200, {**h, "content-type": "video/mp4; codecs=avc1"}, b))),
    Mutant("the length of parts is not known", V3, "", media=parts(
        lambda s, h, b: (s, {**h, "content-range": h["content-range"].partition("/")[0] + "/*"}, b))),
    Mutant("progress has two steps", T2V, "", edit=polls(
        lambda v: {**v, "progress": 0 if v["progress"] < 0.5 else 0.5}, running)),
    Mutant("keys stand in another order at each read", V3, "", edit=polls(Turning())),
    Mutant("videos are larger where nothing is promised", MASTER, "", another_clip(width=1440, height=1440)),
    Mutant("videos have 25 frames a second where nothing is promised", MASTER, "", another_clip(fps=25)),
    Mutant("videos have sound where nothing is promised", MASTER, "", another_clip(sound=True)),
    Mutant("720p in a square is 720 by 720", T2V, "", square),
]  # fmt: skip
#: The last whole film that was served, for a server that gives it in place of a part.
WHOLE: dict[str, bytes] = {}


def _keeping(change):
    def changed(method, part, status, headers, body):
        if method == "GET" and not part and status == 200:
            WHOLE["film"] = body
        return change(method, part, status, headers, body)

    return changed


@pytest.mark.parametrize("lawful", first(4, LAWFUL), ids=lambda one: one.name)
def test_a_lawful_server_has_no_finding(cases, lawful):
    if lawful.media is not None:
        lawful = dataclasses.replace(lawful, media=_keeping(lawful.media))
    planned = plan(cases, models=[lawful.model], only=["/lives/", "/callback/"])
    judge = ContractJudge(ENDPOINTS)
    with BrokenServer(lawful) as server, Target(server.url, "sk-verify", "sk-other", OWN_SECRET, None, judge) as target:
        result = run(target, planned, judge, 0)
    assert [(finding.case.id, finding.problem.says) for finding in result.findings] == []
    assert result.not_exercised == []


def _film() -> bytes:
    endpoint = ENDPOINTS[V3]
    with MockServer(media="tiny", timing="instant") as server, Target(server.url) as target:
        task = target.call("POST", "/model/v1/generation", documented_body(endpoint, dict(endpoint.example))).json["id"]
        target.settle()
        url = target.poll(task).json["output"][0]["content"][0]["url"]
        answer = target.fetched(url)
    assert answer is not None
    return answer.content


def test_whatever_the_bytes_are_a_film_is_read_or_refused():
    whole, drawn = _film(), random.Random(0)  # noqa: S311 - to repeat, not to be hard to guess
    found = films.read(whole)
    assert (found.seconds, found.sound, round(found.rate)) == (5, False, 24)
    assert films.decoded(whole) == found.frames
    for _ in range(300):
        content = bytearray(whole[: drawn.randrange(len(whole))] if drawn.random() < 0.3 else whole)
        for _ in range(drawn.randrange(1, 6)):
            if content:
                content[drawn.randrange(min(len(content), 800))] = drawn.randrange(256)
        with contextlib.suppress(films.NoFilm):
            films.read(bytes(content))
