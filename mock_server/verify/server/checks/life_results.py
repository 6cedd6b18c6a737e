"""What a completed task gives: the queue's result is that of the poll, and each URL leads to the video asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server import films
from mock_server.verify.server.case import Problem
from mock_server.verify.server.checks.common import Json, body_of, told
from mock_server.verify.server.checks.queue import Request
from mock_server.verify.server.checks.queue_results import same_problems
from mock_server.verify.server.lives import GIVEN, Life, urls_of
from mock_server.verify.server.pictures import pictures_of
from mock_server.verify.server.queue_forms import OLDER
from mock_server.verify.server.target import Exchange, Target

RESULT, VIDEO = "gives the result on the queue", "gives the video that was asked for"

#: How far a video may be from its length, in seconds: coders round to whole frames.
LENGTH = 0.3
#: How far width by height may be from the aspect ratio, and from the pixels of a resolution.
SHAPE, AREA = 0.02, 0.03
#: What is asked for by Range.
FIRST, LAST = 5, 104


def problems(target: Target, life: Life) -> Iterator[Problem]:
    """What is wrong with the results of a task that completed."""
    end = life.end
    if end is None or body_of(end.exchange).get("status") != "completed":
        return  # others tell that
    usage = str(body_of(end.exchange).get("usage"))
    if life.prices.get(life.plan.asked, usage) != usage:
        yield Problem(f"two tasks of the same parameters cost {life.prices[life.plan.asked]} and {usage}", end.exchange)
    results = life.responses[1]
    for look in results:
        if look.exchange.status != 200 and look.by == GIVEN:
            yield Problem(f"a completed task has no result on the queue: {told(look.exchange)}", look.exchange)
    results = [look for look in results if look.exchange.status == 200]
    if not results:
        return
    yield from _first_problems(life, results[0].exchange, end.exchange)
    for number, look in enumerate(results[1:], 1):
        if look.exchange.json != results[0].exchange.json:
            was = told(results[0].exchange)
            yield Problem(f"a result changed, at read {number}, from {was} to {told(look.exchange)}", look.exchange)


def _first_problems(life: Life, result: Exchange, poll: Exchange) -> Iterator[Problem]:
    """What is wrong with one result by itself, and by the poll of the same task."""
    endpoint, body = life.plan.endpoint, body_of(result)
    for says in life.form.result(body, endpoint.content_schema.keys()):
        yield Problem(says, result)
    due = life.id if life.queued else life.other_id
    if due and body.get("request_id") != due:
        yield Problem(f"the result is of request {body.get('request_id')!r}, not {due!r}", result)
    yield from same_problems(Request(endpoint, life.plan.params, due, life.form, life.made), result, poll)
    if life.form is not OLDER:
        yield from _told_clip_problems(life, result)


def _told_clip_problems(life: Life, result: Exchange) -> Iterator[Problem]:
    """What is wrong with the size and the seconds that items of a result tell."""
    for item in body_of(result).get("outputs", []):
        width, height, seconds = item["width"], item["height"], item["duration"]
        for says in _clip_problems(life.plan.endpoint, life.plan.params, width, height, seconds):
            yield Problem(f"by its item of outputs {says}", result)


def video_problems(target: Target, life: Life) -> Iterator[Problem]:
    """What is wrong with the videos of a task that completed."""
    end = life.end
    if end is None or body_of(end.exchange).get("status") != "completed":
        return
    urls = _urls(end.exchange)
    if len(set(urls)) != len(urls):
        yield Problem(f"two outputs have one URL: {urls}", end.exchange)
    for url in urls:
        if life.url_owners.get(url, life.plan.id) != life.plan.id:
            yield Problem(f"{url} is the video of another task as well", end.exchange)
        yield from _url_problems(target, url, end.exchange)
        if life.plan.filmed or not target.draws_videos:
            yield from _file_problems(target, life, url, end.exchange)


def _urls(poll: Exchange) -> list[str]:
    """The URLs in the output of a poll, those that are texts."""
    return list(urls_of(body_of(poll)))


def _url_problems(target: Target, url: str, poll: Exchange) -> Iterator[Problem]:
    try:
        parts = urlsplit(url)
        absolute = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        absolute = False
    if not absolute:
        yield Problem(f"the URL of a video is absolute, not {url!r}", poll)
    elif target.key in url:
        yield Problem("the URL of a video has the API key in it", poll)


def _file_problems(target: Target, life: Life, url: str, poll: Exchange) -> Iterator[Problem]:
    """What is wrong with the file at a URL."""
    fetching = life.videos.pop(url, None)
    answer = (fetching.result() if fetching is not None else None) or target.fetched(url)
    if answer is None or answer.status != 200:
        status = "nobody answers" if answer is None else f"the answer is {answer.status}"
        yield Problem(f"there is no video at {url}: {status}", poll)
        return
    got = _File(url, answer.headers, answer.content)
    target.draws_videos = target.draws_videos or got.headers.get("x-mock-media") == "full"
    yield from _header_problems(got, poll)
    try:
        film = films.read(got.content)
        frames = films.decoded(got.content) if films.DECODES and life.plan.watched else 0
    except films.NoFilm as error:
        yield Problem(f"what is at {url} is no video: {error}", poll)
        return
    if frames and film.frames and frames != film.frames:
        yield Problem(f"of the {film.frames} frames at {url} only {frames} can be decoded", poll)
    for says in _film_problems(life, film):
        yield Problem(f"{says}; it is at {url}", poll)
    yield from _item_problems(life, got, film)
    yield from _other_ways_problems(target, got, poll)


@dataclass(frozen=True, slots=True)
class _File:
    """What a URL gave."""

    url: str
    headers: Mapping[str, str]
    content: bytes


def _header_problems(got: _File, poll: Exchange) -> Iterator[Problem]:
    kind = got.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "video/mp4":
        yield Problem(f"the video at {got.url} has the Content-Type {kind!r}; video/mp4 was due", poll)
    length = got.headers.get("content-length")
    if "content-encoding" not in got.headers and length not in {None, str(len(got.content))}:
        yield Problem(f"the video at {got.url} has {len(got.content)} bytes, and Content-Length {length}", poll)


def _film_problems(life: Life, film: films.Film) -> Iterator[str]:
    """What is wrong with a film by what was asked for."""
    endpoint, params = life.plan.endpoint, life.plan.params
    yield from (f"the video {says}" for says in _clip_problems(endpoint, params, film.width, film.height, film.seconds))
    if endpoint.short == "t2v" and film.rate and abs(film.rate - 30) > 0.5:
        yield f"the video has {film.rate:.2f} frames a second; the document promises 30"
    if "sound" in endpoint.by_name and film.sound != (params.get("sound") == "on"):
        due = "has sound" if params.get("sound") == "on" else "has no sound"
        yield f"the video {'has' if film.sound else 'has no'} sound; one that {due} was asked for"


def _clip_problems(endpoint: Endpoint, params: Json, width: int, height: int, seconds: float) -> Iterator[str]:
    """What is wrong with a size and a length by the documents: what they do not promise is not judged."""
    clip = endpoint.clip(params, pictures_of(endpoint, params))
    if seconds and abs(seconds - clip.seconds) > LENGTH:
        yield f"is {seconds:g} s long; {clip.seconds} s were asked for"
    if not height or not width:
        yield f"is {width} by {height} pixels"
    elif "aspect_ratio" in endpoint.by_name and abs(width / height - clip.width / clip.height) > SHAPE:
        yield f"is {width} by {height} pixels; {params.get('aspect_ratio', '16:9')} was asked for"
    elif (lines := _lines(endpoint, params)) and not _has_lines(width, height, lines):
        yield f"is {width} by {height} pixels; the document promises {lines}p"


def _lines(endpoint: Endpoint, params: Json) -> int:
    """The resolution that a document promises; 0 where it promises none."""
    if endpoint.short == "t2v":
        return 720
    return {"std": 720, "pro": 1080}[params.get("mode", "std")] if endpoint.short == "v3" else 0


def _has_lines(width: int, height: int, lines: int) -> bool:
    """Whether a size is of a resolution: by its shorter side, or by as many pixels as that has in 16:9."""
    area = lines * lines * 16 / 9
    return min(width, height) == lines or abs(width * height - area) <= AREA * area


def _item_problems(life: Life, got: _File, film: films.Film) -> Iterator[Problem]:
    """What is wrong with what the result on the queue tells of a file."""
    result = life.result
    if result is None or life.form is OLDER:
        return
    for item in body_of(result).get("outputs", []):
        if item.get("url") != got.url:
            continue
        told_size = (item.get("width"), item.get("height"))
        if (film.width or film.height) and told_size != (film.width, film.height):
            yield Problem(
                f"the item says {told_size[0]} by {told_size[1]}, the file has {film.width} by {film.height}", result
            )
        if item.get("file_size", len(got.content)) != len(got.content):
            yield Problem(f"file_size is {item['file_size']}; the file has {len(got.content)} bytes", result)


def _other_ways_problems(target: Target, got: _File, poll: Exchange) -> Iterator[Problem]:
    """What is wrong with HEAD and with a part by Range, where the server of the file has them."""
    head = target.fetched(got.url, "HEAD")
    if head is not None and head.status == 200:
        for name in ("content-type", "content-length"):
            values = [one[name].partition(";")[0] for one in (head.headers, got.headers) if name in one]
            if len(set(values)) > 1:
                yield Problem(f"HEAD of {got.url} says {name} {head.headers[name]}, GET {got.headers[name]}", poll)
    elif head is not None and head.status in {404, 410, 500, 502, 503}:
        yield Problem(f"HEAD of {got.url} is answered {head.status}; GET has the video", poll)
    yield from _part_problems(target, got, poll)


def _part_problems(target: Target, got: _File, poll: Exchange) -> Iterator[Problem]:
    part = target.fetched(got.url, headers={"Range": f"bytes={FIRST}-{LAST}"})
    if part is None:
        yield Problem(f"a part of {got.url} by Range is not answered", poll)
    elif part.status == 206:
        due = f"bytes {FIRST}-{LAST}/{len(got.content)}"
        found = part.headers.get("content-range", "")
        if part.content != got.content[FIRST : LAST + 1]:
            yield Problem(f"a part of {got.url} by Range has other bytes than the whole", poll)
        elif found not in {due, f"bytes {FIRST}-{LAST}/*"}:
            yield Problem(f"Content-Range of a part of {got.url} is {found!r}; {due!r} was due", poll)
    elif part.status == 200:
        if got.headers.get("accept-ranges", "").lower() == "bytes":
            yield Problem(f"{got.url} says Accept-Ranges: bytes, and gives the whole when asked for a part", poll)
        elif part.content != got.content:
            yield Problem(f"{got.url} gives another file when it is asked for a part", poll)
    else:
        yield Problem(f"a part of {got.url} by Range is answered {part.status}", poll)
