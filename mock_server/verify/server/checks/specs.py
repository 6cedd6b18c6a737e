"""What the platform publishes of a model: each parameter with its type and every bound, in the spec and in the
contract; examples that are right, and addresses that are its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mock_server.contract.discovery import documented_schema, model_contract, spec
from mock_server.contract.endpoint import Endpoint
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import Asked, Json, Material, about, gateway_problems, told
from mock_server.verify.server.checks.discovery import CONTRACT, LIST, SKILL, data_of
from mock_server.verify.server.target import Exchange, Target

TELLS, SPECS, PAGES = "tells its rules", "publishes every bound", "has pages"

#: Bounds that no document has: whether they are published is the server's own affair. Image fields count as texts.
_ASSUMED = {"minLength", "min_length", "pattern", "minimum", "maximum", "min", "max"}
_OF_SCHEMA = (
    "type",
    "required",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)
#: Parameters that have bounds of these kinds in no document.
_WITHOUT = re.compile(r"(external_task_id|callback_url|static_mask|mask|image|element_id)$")


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    for model, endpoint in material.endpoints.items():
        bodies = material.bodies[model]
        for name, says, tried in (
            ("schema", "input_schema has the parameters with type, bounds and defaults", _schema(endpoint)),
            (
                "contract",
                "a contract has the paths of the queue, and examples that are right",
                _contract(endpoint, bodies),
            ),
            ("spec", "a spec has the parameters with type, bounds and defaults, and its own address", _spec(endpoint)),
            ("curl", "include_curl adds a call that is right", _curl(endpoint, bodies)),
            ("page", "a page says what may be sent", _page(endpoint)),
        ):
            yield Case(
                f"{endpoint.short}/published/{name}", SPECS, model, (f"published {model} {name}",), f"{says} (wire#3)",
                1, 0.0, tried, every=True,
            )  # fmt: skip
    yield Case(
        "gateway/published/unknown model", SPECS, "gateway", ("published unknown model",),
        "an unknown model is 404, 40401 (wire#4)", 3, 0.0, _unknown,
    )  # fmt: skip


def _differences(due: Any, found: Any, path: str) -> Iterator[tuple[str, str]]:
    """Where a published schema differs from the document: the field, and how."""
    if not isinstance(found, Mapping):
        yield path, f"is {_short(found)}; an object was due"
        return
    for key in _OF_SCHEMA:
        own = _WITHOUT.search(path) is not None and key in _ASSUMED
        if not own and _unlike(due.get(key), found.get(key), key):
            yield path, f"has {key} {_short(found.get(key))}; {_short(due.get(key))} was due"
    if due.get("format") == "image" and found.get("format") != "image":
        yield path, f"has the format {_short(found.get('format'))}; image was due"
    yield from _inner_differences(due.get("properties", {}), found.get("properties") or {}, path)
    if "items" in due:
        yield from _differences(due["items"], found.get("items"), f"{path}[]")


def _inner_differences(names: Json, inner: Any, path: str) -> Iterator[tuple[str, str]]:
    """Where the members of an object differ."""
    if not isinstance(inner, Mapping):
        yield path, f"has properties {_short(inner)}; an object was due"
        return
    for name in [*names, *(name for name in inner if name not in names)]:
        place = f"{path}.{name}" if path else name
        if name not in inner:
            yield place, "is not published"
        elif name not in names:
            yield place, "is published, and no parameter of the model"
        else:
            yield from _differences(names[name], inner[name], place)


def _unlike(due: Any, found: Any, key: str) -> bool:
    """Whether two values of a keyword differ; the order of names and choices means nothing."""
    if key in {"required", "enum"} and isinstance(found, list):
        return sorted(map(str, due or [])) != sorted(map(str, found)) or any(not isinstance(one, str) for one in found)
    return bool(due != found) or (isinstance(due, bool) != isinstance(found, bool))


def _short(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)[:200]


def _told(differences: Iterator[tuple[str, str]], exchange: Exchange, what: str) -> Iterator[Problem]:
    for field, says in differences:
        yield from about([Problem(says, exchange)], Asked(field or "the top", f"of {what}"))


def _schema(endpoint: Endpoint) -> Tried:
    due = model_contract(endpoint)["input_schema"]

    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.call("GET", f"{CONTRACT}/{endpoint.model}")
        found = data_of(exchange).get("input_schema")
        yield from _told(_differences(due, found, ""), exchange, "input_schema")

    return tried


def _contract(endpoint: Endpoint, bodies: Bodies) -> Tried:
    due = model_contract(endpoint)

    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.call("GET", f"{CONTRACT}/{endpoint.model}")
        contract = data_of(exchange)
        for name in ("schema_version", "model_id", "kind", "protocol", "body_mode", "endpoints"):
            if contract.get(name) != due[name]:
                says = f"it is {_short(contract.get(name))}; {_short(due[name])} was due"
                yield from about([Problem(says, exchange)], Asked(name, "of a contract"))
        if not isinstance(contract.get("revision"), str) or not contract["revision"]:
            yield from about([Problem(f"it is {_short(contract.get('revision'))}; a text was due", exchange)],
                             Asked("revision", "of a contract"))  # fmt: skip
        examples = contract.get("examples")
        if not isinstance(examples, list) or not examples:
            yield Problem(f"a contract has examples; these are {_short(examples)}", exchange)
            return
        for place, example in enumerate(examples):
            given = example.get("input") if isinstance(example, Mapping) else None
            yield from _example_problems(bodies, given, f"examples[{place}]", exchange)

    return tried


def _example_problems(bodies: Bodies, given: Any, name: str, exchange: Exchange) -> Iterator[Problem]:
    """What is wrong with an example that users copy."""
    if not isinstance(given, dict):
        yield from about([Problem(f"its input is {_short(given)}; an object was due", exchange)], Asked(name))
        return
    for violation in bodies.broken(given):
        yield from about([Problem(f"the example is wrong: {violation.message}", exchange)], Asked(name, violation.path))


def _spec(endpoint: Endpoint) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        due = spec(endpoint, target.base_url)
        exchange = target.call("GET", f"{LIST}/{endpoint.model}/spec")
        found = data_of(exchange)
        if not found:
            yield Problem(f"there is no spec of {endpoint.model}: {told(exchange)}", exchange)
            return
        for name in ("model_id", "type"):
            if found.get(name) != due[name]:
                says = f"it is {_short(found.get(name))}; {_short(due[name])} was due"
                yield from about([Problem(says, exchange)], Asked(name, "of a spec"))
        api = found.get("api") if isinstance(found.get("api"), Mapping) else {}
        for name in ("endpoint", "method"):
            if (api or {}).get(name) != due["api"][name]:
                says = f"it is {_short((api or {}).get(name))}; {_short(due['api'][name])} was due"
                yield from about([Problem(says, exchange)], Asked(f"api.{name}", "of a spec"))
        wanted, given = as_schema(due["parameters"]), as_schema(found.get("parameters"))
        yield from _told(_differences(wanted, given, ""), exchange, "a spec")

    return tried


_WORDS = {
    "enum": "enum", "default": "default", "min": "minimum", "max": "maximum", "min_length": "minLength",
    "max_length": "maxLength", "max_items": "maxItems",
}  # fmt: skip


def as_schema(nodes: Any) -> Json:
    """The parameters of a spec as the schema of an object; what cannot be read is left out."""
    made: Json = {"type": "object", "properties": {}, "required": []}
    for node in nodes if isinstance(nodes, list) else ():
        if not isinstance(node, Mapping) or not isinstance(node.get("name"), str):
            continue
        constraints = node.get("constraints") if isinstance(node.get("constraints"), Mapping) else {}
        inner: Json = {"type": node.get("type")}
        inner |= {_WORDS[word]: one for word, one in (constraints or {}).items() if word in _WORDS and one is not None}
        children = as_schema(node.get("children"))
        if children["properties"] and inner["type"] == "array":
            inner["items"] = children
        elif children["properties"]:
            inner |= {name: children[name] for name in ("properties", "required")}
        made["properties"][node["name"]] = inner
        if node.get("required") is True:
            made["required"].append(node["name"])
    return made


def _curl(endpoint: Endpoint, bodies: Bodies) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.call("GET", f"{LIST}?page_size=500&include_curl=true&keywords={endpoint.model}")
        models = data_of(exchange).get("models")
        known = [one for one in models or () if isinstance(one, Mapping) and one.get("id") == endpoint.model]
        line = known[0].get("curl") if known else None
        if not isinstance(line, str):
            yield Problem(f"include_curl=true gives {endpoint.model} no curl: {_short(line)}", exchange)
            return
        asked = Asked("curl", "of a listed model")
        if f"{target.base_url}/model/v1/" not in line:
            yield from about([Problem(f"it calls no path of {target.base_url}: {line[:200]}", exchange)], asked)
        body = re.search(r"-d '(\{.*\})'", line, re.DOTALL)
        try:
            given = json.loads(body[1]) if body is not None else None
        except ValueError:
            given = None
        yield from _example_problems(bodies, _bare(given, endpoint), "curl", exchange)

    return tried


def _bare(given: Any, endpoint: Endpoint) -> Any:
    """The parameters in a body of any shape."""
    if not isinstance(given, dict) or given.get("model") != endpoint.model:
        return given
    inner = given.get("data", {name: value for name, value in given.items() if name != "model"})
    wrapped = given.get("input")
    return wrapped[0].get("params") if isinstance(wrapped, list) and wrapped and isinstance(wrapped[0], dict) else inner


def _page(endpoint: Endpoint) -> Tried:
    schema = documented_schema(endpoint)

    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.call("GET", f"{SKILL}/{endpoint.model}")
        content = exchange.content.decode("utf-8", "replace")
        for name, inner in schema["properties"].items():
            due = [*inner.get("enum", ()), *(inner[key] for key in ("maxLength", "maxItems") if key in inner)]
            missing = [value for value in (name, *due) if str(value) not in content]
            if missing:
                says = f"the page does not say {', '.join(map(str, missing))}"
                yield from about([Problem(says, exchange)], Asked(name, "on its page"))

    return tried


def _unknown(target: Target) -> Iterator[Problem]:
    for path in (f"{LIST}/no_such_model/spec", f"{CONTRACT}/no_such_model", f"{SKILL}/no_such_model"):
        yield from gateway_problems(target.call("GET", path), 404, 40401)
