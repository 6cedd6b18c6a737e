"""The contract as JSON and as a page to read, offline."""

from __future__ import annotations

import asyncio
from functools import cache
from html import escape
from typing import Any

import orjson

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.error_table import error_rows, trigger
from mock_server.contract.judge import documented_body, image_rules
from mock_server.models import discover
from mock_server.web.messages import Answer, Call

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1d2433;background:#fff}
h1{font-size:1.7rem}h2{margin-top:2.5rem;border-top:1px solid #dde2ea;padding-top:1.2rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{text-align:left;padding:.35rem .6rem;vertical-align:top;
border-bottom:1px solid #e8ecf2}code,pre{font:.86rem ui-monospace,monospace;background:#f3f5f9;border-radius:4px}
code{padding:.1rem .3rem;overflow-wrap:anywhere}
div{overflow-x:auto}pre{padding:.8rem;overflow:auto}.e{color:#66708a;font-size:.8rem}
nav a{margin-right:1rem;display:inline-block}
@media(prefers-color-scheme:dark){body{background:#141821;color:#dfe4ee}code,pre{background:#1f2531}
td,th,h2{border-color:#2c3444}a{color:#8ab4ff}}
"""


@cache
def _contract() -> bytes:
    from mock_server.contract.openapi import document

    return orjson.dumps(document(discover()), option=orjson.OPT_INDENT_2)


async def openapi_json(call: Call) -> Answer:
    """The contract in JSON."""
    return Answer(200, _contract())


async def openapi_yaml(call: Call) -> Answer:
    """The contract in YAML."""
    return Answer(200, await asyncio.to_thread(_contract_yaml), ((b"content-type", b"application/yaml"),))


@cache
def _contract_yaml() -> bytes:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(orjson.loads(_contract()), Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
    return text.encode()


async def page(call: Call) -> Answer:
    """Every model on one page: parameters, rules, codes, and the evidence of each."""
    return Answer(200, _page(), ((b"content-type", b"text/html; charset=utf-8"),))


@cache
def _page() -> bytes:
    endpoints = discover().values()
    links = "".join(f'<a href="#{e.model}">{e.model}</a>' for e in endpoints)
    sections = "".join(_section(endpoint) for endpoint in endpoints)
    return _PAGE.format(style=_STYLE, links=links, sections=sections).encode()


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>kirin-mock</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style>
<h1>kirin-mock</h1><p>Submit with <code>POST /model/v1/generation</code>, poll with
<code>GET /model/v1/generation/task/{{task_id}}</code>, both with <code>Authorization: Bearer KEY</code>. The whole
contract, answers and callbacks included: <a href="/openapi.json">openapi.json</a>,
<a href="/openapi.yaml">openapi.yaml</a>.</p>
<p>Every model also takes <code>{{"model": ..., "input": [{{"params": {{...}}}}]}}</code>. A task has <code>id</code>,
<code>model</code>, <code>status</code> (<code>in_progress</code>, <code>completed</code> or <code>failed</code>),
<code>progress</code>, <code>created_at</code> and <code>metadata</code>; when completed <code>output</code> and
<code>usage</code>, when failed <code>error</code>. With a <code>callback_url</code> it is posted there whenever its
status changes. Where a body breaks several rules, the message names all of them. An asterisk marks what is
required.</p>
<p>Time, tasks and inboxes are steered below <code>/_mock/</code>: <code>GET /_mock/tasks</code>,
<code>PUT /_mock/clock</code>, <code>POST /_mock/clock/advance</code>,
<code>POST /_mock/tasks/{{id}}/complete</code>, <code>/fail</code>, <code>/hold</code>, <code>/release</code>,
<code>GET /_mock/requests</code>,
<code>GET /_mock/callbacks</code>, <code>/_mock/inbox/{{name}}</code>, <code>POST /_mock/reset</code>. What is to go
wrong is said with <code>X-Mock-Scenario: NAME</code> on a submit, with <code>[[mock: fail=CODE after=3s]]</code> in its
prompt, or with rules at <code>/_mock/scenarios</code>, which lists those that there are.</p>
<p>The same tasks over the queue protocol: <code>POST /model/v1/queue/{{model}}</code> with the bare parameters, then
<code>.../requests/{{request_id}}/status</code>, <code>/response</code> and <code>/cancel</code>. Discovery:
<code>GET /api/v1/skill/models</code>, <code>/api/v1/skill/models/{{model}}/spec</code>,
<code>/api/v1/skill/model-contracts/{{model}}</code>; <code>POST /api/v1/storage/files</code>,
<code>GET /api/v1/user/balance</code>; a page to read of each model at
<code>GET /model/v1/models/skill/{{model}}</code>. <code>POST /api/v1/cli/device/code</code> and
<code>/api/v1/cli/token</code> log a command-line client in.</p><nav>{links}</nav>{sections}</html>"""


def _section(endpoint: Endpoint) -> str:
    rows = "".join(
        _row(parameter.name, parameter.schema, parameter.description, parameter.required, parameter.source)
        for parameter in endpoint.parameters
    )
    rules = [(rule.message, rule.source) for rule in endpoint.rules]
    rules += [(rule["says"], rule["x-source"]) for rule in image_rules(endpoint)]
    listed = "".join(f'<li>{escape(says)} <span class="e">{escape(source)}</span></li>' for says, source in rules)
    table = endpoint.errors
    codes = "".join(
        f"<tr><td><code>{row.code}</code></td><td>{escape(row.meaning)}</td><td>{escape(trigger(row))}</td></tr>"
        for row in error_rows(endpoint)
    )
    example = orjson.dumps(documented_body(endpoint), option=orjson.OPT_INDENT_2).decode()
    content = ", ".join(f"<code>{name}</code>" for name in endpoint.content_schema)
    return (
        f'<h2 id="{endpoint.model}">{escape(endpoint.title)}</h2><p>{escape(endpoint.summary)}</p>'
        f"<pre>{escape(example)}</pre>"
        f"<div><table><tr><th>parameter<th>values<th>meaning<th>source</tr>{rows}</table></div>"
        f"<h3>Rules</h3><ul>{listed}</ul><h3>Answers</h3><p>A content item has {content}; an error has "
        f"<code>code</code> and <code>{table.message_key}</code>.</p><h3>Codes</h3>"
        "<p>Any of them also by <code>X-Mock-Scenario: refuse=CODE</code> or <code>fail=CODE</code>, or "
        "<code>[[mock: fail=CODE]]</code> in the prompt.</p>"
        f"<div><table><tr><th>code<th>meaning<th>how to trigger it</tr>{codes}</table></div>"
    )


def _row(path: str, schema: Any, description: str, required: bool, source: str) -> str:
    """A parameter's row, and the rows of all that is inside it."""
    star = " *" if required else ""
    row = (
        f"<tr><td><code>{escape(path)}</code>{star}</td><td>{escape(_constraints(schema))}</td>"
        f'<td>{escape(description)}</td><td class="e">{escape(source)}</td></tr>'
    )
    inside = schema.get("items", schema)
    path = f"{path}[]" if "items" in schema else path
    for name, nested in inside.get("properties", {}).items():
        needed = name in inside.get("required", ())
        row += _row(f"{path}.{name}", nested, nested.get("description", ""), needed, "")
    return row


def _constraints(schema: Any) -> str:
    if schema.get("format") == "kirin-image":
        return "image: raw base64, or an http(s) URL"
    parts = [schema["type"]]
    if "enum" in schema:
        parts = [" or ".join(f'"{value}"' for value in schema["enum"])]
    bounds = {"min": ("minLength", "minimum", "minItems"), "max": ("maxLength", "maximum", "maxItems")}
    parts += [f"{word} {schema[key]}" for word, keys in bounds.items() for key in keys if key in schema]
    parts += [f"default {orjson.dumps(schema['default']).decode()}"] if "default" in schema else []
    return ", ".join(parts)


async def front(call: Call) -> Answer:
    """The way from the root to the page."""
    return Answer(307, b"", ((b"location", b"/docs"),))
