"""What only a look at the bytes can tell: formats, sizes in bytes, pixels, aspect ratios, prefixes, cut-off files."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from mock_server.contract.endpoint import Endpoint, ImageParameter
from mock_server.core.errors import Mistake
from mock_server.core.images import MIB
from mock_server.verify.server import pictures
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case
from mock_server.verify.server.checks.common import Json, Material, accepted, refused
from mock_server.verify.server.pictures import gif, jpeg, png, raw


def right_pictures(image: ImageParameter) -> Iterator[tuple[str, str]]:
    """Pictures that have to be accepted, by name."""
    yield "a PNG", raw(png(640, 480))
    yield "a JPEG", raw(jpeg(640, 480))
    yield "300 pixels wide and high", raw(png(300, 300))
    yield f"{image.limits.max_bytes} bytes", raw(png(320, 320, image.limits.max_bytes))
    yield "1:2.5", raw(png(300, 750))
    yield "2.5:1", raw(png(750, 300))
    if not image.limits.aspect:
        yield "1:3, where any aspect goes", raw(png(300, 900))


def wrong_pictures(image: ImageParameter) -> Iterator[tuple[str, str, Mistake]]:
    """Pictures that have to be refused, by name, and what kind of mistake they are."""
    good = png(320, 320)
    mistake = Mistake.IMAGE_FORMAT
    yield "299 pixels wide", raw(png(299, 400)), mistake
    yield "299 pixels high", raw(png(400, 299)), mistake
    yield f"{image.limits.max_bytes + 1} bytes", raw(png(320, 320, image.limits.max_bytes + 1)), mistake
    yield f"{11 * MIB} bytes", raw(png(320, 320, 11 * MIB)), mistake
    yield "a data: prefix", f"data:image/png;base64,{raw(good)}", mistake
    yield "not base64", "this is no base64!", mistake
    yield "base64 of a text", raw(b"this is no picture"), mistake
    yield "a GIF", raw(gif(320, 320)), mistake
    yield "a PNG that is cut off", raw(good[:-20]), mistake
    yield "a JPEG that is cut off", raw(jpeg(320, 320)[:-20]), mistake
    if image.limits.aspect:
        yield "a little past 1:2.5", raw(png(300, 751)), Mistake.ASPECT_RATIO
        yield "a little past 2.5:1", raw(png(751, 300)), Mistake.ASPECT_RATIO


def cases(material: Material) -> Iterator[Case]:
    """The cases, for each place where a model takes a picture."""
    for model, endpoint in material.endpoints.items():
        bodies = material.bodies[model]
        for image in endpoint.images:
            start = _start(bodies, image)
            if start is not None:
                yield from _cases_of(endpoint, bodies, image, start)


def _start(bodies: Bodies, image: ImageParameter) -> Json | None:
    """A right body with a picture at the place, that costs little."""
    path = [0 if step == "*" else step for step in image.path]
    drawn = [_put(params, image, pictures.plain()) for params in bodies.right(24, having=path)]
    found = [params for params in drawn if not bodies.broken(params)]
    return min(found, key=lambda params: (bodies.cost(params), len(str(params))), default=None)


def _cases_of(endpoint: Endpoint, bodies: Bodies, image: ImageParameter, start: Json) -> Iterator[Case]:
    place = ".".join(image.path).replace(".*", "[]")
    said = f"image {endpoint.model} {place}"
    for name, value in right_pictures(image):
        params = _put(start, image, value)
        yield Case(
            f"{endpoint.short}/picture/{place}/{name}", "accepts pictures up to each limit", endpoint.model,
            (f"{said} {name}",), f"{place} may be {name} ({endpoint.short}#{image.path[0]})", 1, bodies.cost(params),
            accepted(endpoint, params),
        )  # fmt: skip
    for name, value, mistake in wrong_pictures(image):
        code = endpoint.errors.code_of(mistake)
        yield Case(
            f"{endpoint.short}/no-picture/{place}/{name}", "refuses pictures past each limit", endpoint.model,
            (f"{said} {name}", f"code {endpoint.model} {code}"),
            f"{place} must not be {name} ({endpoint.short}#{image.path[0]})", 1, 0.0,
            refused(endpoint, _put(start, image, value), code),
        )  # fmt: skip


def _put(start: Json, image: ImageParameter, value: str) -> Json:
    made = copy.deepcopy(start)
    holder: Any = made
    for step in image.path[:-1]:
        holder = holder[0 if step == "*" else step]
    holder[image.path[-1]] = value
    if image.path == ("image",) or image.path[-1] == "mask" or image.path == ("static_mask",):
        # Masks go with the picture they lie on; here only the one in question is looked at.
        made = _plain_elsewhere(made, value)
    return made


def _plain_elsewhere(params: Any, kept: str) -> Any:
    """The same with every other picture a plain one."""
    if isinstance(params, dict):
        return {
            name: pictures.plain() if name in {"image", "image_tail", "mask", "static_mask"} and _other(inner, kept)
            else _plain_elsewhere(inner, kept)
            for name, inner in params.items()
        }  # fmt: skip
    return [_plain_elsewhere(inner, kept) for inner in params] if isinstance(params, list) else params


def _other(value: Any, kept: str) -> bool:
    return isinstance(value, str) and value not in {kept, ""}
