"""Values too long to write down: ``$image``, ``$file`` and the others of ``fixtures/README.md``."""

from __future__ import annotations

import base64
import functools
import io
import json
from typing import Any

from PIL import Image

from mock_server.core.resources import resource


@functools.cache
def image_bytes(kind: str, width: int, height: int) -> bytes:
    """A plain image of that format and size."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (40, 90, 160)).save(out, kind)
    return out.getvalue()


def _image(spec: dict[str, Any]) -> str:
    content = image_bytes(spec["format"], spec["width"], spec["height"])
    if "bytes" in spec:
        assert len(content) <= spec["bytes"]
        content = content.ljust(spec["bytes"], b"\0")
    content = content[: spec.get("cut", len(content))]
    return spec.get("prefix", "") + base64.b64encode(content).decode()


class Values:
    """Expands value objects anywhere in a row."""

    def __init__(self, image_host: str) -> None:
        self._host = image_host

    def __call__(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, spec), *_ = value.items()
            made = self._special(name, spec)
            if made is not None:
                return made
        return {key: self(inner) for key, inner in value.items()}

    def _special(self, name: str, spec: Any) -> Any:
        match name:
            case "$image":
                return _image(spec)
            case "$file":
                return base64.b64encode(resource("fixtures", "images", spec).read_bytes()).decode()
            case "$url" | "$gone":
                return f"{self._host}/{spec}"
            case "$text":
                return spec["repeat"] * spec["times"]
            case "$list":
                return [self(spec["item"]) for _ in range(spec["times"])]
        return None


def rows(name: str) -> list[tuple[str, dict[str, Any]]]:
    """All rows of one fixture file, over all models: (model, row)."""
    found = []
    for path in sorted(resource("fixtures").glob(f"kirin_*/{name}.json")):
        table = json.loads(path.read_text("utf-8"))
        found += [(table["model"], row) for row in table["rows"]]
    return found
