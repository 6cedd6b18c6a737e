"""Looks at every image of a submitted body: finds, decodes, fetches, inspects, and lists what is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from mock_server.endpoint import Endpoint, ImageParameter
from mock_server.errors import Mistake, Violation
from mock_server.images import (
    Limits,
    NotAnImage,
    Picture,
    aspect_allowed,
    check_url,
    decode,
    inspect,
    is_url,
)
from mock_server.pictures import Pictures
from mock_server.rules import Json

#: Fetches the bytes behind an image URL; None when the URL is to be taken on trust. Raises NotAnImage.
Fetch = Callable[[str, Limits], Awaitable[bytes | None]]


class Gallery:
    """Inspects images and keeps the good ones."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures

    async def visit(
        self, endpoint: Endpoint, params: Json, fetch: Fetch
    ) -> tuple[dict[str, Any], dict[str, Picture], list[Violation]]:
        """The parameters with base64 replaced by short descriptions, the pictures by path, and the violations."""
        seen: dict[str, Picture] = {}
        violations: list[Violation] = []
        shortened = _copy(params)
        for parameter in endpoint.images:
            for path, holder, key in _places(shortened, parameter.path):
                value = holder[key]
                if not isinstance(value, str) or not value:
                    continue
                try:
                    picture = await self._look(value, parameter, fetch)
                except NotAnImage as wrong:
                    violations.append(Violation(path, f"{path} {wrong}", Mistake.IMAGE_FORMAT, "image"))
                    continue
                if picture is None:
                    continue
                seen[path] = picture
                if not is_url(value):
                    holder[key] = str(picture)
                if parameter.limits.aspect and not aspect_allowed(picture):
                    violations.append(_wrong_aspect(path, picture))
        return shortened, seen, violations

    async def _look(self, value: str, parameter: ImageParameter, fetch: Fetch) -> Picture | None:
        if is_url(value):
            check_url(value)
            content = await fetch(value, parameter.limits)
            if content is None:
                return None
        else:
            content = decode(value, parameter.limits)
        picture = inspect(content, parameter.limits)
        self._pictures.keep(picture, content)
        return picture


def _wrong_aspect(path: str, picture: Picture) -> Violation:
    size = f"{picture.width}x{picture.height}"
    message = f"{path} is {size} pixels; its aspect ratio must be between 1:2.5 and 2.5:1"
    return Violation(path, message, Mistake.ASPECT_RATIO, "aspect")


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _places(params: Any, path: tuple[str, ...], written: str = "") -> Iterator[tuple[str, Any, str]]:
    """Where an image may stand: its path as written, the object that holds it, its key there."""
    step, *rest = path
    if step == "*":
        if isinstance(params, list):
            for index, element in enumerate(params):
                yield from _places(element, tuple(rest), f"{written}[{index}]")
        return
    if not isinstance(params, dict) or step not in params:
        return
    here = f"{written}.{step}" if written else step
    if rest:
        yield from _places(params[step], tuple(rest), here)
    else:
        yield here, params, step
