"""What only a look at the bytes can tell: formats, sizes in bytes, pixels, aspect ratios, prefixes, cut-off files.

Every place of a list is looked at: the first, one in the middle, the last. Aspect ratios are asked in whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from mock_server.contract.endpoint import Endpoint, ImageParameter
from mock_server.core.errors import Mistake
from mock_server.core.images import MIB
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.bounds import written
from mock_server.verify.server.checks.common import Asked, Json, Material, about, accepted, refused, task_of, told
from mock_server.verify.server.pictures import (
    URLS,
    jpeg,
    lawful_pictures,
    no_pictures,
    picture,
    png,
    raw,
    unlawful_files,
)
from mock_server.verify.server.samples import Path, put
from mock_server.verify.server.target import NotExercised, Target

#: What is sent: the bytes of a file, or a text as it is. Made when it is wanted, since some are large.
Content = Callable[[], bytes | str]

ACCEPTS, REFUSES = "accepts pictures up to each limit", "refuses pictures past each limit"
#: The longest lists that pictures are in are tried with so many elements.
LONGEST = {"image_list": 4, "dynamic_masks": 6}


def right_pictures(image: ImageParameter) -> Iterator[tuple[str, Content]]:
    """Pictures that have to be accepted, by name."""
    limits = image.limits
    yield "a PNG", lambda: png(640, 480)
    yield "a JPEG", lambda: jpeg(640, 480)
    yield "300 pixels wide and high", lambda: png(300, 300)
    yield "a JPEG of 300 pixels wide and high", lambda: jpeg(300, 300)
    yield f"{limits.max_bytes} bytes", lambda: png(320, 320, limits.max_bytes)
    yield "1:2.5", lambda: png(300, 750)
    yield "2.5:1", lambda: png(750, 300)
    yield "a JPEG of 2.5:1", lambda: jpeg(1000, 400)
    if not limits.aspect:
        yield "1:3, where any aspect goes", lambda: png(300, 900)
        yield "10:1, where any aspect goes", lambda: png(3000, 300)
    yield from ((name, lambda content=content: content) for name, content in lawful_pictures())


def wrong_pictures(image: ImageParameter, *, far: bool = False) -> Iterator[tuple[str, Content, Mistake]]:
    """Pictures that have to be refused, by name, and what kind of mistake they are; the most telling ones first. With
    ``far`` one is among them that is far too large, which takes long to send.
    """
    mistake, limits = Mistake.IMAGE_FORMAT, image.limits
    yield "299 pixels wide", lambda: png(299, 400), mistake
    yield "299 pixels high", lambda: png(400, 299), mistake
    yield "a GIF", lambda: picture("GIF", 320, 320), mistake
    yield "prefixed with data:", lambda: f"data:image/png;base64,{raw(png(320, 320))}", mistake
    if limits.aspect:
        yield "a little past 1:2.5", lambda: png(300, 751), Mistake.ASPECT_RATIO
        yield "a little past 2.5:1", lambda: png(751, 300), Mistake.ASPECT_RATIO
        yield "a JPEG a little past 2.5:1", lambda: jpeg(1001, 400), Mistake.ASPECT_RATIO
        yield "1:10", lambda: png(300, 3000), Mistake.ASPECT_RATIO
    yield "a JPEG of 299 pixels high", lambda: jpeg(400, 299), mistake
    yield "a PNG of one pixel", lambda: png(1, 1), mistake
    yield f"{limits.max_bytes + 1} bytes", lambda: png(320, 320, limits.max_bytes + 1), mistake
    if far:
        yield f"{11 * MIB} bytes", lambda: png(320, 320, 11 * MIB), mistake
    yield from ((name, lambda content=content: content, mistake) for name, content in unlawful_files())
    yield from ((name, lambda text=text: text, mistake) for name, text in no_pictures())


def cases(material: Material) -> Iterator[Case]:
    """The cases, for each place where a model takes a picture."""
    far = True  # once in a run of the default depth
    for model, endpoint in material.endpoints.items():
        maker = _Maker(endpoint, material.bodies[model])
        for image in endpoint.images:
            yield from maker.cases(image, far=far)
            far = material.depth > 1


def _places(image: ImageParameter) -> list[Path]:
    """Where to put a picture: in a list first, in the middle and last."""
    if "*" not in image.path:
        return [image.path]
    longest = LONGEST[image.path[0]]
    return [tuple(place if step == "*" else step for step in image.path) for place in (0, longest // 2, longest - 1)]


class _Maker:
    """Makes the cases of one model."""

    def __init__(self, endpoint: Endpoint, bodies: Bodies) -> None:
        self._endpoint = endpoint
        self._bodies = bodies

    def cases(self, image: ImageParameter, *, far: bool) -> Iterator[Case]:
        """The cases of one parameter; in the first place all of them, in the others a few."""
        first, *others = _places(image)
        yield from self._accepted(first, right_pictures(image))
        yield from self._refused(first, wrong_pictures(image, far=far))
        for place in others:
            yield from self._accepted(place, list(right_pictures(image))[2:4])
            yield from self._refused(place, list(wrong_pictures(image))[:6])
        start = self._start(first)
        if start is not None:
            yield self._case(
                f"url/{written(first)}", ACCEPTS, f"{written(first)} URLs", Asked(written(first), "is a URL"),
                len(URLS) * self._bodies.cost(start), _urls(self._endpoint, start, first), first, len(URLS) + 1,
            )  # fmt: skip

    def _start(self, place: Path) -> Json | None:
        """A right body with a picture there, that costs little."""
        found = self._bodies.samples.having(place)
        return min(found, key=lambda params: (self._bodies.cost(params), len(str(params))), default=None)

    def _accepted(self, place: Path, values: Iterable[tuple[str, Content]]) -> Iterator[Case]:
        start = self._start(place)
        for name, content in values if start is not None else ():
            asked = Asked(written(place), f"is {name}")
            tried = _late(start or {}, place, content, partial(accepted, self._endpoint, asked=asked))
            yield self._case(
                f"picture/{written(place)}/{name}", ACCEPTS, f"{written(place)} {name}", asked,
                self._bodies.cost(start or {}), tried, place,
            )  # fmt: skip

    def _refused(self, place: Path, values: Iterable[tuple[str, Content, Mistake]]) -> Iterator[Case]:
        start = self._start(place)
        for name, content, mistake in values if start is not None else ():
            code = self._endpoint.errors.code_of(mistake)
            asked = Asked(written(place), f"is {name}")
            tried = _late(start or {}, place, content, partial(refused, self._endpoint, code=code, asked=asked))
            yield self._case(
                f"no-picture/{written(place)}/{name}", REFUSES, f"{written(place)} {name}", asked, 0.0, tried, place, 1,
                f"code {self._endpoint.model} {code}",
            )  # fmt: skip

    def _case(
        self, case_id: str, name: str, fact: str, asked: Asked, cost: float, tried: Tried, place: Path, calls: int = 1,
        *facts: str,
    ) -> Case:  # fmt: skip
        model, short = self._endpoint.model, self._endpoint.short
        return Case(
            f"{short}/{case_id}", name, model, (f"image {model} {fact}", *facts),
            f"{asked.field} {asked.label} ({short}#{place[0]})", calls, cost, tried,
        )  # fmt: skip


def _late(start: Json, place: Path, content: Content, tried: Callable[[Json], Tried]) -> Tried:
    """Tries a body with a picture that is made no sooner."""

    def late(target: Target) -> Iterator[Problem]:
        given = content()
        params = put(start, place, lambda _: given if isinstance(given, str) else raw(given))
        yield from tried(params)(target)

    return late


def _const(value: str) -> Callable[[object], str]:
    return lambda _: value


def _urls(endpoint: Endpoint, start: Json, place: Path) -> Tried:
    """Tries unusual URLs, on a server that takes an ordinary one on trust: one that fetches cannot have these."""

    def tried(target: Target) -> Iterator[Problem]:
        usual, *unusual = URLS
        first = target.submit(endpoint, put(start, place, lambda _: usual))
        if not task_of(first):
            raise NotExercised(f"pictures are fetched, and these URLs lead nowhere: {told(first)}")
        for url in unusual:
            exchange = target.submit(endpoint, put(start, place, _const(url)))
            if not task_of(exchange):
                says = f"it is rejected, while {usual} is accepted: {told(exchange)}"
                yield from about([Problem(says, exchange)], Asked(written(place), f"is the URL {url}"))

    return tried
