"""What ``seaart-sdk`` reads of the models: a page in Markdown for each, and a search among them (wire#3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mock_server.contract.discovery import documented_schema, is_about, is_of_provider, sentences, subtype, takes
from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import documented_body

_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "characters: at least {}",
    "maxLength": "characters: at most {}",
    "minItems": "items: at least {}",
    "maxItems": "items: at most {}",
}


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: words, what goes in and comes out, the kind of model, and its provider; empty is anything."""

    words: str = ""
    input: str = ""
    output: str = ""
    type: str = ""
    provider: str = ""

    def finds(self, endpoint: Endpoint) -> bool:
        """Whether a model is among what is looked for."""
        return (
            is_about(endpoint, self.words)
            and is_of_provider(self.provider)
            and takes(endpoint, self.input)
            and self.output.lower() in {"", "video"}
            and self.type.lower() in {"", "video", subtype(endpoint)}
        )


def hits(search: Search, known: Iterable[Endpoint], base_url: str, limit: int, offset: int) -> dict[str, Any]:
    """The answer to a search: ``limit`` models from the ``offset``-th on, and how many there are."""
    found = [endpoint for endpoint in known if search.finds(endpoint)]
    return {
        "hits": [_hit(endpoint, base_url) for endpoint in found[offset : offset + limit]],
        "query": search.words,
        "processingTimeMs": 0,
        "limit": limit,
        "offset": offset,
        "estimatedTotalHits": len(found),
        "totalHits": len(found),
        "totalPages": math.ceil(len(found) / limit),
        "page": offset // limit + 1,
        "hitsPerPage": limit,
    }


def _hit(endpoint: Endpoint, base_url: str) -> dict[str, Any]:
    """A model as a search finds it; its ``name`` is what its page is asked by."""
    kind = subtype(endpoint)
    return {
        "id": endpoint.model,
        "name": endpoint.model,
        "provider": "kirin",
        "description": endpoint.summary,
        "input": "image" if endpoint.images else "text",
        "output": "video",
        "media_type": "video",
        "tags": [kind],
        "tags_abbr": kind,
        "skill_content": page(endpoint, base_url),
    }


def page(endpoint: Endpoint, base_url: str) -> str:
    """A model's parameters, rules, error codes and an example call, in Markdown."""
    body = orjson.dumps(documented_body(endpoint), option=orjson.OPT_INDENT_2).decode()
    schema = documented_schema(endpoint)
    parts = [
        f"# {endpoint.model}\n\n{endpoint.title}. {endpoint.summary}",
        "## Submit\n\n"
        f"`POST {base_url}/model/v1/generation` with `Authorization: Bearer YOUR_API_KEY` and "
        f"`Content-Type: application/json`:\n\n```json\n{body}\n```",
        "## Parameters\n\n| parameter | type | required | values | meaning |\n|---|---|---|---|---|\n"
        + "\n".join(_rows(schema, "")),
        "## Rules\n\n" + "\n".join(f"- {text}." for text in sentences(endpoint)),
        f"## Result\n\n`GET {base_url}/model/v1/generation/task/TASK_ID` until `status` is `completed` or `failed`. "
        f"Each video is at `output[].content[].url`; a failure has `error.code` and "
        f"`error.{endpoint.errors.message_key}`.",
        "## Error codes\n\n" + _codes(endpoint),
    ]
    return "\n\n".join(part for part in parts if not part.endswith("\n\n")) + "\n"


def _codes(endpoint: Endpoint) -> str:
    rows = [(row.code, row.meaning) for row in endpoint.errors.codes]
    if endpoint.errors.other not in dict(rows):
        rows.append((endpoint.errors.other, "any other mistake in the body"))
    return "| code | meaning |\n|---|---|\n" + "\n".join(f"| `{code}` | {_cell(meaning)} |" for code, meaning in rows)


def _rows(schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """A row for each parameter, and for each that is inside it."""
    for name, inner in schema["properties"].items():
        path, inside = f"{prefix}{name}", inner
        needed = "yes" if name in schema.get("required", ()) else "no"
        cells = (f"`{path}`", inner["type"], needed, _values(inner), inner.get("description", ""))
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"
        if "items" in inner:
            path, inside = f"{path}[]", inner["items"]
        if "properties" in inside:
            yield from _rows(inside, f"{path}.")


def _values(schema: Mapping[str, Any]) -> str:
    parts = [" or ".join(f'"{value}"' for value in schema["enum"])] if "enum" in schema else []
    if schema.get("format") == "kirin-image":
        parts.append("raw base64 or an http(s) URL")
    parts += [text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema]
    parts += [f"default {orjson.dumps(schema['default']).decode()}"] if "default" in schema else []
    return ", ".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
