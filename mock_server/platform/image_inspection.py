"""Looks at every image of a submitted body: finds, decodes, fetches, inspects, and lists what is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.rules import Json
from mock_server.core.blobs import Blobs
from mock_server.core.errors import Mistake, Violation
from mock_server.core.images import Limits, NotAnImage, Picture, aspect_allowed, check_url, decode, inspect, is_url

#: Fetches the bytes behind an image URL; None when the URL is to be taken on trust. Raises NotAnImage.
Fetch = Callable[[str, Limits], Awaitable[bytes | None]]


@dataclass(slots=True)
class Inspection:
    """What was seen: the parameters with base64 replaced by short descriptions, the pictures by the path of their
    parameter, their bytes, and what is wrong with them.
    """

    params: dict[str, Any]
    pictures: dict[str, Picture] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)


class ImageInspector:
    """Inspects images, and keeps those of accepted bodies."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def inspect(self, endpoint: Endpoint, params: Json, fetch: Fetch) -> Inspection:
        """Look at all images of a body."""
        inspection = Inspection(_copy(params))
        for parameter in endpoint.images:
            for path, holder, key in _places(inspection.params, parameter.path):
                value = holder[key]
                if not isinstance(value, str) or not value:
                    continue
                try:
                    content = await _content(value, parameter.limits, fetch)
                    if content is not None:
                        _look(inspection, path, inspect(content, parameter.limits), content, parameter.limits)
                except NotAnImage as wrong:
                    inspection.violations.append(Violation(path, f"{path} {wrong}", Mistake.IMAGE_FORMAT, "image"))
                    continue
                if path in inspection.pictures and not is_url(value):
                    holder[key] = str(inspection.pictures[path])
        return inspection

    def keep(self, inspection: Inspection) -> None:
        """Keep the bytes of what was seen."""
        for path, content in inspection.contents.items():
            self._blobs.keep(inspection.pictures[path].digest, content)

    def clear(self) -> None:
        """Forget all."""
        self._blobs.clear()


async def _content(value: str, limits: Limits, fetch: Fetch) -> bytes | None:
    if not is_url(value):
        return decode(value, limits)
    check_url(value)
    return await fetch(value, limits)


def _look(inspection: Inspection, path: str, picture: Picture, content: bytes, limits: Limits) -> None:
    inspection.pictures[path], inspection.contents[path] = picture, content
    if limits.aspect and not aspect_allowed(picture):
        inspection.violations.append(_wrong_aspect(path, picture))


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
