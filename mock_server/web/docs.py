"""The contract as JSON and as a page to read, offline."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Any

import orjson

from mock_server.endpoint import Endpoint
from mock_server.endpoints import discover
from mock_server.web.http import Answer, Call

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1d2433;background:#fff}
h1{font-size:1.7rem}h2{margin-top:2.5rem;border-top:1px solid #dde2ea;padding-top:1.2rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{text-align:left;padding:.35rem .6rem;vertical-align:top;
border-bottom:1px solid #e8ecf2}code,pre{font:.86rem ui-monospace,monospace;background:#f3f5f9;border-radius:4px}
code{padding:.1rem .3rem}pre{padding:.8rem;overflow:auto}.e{color:#66708a;font-size:.8rem}nav a{margin-right:1rem}
@media(prefers-color-scheme:dark){body{background:#141821;color:#dfe4ee}code,pre{background:#1f2531}
td,th,h2{border-color:#2c3444}a{color:#8ab4ff}}
"""


@cache
def _contract() -> bytes:
    from mock_server.openapi import document

    return orjson.dumps(document(discover()), option=orjson.OPT_INDENT_2)


async def openapi_json(call: Call) -> Answer:
    """The contract in JSON."""
    return Answer(200, _contract())


async def page(call: Call) -> Answer:
    """Every model on one page: parameters, rules, codes, and the evidence of each."""
    return Answer(200, _page(), ((b"content-type", b"text/html; charset=utf-8"),))


@cache
def _page() -> bytes:
    endpoints = discover().values()
    links = "".join(f'<a href="#{e.model}">{e.model}</a>' for e in endpoints)
    sections = "".join(_section(endpoint) for endpoint in endpoints)
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>kirin-mock</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>
<h1>kirin-mock</h1><p>Submit with <code>POST /model/v1/generation</code>, poll with
<code>GET /model/v1/generation/task/{{task_id}}</code>, both with <code>Authorization: Bearer KEY</code>.
The whole contract: <a href="/openapi.json">openapi.json</a>.</p><nav>{links}</nav>{sections}</html>""".encode()


def _section(endpoint: Endpoint) -> str:
    body = '{"model": "%s", "data": {...}}' if endpoint.shape == "data" else '{"model": "%s", ...}'
    parameters = "".join(
        f"<tr><td><code>{parameter.name}</code>{' *' if parameter.required else ''}</td>"
        f"<td>{escape(_constraints(parameter.schema))}</td><td>{escape(parameter.description)}</td>"
        f'<td class="e">{parameter.evidence}<br>{escape(parameter.source)}</td></tr>'
        for parameter in endpoint.parameters
    )
    rules = "".join(
        f'<li>{escape(rule.message)} <span class="e">{escape(rule.source)}</span></li>' for rule in endpoint.rules
    )
    codes = "".join(
        f"<tr><td><code>{row.code}</code></td><td>{escape(row.meaning)}</td></tr>" for row in endpoint.errors.codes
    )
    return (
        f'<h2 id="{endpoint.model}">{escape(endpoint.title)}</h2><p>{escape(endpoint.summary)}</p>'
        f"<pre>{escape(body % endpoint.model)}</pre>"
        f"<table><tr><th>parameter<th>values<th>meaning<th>evidence</tr>{parameters}</table>"
        + (f"<h3>Rules</h3><ul>{rules}</ul>" if rules else "")
        + (f"<h3>Codes</h3><table>{codes}</table>" if codes else "")
    )


def _constraints(schema: Any) -> str:
    told = ["image: raw base64 or URL" if schema.get("format") == "kirin-image" else schema.get("type", "")]
    if "enum" in schema:
        told = [" | ".join(schema["enum"])]
    names = {
        "minLength": "min",
        "maxLength": "max",
        "minimum": "min",
        "maximum": "max",
        "minItems": "min",
        "maxItems": "max",
    }
    told += [f"{name} {schema[key]}" for key, name in names.items() if key in schema and schema.get("format") is None]
    told += [f"default {schema['default']}"] if "default" in schema else []
    return ", ".join(told)
